use super::*;

fn shown(result: Result<Numeric>) -> String {
    result.map_or_else(|error| error.message().to_owned(), |number| number.to_string())
}

/// `testdata/numeric.txt` holds what PostgreSQL 15 answers: operation, arguments, answer.
#[test]
fn results_are_those_of_postgresql() {
    let script = include_str!("../testdata/numeric.txt");
    let mut wrong = Vec::new();
    for line in script.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let [operation, a, b, expected] = line.split('|').collect::<Vec<_>>().try_into().unwrap();
        let a = parse(a).unwrap();
        let b = || parse(b).unwrap();
        let scale = || b().to_i64_exact().unwrap();
        let result = match operation {
            "+" => a.add(&b()),
            "-" => a.subtract(&b()),
            "*" => a.multiply(&b()),
            "/" => a.divide(&b()),
            "%" => a.remainder(&b()),
            "div" => a.divide_whole(&b()),
            "power" => a.power(&b()),
            "log" => b().logarithm(&a),
            "round" => a.round(scale()),
            "trunc" => a.truncate(scale()),
            "ceil" => a.ceiling(),
            "floor" => a.floor(),
            "sqrt" => a.square_root(),
            "exp" => a.exponential(),
            "ln" => a.natural_logarithm(),
            "gcd" => Ok(a.greatest_common_divisor(&b())),
            "lcm" => a.least_common_multiple(&b()),
            "trim_scale" => Ok(a.trim_scale()),
            other => panic!("unknown operation {other}"),
        };
        let found = shown(result);
        if found != expected {
            wrong.push(format!("{line}\n    found {found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn text_bounds() {
    assert_eq!(shown(parse("1e200000")), "value overflows numeric format");
    assert_eq!(shown(parse("1e-16384")), "value overflows numeric format");
    assert_eq!(shown(parse("1e99999999999999999999")), "value overflows numeric format");
    assert_eq!(parse("1e131071").unwrap().to_string().len(), 131_072);
    assert_eq!(shown(parse(" -.5 ")), "-0.5");
    assert_eq!(shown(parse("5.")), "5");
    assert_eq!(shown(parse("-0.00")), "0.00");
    for wrong in ["", ".", "1e", "1e+", "--1", "1 2", "0x1", "infx", "+nan", "1_0"] {
        assert_eq!(shown(parse(wrong)), format!("invalid input syntax for type numeric: \"{wrong}\""));
    }
}

#[test]
fn declared_precision() {
    let fit = |text: &str, precision, scale| parse(text).unwrap().fit(DataType::numeric(precision, scale));
    assert_eq!(shown(fit("1.005", 4, 2)), "1.01");
    assert_eq!(shown(fit("1234.5", 5, -2)), "1200");
    assert_eq!(shown(fit("99.995", 4, 2)), "numeric field overflow");
    assert_eq!(shown(fit("0.00123", 2, 4)), "0.0012");
    let detail = "A field with precision 2, scale 2 must round to an absolute value less than 1.";
    assert_eq!(fit("1", 2, 2).unwrap_err().detail(), Some(detail));
}

/// `testdata/number_patterns.txt` holds what PostgreSQL 15 answers: operation, argument, pattern, answer.
#[test]
fn patterns_are_those_of_postgresql() {
    let script = include_str!("../testdata/number_patterns.txt");
    let mut wrong = Vec::new();
    for line in script.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let [operation, argument, pattern, expected] = line.split('|').collect::<Vec<_>>().try_into().unwrap();
        let answer = match operation {
            "to_char" => pattern::to_char(&parse(argument).unwrap(), pattern),
            _ => pattern::to_number(argument, pattern).map(|number| number.to_string()),
        };
        let found = match answer {
            Ok(shown) => format!("<{shown}>"),
            Err(error) => format!("!{}: {}", error.state(), error.message()),
        };
        if found != expected {
            wrong.push(format!("{line}\n    found {found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn any_pattern_gives_text_or_an_error() {
    const PIECES: [&str; 26] = [
        "9", "99", "0", ".", ",", "D", "G", "S", "MI", "PL", "SG", "PR", "V", "TH", "th", "RN", "EEEE", "FM", "B", "L",
        " ", "\"x\"", "\\\"", "é", "-", "<",
    ];
    let mut random = crate::base::generate::Generator::new(31);
    for _ in 0..100_000 {
        let mut some =
            |most: usize| -> String { (0..random.below(most)).map(|_| PIECES[random.below(PIECES.len())]).collect() };
        let (pattern, text) = (some(9), some(9));
        let value = match random.value(DataType::of(crate::base::types::TypeKind::Numeric)) {
            crate::base::value::Value::Numeric(number) => number,
            other => panic!("{other:?}"),
        };
        let _ = pattern::to_char(&value, &pattern);
        let _ = pattern::to_number(&text, &pattern);
    }
}
