use crate::base::text::{self, Style};
use crate::base::types::DataType;

fn read_and_show(type_name: &str, input: &str) -> String {
    let data_type = DataType::from_name(type_name).unwrap();
    match text::parse_with(input, data_type, &Style::default()) {
        Ok(value) => text::to_text(&value, data_type),
        Err(error) => format!("!{}: {}", error.state(), error.message()),
    }
}

/// `testdata/datetime.txt` holds what PostgreSQL 15 reads and shows: type, text, answer.
#[test]
fn reading_is_that_of_postgresql() {
    let script = include_str!("../testdata/datetime.txt");
    let mut wrong = Vec::new();
    for line in script.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let [type_name, input, expected] = line.split('|').collect::<Vec<_>>().try_into().unwrap();
        let found = read_and_show(type_name, input);
        if found != expected {
            wrong.push(format!("{line}\n    found {found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
