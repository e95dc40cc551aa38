//! Numbers for keys: rows of equal key columns get the same number, counted from 0 in order of first appearance.
//!
//! GROUP BY, DISTINCT and hash joins share it. One or two integer columns, or one text column, have a table of their own
//! with the key in it; anything else is looked up by its memory-comparable encoding, under which equal values are equal
//! bytes (1.0 and 1.00, blanks at the end of `char(n)` aside). NULL is a key like any other.
//!
//! Hash seeds are fixed, so that a run repeats; numbers depend on the order of rows only.

use crate::base::{
    batch::{Column, ColumnData},
    hash,
    key::encode_value,
    types::{DataType, TypeKind},
};
use crate::sql::expr::trim_blanks;
use hashbrown::HashTable;
use std::borrow::Borrow;

/// Keys with their numbers.
pub(crate) struct Groups {
    types: Vec<DataType>,
    table: Table,
    /// The first row of each group: its key columns.
    keys: Vec<Column>,
    count: u32,
    /// Rows of the batch at hand that opened a group.
    fresh: Vec<u32>,
}

enum Table {
    /// No key columns: one group.
    One,
    /// One integer-like column.
    Word(Words),
    /// Two columns of at most 32 bits each, side by side in a word; two bits say which of them are NULL.
    Pair { map: HashTable<(u64, u8, u32)> },
    /// One text column: the strings lie end to end.
    Text { map: HashTable<(u64, u32)>, strings: Arena, null: Option<u32> },
    /// Encoded keys, end to end.
    Bytes { map: HashTable<(u64, u32)>, keys: Arena, scratch: Vec<u8> },
}

/// Words up to this have a place of their own in an array, found without a hash.
const SMALL_WORDS: usize = 1024;

/// Words with their numbers.
struct Words {
    /// The numbers of `0..SMALL_WORDS`, [`MISSING`] where there is none.
    small: Box<[u32; SMALL_WORDS]>,
    map: HashTable<(i64, u32)>,
    null: Option<u32>,
}

impl Words {
    fn new() -> Words {
        Words { small: Box::new([MISSING; SMALL_WORDS]), map: HashTable::new(), null: None }
    }

    /// The number of a word, `next` if it is a new one.
    #[inline]
    fn find_or_add(&mut self, word: Option<i64>, next: u32) -> u32 {
        let Some(word) = word else { return *self.null.get_or_insert(next) };
        if let Some(number) = self.small.get_mut(word as usize) {
            if *number == MISSING {
                *number = next;
            }
            return *number;
        }
        let entry = self.map.entry(mix(word as u64), |entry| entry.0 == word, |entry| mix(entry.0 as u64));
        entry.or_insert((word, next)).get().1
    }

    #[inline]
    fn find(&self, word: Option<i64>) -> u32 {
        let Some(word) = word else { return self.null.unwrap_or(MISSING) };
        if let Some(number) = self.small.get(word as usize) {
            return *number;
        }
        self.map.find(mix(word as u64), |entry| entry.0 == word).map_or(MISSING, |entry| entry.1)
    }
}

/// Byte strings by number.
#[derive(Default)]
struct Arena {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Arena {
    #[inline]
    fn get(&self, number: u32) -> &[u8] {
        let number = number as usize;
        let start = if number == 0 { 0 } else { self.ends[number - 1] };
        &self.bytes[start..self.ends[number]]
    }

    fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.ends.push(self.bytes.len());
    }
}

/// Where the numbers of a batch go.
struct Opening<'a> {
    count: &'a mut u32,
    fresh: &'a mut Vec<u32>,
    numbers: &'a mut Vec<u32>,
}

impl Opening<'_> {
    /// The row's group, which is a new one if its number is the next.
    #[inline]
    fn note(&mut self, row: usize, number: u32) {
        if number == *self.count {
            *self.count += 1;
            self.fresh.push(row as u32);
        }
        self.numbers.push(number);
    }
}

/// Stands for a key that [`Groups::find`] does not know.
pub(crate) const MISSING: u32 = u32::MAX;

/// Spreads a word over 64 bits: hashbrown takes the bucket from the low bits and the tag from the high ones.
#[inline]
fn mix(word: u64) -> u64 {
    let product = u128::from(word ^ 0x9E37_79B9_7F4A_7C15) * 0xD6E8_FEB8_6659_FD93;
    (product as u64) ^ ((product >> 64) as u64)
}

#[inline]
fn mix_pair(word: u64, nulls: u8) -> u64 {
    mix(word ^ (u64::from(nulls) << 61))
}

impl Groups {
    pub fn new(types: Vec<DataType>) -> Groups {
        let table = match types.as_slice() {
            [] => Table::One,
            [one] if is_word(*one) => Table::Word(Words::new()),
            [one] if is_plain_text(*one) => {
                Table::Text { map: HashTable::new(), strings: Arena::default(), null: None }
            }
            [a, b] if is_half(*a) && is_half(*b) => Table::Pair { map: HashTable::new() },
            _ => Table::Bytes { map: HashTable::new(), keys: Arena::default(), scratch: Vec::new() },
        };
        Groups::with_table(types, table)
    }

    /// Always looks keys up by their encoding: for key columns that do not have exactly these types.
    pub fn encoded(types: Vec<DataType>) -> Groups {
        Groups::with_table(types, Table::Bytes { map: HashTable::new(), keys: Arena::default(), scratch: Vec::new() })
    }

    fn with_table(types: Vec<DataType>, table: Table) -> Groups {
        let count = u32::from(types.is_empty());
        let keys = types.iter().map(|&data_type| Column::new(data_type)).collect();
        Groups { types, table, keys, count, fresh: Vec::new() }
    }

    /// How many groups there are.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Numbers the rows of some key columns, opening groups as needed. `numbers` is replaced.
    pub fn assign(&mut self, columns: &[impl Borrow<Column>], rows: usize, numbers: &mut Vec<u32>) {
        let columns: &[&Column] = &columns.iter().map(Borrow::borrow).collect::<Vec<_>>();
        numbers.clear();
        numbers.reserve(rows);
        self.fresh.clear();
        let mut opening = Opening { count: &mut self.count, fresh: &mut self.fresh, numbers };
        match &mut self.table {
            Table::One => opening.numbers.resize(rows, 0),
            Table::Word(words) => each_word(columns[0], rows, |row, word| {
                let number = words.find_or_add(word, *opening.count);
                opening.note(row, number);
            }),
            Table::Pair { map } => {
                for row in 0..rows {
                    let (word, nulls) = pair(columns, row);
                    let same = |entry: &(u64, u8, u32)| entry.0 == word && entry.1 == nulls;
                    let rehash = |entry: &(u64, u8, u32)| mix_pair(entry.0, entry.1);
                    let entry = map.entry(mix_pair(word, nulls), same, rehash);
                    let number = entry.or_insert((word, nulls, *opening.count)).get().2;
                    opening.note(row, number);
                }
            }
            Table::Text { map, strings, null } => {
                for row in 0..rows {
                    let next = *opening.count;
                    let number = match text_of(columns[0], row) {
                        Some(bytes) => find_or_add_bytes(map, strings, bytes, next),
                        None => *null.get_or_insert_with(|| {
                            strings.push(&[]);
                            next
                        }),
                    };
                    opening.note(row, number);
                }
            }
            Table::Bytes { map, keys, scratch } => {
                for row in 0..rows {
                    encode(columns, &self.types, row, scratch);
                    let number = find_or_add_bytes(map, keys, scratch, *opening.count);
                    opening.note(row, number);
                }
            }
        }
        self.keep_fresh(columns, rows);
    }

    /// Copies the keys of the rows that opened groups.
    fn keep_fresh(&mut self, columns: &[&Column], rows: usize) {
        if self.fresh.is_empty() {
            return;
        }
        for (keys, column) in self.keys.iter_mut().zip(columns) {
            if self.fresh.len() == rows { keys.append(column) } else { keys.append(&column.take(&self.fresh)) }
        }
    }

    /// Rows of the last [`assign`](Self::assign) that opened a group.
    pub fn fresh(&self) -> &[u32] {
        &self.fresh
    }

    /// Numbers of the rows' keys without opening groups: [`MISSING`] where there is none.
    pub fn find(&self, columns: &[impl Borrow<Column>], rows: usize, numbers: &mut Vec<u32>) {
        let columns: &[&Column] = &columns.iter().map(Borrow::borrow).collect::<Vec<_>>();
        numbers.clear();
        numbers.reserve(rows);
        match &self.table {
            Table::One => numbers.resize(rows, 0),
            Table::Word(words) => each_word(columns[0], rows, |_, word| numbers.push(words.find(word))),
            Table::Pair { map } => {
                for row in 0..rows {
                    let (word, nulls) = pair(columns, row);
                    let found = map.find(mix_pair(word, nulls), |entry| entry.0 == word && entry.1 == nulls);
                    numbers.push(found.map_or(MISSING, |entry| entry.2));
                }
            }
            Table::Text { map, strings, null } => {
                for row in 0..rows {
                    numbers.push(match text_of(columns[0], row) {
                        Some(bytes) => find_bytes(map, strings, bytes),
                        None => null.unwrap_or(MISSING),
                    });
                }
            }
            Table::Bytes { map, keys, .. } => {
                let mut scratch = Vec::new();
                for row in 0..rows {
                    encode(columns, &self.types, row, &mut scratch);
                    numbers.push(find_bytes(map, keys, &scratch));
                }
            }
        }
    }

    /// The key columns of groups `start..start + count`.
    pub fn keys(&self, start: usize, count: usize) -> Vec<Column> {
        self.keys.iter().map(|column| column.slice(start, count)).collect()
    }

    /// About how many bytes it holds.
    pub fn bytes(&self) -> usize {
        let table = match &self.table {
            Table::One => 0,
            Table::Word(words) => size_of_val(&*words.small) + words.map.capacity() * 18,
            Table::Pair { map } => map.capacity() * 18,
            Table::Text { map, strings: arena, .. } | Table::Bytes { map, keys: arena, .. } => {
                map.capacity() * 18 + arena.bytes.capacity() + arena.ends.capacity() * 8
            }
        };
        table + self.keys.iter().map(fixed_bytes).sum::<usize>()
    }
}

/// A column's size without walking over single values, which would be slow to do again and again.
fn fixed_bytes(column: &Column) -> usize {
    match &column.data {
        ColumnData::Values(values) => values.len() * 48,
        _ => column.bytes(),
    }
}

fn is_word(data_type: DataType) -> bool {
    let fits = matches!(
        data_type.kind,
        TypeKind::Bool
            | TypeKind::Int2
            | TypeKind::Int4
            | TypeKind::Int8
            | TypeKind::Date
            | TypeKind::Timestamp
            | TypeKind::Timestamptz
    );
    fits && !data_type.array
}

fn is_half(data_type: DataType) -> bool {
    let fits = matches!(data_type.kind, TypeKind::Bool | TypeKind::Int2 | TypeKind::Int4 | TypeKind::Date);
    fits && !data_type.array
}

/// Text that is equal only if its bytes are.
fn is_plain_text(data_type: DataType) -> bool {
    matches!(data_type.kind, TypeKind::Text | TypeKind::Varchar | TypeKind::Name) && !data_type.array
}

/// A row's value as a word; 0 for what has no word.
fn word_at(column: &Column, row: usize) -> i64 {
    match &column.data {
        ColumnData::Bool(values) => i64::from(values[row]),
        ColumnData::Int2(values) => i64::from(values[row]),
        ColumnData::Int4(values) | ColumnData::Date(values) => i64::from(values[row]),
        ColumnData::Int8(values) | ColumnData::Timestamp(values) | ColumnData::Timestamptz(values) => values[row],
        _ => 0,
    }
}

/// Calls for each row with its value as a word, or `None` for NULL.
#[inline]
fn each_word(column: &Column, rows: usize, mut apply: impl FnMut(usize, Option<i64>)) {
    match (&column.data, &column.nulls) {
        (ColumnData::Int4(values) | ColumnData::Date(values), None) => {
            for (row, &value) in values.iter().enumerate() {
                apply(row, Some(i64::from(value)));
            }
        }
        (ColumnData::Int8(values) | ColumnData::Timestamp(values) | ColumnData::Timestamptz(values), None) => {
            for (row, &value) in values.iter().enumerate() {
                apply(row, Some(value));
            }
        }
        (_, nulls) => {
            for row in 0..rows {
                let null = nulls.as_ref().is_some_and(|nulls| nulls[row]);
                apply(row, (!null).then(|| word_at(column, row)));
            }
        }
    }
}

fn pair(columns: &[&Column], row: usize) -> (u64, u8) {
    let mut word = 0;
    let mut nulls = 0;
    for (place, column) in columns.iter().take(2).enumerate() {
        if column.is_null(row) {
            nulls |= 1 << place;
        } else {
            word |= u64::from(word_at(column, row) as u32) << (32 * place);
        }
    }
    (word, nulls)
}

#[inline]
fn text_of(column: &Column, row: usize) -> Option<&[u8]> {
    if column.is_null(row) {
        return None;
    }
    match &column.data {
        ColumnData::Text(strings) => Some(strings.get_bytes(row)),
        ColumnData::Values(values) => values[row].as_text().map(str::as_bytes),
        _ => None,
    }
}

fn find_or_add_bytes(map: &mut HashTable<(u64, u32)>, arena: &mut Arena, bytes: &[u8], next: u32) -> u32 {
    let hash = hash::bytes(bytes);
    if let Some(entry) = map.find(hash, |entry| entry.0 == hash && arena.get(entry.1) == bytes) {
        return entry.1;
    }
    arena.push(bytes);
    map.insert_unique(hash, (hash, next), |entry| entry.0);
    next
}

fn find_bytes(map: &HashTable<(u64, u32)>, arena: &Arena, bytes: &[u8]) -> u32 {
    let hash = hash::bytes(bytes);
    let found = map.find(hash, |entry| entry.0 == hash && arena.get(entry.1) == bytes);
    found.map_or(MISSING, |entry| entry.1)
}

/// Bytes that are equal exactly if the keys are. Order does not matter here, so the common types are cheap.
fn encode(columns: &[&Column], types: &[DataType], row: usize, out: &mut Vec<u8>) {
    out.clear();
    for (column, data_type) in columns.iter().zip(types) {
        if column.is_null(row) {
            out.push(0);
            continue;
        }
        out.push(1);
        match &column.data {
            ColumnData::Text(strings) => {
                let bytes = strings.get_bytes(row);
                let bytes = if data_type.kind == TypeKind::Bpchar { trim_blanks(bytes) } else { bytes };
                out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
                out.extend_from_slice(bytes);
            }
            ColumnData::Float8(values) => {
                let value = values[row];
                let canonical = if value == 0.0 {
                    0.0
                } else if value.is_nan() {
                    f64::NAN
                } else {
                    value
                };
                out.extend_from_slice(&canonical.to_bits().to_le_bytes());
            }
            ColumnData::Values(values) => encode_value(&values[row], *data_type, false, false, out),
            _ => out.extend_from_slice(&word_at(column, row).to_le_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{generate::Generator, value::Value};
    use std::collections::BTreeMap;

    /// Numbers agree with a naive map, for every kind of table.
    #[test]
    fn equal_keys_get_equal_numbers() {
        let shapes: &[&[TypeKind]] = &[
            &[TypeKind::Int4],
            &[TypeKind::Int8],
            &[TypeKind::Text],
            &[TypeKind::Int4, TypeKind::Date],
            &[TypeKind::Int4, TypeKind::Text],
            &[TypeKind::Numeric, TypeKind::Bool],
            &[],
        ];
        let mut random = Generator::new(7);
        for shape in shapes {
            let types: Vec<DataType> = shape.iter().map(|&kind| DataType::of(kind)).collect();
            let mut groups = Groups::new(types.clone());
            let mut model: BTreeMap<Vec<Value>, u32> = BTreeMap::new();
            for _ in 0..5 {
                let rows: Vec<Vec<Value>> = (0..200).map(|_| key(&mut random, shape)).collect();
                let mut columns: Vec<Column> = types.iter().map(|&data_type| Column::new(data_type)).collect();
                for row in &rows {
                    for (column, value) in columns.iter_mut().zip(row) {
                        column.push(value.clone());
                    }
                }
                let mut numbers = Vec::new();
                groups.assign(&columns, rows.len(), &mut numbers);
                for (row, number) in rows.iter().zip(&numbers) {
                    let next = model.len() as u32;
                    assert_eq!(*model.entry(row.clone()).or_insert(next), *number);
                }
                let mut found = Vec::new();
                groups.find(&columns, rows.len(), &mut found);
                assert_eq!(found, numbers);
            }
            assert_eq!(groups.len(), model.len());
            let keys = groups.keys(0, groups.len());
            for (row, number) in &model {
                let stored: Vec<Value> = keys.iter().map(|column| column.value(*number as usize)).collect();
                assert_eq!(&stored, row);
            }
        }
    }

    fn key(random: &mut Generator, shape: &[TypeKind]) -> Vec<Value> {
        let pick = |random: &mut Generator, kind: &TypeKind| match (random.below(8), kind) {
            (0, _) => Value::Null,
            (_, TypeKind::Int4) => Value::Int4(random.below(20) as i32 - 10),
            (_, TypeKind::Int8) => Value::Int8(random.below(20) as i64 * 101 - 10),
            (_, TypeKind::Date) => Value::Date(random.below(3) as i32 - 1),
            (_, TypeKind::Bool) => Value::Bool(random.below(2) == 0),
            (_, TypeKind::Numeric) => {
                let scale = random.below(3) as i64;
                let digits = 10_i64.pow(scale as u32) * (random.below(4) as i64);
                Value::Numeric(crate::base::numeric::Numeric::new(digits.into(), scale))
            }
            _ => Value::text(["", "a", "b", "ab"][random.below(4)]),
        };
        shape.iter().map(|kind| pick(random, kind)).collect()
    }
}
