//! Rows of COPY's text and csv formats straight to keys and stored rows: no list of fields, and no value for the common
//! types. It knows the plain case only; whoever drives it takes every row that it does not the long way, which also finds
//! the words for whatever is wrong with it.

use crate::{
    base::{
        ids::{IndexId, PartitionId},
        key,
        limits::KEY_BYTES_MAX,
        row::RowEncoder,
        text,
        types::{DataType, TypeKind},
        value::Value,
    },
    catalog::{Keyspace, Table},
    sql::utility::{CopyFormat, CopyOptions},
};

/// More digits may be more than 64 bits hold; they take the long way.
const PLAIN_DIGITS_MAX: usize = 18;

/// What one table's rows need, and the memory that a row is put together in.
pub struct Direct {
    delimiter: u8,
    null: Vec<u8>,
    version: u32,
    /// One for each stored position.
    columns: Vec<Column>,
    /// How many of them come from the stream.
    fields: usize,
    has_key: bool,
    partitions: u16,
    key: Vec<u8>,
    row: Vec<u8>,
}

struct Column {
    /// Filled from the stream; others are NULL.
    is_field: bool,
    is_key: bool,
    not_null: bool,
    data_type: DataType,
    kind: Kind,
}

/// How a field is read.
enum Kind {
    Integer {
        min: i64,
        max: i64,
    },
    /// Taken as it is up to so many bytes.
    Text {
        bytes_max: usize,
    },
    Other,
}

impl Direct {
    /// For a table whose rows come in `columns` (stored positions) with nothing to be filled in; `None` if that takes the
    /// long way.
    pub fn new(table: &Table, keyspace: &Keyspace, columns: &[usize], options: &CopyOptions) -> Option<Direct> {
        let key: Vec<usize> = table.key_positions().collect();
        let rising = |positions: &[usize]| positions.windows(2).all(|pair| pair[0] < pair[1]);
        let is_plain = match options.format {
            CopyFormat::Text => true,
            CopyFormat::Csv => options.force_not_null.is_empty() && options.force_null.is_empty(),
            CopyFormat::Binary => false,
        };
        if !is_plain || !table.indexes.is_empty() || !rising(columns) || !rising(&key) {
            return None;
        }
        if columns.is_empty() || !key.iter().all(|position| columns.contains(position)) {
            return None;
        }
        let column = |(position, column): (usize, &crate::catalog::Column)| {
            let is_field = columns.contains(&position);
            // NULL where there must be a value is for the long way to complain about.
            let is_possible = is_field || column.dropped || !column.not_null;
            is_possible.then(|| Column {
                is_field,
                is_key: key.contains(&position),
                not_null: column.not_null,
                data_type: column.data_type,
                kind: Kind::of(column.data_type),
            })
        };
        let prefix = key::prefix(table.storage, IndexId::PRIMARY, PartitionId(0));
        Some(Direct {
            delimiter: options.delimiter,
            null: options.null.as_bytes().to_vec(),
            version: table.version,
            columns: table.columns.iter().enumerate().map(column).collect::<Option<_>>()?,
            fields: columns.len(),
            has_key: table.primary_key.is_some(),
            partitions: keyspace.partitions.len() as u16,
            key: prefix.to_vec(),
            row: Vec::new(),
        })
    }

    /// Puts the row of a line together, which has neither escapes nor quotes; gives its partition, for
    /// [`Direct::key`] and [`Direct::row`]. `row_id` is used by tables without a primary key.
    #[inline]
    pub fn read(&mut self, line: &[u8], row_id: i64) -> Option<PartitionId> {
        let line = std::str::from_utf8(line).ok()?;
        let Direct { columns, key, row, .. } = self;
        key.truncate(key::PREFIX_BYTES);
        row.clear();
        if !self.has_key {
            key::encode_value(&Value::Int8(row_id), DataType::of(TypeKind::Int8), false, false, key);
        }
        let mut encoder = RowEncoder::new(self.version, columns.len(), row);
        let (mut at, mut left) = (0, self.fields);
        for column in columns.iter() {
            if !column.is_field {
                encoder.push_null();
                continue;
            }
            let rest = line.get(at..)?;
            let length = memchr::memchr(self.delimiter, rest.as_bytes());
            left -= 1;
            // The last field ends the line, and no other does.
            if length.is_none() != (left == 0) {
                return None;
            }
            let length = length.unwrap_or(rest.len());
            let field = rest.get(..length)?;
            at += length + 1;
            if field.as_bytes() == self.null {
                if column.not_null {
                    return None;
                }
                encoder.push_null();
            } else {
                column.read(field, &mut encoder, key)?;
            }
        }
        if key.len() > KEY_BYTES_MAX {
            return None;
        }
        let partition = key::partition_of(&key[key::PREFIX_BYTES..], self.partitions);
        key[key::PREFIX_BYTES - 2..key::PREFIX_BYTES].copy_from_slice(&partition.0.to_be_bytes());
        Some(partition)
    }

    /// The user key of the row read last.
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// The stored form of the row read last.
    pub fn row(&self) -> &[u8] {
        &self.row
    }
}

impl Column {
    #[inline]
    fn read(&self, field: &str, encoder: &mut RowEncoder<'_>, key: &mut Vec<u8>) -> Option<()> {
        match self.kind {
            Kind::Integer { min, max } => {
                let number = plain_integer(field.as_bytes()).filter(|number| (min..=max).contains(number))?;
                encoder.push_integer(number);
                if self.is_key {
                    key::encode_value(&Value::Int8(number), self.data_type, false, false, key);
                }
            }
            Kind::Text { bytes_max } => {
                if field.len() > bytes_max {
                    return None;
                }
                encoder.push_text(field);
                if self.is_key {
                    key::encode_text(field, key);
                }
            }
            Kind::Other => {
                let value = text::parse(field, self.data_type).ok()?;
                encoder.push(&value, Some(self.data_type));
                if self.is_key {
                    key::encode_value(&value, self.data_type, false, false, key);
                }
            }
        }
        Some(())
    }
}

impl Kind {
    fn of(data_type: DataType) -> Kind {
        let integer = |min, max| Kind::Integer { min, max };
        match data_type.kind {
            _ if data_type.array => Kind::Other,
            TypeKind::Int2 => integer(i16::MIN.into(), i16::MAX.into()),
            TypeKind::Int4 => integer(i32::MIN.into(), i32::MAX.into()),
            TypeKind::Int8 => integer(i64::MIN, i64::MAX),
            // As many bytes as characters are allowed surely fit.
            TypeKind::Text | TypeKind::Varchar => Kind::Text { bytes_max: data_type.length().unwrap_or(usize::MAX) },
            _ => Kind::Other,
        }
    }
}

/// Nothing but digits, and a minus before them.
#[inline]
fn plain_integer(field: &[u8]) -> Option<i64> {
    let (digits, is_negative) = match field {
        [b'-', digits @ ..] => (digits, true),
        digits => (digits, false),
    };
    if digits.is_empty() || digits.len() > PLAIN_DIGITS_MAX {
        return None;
    }
    let mut number = 0;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number * 10 + i64::from(digit);
    }
    Some(if is_negative { -number } else { number })
}
