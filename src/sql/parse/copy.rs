//! COPY, in the forms of PostgreSQL 9 and of before.

use super::utility::{CopyOptionValue, CopyTree, Reader};
use crate::error::Result;
use sqlparser::{
    ast::{CopySource, CopyTarget},
    parser::Parser,
    tokenizer::Token,
};

impl Reader<'_, '_> {
    pub(super) fn copy_statement(&mut self) -> Result<CopyTree> {
        self.parser.next_token();
        let mut options = Vec::new();
        if self.accept("binary") {
            options.push(("format".to_owned(), CopyOptionValue::Word("binary".to_owned())));
        }
        let source = self.copy_source()?;
        let from = if self.accept("from") {
            true
        } else {
            self.expect_word("to")?;
            false
        };
        let target = self.copy_target()?;
        self.accept("using");
        self.copy_options(&mut options)?;
        let filter = from && self.accept("where");
        if filter {
            self.parser.parse_expr().map_err(|error| self.syntax(error))?;
        }
        Ok(CopyTree { source, from, target, options, filter })
    }

    fn copy_source(&mut self) -> Result<CopySource> {
        if self.parser.consume_token(&Token::LParen) {
            let query = self.parser.parse_query().map_err(|error| self.syntax(error))?;
            self.expect(&Token::RParen)?;
            return Ok(CopySource::Query(query));
        }
        let table_name = self.parser.parse_object_name(false).map_err(|error| self.syntax(error))?;
        let mut columns = Vec::new();
        if self.parser.consume_token(&Token::LParen) {
            columns =
                self.parser.parse_comma_separated(Parser::parse_identifier).map_err(|error| self.syntax(error))?;
            self.expect(&Token::RParen)?;
        }
        Ok(CopySource::Table { table_name, columns })
    }

    fn copy_target(&mut self) -> Result<CopyTarget> {
        if self.accept("stdin") {
            return Ok(CopyTarget::Stdin);
        }
        if self.accept("stdout") {
            return Ok(CopyTarget::Stdout);
        }
        if self.accept("program") {
            let command = self.parser.parse_literal_string().map_err(|error| self.syntax(error))?;
            return Ok(CopyTarget::Program { command });
        }
        let filename = self.parser.parse_literal_string().map_err(|error| self.syntax(error))?;
        Ok(CopyTarget::File { filename })
    }

    fn copy_options(&mut self, options: &mut Vec<(String, CopyOptionValue)>) -> Result<()> {
        self.accept("with");
        if !self.parser.consume_token(&Token::LParen) {
            return self.copy_options_of_old(options);
        }
        loop {
            let name = self.word()?;
            let value = self.copy_option_value()?;
            options.push((name, value));
            if !self.parser.consume_token(&Token::Comma) {
                return self.expect(&Token::RParen);
            }
        }
    }

    fn copy_option_value(&mut self) -> Result<CopyOptionValue> {
        let text = match &self.parser.peek_token_ref().token {
            Token::Comma | Token::RParen => return Ok(CopyOptionValue::None),
            Token::LParen => {
                self.parser.next_token();
                return self.copy_columns_in_brackets();
            }
            Token::Mul => CopyOptionValue::All,
            Token::SingleQuotedString(text) | Token::EscapedStringLiteral(text) => CopyOptionValue::Text(text.clone()),
            Token::Number(..) | Token::Word(_) | Token::Minus => return self.option_word().map(CopyOptionValue::Word),
            _ => return self.here(),
        };
        self.parser.next_token();
        Ok(text)
    }

    fn copy_columns_in_brackets(&mut self) -> Result<CopyOptionValue> {
        let columns = self.copy_columns()?;
        self.expect(&Token::RParen)?;
        Ok(columns)
    }

    fn copy_columns(&mut self) -> Result<CopyOptionValue> {
        if self.parser.consume_token(&Token::Mul) {
            return Ok(CopyOptionValue::All);
        }
        let mut columns = vec![self.identifier()?];
        while self.parser.consume_token(&Token::Comma) {
            columns.push(self.identifier()?);
        }
        Ok(CopyOptionValue::Columns(columns))
    }

    /// `BINARY | CSV HEADER QUOTE [AS] '"' …`
    fn copy_options_of_old(&mut self, options: &mut Vec<(String, CopyOptionValue)>) -> Result<()> {
        loop {
            if self.accept("csv") {
                options.push(("format".to_owned(), CopyOptionValue::Word("csv".to_owned())));
            } else if self.accept("binary") {
                options.push(("format".to_owned(), CopyOptionValue::Word("binary".to_owned())));
            } else if self.accept("header") {
                options.push(("header".to_owned(), CopyOptionValue::None));
            } else if self.accept("freeze") {
                options.push(("freeze".to_owned(), CopyOptionValue::None));
            } else if let Some(name) = ["delimiter", "delimiters", "null", "quote", "escape", "encoding"]
                .into_iter()
                .find(|name| self.next_is(name))
            {
                self.parser.next_token();
                self.accept("as");
                let value = self.parser.parse_literal_string().map_err(|error| self.syntax(error))?;
                let name = if name == "delimiters" { "delimiter" } else { name };
                options.push((name.to_owned(), CopyOptionValue::Text(value)));
            } else if self.accept("force") {
                let name = if self.accept("quote") {
                    "force_quote"
                } else if self.accept("null") {
                    "force_null"
                } else {
                    self.expect_word("not")?;
                    self.expect_word("null")?;
                    "force_not_null"
                };
                let columns = self.copy_columns()?;
                options.push((name.to_owned(), columns));
            } else {
                return Ok(());
            }
        }
    }
}
