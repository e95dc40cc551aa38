//! Text → syntax trees, bounded.
//!
//! `sqlparser` (PostgreSQL dialect) does the grammar of queries and DDL; [`utility`] parses the statements it does not
//! know or reads differently from PostgreSQL, and [`rewrite`] turns a few spellings into ones it takes. Nothing here
//! looks at the catalog.
//!
//! Invariants: a text of any bytes gives a tree or an [`Error`](crate::Error), never a panic or a stack overflow ([`depth`] bounds
//! nesting before the grammar runs); a syntax error names the token and its position as PostgreSQL does ([`errors`]).
//!
//! Start at [`script`].

mod copy;
mod cursor;
mod depth;
mod errors;
mod rewrite;
mod session;
mod source;
mod utility;

use crate::error::Result;
use source::Source;
use sqlparser::{
    ast,
    dialect::PostgreSqlDialect,
    parser::Parser,
    tokenizer::{Token, TokenWithSpan, Tokenizer},
};
use std::sync::Arc;

pub use source::Source as SourceText;
pub use utility::{AnalyzeTree, CopyOptionValue, CopyTree, ExplainTree, SetScope, SettingValue, UtilityTree};

/// Nesting that the grammar itself is allowed; [`depth`] refuses deeper statements before.
const RECURSION_MAX: usize = 4 * crate::base::limits::STATEMENT_DEPTH_MAX;
/// Stack for statements that nest deeply: trees are built, bound and dropped by recursion.
const DEEP_STACK_BYTES: usize = 64 << 20;

/// One statement of a script. Cheap to clone.
#[derive(Clone)]
pub struct Parsed {
    /// Its own text, without the semicolon and the space around it.
    pub text: String,
    pub(in crate::sql) source: Arc<Source>,
    tree: Option<Arc<Tree>>,
    /// Whether it nests so deeply that whoever walks the tree needs more stack.
    deep: bool,
}

/// What a statement was parsed into.
#[derive(Clone, Debug)]
pub enum Tree {
    Sql(Box<ast::Statement>),
    Utility(UtilityTree),
    Explain(ExplainTree),
    Copy(Box<CopyTree>),
    /// Nothing but space and comments.
    Empty,
}

impl Parsed {
    /// The syntax tree.
    pub fn tree(&self) -> &Tree {
        self.tree.as_deref().unwrap_or(&Tree::Empty)
    }

    /// A statement with nothing in it.
    pub fn empty() -> Parsed {
        Parsed { text: String::new(), source: Arc::new(Source::new("")), tree: None, deep: false }
    }

    /// Whether it is one that a failed transaction still takes: COMMIT, ROLLBACK, ROLLBACK TO.
    pub fn ends_transaction(&self) -> bool {
        match self.tree() {
            Tree::Utility(UtilityTree::Commit { .. } | UtilityTree::Rollback { .. }) => true,
            Tree::Sql(statement) => matches!(**statement, ast::Statement::Rollback { .. }),
            _ => false,
        }
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        matches!(self.tree(), Tree::Empty)
    }

    /// Runs `walk`, which recurses over the tree, with as much stack as this tree needs.
    pub fn with_stack<T>(&self, walk: impl FnOnce() -> T) -> T {
        on_stack(self.deep, walk)
    }
}

impl Drop for Parsed {
    fn drop(&mut self) {
        if self.deep {
            let tree = self.tree.take();
            on_stack(true, || drop(tree));
        }
    }
}

impl std::fmt::Debug for Parsed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parsed").field("text", &self.text).finish_non_exhaustive()
    }
}

fn on_stack<T>(deep: bool, run: impl FnOnce() -> T) -> T {
    if deep { stacker::grow(DEEP_STACK_BYTES, run) } else { run() }
}

/// Parses a script: statements separated by semicolons. Empty statements between semicolons are left out; a script
/// with nothing in it is one [`Tree::Empty`].
pub fn script(text: &str) -> Result<Vec<Parsed>> {
    let source = Arc::new(Source::new(text));
    let tokens = tokenize(&source)?;
    let mut statements = Vec::new();
    for (tokens, end) in split(tokens) {
        if tokens.iter().all(|token| matches!(token.token, Token::Whitespace(_))) {
            continue;
        }
        statements.push(statement(&source, tokens, end)?);
    }
    if statements.is_empty() {
        let text = String::new();
        statements.push(Parsed { text, source, tree: None, deep: false });
    }
    Ok(statements)
}

/// Parses an expression alone, such as a stored DEFAULT.
pub fn expression(text: &str) -> Result<(ast::Expr, Arc<Source>)> {
    let source = Arc::new(Source::new(text));
    let tokens = tokenize(&source)?;
    depth::check(&source, &tokens)?;
    let mut parser = parser(tokens);
    let parsed = parser.parse_expr().map_err(|error| errors::syntax(&source, &parser, error))?;
    match parser.peek_token().token {
        Token::EOF => Ok((parsed, source)),
        _ => Err(errors::at_token(&source, &parser.peek_token())),
    }
}

/// Parses a type name alone, as in `'numeric(10,2)'::regtype`.
pub fn type_name(text: &str) -> Result<ast::DataType> {
    let source = Arc::new(Source::new(text));
    let tokens = tokenize(&source)?;
    depth::check(&source, &tokens)?;
    let mut parser = parser(tokens);
    parser.parse_data_type().map_err(|error| errors::syntax(&source, &parser, error))
}

fn tokenize(source: &Source) -> Result<Vec<TokenWithSpan>> {
    let dialect = PostgreSqlDialect {};
    let mut tokens = Tokenizer::new(&dialect, source.text())
        .tokenize_with_location()
        .map_err(|error| errors::tokenizer(source, &error))?;
    rewrite::tokens(&mut tokens);
    Ok(tokens)
}

fn parser(tokens: Vec<TokenWithSpan>) -> Parser<'static> {
    Parser::new(&PostgreSqlDialect {}).with_recursion_limit(RECURSION_MAX).with_tokens_with_locations(tokens)
}

/// Cuts the tokens at semicolons; with each statement the location where it ends.
fn split(tokens: Vec<TokenWithSpan>) -> Vec<(Vec<TokenWithSpan>, Option<sqlparser::tokenizer::Location>)> {
    let mut statements = Vec::new();
    let mut current = Vec::new();
    for token in tokens {
        if token.token == Token::SemiColon {
            statements.push((std::mem::take(&mut current), Some(token.span.start)));
        } else if token.token != Token::EOF {
            current.push(token);
        }
    }
    statements.push((current, None));
    statements
}

fn statement(
    source: &Arc<Source>,
    tokens: Vec<TokenWithSpan>,
    end: Option<sqlparser::tokenizer::Location>,
) -> Result<Parsed> {
    let deep = depth::check(source, &tokens)? > depth::SHALLOW;
    let start = tokens.iter().find(|token| !matches!(token.token, Token::Whitespace(_))).map(|token| token.span.start);
    let start = start.map_or(0, |location| source.offset(location));
    let stop = end.map_or(source.text().len(), |location| source.offset(location)).max(start);
    let text = source.text().get(start..stop).unwrap_or_default().trim_end().to_owned();
    let tree = on_stack(deep, || tree(source, tokens, end))?;
    Ok(Parsed { text, source: source.clone(), tree: Some(Arc::new(tree)), deep })
}

fn tree(source: &Source, tokens: Vec<TokenWithSpan>, end: Option<sqlparser::tokenizer::Location>) -> Result<Tree> {
    let mut parser = parser(tokens);
    let tree = utility::parse(source, &mut parser, end)?;
    let next = parser.peek_token();
    if next.token != Token::EOF {
        return Err(errors::at_token(source, &next));
    }
    Ok(tree)
}

#[cfg(test)]
mod tests;
