//! DECLARE, FETCH, MOVE and CLOSE.

use super::utility::{Reader, UtilityTree};
use crate::{
    base::sqlstate::SqlState,
    error::{Error, Result},
    sql::utility::Travel,
};
use sqlparser::tokenizer::Token;

impl Reader<'_, '_> {
    pub(super) fn close(&mut self) -> Result<UtilityTree> {
        self.parser.next_token();
        if self.accept("all") {
            return Ok(UtilityTree::Close(None));
        }
        Ok(UtilityTree::Close(Some(self.identifier()?)))
    }

    pub(super) fn declare(&mut self) -> Result<UtilityTree> {
        self.parser.next_token();
        let name = self.identifier()?;
        let mut scroll = false;
        loop {
            if self.accept("scroll") {
                scroll = true;
            } else if self.accept("no") {
                if !self.accept("scroll") {
                    return self.here();
                }
            } else if self.accept("binary") {
                return Err(Error::unsupported("a BINARY cursor"));
            } else if !self.accept("insensitive") && !self.accept("asensitive") {
                break;
            }
        }
        if !self.accept("cursor") {
            return self.here();
        }
        if self.accept("with") {
            return Err(
                Error::unsupported("a cursor WITH HOLD").with_hint("Without it the cursor ends with its transaction.")
            );
        }
        if self.accept("without") && !self.accept("hold") || !self.accept("for") {
            return self.here();
        }
        let start = self.source.offset(self.parser.peek_token_ref().span.start);
        let stop = self.end.map_or(self.source.text().len(), |end| self.source.offset(end));
        self.statement()?;
        let statement = self.source.text().get(start..stop).unwrap_or_default().trim_end().to_owned();
        Ok(UtilityTree::Declare { name, scroll, statement })
    }

    /// FETCH and MOVE: which rows, and of which cursor.
    pub(super) fn fetch(&mut self, moves: bool) -> Result<UtilityTree> {
        self.parser.next_token();
        let travel = if self.accept("next") {
            Travel::Forward(Some(1))
        } else if self.accept("prior") {
            Travel::Backward(Some(1))
        } else if self.accept("first") {
            Travel::Absolute(1)
        } else if self.accept("last") {
            Travel::Absolute(-1)
        } else if self.accept("absolute") {
            match self.count()? {
                Some(number) => Travel::Absolute(number),
                None => return self.here(),
            }
        } else if self.accept("relative") {
            match self.count()? {
                Some(number) => Travel::Relative(number),
                None => return self.here(),
            }
        } else {
            let back = self.accept("backward");
            if !back {
                self.accept("forward");
            }
            let count = self.count()?;
            let all = count.is_none() && self.accept("all");
            Travel::rows(if all { None } else { Some(count.unwrap_or(1)) }, back)
        };
        if !self.accept("from") {
            self.accept("in");
        }
        Ok(UtilityTree::Fetch { name: self.identifier()?, travel, moves })
    }

    /// A number with or without a sign; `None` if there is none.
    fn count(&mut self) -> Result<Option<i32>> {
        let minus = match self.parser.peek_token_ref().token {
            Token::Minus | Token::Plus => self.parser.next_token().token == Token::Minus,
            _ => false,
        };
        let Token::Number(digits, _) = self.parser.peek_token_ref().token.clone() else {
            return if minus { self.here() } else { Ok(None) };
        };
        self.parser.next_token();
        let number = if minus { format!("-{digits}") } else { digits };
        let parsed = number.parse().map_err(|_| {
            let message = format!("value \"{number}\" is out of range for type integer");
            Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, message)
        });
        parsed.map(Some)
    }
}
