use super::*;
use crate::base::generate::{Generator, column_types};
use crate::base::golden;
use crate::base::text;
use crate::base::types::DataType;
use crate::base::value::Value;

/// What the encoding promises, for every type, both directions: order, equality, and the way back.
#[test]
fn order_is_that_of_values() {
    let mut random = Generator::new(1);
    for data_type in column_types() {
        for _ in 0..400 {
            let (a, b) = (random.value(data_type), random.value(data_type));
            for descending in [false, true] {
                let [key_a, key_b] = [&a, &b].map(|value| {
                    let mut key = Vec::new();
                    encode_value(value, data_type, descending, false, &mut key);
                    key
                });
                let order = if descending { b.compare(&a) } else { a.compare(&b) };
                assert_eq!(key_a.cmp(&key_b), order, "{data_type} {a:?} {b:?}");
                assert!(order.is_eq() || !key_b.starts_with(&key_a), "{data_type} {a:?} {b:?}");
                let mut input = key_a.as_slice();
                let back = decode_value(&mut input, data_type, descending).unwrap();
                assert!(input.is_empty());
                assert!(back.same(&a), "{data_type} {a:?} {back:?}");
            }
        }
    }
}

#[test]
fn nulls_stand_where_asked() {
    let data_type = column_types()[0];
    for descending in [false, true] {
        let key = |value: &Value, nulls_first| {
            let mut key = Vec::new();
            encode_value(value, data_type, descending, nulls_first, &mut key);
            key
        };
        for truth in [false, true] {
            assert!(key(&Value::Null, true) < key(&Value::Bool(truth), true));
            assert!(key(&Value::Null, false) > key(&Value::Bool(truth), false));
        }
        assert!(decode_value(&mut key(&Value::Null, true).as_slice(), data_type, descending).unwrap().is_null());
    }
}

#[test]
fn any_bytes_decode_to_a_value_or_an_error() {
    let mut random = Generator::new(2);
    let types = column_types();
    for round in 0..200_000 {
        let data_type = types[round % types.len()];
        let bytes = if random.below(2) == 0 {
            random.bytes(40)
        } else {
            let mut key = Vec::new();
            encode_value(&random.value(data_type), data_type, round % 2 == 0, false, &mut key);
            let at = random.below(key.len());
            key[at] ^= 1 << random.below(8);
            key.truncate(random.below(key.len() * 2));
            key
        };
        let _ = decode_value(&mut bytes.as_slice(), data_type, round % 2 == 0);
    }
}

/// `testdata/keys.txt`: a type, `desc` or `asc`, and a literal give the encoded column, and what it decodes to.
#[test]
fn golden() {
    golden::run("keys.txt", |command| {
        let [type_name, direction, literal] = command.splitn(3, ' ').collect::<Vec<_>>().try_into().unwrap();
        let data_type = DataType::from_name(type_name).unwrap();
        let descending = direction == "desc";
        let value = match literal {
            "NULL" => Value::Null,
            literal => text::parse(literal, data_type).unwrap(),
        };
        let mut key = Vec::new();
        encode_value(&value, data_type, descending, descending, &mut key);
        let back = decode_value(&mut key.as_slice(), data_type, descending).unwrap();
        format!("{} -> {}", golden::hexadecimal(&key), text::to_text(&back, data_type))
    });
}
