use super::*;
use crate::base::batch::{Batch, Column};
use crate::base::generate::{Generator, column_types};
use crate::base::golden;
use crate::base::text;
use crate::base::types::DataType;
use crate::base::value::Value;

fn random_row(random: &mut Generator, types: &[DataType]) -> Vec<Value> {
    types.iter().map(|data_type| if random.below(6) == 0 { Value::Null } else { random.value(*data_type) }).collect()
}

#[test]
fn rows_come_back_by_every_way() {
    let mut random = Generator::new(3);
    let types = column_types();
    let wanted: Vec<(DataType, Value)> = types.iter().map(|data_type| (*data_type, Value::Null)).collect();
    let positions: Vec<usize> = (0..types.len()).collect();
    for version in 0..300 {
        let values = random_row(&mut random, &types);
        let bytes = encode(version, &values, &types);
        let reader = RowReader::new(&bytes).unwrap();
        assert_eq!((reader.version(), reader.columns()), (version, types.len()));
        assert_eq!(reader.values(&wanted).unwrap(), values);
        let at = random.below(types.len());
        assert_eq!(reader.get(at, types[at]).unwrap(), Some(values[at].clone()));
        let mut batch = Batch::new(types.iter().copied());
        decode_columns(&bytes, &positions, &wanted, &mut batch.columns).unwrap();
        assert_eq!(batch.row(0), values);
        let mut again = Vec::new();
        encode_batch_row(version, &batch.columns, 0, &mut again);
        assert_eq!(again, bytes);
    }
}

/// Rows decoded together give what they give one by one, also when they are of different shapes.
#[test]
fn many_rows_at_once() {
    let mut random = Generator::new(5);
    let types = column_types();
    for round in 0..400 {
        let few = random.below(types.len().min(14)) + 1;
        let of = |random: &mut Generator| types[random.below(types.len())];
        let types: Vec<DataType> = (0..few).map(|_| of(&mut random)).collect();
        let wanted: Vec<(DataType, Value)> = types.iter().map(|data_type| (*data_type, Value::Null)).collect();
        let positions: Vec<usize> = (0..few).filter(|_| random.below(3) > 0).collect();
        let wanted: Vec<_> = positions.iter().map(|&position| wanted[position].clone()).collect();
        let mut rows: Vec<Vec<u8>> = (0..random.below(60))
            .map(|_| {
                let mut values = random_row(&mut random, &types);
                values.truncate(if round % 4 == 0 { few - random.below(2) } else { few });
                encode(if round % 5 == 0 { random.below(200) as u32 } else { 9 }, &values, &types)
            })
            .collect();
        if let Some(row) = rows.last_mut().filter(|_| round % 3 == 0) {
            let at = random.below(row.len());
            row[at] = random.next() as u8;
            row.truncate(random.below(row.len() + 1));
        }
        let empty = || wanted.iter().map(|(data_type, _)| Column::new(*data_type)).collect::<Vec<_>>();
        let (mut one_by_one, mut together) = (empty(), empty());
        let expected = rows.iter().try_for_each(|row| decode_columns(row, &positions, &wanted, &mut one_by_one));
        let slices: Vec<&[u8]> = rows.iter().map(Vec::as_slice).collect();
        let found = decode_rows(&slices, &positions, &wanted, &mut together);
        assert_eq!(found.is_ok(), expected.is_ok(), "{rows:?}");
        if expected.is_ok() {
            for (one, other) in one_by_one.iter().zip(&together) {
                assert!(one.values().eq(other.values()), "{rows:?}");
            }
        }
    }
}

#[test]
fn some_columns_in_any_order_and_missing_ones() {
    let int = DataType::of(crate::base::types::TypeKind::Int4);
    let bytes = encode(7, &[Value::Int4(10), Value::Null, Value::Int4(-70_000)], &[int; 3]);
    let mut columns = vec![Column::new(int), Column::new(int), Column::new(int), Column::new(int)];
    let wanted = [(); 4].map(|()| (int, Value::Int4(99)));
    decode_columns(&bytes, &[2, 0, 5, 0], &wanted, &mut columns).unwrap();
    let found: Vec<Value> = columns.iter().map(|column| column.value(0)).collect();
    assert_eq!(found, [Value::Int4(-70_000), Value::Int4(10), Value::Int4(99), Value::Int4(10)]);
    assert!(RowReader::new(&bytes).unwrap().get(3, int).unwrap().is_none());
}

#[test]
fn any_bytes_decode_to_a_row_or_an_error() {
    let mut random = Generator::new(4);
    let types = column_types();
    let wanted: Vec<(DataType, Value)> = types.iter().map(|data_type| (*data_type, Value::Null)).collect();
    let positions: Vec<usize> = (0..types.len()).collect();
    for round in 0..60_000 {
        let mut bytes = encode(1, &random_row(&mut random, &types[..8]), &types[..8]);
        for _ in 0..=random.below(3) {
            let at = random.below(bytes.len());
            bytes[at] = random.next() as u8;
        }
        if round % 3 == 0 {
            bytes.truncate(random.below(bytes.len()));
        }
        if let Ok(reader) = RowReader::new(&bytes) {
            let _ = reader.values(&wanted);
        }
        let mut batch = Batch::new(types.iter().copied());
        let _ = decode_columns(&bytes, &positions, &wanted, &mut batch.columns);
    }
}

/// `testdata/rows.txt`: `type literal` on each line gives the row of schema version 1.
#[test]
fn golden() {
    golden::run("rows.txt", |command| {
        let (mut values, mut types) = (Vec::new(), Vec::new());
        for line in command.lines() {
            let (type_name, literal) = line.split_once(' ').unwrap();
            let data_type = DataType::from_name(type_name).unwrap();
            values.push(if literal == "NULL" { Value::Null } else { text::parse(literal, data_type).unwrap() });
            types.push(data_type);
        }
        let bytes = encode(1, &values, &types);
        let reader = RowReader::new(&bytes).unwrap();
        let mut shown = golden::hexadecimal(&bytes);
        for (position, data_type) in types.iter().enumerate() {
            let value = reader.get(position, *data_type).unwrap().unwrap();
            shown += &format!("\n{position}: {}", text::to_text(&value, *data_type));
        }
        shown
    });
}
