use super::*;
use crate::base::batch::Column;
use crate::base::generate::{Generator, column_types};
use crate::base::types::KINDS;

#[test]
fn text_reads_back_as_the_same_value() {
    let mut random = Generator::new(11);
    for data_type in column_types() {
        for _ in 0..200 {
            let value = random.value(data_type);
            let shown = to_text(&value, data_type);
            let back = parse(&shown, data_type).unwrap_or_else(|error| panic!("{data_type} {shown}: {error}"));
            assert_eq!(back, value, "{data_type} {shown}");
            assert_eq!(to_text(&back, data_type), shown, "{data_type}");
        }
    }
}

#[test]
fn columns_show_what_values_show() {
    let mut random = Generator::new(12);
    for data_type in column_types() {
        let mut column = Column::new(data_type);
        let values: Vec<Value> = (0..20).map(|_| random.value(data_type)).collect();
        values.iter().for_each(|value| column.push(value.clone()));
        column.push_null();
        for (row, value) in values.iter().enumerate() {
            let mut out = Vec::new();
            write_column_value(&column, row, data_type, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), to_text(value, data_type));
        }
        let mut out = Vec::new();
        write_column_value(&column, 20, data_type, &mut out);
        assert!(out.is_empty());
    }
}

/// Text made of what each type is made of, so that parsers get far before they fail.
#[test]
fn any_text_gives_a_value_or_an_error() {
    const PIECES: [&str; 44] = [
        "1",
        "12",
        "2024",
        "-",
        "+",
        ":",
        ".",
        "/",
        " ",
        "T",
        "Z",
        "e",
        "jan",
        "feb",
        "BC",
        "pm",
        "day",
        "months",
        "ago",
        "P",
        "J",
        "infinity",
        "now",
        "epoch",
        "nan",
        "{",
        "}",
        ",",
        "\"",
        "\\",
        "[",
        "]",
        "=",
        "NULL",
        "true",
        "\\x",
        "0",
        "99999999999",
        "é",
        "\u{0}",
        "Europe/Berlin",
        "'",
        "000000",
        "@",
    ];
    let mut random = Generator::new(13);
    let types: Vec<DataType> = KINDS.iter().flat_map(|kind| [DataType::of(*kind), DataType::array_of(*kind)]).collect();
    for round in 0..400_000 {
        let text: String = (0..random.below(9)).map(|_| PIECES[random.below(PIECES.len())]).collect();
        let data_type = types[round % types.len()];
        if let Ok(value) = parse(&text, data_type) {
            let shown = to_text(&value, data_type);
            assert!(shown.len() < 200_000, "{data_type} {text}");
        }
    }
}
