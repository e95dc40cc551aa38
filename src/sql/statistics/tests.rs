use super::*;
use crate::base::{
    batch::Batch,
    key,
    types::{DataType, TypeKind},
    value::Value,
};

const INT: DataType = DataType::of(TypeKind::Int4);
const TEXT: DataType = DataType::of(TypeKind::Text);

fn encoded(value: &Value, data_type: DataType) -> Vec<u8> {
    let mut bytes = Vec::new();
    key::encode_value(value, data_type, false, false, &mut bytes);
    bytes
}

fn hashes(count: u64) -> impl Iterator<Item = u64> {
    (0..count).map(|number| crate::base::hash::bytes(&number.to_le_bytes()))
}

#[test]
fn a_sketch_counts_small_and_large_sets_and_merges() {
    assert_eq!(Sketch::default().estimate(), 0.0);
    for count in [1_u64, 10, 1_000, 4_000, 10_000, 100_000, 1_000_000] {
        let (mut whole, mut even, mut odd) = (Sketch::default(), Sketch::default(), Sketch::default());
        for (number, hash) in hashes(count).enumerate() {
            whole.add(hash);
            // Again: no difference.
            whole.add(hash);
            if number % 2 == 0 { even.add(hash) } else { odd.add(hash) }
        }
        let error = (whole.estimate() - count as f64).abs() / count as f64;
        assert!(error < 0.06, "{count}: {}", whole.estimate());
        even.merge(&odd);
        assert_eq!(even, whole);
        assert_eq!(Sketch::from_bytes(whole.as_bytes()).as_ref(), Some(&whole));
    }
    assert_eq!(Sketch::from_bytes(&[1, 2, 3]), None);
    assert_eq!(Sketch::from_bytes(&[200; 4096]), None);
}

/// Rows as of two cores: (number, a text that is skewed, NULL in every fourth).
fn of_two_cores(rows: i32) -> Sample {
    let types = [INT, TEXT];
    let mut merged = Sample::new(&types, 7);
    for core in 0..2 {
        let mut own = Sample::new(&types, 7);
        for start in (0..rows).step_by(1000) {
            let mut batch = Batch::new(types);
            for number in (start..rows.min(start + 1000)).filter(|number| number % 2 == core) {
                let text = match (number / 2) % 4 {
                    0 => Value::Null,
                    1 | 2 => Value::text("often"),
                    _ => Value::text(format!("{number:09}")),
                };
                batch.push_row([Value::Int4(number), text]);
            }
            own.add(&batch);
        }
        own.into_batches().iter().for_each(|batch| merged.merge(batch).unwrap());
    }
    merged
}

#[test]
fn samples_of_cores_make_statistics_of_the_table() {
    let (rows, columns) = of_two_cores(200_000).finish();
    assert_eq!(rows, 200_000);
    let [number, text] = &columns[..] else { panic!("{columns:?}") };
    assert_eq!((number.null_fraction, number.distinct, number.width_bytes), (0.0, 200_000.0, 4.0));
    assert!(number.common.is_empty(), "{:?}", number.common);
    assert_eq!(number.histogram.len(), 101);
    let middle = encoded(&Value::Int4(100_000), INT);
    let below = number.histogram.iter().filter(|bound| **bound < middle).count();
    assert!((46..=55).contains(&below), "{below}");
    assert_eq!(text.null_fraction, 0.25);
    assert!((text.distinct - 50_001.0).abs() < 4_000.0, "{}", text.distinct);
    assert_eq!(text.common.len(), 1);
    assert_eq!(text.common[0].0, encoded(&Value::text("often"), TEXT));
    assert!((text.common[0].1 - 0.5).abs() < 0.02, "{:?}", text.common[0].1);
    assert!((text.other_fraction() - 0.25).abs() < 0.02);
}

#[test]
fn a_small_table_is_known_exactly() {
    let mut sample = Sample::new(&[INT], 1);
    let mut batch = Batch::new([INT]);
    for number in [1, 1, 1, 2, 3] {
        batch.push_row([Value::Int4(number)]);
    }
    batch.push_row([Value::Null]);
    sample.add(&batch);
    let (rows, columns) = sample.finish();
    let common: Vec<(Vec<u8>, f64)> =
        [(1, 3.0), (2, 1.0), (3, 1.0)].map(|(value, count)| (encoded(&Value::Int4(value), INT), count / 6.0)).into();
    assert_eq!((rows, columns[0].distinct, &columns[0].common), (6, 3.0, &common));
    assert!(columns[0].histogram.is_empty());
    let (rows, columns) = Sample::new(&[INT], 1).finish();
    assert_eq!((rows, columns[0].distinct, columns[0].null_fraction), (0, 0.0, 0.0));
}

#[test]
fn memory_is_bounded_and_a_halved_sample_is_still_fair() {
    let mut sample = Sample::new(&[INT, TEXT], 3);
    let padding = "x".repeat(1000);
    for start in (0..60_000).step_by(1000) {
        let mut batch = Batch::new([INT, TEXT]);
        (start..start + 1000).for_each(|number| {
            batch.push_row([Value::Int4(number), Value::text(format!("{padding}{number}"))]);
        });
        sample.add(&batch);
        assert!(sample.bytes() < crate::base::limits::SAMPLE_BYTES_MAX + (1 << 20));
    }
    let (rows, columns) = sample.finish();
    assert_eq!((rows, columns[0].distinct), (60_000, 60_000.0));
    let middle = encoded(&Value::Int4(30_000), INT);
    let below = columns[0].histogram.iter().filter(|bound| **bound < middle).count();
    assert!((44..=57).contains(&below), "{below}");
}

#[test]
fn batches_that_are_no_sample_are_refused() {
    let mut batch = Batch::new(Sample::batch_types(1));
    batch.push_row([Value::Null, Value::Int8(1), Value::bytea([1, 2])]);
    assert!(Sample::new(&[INT], 1).merge(&batch).is_err());
    assert!(Sample::new(&[INT], 1).merge(&Batch::from_columns(Vec::new())).is_ok());
}
