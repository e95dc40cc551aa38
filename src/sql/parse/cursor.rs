//! DECLARE, FETCH, MOVE and CLOSE.

use super::utility::{Reader, UtilityTree};
use crate::{
    base::sqlstate::SqlState,
    error::{Error, Result},
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
        loop {
            if self.accept("scroll") {
                return Err(backward("a SCROLL cursor"));
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
        Ok(UtilityTree::Declare { name, statement })
    }

    /// FETCH and MOVE: how many rows, forward, and of which cursor.
    pub(super) fn fetch(&mut self, moves: bool) -> Result<UtilityTree> {
        self.parser.next_token();
        for word in ["prior", "first", "last", "absolute", "relative", "backward"] {
            if self.accept(word) {
                return Err(backward(&format!("FETCH {}", word.to_ascii_uppercase())));
            }
        }
        let count = if self.accept("next") {
            Some(1)
        } else {
            self.accept("forward");
            match self.parser.peek_token_ref().token.clone() {
                Token::Minus => return Err(backward("FETCH of a negative count")),
                Token::Number(digits, _) => {
                    self.parser.next_token();
                    let count: i32 = digits.parse().map_err(|_| {
                        Error::new(
                            SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
                            format!("value \"{digits}\" is out of range for type integer"),
                        )
                    })?;
                    if count == 0 {
                        return Err(backward("FETCH 0"));
                    }
                    Some(count as usize)
                }
                _ if self.accept("all") => None,
                _ => Some(1),
            }
        };
        if !self.accept("from") {
            self.accept("in");
        }
        Ok(UtilityTree::Fetch { name: self.identifier()?, count, moves })
    }
}

/// Cursors go forward only.
fn backward(what: &str) -> Error {
    Error::unsupported(what).with_hint("Cursors go forward: use FETCH [FORWARD] [n | ALL].")
}
