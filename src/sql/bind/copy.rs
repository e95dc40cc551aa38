//! COPY: its table or query, and its options with their defaults.

use super::{Binder, Bound};
use crate::{
    base::sqlstate::SqlState,
    catalog::Table,
    error::{Error, Result},
    sql::{
        names,
        parse::{CopyOptionValue, CopyTree},
        utility::{Copy, CopyFormat, CopyOptions, CopySource, Utility},
    },
};
use sqlparser::ast::{self, Spanned};

impl Binder<'_> {
    pub(super) fn copy(&mut self, copy: &CopyTree) -> Result<Bound> {
        match (&copy.target, copy.from) {
            (ast::CopyTarget::Stdin, true) | (ast::CopyTarget::Stdout, false) => {}
            (ast::CopyTarget::Stdin, false) | (ast::CopyTarget::Stdout, true) => {
                return Err(Error::new(SqlState::SYNTAX_ERROR, "COPY FROM reads STDIN and COPY TO writes STDOUT"));
            }
            _ => {
                return Err(Error::unsupported("COPY with a file or program on the server")
                    .with_hint("Use COPY FROM STDIN or TO STDOUT, as psql's \\copy command does."));
            }
        }
        if copy.filter {
            return Err(Error::unsupported("COPY FROM … WHERE"));
        }
        match &copy.source {
            ast::CopySource::Table { table_name, columns } => {
                let name = self.name(table_name)?;
                let table = self.table(&name)?;
                let columns = self.copy_columns(&table, columns)?;
                let options = self.copy_options(copy, Some((&table, &columns)))?;
                let source = CopySource::Table { table, columns };
                Ok(Bound::Utility(Utility::Copy(Copy { source, from: copy.from, options })))
            }
            ast::CopySource::Query(query) if !copy.from => {
                let options = self.copy_options(copy, None)?;
                Ok(Bound::CopyQuery(self.query(query)?, options))
            }
            ast::CopySource::Query(query) => {
                Err(self.error(SqlState::SYNTAX_ERROR, "COPY FROM takes a table, not a query", query.span()))
            }
        }
    }

    fn copy_columns(&self, table: &Table, trees: &[ast::Ident]) -> Result<Vec<usize>> {
        if trees.is_empty() {
            return Ok(table.live_columns().map(|(position, _)| position).collect());
        }
        let mut columns = Vec::with_capacity(trees.len());
        for tree in trees {
            let position = self.column_of_table(table, &names::fold(tree), tree.span)?;
            if columns.contains(&position) {
                let message = format!("column \"{}\" specified more than once", names::fold(tree));
                return Err(self.error(SqlState::DUPLICATE_COLUMN, message, tree.span));
            }
            columns.push(position);
        }
        Ok(columns)
    }

    fn copy_options(&self, copy: &CopyTree, target: Option<(&Table, &Vec<usize>)>) -> Result<CopyOptions> {
        let format = copy_format(copy)?;
        let csv = format == CopyFormat::Csv;
        let mut options = CopyOptions {
            format,
            delimiter: if csv { b',' } else { b'\t' },
            null: if csv { String::new() } else { "\\N".to_owned() },
            header: false,
            quote: b'"',
            escape: b'"',
            force_quote: Vec::new(),
            force_not_null: Vec::new(),
            force_null: Vec::new(),
        };
        let mut escape = None;
        for (name, value) in &copy.options {
            match name.as_str() {
                "format" | "freeze" => {}
                "delimiter" => options.delimiter = one_byte(name, value)?,
                "null" => options.null = text(name, value)?,
                "header" => options.header = is_on(name, value)?,
                "quote" => options.quote = one_byte(name, value)?,
                "escape" => escape = Some(one_byte(name, value)?),
                "encoding" => check_encoding(&text(name, value)?)?,
                "force_quote" => options.force_quote = self.forced(value, target)?,
                "force_not_null" => options.force_not_null = self.forced(value, target)?,
                "force_null" => options.force_null = self.forced(value, target)?,
                _ => return Err(Error::new(SqlState::SYNTAX_ERROR, format!("option \"{name}\" not recognized"))),
            }
            let only_csv =
                matches!(name.as_str(), "quote" | "escape" | "force_quote" | "force_not_null" | "force_null");
            if only_csv && !csv {
                let message = format!("COPY {} available only in CSV mode", name.replace('_', " "));
                return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message));
            }
        }
        options.escape = escape.unwrap_or(options.quote);
        check(&options)?;
        Ok(options)
    }

    /// Positions within the columns that are copied.
    fn forced(&self, value: &CopyOptionValue, target: Option<(&Table, &Vec<usize>)>) -> Result<Vec<usize>> {
        let Some((table, columns)) = target else {
            return Err(Error::unsupported("FORCE_… with a query"));
        };
        match value {
            CopyOptionValue::All => Ok((0..columns.len()).collect()),
            CopyOptionValue::Columns(names) => {
                let mut forced = Vec::with_capacity(names.len());
                for name in names {
                    let place = columns
                        .iter()
                        .position(|&position| table.columns.get(position).is_some_and(|column| column.name == *name));
                    forced.push(place.ok_or_else(|| {
                        let message = format!("column \"{name}\" of relation \"{}\" does not exist", table.name);
                        Error::new(SqlState::UNDEFINED_COLUMN, message)
                    })?);
                }
                Ok(forced)
            }
            _ => Err(Error::new(
                SqlState::INVALID_PARAMETER_VALUE,
                "argument to a FORCE option must be a list of column names",
            )),
        }
    }
}

fn copy_format(copy: &CopyTree) -> Result<CopyFormat> {
    let named = copy.options.iter().rev().find(|(name, _)| name == "format");
    let Some((name, value)) = named else { return Ok(CopyFormat::Text) };
    match text(name, value)?.as_str() {
        "text" => Ok(CopyFormat::Text),
        "csv" => Ok(CopyFormat::Csv),
        "binary" => Ok(CopyFormat::Binary),
        other => Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, format!("COPY format \"{other}\" not recognized"))),
    }
}

fn text(name: &str, value: &CopyOptionValue) -> Result<String> {
    match value {
        CopyOptionValue::Text(text) | CopyOptionValue::Word(text) => Ok(text.clone()),
        _ => Err(Error::new(SqlState::SYNTAX_ERROR, format!("{name} requires a parameter"))),
    }
}

fn one_byte(name: &str, value: &CopyOptionValue) -> Result<u8> {
    match text(name, value)?.as_bytes() {
        [byte] if byte.is_ascii() => Ok(*byte),
        _ => Err(Error::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            format!("COPY {} must be a single one-byte character", name.replace('_', " ")),
        )),
    }
}

fn is_on(name: &str, value: &CopyOptionValue) -> Result<bool> {
    match value {
        CopyOptionValue::None => Ok(true),
        value => match text(name, value)?.to_lowercase().as_str() {
            "true" | "on" | "1" | "match" => Ok(true),
            "false" | "off" | "0" => Ok(false),
            _ => Err(Error::new(SqlState::SYNTAX_ERROR, format!("{name} requires a Boolean value"))),
        },
    }
}

fn check_encoding(name: &str) -> Result<()> {
    let plain: String = name.to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
    match plain.as_str() {
        "utf8" | "unicode" | "sqlascii" => Ok(()),
        _ => Err(Error::unsupported(format_args!("the encoding \"{name}\""))),
    }
}

fn check(options: &CopyOptions) -> Result<()> {
    let invalid = |message: &str| Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message));
    if matches!(options.delimiter, b'\n' | b'\r') {
        return invalid("COPY delimiter cannot be newline or carriage return");
    }
    if options.null.contains(['\n', '\r']) {
        return invalid("COPY null representation cannot use newline or carriage return");
    }
    if options.format == CopyFormat::Csv && options.delimiter == options.quote {
        return invalid("COPY delimiter and quote must be different");
    }
    if options.format == CopyFormat::Text
        && (options.delimiter.is_ascii_alphanumeric() || b"\\.".contains(&options.delimiter))
    {
        return invalid(&format!("COPY delimiter cannot be \"{}\"", char::from(options.delimiter)));
    }
    if options.format == CopyFormat::Binary && options.header {
        return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, "cannot specify HEADER in BINARY mode"));
    }
    if options.null.bytes().any(|byte| byte == options.delimiter) {
        return invalid("COPY delimiter must not appear in the NULL specification");
    }
    Ok(())
}
