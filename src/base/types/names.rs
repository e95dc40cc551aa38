//! What users call types, and what types are called when shown.

use super::{DataType, TypeKind};
use std::fmt;

/// Every name of a type that users write, lower case: PostgreSQL's, those of the SQL standard and of other databases.
const ALIASES: &[(&str, TypeKind)] = &[
    ("bigint", TypeKind::Int8),
    ("bool", TypeKind::Bool),
    ("boolean", TypeKind::Bool),
    ("blob", TypeKind::Bytea),
    ("bpchar", TypeKind::Bpchar),
    ("bytea", TypeKind::Bytea),
    ("bytes", TypeKind::Bytea),
    ("char", TypeKind::Bpchar),
    ("char varying", TypeKind::Varchar),
    ("character", TypeKind::Bpchar),
    ("character varying", TypeKind::Varchar),
    ("date", TypeKind::Date),
    ("dec", TypeKind::Numeric),
    ("decimal", TypeKind::Numeric),
    ("double", TypeKind::Float8),
    ("double precision", TypeKind::Float8),
    ("float", TypeKind::Float8),
    ("float4", TypeKind::Float4),
    ("float8", TypeKind::Float8),
    ("int", TypeKind::Int4),
    ("int2", TypeKind::Int2),
    ("int4", TypeKind::Int4),
    ("int64", TypeKind::Int8),
    ("int8", TypeKind::Int8),
    ("integer", TypeKind::Int4),
    ("interval", TypeKind::Interval),
    ("json", TypeKind::Json),
    ("jsonb", TypeKind::Jsonb),
    ("name", TypeKind::Name),
    ("national char", TypeKind::Bpchar),
    ("national character", TypeKind::Bpchar),
    ("national character varying", TypeKind::Varchar),
    ("nchar", TypeKind::Bpchar),
    ("numeric", TypeKind::Numeric),
    ("oid", TypeKind::Oid),
    ("real", TypeKind::Float4),
    ("record", TypeKind::Record),
    ("regclass", TypeKind::Regclass),
    ("regnamespace", TypeKind::Regnamespace),
    ("regproc", TypeKind::Regproc),
    ("regtype", TypeKind::Regtype),
    ("smallint", TypeKind::Int2),
    ("string", TypeKind::Text),
    ("text", TypeKind::Text),
    ("time", TypeKind::Time),
    ("time with time zone", TypeKind::Timetz),
    ("time without time zone", TypeKind::Time),
    ("timestamp", TypeKind::Timestamp),
    ("timestamp with time zone", TypeKind::Timestamptz),
    ("timestamp without time zone", TypeKind::Timestamp),
    ("timestamptz", TypeKind::Timestamptz),
    ("timetz", TypeKind::Timetz),
    ("unknown", TypeKind::Unknown),
    ("uuid", TypeKind::Uuid),
    ("varchar", TypeKind::Varchar),
    ("void", TypeKind::Void),
];

/// The kind of a name without modifiers, in any case: `INT`, `character varying`, `STRING`.
pub fn kind_from_name(name: &str) -> Option<TypeKind> {
    let lower = name.to_ascii_lowercase();
    ALIASES.iter().find(|(alias, _)| *alias == lower).map(|(_, kind)| *kind)
}

impl DataType {
    /// The type of a whole type name as users and `regtype` write it: `varchar(20)`, `numeric(10, 2)[]`,
    /// `pg_catalog.int4`, `_text`, `timestamp(3) with time zone`. `None` when there is no such type.
    pub fn from_name(name: &str) -> Option<DataType> {
        let name = name.trim();
        let name = name.strip_prefix("pg_catalog.").unwrap_or(name);
        if let Some(element) = name.strip_suffix(']') {
            let (element, bound) = element.rsplit_once('[')?;
            let bounded = bound.trim().bytes().all(|byte| byte.is_ascii_digit());
            return bounded.then(|| DataType::from_name(element))?.map(|found| DataType { array: true, ..found });
        }
        if name == "\"char\"" {
            return Some(DataType::of(TypeKind::Char));
        }
        if let Some(element) = name.strip_prefix('_') {
            return kind_from_name(element).map(DataType::array_of);
        }
        let Some((before, rest)) = name.split_once('(') else {
            return without_modifier(name);
        };
        let (numbers, after) = rest.split_once(')')?;
        let bare = match after.trim() {
            "" => before.trim().to_owned(),
            words => format!("{} {words}", before.trim()),
        };
        let numbers: Vec<i32> = numbers.split(',').map(|part| part.trim().parse().ok()).collect::<Option<_>>()?;
        with_numbers(kind_from_name(&bare)?, &numbers)
    }
}

/// `char` alone means `char(1)`.
fn without_modifier(name: &str) -> Option<DataType> {
    let words = name.split_ascii_whitespace().collect::<Vec<_>>().join(" ").to_ascii_lowercase();
    let kind = kind_from_name(&words)?;
    let bounded = kind == TypeKind::Bpchar && words != "bpchar";
    Some(if bounded { DataType::with_length(kind, 1) } else { DataType::of(kind) })
}

fn with_numbers(kind: TypeKind, numbers: &[i32]) -> Option<DataType> {
    match (kind, numbers) {
        (TypeKind::Varchar | TypeKind::Bpchar, [length]) if (1..=super::TEXT_LENGTH_MAX).contains(length) => {
            Some(DataType::with_length(kind, *length))
        }
        (TypeKind::Numeric, [precision]) => with_numbers(kind, &[*precision, 0]),
        (TypeKind::Numeric, [precision, scale])
            if (1..=super::NUMERIC_PRECISION_MAX).contains(precision) && (-1000..=1000).contains(scale) =>
        {
            Some(DataType::numeric(*precision, *scale))
        }
        (TypeKind::Float8, [bits @ 1..=53]) => {
            Some(DataType::of(if *bits <= 24 { TypeKind::Float4 } else { TypeKind::Float8 }))
        }
        (TypeKind::Time | TypeKind::Timetz | TypeKind::Timestamp | TypeKind::Timestamptz, [digits]) if *digits >= 0 => {
            Some(DataType::of(kind).with_modifier((*digits).min(6)))
        }
        (TypeKind::Interval, [digits]) if *digits >= 0 => {
            Some(DataType::of(kind).with_modifier((0x7fff << 16) | (*digits).min(6)))
        }
        _ => None,
    }
}

/// The modifier as it stands in a type's name: `(10,2)`; empty for none.
pub fn format_modifier(data_type: DataType) -> String {
    if let Some(length) = data_type.length() {
        return format!("({length})");
    }
    if let Some((precision, scale)) = data_type.precision_and_scale() {
        return format!("({precision},{scale})");
    }
    data_type.fraction_digits().map(|digits| format!("({digits})")).unwrap_or_default()
}

/// As `format_type` shows it: `timestamp(3) with time zone`, `character varying(20)[]`.
impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.kind.shown();
        let modifier = format_modifier(*self);
        match self.kind {
            TypeKind::Bpchar if modifier.is_empty() => f.write_str("bpchar")?,
            TypeKind::Time | TypeKind::Timetz | TypeKind::Timestamp | TypeKind::Timestamptz => {
                let (word, rest) = shown.split_once(' ').unwrap_or((shown, ""));
                write!(f, "{word}{modifier} {rest}")?;
            }
            _ => write!(f, "{shown}{modifier}")?,
        }
        if self.array { f.write_str("[]") } else { Ok(()) }
    }
}

impl DataType {
    /// The name as `format_type` shows it, with its modifier.
    pub fn name(&self) -> String {
        self.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_to_types_and_back() {
        for (written, shown) in [
            ("INT", "integer"),
            ("String", "text"),
            ("varchar(20)", "character varying(20)"),
            ("numeric(10, 2)[]", "numeric(10,2)[]"),
            ("numeric(5)", "numeric(5,0)"),
            ("char", "character(1)"),
            ("bpchar", "bpchar"),
            ("\"char\"", "\"char\""),
            ("_text", "text[]"),
            ("pg_catalog.int8", "bigint"),
            ("timestamp(3) with time zone", "timestamp(3) with time zone"),
            ("timestamp  with  time zone", "timestamp with time zone"),
            ("float(10)", "real"),
            ("interval(2)", "interval(2)"),
            ("int[3]", "integer[]"),
        ] {
            let found = DataType::from_name(written).unwrap_or_else(|| panic!("{written}"));
            assert_eq!(found.name(), shown, "{written}");
        }
        for wrong in ["", "(", "x", "varchar(0)", "varchar(a)", "int(", "numeric(0)", "]", "[]", "int[x]"] {
            assert_eq!(DataType::from_name(wrong), None, "{wrong}");
        }
    }
}
