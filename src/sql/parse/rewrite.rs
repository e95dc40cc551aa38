//! Token-level rewriting of spellings that the grammar does not take into ones it takes.

use sqlparser::{
    keywords::Keyword,
    tokenizer::{Token, TokenWithSpan, Word},
};

/// Rewrites all tokens of a script in place.
pub fn tokens(tokens: &mut Vec<TokenWithSpan>) {
    let needed = tokens.iter().any(|token| match &token.token {
        Token::Word(word) => {
            matches!(
                word.keyword,
                Keyword::ONLY | Keyword::OPERATOR | Keyword::BOTH | Keyword::LEADING | Keyword::TRAILING
            )
        }
        _ => false,
    });
    if !needed {
        return;
    }
    let mut rewritten: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    let mut index = 0;
    while let Some(token) = tokens.get(index) {
        let used = match keyword(token) {
            Keyword::ONLY => only(&rewritten, tokens, index),
            Keyword::OPERATOR => operator(tokens, index, &mut rewritten),
            Keyword::BOTH | Keyword::LEADING | Keyword::TRAILING => trim_of_blanks(tokens, index, &mut rewritten),
            _ => 0,
        };
        if used == 0 {
            rewritten.push(token.clone());
        }
        index += used.max(1);
    }
    *tokens = rewritten;
}

fn keyword(token: &TokenWithSpan) -> Keyword {
    match &token.token {
        Token::Word(word) => word.keyword,
        _ => Keyword::NoKeyword,
    }
}

fn is_space(token: &TokenWithSpan) -> bool {
    matches!(token.token, Token::Whitespace(_))
}

/// The index of the first token at or behind `index` that is not space.
fn skip_space(tokens: &[TokenWithSpan], index: usize) -> usize {
    index + tokens.get(index..).unwrap_or_default().iter().take_while(|token| is_space(token)).count()
}

/// `FROM ONLY t` means `FROM t`: there is no inheritance.
fn only(before: &[TokenWithSpan], tokens: &[TokenWithSpan], index: usize) -> usize {
    let previous = before.iter().rev().find(|token| !is_space(token)).map_or(Keyword::NoKeyword, keyword);
    let follows = matches!(tokens.get(skip_space(tokens, index + 1)).map(|token| &token.token), Some(Token::Word(_)));
    usize::from(follows && matches!(previous, Keyword::FROM | Keyword::UPDATE | Keyword::JOIN))
}

/// `OPERATOR(pg_catalog.=)` means `=`.
fn operator(tokens: &[TokenWithSpan], index: usize, into: &mut Vec<TokenWithSpan>) -> usize {
    let mut next = skip_space(tokens, index + 1);
    if tokens.get(next).is_none_or(|token| token.token != Token::LParen) {
        return 0;
    }
    next = skip_space(tokens, next + 1);
    let schema =
        matches!(tokens.get(next).map(|token| &token.token), Some(Token::Word(word)) if word.value == "pg_catalog");
    if schema {
        next = skip_space(tokens, next + 1);
        if tokens.get(next).is_none_or(|token| token.token != Token::Period) {
            return 0;
        }
        next = skip_space(tokens, next + 1);
    }
    let Some(operator) = tokens.get(next) else { return 0 };
    if matches!(operator.token, Token::Word(_) | Token::RParen | Token::LParen) {
        return 0;
    }
    let close = skip_space(tokens, next + 1);
    if tokens.get(close).is_none_or(|token| token.token != Token::RParen) {
        return 0;
    }
    into.push(operator.clone());
    close + 1 - index
}

/// `TRIM(BOTH FROM x)` means `TRIM(BOTH ' ' FROM x)`.
fn trim_of_blanks(tokens: &[TokenWithSpan], index: usize, into: &mut Vec<TokenWithSpan>) -> usize {
    let next = skip_space(tokens, index + 1);
    if tokens.get(next).map_or(Keyword::NoKeyword, keyword) != Keyword::FROM {
        return 0;
    }
    let span = tokens[index].span;
    into.push(tokens[index].clone());
    into.push(TokenWithSpan { token: Token::SingleQuotedString(" ".to_owned()), span });
    next - index
}

/// A keyword as a token, at the place of another.
pub fn word(value: &str, keyword: Keyword, at: &TokenWithSpan) -> TokenWithSpan {
    let word = Word { value: value.to_owned(), quote_style: None, keyword };
    TokenWithSpan { token: Token::Word(word), span: at.span }
}
