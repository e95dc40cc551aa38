//! SET, SHOW, RESET and the transaction statements.

use super::utility::{Reader, SetScope, SettingValue, UtilityTree};
use crate::error::{Error, Result};
use sqlparser::{
    ast::{TransactionAccessMode, TransactionIsolationLevel, TransactionMode},
    tokenizer::Token,
};

impl Reader<'_, '_> {
    pub(super) fn set(&mut self) -> Result<UtilityTree> {
        self.parser.next_token();
        let mut scope = SetScope::Session;
        if self.accept("local") {
            scope = SetScope::Local;
        } else if self.accept("session") {
            if self.accept("characteristics") {
                for word in ["as", "transaction"] {
                    self.expect_word(word)?;
                }
                return Ok(UtilityTree::SetTransaction { session: true, modes: self.modes()? });
            }
            if self.next_is("authorization") {
                return self.set_role(scope, "session_authorization");
            }
        }
        if self.accept("transaction") {
            if self.accept("snapshot") {
                return Err(Error::unsupported("SET TRANSACTION SNAPSHOT"));
            }
            return Ok(UtilityTree::SetTransaction { session: false, modes: self.modes()? });
        }
        if self.accept("constraints") {
            while self.parser.peek_token_ref().token != Token::EOF {
                self.parser.next_token();
            }
            return Ok(UtilityTree::Accepted("SET CONSTRAINTS"));
        }
        if self.next_is("role") {
            return self.set_role(scope, "role");
        }
        if self.accept("time") {
            self.expect_word("zone")?;
            return self.set_time_zone(scope);
        }
        if self.accept("names") {
            let value = self.setting_values()?;
            return Ok(UtilityTree::Set { scope, name: "client_encoding".to_owned(), value });
        }
        if self.accept("schema") {
            let value = self.setting_values()?;
            return Ok(UtilityTree::Set { scope, name: "search_path".to_owned(), value });
        }
        let name = self.setting_name()?;
        if !self.parser.consume_token(&Token::Eq) && !self.accept("to") {
            return self.here();
        }
        let value = self.setting_values()?;
        Ok(UtilityTree::Set { scope, name, value })
    }

    fn set_role(&mut self, scope: SetScope, name: &str) -> Result<UtilityTree> {
        self.parser.next_token();
        let value = self.setting_values()?;
        Ok(UtilityTree::Set { scope, name: name.to_owned(), value })
    }

    fn set_time_zone(&mut self, scope: SetScope) -> Result<UtilityTree> {
        let name = "timezone".to_owned();
        if self.accept("local") || self.accept("default") {
            return Ok(UtilityTree::Set { scope, name, value: None });
        }
        if self.accept("interval") {
            let value = SettingValue::Text(self.option_word()?);
            while matches!(self.parser.peek_token_ref().token, Token::Word(_)) {
                self.parser.next_token();
            }
            return Ok(UtilityTree::Set { scope, name, value: Some(vec![value]) });
        }
        let value = self.setting_values()?;
        Ok(UtilityTree::Set { scope, name, value })
    }

    /// `name` or `prefix.name`, lower-cased.
    fn setting_name(&mut self) -> Result<String> {
        let mut name = self.word()?.to_ascii_lowercase();
        while self.parser.consume_token(&Token::Period) {
            name = format!("{name}.{}", self.word()?.to_ascii_lowercase());
        }
        Ok(name)
    }

    fn setting_values(&mut self) -> Result<Option<Vec<SettingValue>>> {
        if self.accept("default") {
            return Ok(None);
        }
        let mut values = vec![self.setting_value()?];
        while self.parser.consume_token(&Token::Comma) {
            values.push(self.setting_value()?);
        }
        Ok(Some(values))
    }

    fn setting_value(&mut self) -> Result<SettingValue> {
        let sign = if self.parser.consume_token(&Token::Minus) {
            "-"
        } else {
            let _ = self.parser.consume_token(&Token::Plus);
            ""
        };
        let value = match &self.parser.peek_token_ref().token {
            Token::Word(word) if word.quote_style.is_none() => SettingValue::Word(word.value.to_ascii_lowercase()),
            Token::Word(word) => SettingValue::Word(word.value.clone()),
            Token::Number(number, _) => SettingValue::Number(format!("{sign}{number}")),
            Token::SingleQuotedString(text)
            | Token::EscapedStringLiteral(text)
            | Token::UnicodeStringLiteral(text)
            | Token::NationalStringLiteral(text) => SettingValue::Text(text.clone()),
            Token::DollarQuotedString(text) => SettingValue::Text(text.value.clone()),
            _ => return self.here(),
        };
        if !sign.is_empty() && !matches!(value, SettingValue::Number(_)) {
            return self.here();
        }
        self.parser.next_token();
        Ok(value)
    }

    pub(super) fn show(&mut self) -> Result<UtilityTree> {
        self.parser.next_token();
        self.shown().map(UtilityTree::Show)
    }

    pub(super) fn reset(&mut self) -> Result<UtilityTree> {
        self.parser.next_token();
        self.shown().map(UtilityTree::Reset)
    }

    fn shown(&mut self) -> Result<Option<String>> {
        if self.accept("all") {
            return Ok(None);
        }
        let name = if self.accept("time") {
            self.expect_word("zone")?;
            "timezone".to_owned()
        } else if self.accept("transaction") {
            self.expect_word("isolation")?;
            self.expect_word("level")?;
            "transaction_isolation".to_owned()
        } else if self.accept("session") {
            self.expect_word("authorization")?;
            "session_authorization".to_owned()
        } else {
            self.setting_name()?
        };
        Ok(Some(name))
    }

    pub(super) fn begin(&mut self, start: bool) -> Result<UtilityTree> {
        self.parser.next_token();
        if start {
            self.expect_word("transaction")?;
        } else if !self.accept("transaction") {
            self.accept("work");
        }
        Ok(UtilityTree::Begin { modes: self.modes()? })
    }

    pub(super) fn is_rollback_to(&self) -> bool {
        let word = |n: usize| match &self.parser.peek_nth_token(n).token {
            Token::Word(word) => word.value.to_ascii_lowercase(),
            _ => String::new(),
        };
        word(1) == "to" || (matches!(word(1).as_str(), "work" | "transaction") && word(2) == "to")
    }

    /// COMMIT, END, ROLLBACK and ABORT.
    pub(super) fn end_transaction(&mut self, commit: bool) -> Result<UtilityTree> {
        self.parser.next_token();
        if self.accept("prepared") {
            return Err(Error::unsupported(if commit { "COMMIT PREPARED" } else { "ROLLBACK PREPARED" }));
        }
        if !self.accept("work") {
            self.accept("transaction");
        }
        let mut chain = false;
        if self.accept("and") {
            chain = !self.accept("no");
            self.expect_word("chain")?;
        }
        Ok(if commit { UtilityTree::Commit { chain } } else { UtilityTree::Rollback { chain } })
    }

    /// Transaction modes, separated by commas or nothing; DEFERRABLE has no effect here.
    fn modes(&mut self) -> Result<Vec<TransactionMode>> {
        let mut modes = Vec::new();
        loop {
            if self.accept("isolation") {
                self.expect_word("level")?;
                modes.push(TransactionMode::IsolationLevel(self.isolation()?));
            } else if self.accept("read") {
                let only = self.accept("only");
                if !only {
                    self.expect_word("write")?;
                }
                let access = if only { TransactionAccessMode::ReadOnly } else { TransactionAccessMode::ReadWrite };
                modes.push(TransactionMode::AccessMode(access));
            } else if self.accept("not") {
                self.expect_word("deferrable")?;
            } else if !self.accept("deferrable") {
                return Ok(modes);
            }
            let _ = self.parser.consume_token(&Token::Comma);
        }
    }

    fn isolation(&mut self) -> Result<TransactionIsolationLevel> {
        if self.accept("serializable") {
            return Ok(TransactionIsolationLevel::Serializable);
        }
        if self.accept("repeatable") {
            self.expect_word("read")?;
            return Ok(TransactionIsolationLevel::RepeatableRead);
        }
        self.expect_word("read")?;
        if self.accept("committed") {
            return Ok(TransactionIsolationLevel::ReadCommitted);
        }
        self.expect_word("uncommitted")?;
        Ok(TransactionIsolationLevel::ReadUncommitted)
    }
}
