//! Statements that are parsed here and not by the grammar: settings, prepared statements, EXPLAIN, COPY, VACUUM and
//! what else `sqlparser` lacks or reads in another database's way.

use super::{Tree, errors, rewrite, source::Source};
use crate::{
    base::sqlstate::SqlState,
    error::{Error, Result},
    sql::utility::Travel,
};
use sqlparser::{
    ast,
    keywords::Keyword,
    parser::Parser,
    tokenizer::{Location, Token},
};

/// A statement about the session or the storage.
#[derive(Clone, Debug)]
pub enum UtilityTree {
    Set {
        scope: SetScope,
        name: String,
        /// `None` is DEFAULT.
        value: Option<Vec<SettingValue>>,
    },
    /// SET TRANSACTION, or with `session` SET SESSION CHARACTERISTICS AS TRANSACTION.
    SetTransaction {
        session: bool,
        modes: Vec<ast::TransactionMode>,
    },
    Declare {
        name: String,
        /// Whether it may be read backwards.
        scroll: bool,
        statement: String,
    },
    /// FETCH, or MOVE.
    Fetch {
        name: String,
        travel: Travel,
        moves: bool,
    },
    /// `None` is ALL.
    Close(Option<String>),
    /// `None` is ALL.
    Show(Option<String>),
    Reset(Option<String>),
    Deallocate(Option<String>),
    Discard,
    Prepare {
        name: String,
        types: Vec<ast::DataType>,
        statement: String,
    },
    Execute {
        name: String,
        arguments: Vec<ast::Expr>,
    },
    Vacuum {
        tables: Vec<AnalyzeTree>,
        analyze: bool,
        verbose: bool,
    },
    Analyze {
        tables: Vec<AnalyzeTree>,
        verbose: bool,
    },
    /// BEGIN and START TRANSACTION.
    Begin {
        modes: Vec<ast::TransactionMode>,
    },
    Commit {
        chain: bool,
    },
    Rollback {
        chain: bool,
    },
    /// Accepted without effect, with the tag that answers it.
    Accepted(&'static str),
}

/// A table to be analyzed, and which of its columns (none: all).
#[derive(Clone, Debug)]
pub struct AnalyzeTree {
    pub table: ast::ObjectName,
    pub columns: Vec<ast::Ident>,
}

/// Where a SET holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetScope {
    Session,
    Local,
}

/// One value in SET.
#[derive(Clone, Debug, PartialEq)]
pub enum SettingValue {
    Text(String),
    /// A bare word, lower-cased, or a quoted identifier.
    Word(String),
    Number(String),
}

/// EXPLAIN.
#[derive(Clone, Debug)]
pub struct ExplainTree {
    /// Option names, lower-cased, with their values (`true` where none is given).
    pub options: Vec<(String, String)>,
    pub statement: Box<Tree>,
}

/// COPY.
#[derive(Clone, Debug)]
pub struct CopyTree {
    pub source: ast::CopySource,
    /// FROM, else TO.
    pub from: bool,
    pub target: ast::CopyTarget,
    pub options: Vec<(String, CopyOptionValue)>,
    /// COPY … FROM … WHERE.
    pub filter: bool,
}

/// The value of a COPY option.
#[derive(Clone, Debug, PartialEq)]
pub enum CopyOptionValue {
    None,
    Text(String),
    /// A bare word or number.
    Word(String),
    Columns(Vec<String>),
    /// `*`
    All,
}

/// The parser with the text it reads, for errors.
pub struct Reader<'a, 'p> {
    pub source: &'a Source,
    pub parser: &'a mut Parser<'p>,
    /// Where the statement ends in the text; `None` is the end of the text.
    pub end: Option<Location>,
}

/// Parses one statement.
pub fn parse(source: &Source, parser: &mut Parser<'_>, end: Option<Location>) -> Result<Tree> {
    Reader { source, parser, end }.statement()
}

impl Reader<'_, '_> {
    pub(super) fn statement(&mut self) -> Result<Tree> {
        let Token::Word(word) = &self.parser.peek_token_ref().token else { return self.grammar() };
        if word.quote_style.is_some() {
            return self.here();
        }
        let utility = match word.value.to_ascii_lowercase().as_str() {
            "explain" => return self.explain(),
            "copy" => return self.copy(),
            "table" => return self.table(),
            "set" => self.set()?,
            "show" => self.show()?,
            "reset" => self.reset()?,
            "deallocate" => self.deallocate()?,
            "discard" => self.discard()?,
            "prepare" => self.prepare()?,
            "execute" => self.execute()?,
            "declare" => self.declare()?,
            "fetch" => self.fetch(false)?,
            "move" => self.fetch(true)?,
            "vacuum" => self.vacuum()?,
            "analyze" | "analyse" => self.analyze()?,
            "begin" => self.begin(false)?,
            "start" => self.begin(true)?,
            "commit" | "end" => self.end_transaction(true)?,
            "abort" => self.end_transaction(false)?,
            "rollback" if !self.is_rollback_to() => self.end_transaction(false)?,
            "close" => self.close()?,
            "unlisten" => self.unlisten()?,
            _ => return self.grammar(),
        };
        Ok(Tree::Utility(utility))
    }

    fn grammar(&mut self) -> Result<Tree> {
        let first = self.parser.peek_token();
        let starts = match &first.token {
            Token::Word(word) => word.quote_style.is_none() && word.keyword != Keyword::NoKeyword,
            Token::LParen => true,
            _ => false,
        };
        if !starts {
            return self.here();
        }
        let statement = self.parser.parse_statement();
        statement.map(|statement| Tree::Sql(Box::new(statement))).map_err(|error| self.syntax(error))
    }

    /// `TABLE t` is `SELECT * FROM t`.
    fn table(&mut self) -> Result<Tree> {
        let first = self.parser.next_token();
        let mut tokens = vec![
            rewrite::word("SELECT", Keyword::SELECT, &first),
            sqlparser::tokenizer::TokenWithSpan { token: Token::Mul, span: first.span },
            rewrite::word("FROM", Keyword::FROM, &first),
        ];
        loop {
            let token = self.parser.next_token();
            if token.token == Token::EOF {
                break;
            }
            tokens.push(token);
        }
        super::tree(self.source, tokens, self.end)
    }

    fn explain(&mut self) -> Result<Tree> {
        self.parser.next_token();
        let mut options = Vec::new();
        if self.parser.consume_token(&Token::LParen) {
            loop {
                let name = self.word()?;
                let value = match self.parser.peek_token_ref().token {
                    Token::Comma | Token::RParen => "true".to_owned(),
                    _ => self.option_word()?,
                };
                options.push((name, value));
                if !self.parser.consume_token(&Token::Comma) {
                    break;
                }
            }
            self.expect(&Token::RParen)?;
        } else {
            for option in ["analyze", "verbose"] {
                if self.accept(option) {
                    options.push((option.to_owned(), "true".to_owned()));
                }
            }
        }
        let statement = Box::new(self.statement()?);
        if matches!(*statement, Tree::Explain(_) | Tree::Utility(_) | Tree::Copy(_) | Tree::Empty) {
            return Err(Error::new(SqlState::SYNTAX_ERROR, "EXPLAIN takes a SELECT, INSERT, UPDATE, DELETE or VALUES"));
        }
        Ok(Tree::Explain(ExplainTree { options, statement }))
    }

    fn prepare(&mut self) -> Result<UtilityTree> {
        self.parser.next_token();
        let name = self.identifier()?;
        let mut types = Vec::new();
        if self.parser.consume_token(&Token::LParen) {
            types = self.parser.parse_comma_separated(Parser::parse_data_type).map_err(|error| self.syntax(error))?;
            self.expect(&Token::RParen)?;
        }
        if !self.accept("as") {
            return self.here();
        }
        let start = self.source.offset(self.parser.peek_token_ref().span.start);
        let stop = self.end.map_or(self.source.text().len(), |end| self.source.offset(end));
        self.statement()?;
        let statement = self.source.text().get(start..stop).unwrap_or_default().trim_end().to_owned();
        Ok(UtilityTree::Prepare { name, types, statement })
    }

    fn execute(&mut self) -> Result<UtilityTree> {
        self.parser.next_token();
        let name = self.identifier()?;
        let mut arguments = Vec::new();
        if self.parser.consume_token(&Token::LParen) {
            arguments = self.parser.parse_comma_separated(Parser::parse_expr).map_err(|error| self.syntax(error))?;
            self.expect(&Token::RParen)?;
        }
        Ok(UtilityTree::Execute { name, arguments })
    }

    fn deallocate(&mut self) -> Result<UtilityTree> {
        self.parser.next_token();
        self.accept("prepare");
        if self.accept("all") {
            return Ok(UtilityTree::Deallocate(None));
        }
        Ok(UtilityTree::Deallocate(Some(self.identifier()?)))
    }

    fn discard(&mut self) -> Result<UtilityTree> {
        self.parser.next_token();
        if self.accept("all") {
            return Ok(UtilityTree::Discard);
        }
        if ["plans", "sequences", "temp", "temporary"].into_iter().any(|word| self.accept(word)) {
            return Ok(UtilityTree::Accepted("DISCARD"));
        }
        self.here()
    }

    fn unlisten(&mut self) -> Result<UtilityTree> {
        self.parser.next_token();
        if !self.parser.consume_token(&Token::Mul) {
            self.identifier()?;
        }
        Ok(UtilityTree::Accepted("UNLISTEN"))
    }

    fn vacuum(&mut self) -> Result<UtilityTree> {
        self.parser.next_token();
        let (mut analyze, mut verbose) = (false, false);
        if self.parser.consume_token(&Token::LParen) {
            for (name, value) in self.options()? {
                analyze |= matches!(name.as_str(), "analyze" | "analyse") && is_on(&value);
                verbose |= name == "verbose" && is_on(&value);
            }
        } else {
            for word in ["full", "freeze", "verbose", "analyze", "analyse"] {
                let accepted = self.accept(word);
                analyze |= accepted && word.starts_with("analy");
                verbose |= accepted && word == "verbose";
            }
        }
        Ok(UtilityTree::Vacuum { tables: self.tables()?, analyze, verbose })
    }

    fn analyze(&mut self) -> Result<UtilityTree> {
        self.parser.next_token();
        let verbose = if self.parser.consume_token(&Token::LParen) {
            self.options()?.iter().any(|(name, value)| name == "verbose" && is_on(value))
        } else {
            self.accept("verbose")
        };
        Ok(UtilityTree::Analyze { tables: self.tables()?, verbose })
    }

    /// `name value, …)`, with the brackets open.
    fn options(&mut self) -> Result<Vec<(String, String)>> {
        let mut options = Vec::new();
        loop {
            let name = self.word()?;
            let value = match self.parser.peek_token_ref().token {
                Token::Comma | Token::RParen => "true".to_owned(),
                _ => self.option_word()?,
            };
            options.push((name, value));
            if !self.parser.consume_token(&Token::Comma) {
                self.expect(&Token::RParen)?;
                return Ok(options);
            }
        }
    }

    /// Table names with column lists, possibly none.
    fn tables(&mut self) -> Result<Vec<AnalyzeTree>> {
        let mut tables = Vec::new();
        if self.parser.peek_token_ref().token == Token::EOF {
            return Ok(tables);
        }
        loop {
            let table = self.parser.parse_object_name(false).map_err(|error| self.syntax(error))?;
            let mut columns = Vec::new();
            if self.parser.consume_token(&Token::LParen) {
                let listed = self.parser.parse_comma_separated(Parser::parse_identifier);
                columns = listed.map_err(|error| self.syntax(error))?;
                self.expect(&Token::RParen)?;
            }
            tables.push(AnalyzeTree { table, columns });
            if !self.parser.consume_token(&Token::Comma) {
                return Ok(tables);
            }
        }
    }

    fn copy(&mut self) -> Result<Tree> {
        self.copy_statement().map(|copy| Tree::Copy(Box::new(copy)))
    }
}

/// The value of an option that is on or off.
fn is_on(value: &str) -> bool {
    !matches!(value, "false" | "off" | "0")
}

/// Small steps that the statements share.
impl Reader<'_, '_> {
    pub(super) fn syntax(&self, error: sqlparser::parser::ParserError) -> Error {
        errors::syntax(self.source, self.parser, error)
    }

    /// A syntax error at the next token.
    pub(super) fn here<T>(&self) -> Result<T> {
        errors::here(self.source, self.parser)
    }

    pub(super) fn expect(&mut self, token: &Token) -> Result<()> {
        if self.parser.consume_token(token) { Ok(()) } else { self.here() }
    }

    /// Reads the word if it is the next token.
    pub(super) fn accept(&mut self, expected: &str) -> bool {
        let found = self.next_is(expected);
        if found {
            self.parser.next_token();
        }
        found
    }

    pub(super) fn next_is(&self, expected: &str) -> bool {
        matches!(&self.parser.peek_token_ref().token,
            Token::Word(word) if word.quote_style.is_none() && word.value.eq_ignore_ascii_case(expected))
    }

    pub(super) fn expect_word(&mut self, expected: &str) -> Result<()> {
        if self.accept(expected) { Ok(()) } else { self.here() }
    }

    /// Any word, lower-cased unless it is quoted.
    pub(super) fn word(&mut self) -> Result<String> {
        match &self.parser.peek_token_ref().token {
            Token::Word(word) => {
                let quoted = word.quote_style.is_some();
                let text = if quoted { word.value.clone() } else { word.value.to_ascii_lowercase() };
                self.parser.next_token();
                Ok(text)
            }
            _ => self.here(),
        }
    }

    pub(super) fn identifier(&mut self) -> Result<String> {
        let identifier = self.parser.parse_identifier().map_err(|error| self.syntax(error))?;
        Ok(crate::sql::names::fold(&identifier))
    }

    /// The value of an option: a word, number or string.
    pub(super) fn option_word(&mut self) -> Result<String> {
        let negative = self.parser.consume_token(&Token::Minus);
        let text = match &self.parser.peek_token_ref().token {
            Token::Word(word) if word.quote_style.is_none() => word.value.to_ascii_lowercase(),
            Token::Word(word) => word.value.clone(),
            Token::Number(number, _) => number.clone(),
            Token::SingleQuotedString(text) | Token::EscapedStringLiteral(text) => text.clone(),
            _ => return self.here(),
        };
        self.parser.next_token();
        Ok(if negative { format!("-{text}") } else { text })
    }
}
