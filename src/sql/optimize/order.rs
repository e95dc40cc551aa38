//! Whether the keys of an index already have a wanted order.
//!
//! Within a partition entries come in key order, forwards or backwards; whoever reads merges the partitions. A column that
//! is bound to one value has no say in the order.

use crate::{
    base::{ids::IndexId, types::TypeKind},
    catalog::Table,
    sql::{
        expr::Expr,
        plan::{Bound, SortKey},
    },
};

/// An order over the output of a scan.
#[derive(Clone, Copy)]
pub struct Order<'a> {
    /// By column (position in `table.columns`).
    pub keys: &'a [OrderKey],
    /// Rows that are wanted; infinite for all.
    pub limit: f64,
}

/// A part of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderKey {
    pub column: usize,
    pub descending: bool,
    pub nulls_first: bool,
}

/// A column in the keys of an index.
#[derive(Clone, Copy, Debug)]
pub struct KeyPart {
    /// Position in `table.columns`.
    pub column: usize,
    pub descending: bool,
    pub nulls_first: bool,
    /// NULL cannot be here.
    pub not_null: bool,
    /// A column of the index itself, and not of the primary key behind it.
    pub own: bool,
    /// The key gives the value back exactly as it was.
    pub readable: bool,
}

/// The columns of the keys of an index, in order: its own, and behind those of an index that is not unique the primary key.
pub fn key_parts(table: &Table, index: IndexId) -> Vec<KeyPart> {
    let part = |column: usize, descending: bool, nulls_first: bool, own: bool| {
        let described = table.columns.get(column)?;
        let not_null = described.not_null || table.key_positions().any(|key| key == column);
        let readable = is_readable(described.data_type.kind) && !described.data_type.array;
        Some(KeyPart { column, descending, nulls_first, not_null, own, readable })
    };
    let primary = |own: bool| table.key_positions().filter_map(move |column| part(column, false, false, own));
    match table.index(index) {
        None => primary(true).collect(),
        Some(index) => {
            let own = index.columns.iter();
            let own = own.filter_map(|of| part(usize::from(of.column.0), of.descending, of.nulls_first, true));
            if index.unique { own.collect() } else { own.chain(primary(false)).collect() }
        }
    }
}

/// Whether decoding a key of this type gives the very value, and not only one that is equal to it.
fn is_readable(kind: TypeKind) -> bool {
    use TypeKind::{Bool, Bytea, Date, Int2, Int4, Int8, Oid, Text, Time, Timestamp, Timestamptz, Uuid, Varchar};
    matches!(
        kind,
        Bool | Int2 | Int4 | Int8 | Text | Varchar | Bytea | Date | Time | Timestamp | Timestamptz | Uuid | Oid
    )
}

impl Order<'_> {
    /// Whether the keys of an index within bounds come in this order: read backwards if the answer is `true`.
    pub fn served(&self, parts: &[KeyPart], bounds: &[Bound]) -> Option<bool> {
        let single = |column: usize| {
            parts.iter().zip(bounds).any(|(part, bound)| part.column == column && matches!(bound, Bound::Equal(_)))
        };
        let mut wanted = self.keys.iter().filter(|key| !single(key.column)).peekable();
        let mut reverse = None;
        for (place, part) in parts.iter().enumerate() {
            let Some(key) = wanted.peek() else { break };
            if single(part.column) {
                continue;
            }
            if part.column != key.column {
                return None;
            }
            let turned = part.descending != key.descending;
            let without_nulls = part.not_null || matches!(bounds.get(place), Some(Bound::Range { .. }));
            if !without_nulls && (part.nulls_first != key.nulls_first) != turned {
                return None;
            }
            if *reverse.get_or_insert(turned) != turned {
                return None;
            }
            wanted.next();
        }
        (wanted.peek().is_none() && !parts.is_empty()).then_some(reverse.unwrap_or(false))
    }
}

/// Sort keys that are plain columns of a scan's output.
pub fn order_keys(keys: &[SortKey], columns: &[usize]) -> Option<Vec<OrderKey>> {
    let key = |key: &SortKey| match key.expression {
        Expr::Column { position, .. } => columns.get(position).map(|&column| OrderKey {
            column,
            descending: key.descending,
            nulls_first: key.nulls_first,
        }),
        _ => None,
    };
    keys.iter().map(key).collect()
}
