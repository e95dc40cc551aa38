//! Statements about the session and transactions.

use super::{
    Binder,
    scope::{Clause, Namespace, Scope},
};
use crate::{
    base::sqlstate::SqlState,
    error::{Error, Result},
    sql::{
        names,
        parse::{AnalyzeTree, SetScope, SettingValue, UtilityTree},
        utility::{AnalyzeTable, Isolation, Utility},
    },
};
use sqlparser::ast::{self, TransactionAccessMode, TransactionIsolationLevel, TransactionMode};

impl Binder<'_> {
    pub(super) fn utility(&mut self, tree: &UtilityTree) -> Result<Utility> {
        Ok(match tree {
            UtilityTree::Set { scope, name, value } => Utility::Set {
                name: name.clone(),
                value: value.as_ref().map(|values| setting(name, values)),
                local: *scope == SetScope::Local,
            },
            UtilityTree::SetTransaction { session, modes } => set_transaction(*session, modes),
            UtilityTree::Show(name) => Utility::Show(name.clone()),
            UtilityTree::Reset(name) => Utility::Reset(name.clone()),
            UtilityTree::Declare { name, scroll, statement } => {
                Utility::Declare { name: name.clone(), scroll: *scroll, statement: statement.clone() }
            }
            UtilityTree::Fetch { name, travel, moves } => {
                Utility::Fetch { name: name.clone(), travel: *travel, moves: *moves }
            }
            UtilityTree::Close(name) => Utility::Close(name.clone()),
            UtilityTree::Deallocate(name) => Utility::Deallocate(name.clone()),
            UtilityTree::Discard => Utility::Discard,
            UtilityTree::Prepare { name, types, statement } => {
                let types: Result<Vec<_>> = types.iter().map(super::types::data_type).collect();
                Utility::Prepare { name: name.clone(), types: types?, statement: statement.clone() }
            }
            UtilityTree::Execute { name, arguments } => self.execute(name, arguments)?,
            UtilityTree::Vacuum { tables, analyze, verbose } => {
                if !analyze && tables.iter().any(|tree| !tree.columns.is_empty()) {
                    let message = "ANALYZE option must be specified when a column list is provided";
                    return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message));
                }
                Utility::Vacuum { tables: self.analyzed(tables)?, analyze: *analyze, verbose: *verbose }
            }
            UtilityTree::Analyze { tables, verbose } => {
                Utility::Analyze { tables: self.analyzed(tables)?, verbose: *verbose }
            }
            UtilityTree::Begin { modes } => {
                let (isolation, read_only) = transaction_modes(modes);
                Utility::Begin { isolation, read_only }
            }
            UtilityTree::Commit { chain } => Utility::Commit { chain: *chain },
            UtilityTree::Rollback { chain } => Utility::Rollback { chain: *chain },
            UtilityTree::Accepted(tag) => Utility::Accepted(tag),
        })
    }

    /// Literals without a type keep it open: the statement that is executed decides.
    fn execute(&mut self, name: &str, trees: &[ast::Expr]) -> Result<Utility> {
        let namespace = Namespace::default();
        let scope = Scope { namespace: &namespace, clause: Clause::Execute };
        let mut arguments = Vec::with_capacity(trees.len());
        for tree in trees {
            arguments.push(self.expression(tree, scope)?);
        }
        Ok(Utility::Execute { name: name.to_owned(), arguments })
    }

    fn analyzed(&mut self, trees: &[AnalyzeTree]) -> Result<Vec<AnalyzeTable>> {
        let mut tables = Vec::with_capacity(trees.len());
        for tree in trees {
            let name = self.name(&tree.table)?;
            let table = self.table(&name)?.clone();
            let mut columns = Vec::with_capacity(tree.columns.len());
            for identifier in &tree.columns {
                let column = names::fold(identifier);
                let message = || format!("column \"{column}\" of relation \"{}\" does not exist", table.name);
                let found = table.column_by_name(&column);
                let (_, found) =
                    found.ok_or_else(|| self.error(SqlState::UNDEFINED_COLUMN, message(), identifier.span))?;
                if columns.contains(&found.id) {
                    let message = format!("column \"{column}\" of relation \"{}\" appears more than once", table.name);
                    return Err(self.error(SqlState::DUPLICATE_COLUMN, message, identifier.span));
                }
                columns.push(found.id);
            }
            tables.push(AnalyzeTable { table: table.id, columns });
        }
        Ok(tables)
    }
}

/// The text of a setting. Names of schemas are quoted where they must be; all else is as written.
fn setting(name: &str, values: &[SettingValue]) -> String {
    let written = values.iter().map(|value| match value {
        SettingValue::Text(text) | SettingValue::Word(text) if name == "search_path" => names::quote(text),
        SettingValue::Text(text) | SettingValue::Word(text) | SettingValue::Number(text) => text.clone(),
    });
    written.collect::<Vec<_>>().join(", ")
}

fn transaction_modes(modes: &[TransactionMode]) -> (Option<Isolation>, Option<bool>) {
    let (mut isolation, mut read_only) = (None, None);
    for mode in modes {
        match mode {
            TransactionMode::IsolationLevel(level) => {
                isolation = Some(match level {
                    TransactionIsolationLevel::ReadUncommitted => Isolation::ReadUncommitted,
                    TransactionIsolationLevel::ReadCommitted => Isolation::ReadCommitted,
                    TransactionIsolationLevel::RepeatableRead | TransactionIsolationLevel::Snapshot => {
                        Isolation::RepeatableRead
                    }
                    TransactionIsolationLevel::Serializable => Isolation::Serializable,
                });
            }
            TransactionMode::AccessMode(mode) => read_only = Some(*mode == TransactionAccessMode::ReadOnly),
        }
    }
    (isolation, read_only)
}

fn set_transaction(session: bool, modes: &[TransactionMode]) -> Utility {
    let (isolation, read_only) = transaction_modes(modes);
    if !session {
        return Utility::SetTransaction { isolation, read_only };
    }
    let set =
        |name: &str, value: &str| Utility::Set { name: name.to_owned(), value: Some(value.to_owned()), local: false };
    match (isolation, read_only) {
        (Some(Isolation::ReadUncommitted), _) => set("default_transaction_isolation", "read uncommitted"),
        (Some(Isolation::ReadCommitted), _) => set("default_transaction_isolation", "read committed"),
        (Some(Isolation::RepeatableRead), _) => set("default_transaction_isolation", "repeatable read"),
        (Some(Isolation::Serializable), _) => set("default_transaction_isolation", "serializable"),
        (None, Some(true)) => set("default_transaction_read_only", "on"),
        (None, Some(false)) => set("default_transaction_read_only", "off"),
        (None, None) => Utility::Accepted("SET"),
    }
}
