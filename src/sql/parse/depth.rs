//! A bound on nesting, found from tokens alone before any recursive code sees the statement.
//!
//! The grammar, the binder and even dropping a tree recurse as deep as the tree is. Brackets and CASE nest visibly;
//! a chain of operators (`NOT NOT …`, `a = b = c …`) nests once per operator. Chains of AND and OR, and of arithmetic and
//! `||`, are taken apart without recursion by the grammar and the binder, so they may be longer, but their tree is still
//! that deep and is walked on a larger stack.

use super::source::Source;
use crate::{
    base::{limits, sqlstate::SqlState},
    error::{Error, Result},
};
use sqlparser::{
    keywords::Keyword,
    tokenizer::{Token, TokenWithSpan},
};

/// Trees up to this height are walked on the caller's stack.
pub const SHALLOW: usize = 64;
/// Operators above each other, over all levels of brackets.
const CHAIN_MAX: usize = 600;
/// ANDs, ORs and arithmetic operators above each other.
const FLAT_CHAIN_MAX: usize = 20_000;

/// How high the tree of some tokens may be: operators, and those that are taken apart without recursion.
#[derive(Clone, Copy, Default)]
struct Height {
    operators: usize,
    flat: usize,
}

impl Height {
    fn max(self, other: Height) -> Height {
        Height { operators: self.operators.max(other.operators), flat: self.flat.max(other.flat) }
    }

    fn plus(self, other: Height) -> Height {
        Height { operators: self.operators + other.operators, flat: self.flat + other.flat }
    }
}

/// What stands between two brackets (or CASE and END), as far as it was read.
#[derive(Clone, Copy, Default)]
struct Level {
    /// Operators since the last comma or clause.
    chain: Height,
    /// The highest bracket since then.
    inside: Height,
    /// The highest item before.
    before: Height,
    /// UNIONs and the like, which chain across clauses.
    sets: usize,
    /// Casts, subscripts and calls of the operand that was read last, which count among the operators of the chain, and
    /// the most that an operand had.
    postfixes: usize,
    postfixes_max: usize,
    /// BETWEENs whose AND has not come.
    betweens: usize,
    case: bool,
}

impl Level {
    fn height(&self) -> Height {
        let sets = Height { operators: self.sets + self.postfixes_max, flat: 0 };
        self.chain.plus(self.inside).max(self.before).plus(sets)
    }

    fn postfix(&mut self) {
        self.postfixes += 1;
        self.chain.operators += 1;
        self.postfixes_max = self.postfixes_max.max(self.postfixes);
    }
}

/// The height a tree of these tokens may have, or an error when it is more than a statement may have.
pub fn check(source: &Source, tokens: &[TokenWithSpan]) -> Result<usize> {
    let mut levels = vec![Level::default()];
    let mut highest = 0;
    let mut before = Before::Nothing;
    for token in tokens {
        if matches!(token.token, Token::Whitespace(_)) {
            continue;
        }
        let kind = classify(&token.token, before);
        before = Before::after(&token.token, kind);
        step(&mut levels, kind);
        let Some(top) = levels.last() else { continue };
        let height = top.height();
        highest = highest.max(levels.len() + height.operators + height.flat);
        if levels.len() > limits::STATEMENT_DEPTH_MAX || height.operators > CHAIN_MAX || height.flat > FLAT_CHAIN_MAX {
            return Err(too_deep().with_position(source.position(token.span.start)));
        }
    }
    Ok(highest)
}

fn too_deep() -> Error {
    Error::new(SqlState::STATEMENT_TOO_COMPLEX, "stack depth limit exceeded")
        .with_detail(format!(
            "A statement may nest {} levels deep, and chain {CHAIN_MAX} operators, or {FLAT_CHAIN_MAX} of AND, OR, ||, + - * / %.",
            limits::STATEMENT_DEPTH_MAX
        ))
        .with_hint("Rewrite the statement with less nesting, for instance with IN or = ANY instead of many ORs.")
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Open,
    Close,
    Case,
    End,
    Separator,
    Logic,
    Between,
    Set,
    /// Arithmetic and `||` between two operands.
    Flat,
    /// `::` and `.`, which stand above their operand and not above the one before.
    Postfix,
    Operator,
    Other,
}

/// What the token before means for the next one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    /// The end of an operand: what follows stands between two.
    Operand,
    /// A `::`: what follows is the name of a type.
    Cast,
    Nothing,
}

impl Before {
    fn after(token: &Token, kind: Kind) -> Before {
        match (token, kind) {
            (Token::DoubleColon, _) => Before::Cast,
            (Token::RParen | Token::RBracket, _) | (_, Kind::End) => Before::Operand,
            (token, Kind::Other) if *token != Token::EOF => Before::Operand,
            _ => Before::Nothing,
        }
    }
}

fn step(levels: &mut Vec<Level>, kind: Kind) {
    let Some(top) = levels.last_mut() else { return };
    match kind {
        // `x[1][1]…` and `f(…)(…)` chain as well as nest.
        Kind::Open => {
            top.postfix();
            levels.push(Level::default());
        }
        Kind::Case => levels.push(Level { case: true, ..Level::default() }),
        Kind::Close => {
            while levels.len() > 1 {
                if !close(levels) {
                    break;
                }
            }
        }
        Kind::End => {
            if top.case {
                close(levels);
            }
        }
        Kind::Separator => {
            top.before = top.before.max(top.chain.plus(top.inside));
            (top.chain, top.inside, top.betweens, top.postfixes) = (Height::default(), Height::default(), 0, 0);
        }
        // The AND of BETWEEN.
        Kind::Logic if top.betweens > 0 => {
            top.betweens -= 1;
            top.chain.operators += 1;
        }
        // Operators on the two sides of AND and OR do not stand above each other.
        Kind::Logic => {
            let operators = top.chain.operators + top.inside.operators;
            top.before.operators = top.before.operators.max(operators);
            (top.chain.operators, top.inside.operators, top.postfixes) = (0, 0, 0);
            top.chain.flat += 1;
        }
        Kind::Between => {
            top.betweens += 1;
            top.chain.operators += 1;
        }
        Kind::Set => top.sets += 1,
        Kind::Flat => {
            top.chain.operators -= std::mem::take(&mut top.postfixes);
            top.chain.flat += 1;
        }
        Kind::Postfix => top.postfix(),
        Kind::Operator => top.chain.operators += 1,
        Kind::Other => {}
    }
}

/// Closes the innermost level; whether it was a CASE.
fn close(levels: &mut Vec<Level>) -> bool {
    if levels.len() < 2 {
        return false;
    }
    let Some(closed) = levels.pop() else { return false };
    if let Some(top) = levels.last_mut() {
        top.inside = top.inside.max(closed.height());
    }
    closed.case
}

fn classify(token: &Token, before: Before) -> Kind {
    match token {
        Token::DoubleColon | Token::Period => Kind::Postfix,
        Token::Plus | Token::Minus | Token::Mul | Token::Div | Token::Mod | Token::StringConcat
            if before == Before::Operand =>
        {
            Kind::Flat
        }
        Token::Word(word) if before == Before::Cast && word.keyword != Keyword::ARRAY => Kind::Other,
        Token::LParen | Token::LBracket | Token::LBrace => Kind::Open,
        Token::RParen | Token::RBracket | Token::RBrace => Kind::Close,
        Token::Comma | Token::SemiColon => Kind::Separator,
        Token::Word(word) => classify_word(word.keyword),
        Token::EOF
        | Token::Number(..)
        | Token::SingleQuotedString(_)
        | Token::DoubleQuotedString(_)
        | Token::DollarQuotedString(_)
        | Token::NationalStringLiteral(_)
        | Token::EscapedStringLiteral(_)
        | Token::UnicodeStringLiteral(_)
        | Token::HexStringLiteral(_)
        | Token::Whitespace(_)
        | Token::Placeholder(_) => Kind::Other,
        _ => Kind::Operator,
    }
}

fn classify_word(keyword: Keyword) -> Kind {
    match keyword {
        Keyword::CASE => Kind::Case,
        Keyword::END => Kind::End,
        Keyword::AND | Keyword::OR => Kind::Logic,
        Keyword::BETWEEN => Kind::Between,
        Keyword::UNION | Keyword::INTERSECT | Keyword::EXCEPT => Kind::Set,
        Keyword::SELECT
        | Keyword::FROM
        | Keyword::WHERE
        | Keyword::VALUES
        | Keyword::WHEN
        | Keyword::THEN
        | Keyword::ELSE
        | Keyword::HAVING
        | Keyword::ON
        | Keyword::BY => Kind::Separator,
        Keyword::NoKeyword | Keyword::NULL | Keyword::TRUE | Keyword::FALSE => Kind::Other,
        // Functions whose names are keywords; others count as what a keyword may be.
        Keyword::ABS
        | Keyword::AVG
        | Keyword::COALESCE
        | Keyword::COUNT
        | Keyword::LOWER
        | Keyword::MAX
        | Keyword::MIN
        | Keyword::MOD
        | Keyword::SUM
        | Keyword::UPPER => Kind::Other,
        // Any other keyword may be a prefix or a connective that nests: NOT, INTERVAL, UNION, EXPLAIN, JOIN …
        _ => Kind::Operator,
    }
}
