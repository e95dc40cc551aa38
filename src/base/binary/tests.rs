use super::*;
use crate::base::batch::Column;
use crate::base::generate::{Generator, column_types};
use crate::base::text::to_text;

#[test]
fn bytes_read_back_as_the_same_value() {
    let mut random = Generator::new(21);
    for data_type in column_types() {
        let mut column = Column::new(data_type);
        for row in 0..200 {
            let value = random.value(data_type);
            let mut bytes = Vec::new();
            encode(&value, data_type, &mut bytes);
            let back = decode(&bytes, data_type).unwrap_or_else(|error| panic!("{data_type} {value:?}: {error}"));
            assert_eq!(back, value, "{data_type}");
            assert_eq!(to_text(&back, data_type), to_text(&value, data_type), "{data_type}");
            column.push(value);
            let mut again = Vec::new();
            write_column_value(&column, row, data_type, &mut again);
            assert_eq!(again, bytes);
        }
    }
}

#[test]
fn any_bytes_give_a_value_or_an_error() {
    let mut random = Generator::new(22);
    let types = column_types();
    for round in 0..300_000 {
        let data_type = types[round % types.len()];
        let mut bytes = Vec::new();
        if round % 3 == 0 {
            bytes = random.bytes(40);
        } else {
            encode(&random.value(data_type), data_type, &mut bytes);
            if !bytes.is_empty() {
                let at = random.below(bytes.len());
                bytes[at] = random.next() as u8;
            }
            if round % 3 == 1 {
                bytes.truncate(random.below(bytes.len() + 1));
            }
        }
        let _ = decode(&bytes, data_type);
    }
}

/// What PostgreSQL 15's `numeric_send` gives.
#[test]
fn numerics_have_the_bytes_of_postgresql() {
    for (text, hexadecimal) in [
        ("0", "0000000000000000"),
        ("0.00", "0000000000000002"),
        ("1", "00010000000000000001"),
        ("-1.5", "000200004000000100011388"),
        ("12345.67890", "0003000100000005000109291a85"),
        ("10000", "00010001000000000001"),
        ("0.0001", "0001ffff000000040001"),
        ("0.00001", "0001fffe0000000503e8"),
        ("123456789012.000001", "000500020000000604d2162e233400000064"),
        ("NaN", "00000000c0000000"),
    ] {
        let value = crate::base::text::parse(text, DataType::of(TypeKind::Numeric)).unwrap();
        let mut bytes = Vec::new();
        encode(&value, DataType::of(TypeKind::Numeric), &mut bytes);
        let shown: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(shown, hexadecimal, "{text}");
    }
}
