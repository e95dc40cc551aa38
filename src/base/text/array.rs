//! Text form of arrays: `{1,NULL,"a b",{…}}`, with `[2:3]={…}` where a lower bound is not 1.

use super::number::shorten;
use crate::base::sqlstate::SqlState;
use crate::base::value::{ARRAY_DIMENSIONS_MAX, Array, Value};
use crate::error::{Error, Result};

fn malformed(text: &str, detail: &str) -> Error {
    let message = format!("malformed array literal: \"{}\"", shorten(text));
    Error::new(SqlState::INVALID_TEXT_REPRESENTATION, message).with_detail(detail)
}

struct Reader<'a, F> {
    whole: &'a str,
    rest: &'a str,
    element: F,
    values: Vec<Value>,
    /// Length of each dimension, once its first array has ended.
    lengths: Vec<Option<usize>>,
    depth: usize,
}

/// Reads an array; `element` reads the text of one element.
pub(super) fn parse(text: &str, element: impl FnMut(&str) -> Result<Value>) -> Result<Array> {
    let trimmed = text.trim_start_matches(is_space);
    let (bounds, rest) = bounds(text, trimmed)?;
    if !rest.starts_with('{') {
        let detail = match bounds.is_empty() {
            true => "Array value must start with \"{\" or dimension information.",
            false => "Array contents must start with \"{\".",
        };
        return Err(malformed(text, detail));
    }
    let mut reader = Reader { whole: text, rest, element, values: Vec::new(), lengths: Vec::new(), depth: 0 };
    reader.array(0)?;
    if !reader.rest.trim_matches(is_space).is_empty() {
        return Err(malformed(text, "Junk after closing right brace."));
    }
    reader.finish(&bounds)
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c')
}

/// `[1:2][-1:0]=`: lower and upper bound of each dimension.
fn bounds<'a>(whole: &str, text: &'a str) -> Result<(Vec<(i32, i32)>, &'a str)> {
    let (mut found, mut rest) = (Vec::new(), text);
    while let Some(inside) = rest.strip_prefix('[') {
        let missing = || malformed(whole, "Missing \"]\" after array dimensions.");
        let (range, after) = inside.split_once(']').ok_or_else(missing)?;
        let number = |digits: &str| {
            digits
                .trim()
                .parse::<i32>()
                .map_err(|_| malformed(whole, "\"[\" must introduce explicitly-specified array dimensions."))
        };
        let (lower, upper) = match range.split_once(':') {
            Some((lower, upper)) => (number(lower)?, number(upper)?),
            None => (1, number(range)?),
        };
        if upper < lower {
            let message = "upper bound cannot be less than lower bound";
            return Err(Error::new(SqlState::ARRAY_SUBSCRIPT_ERROR, message));
        }
        found.push((lower, upper));
        if found.len() > ARRAY_DIMENSIONS_MAX {
            return Err(too_many_dimensions(found.len()));
        }
        rest = after.trim_start_matches(is_space);
    }
    if found.is_empty() {
        return Ok((found, rest));
    }
    let after = rest.strip_prefix('=').ok_or_else(|| malformed(whole, "Missing \"=\" after array dimensions."))?;
    Ok((found, after.trim_start_matches(is_space)))
}

fn too_many_dimensions(count: usize) -> Error {
    let message = format!("number of array dimensions ({count}) exceeds the maximum allowed ({ARRAY_DIMENSIONS_MAX})");
    Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message)
}

const RAGGED: &str = "Multidimensional arrays must have sub-arrays with matching dimensions.";

impl<F: FnMut(&str) -> Result<Value>> Reader<'_, F> {
    fn error(&self, detail: &str) -> Error {
        malformed(self.whole, detail)
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches(is_space);
    }

    fn take(&mut self) -> Result<char> {
        let mut characters = self.rest.chars();
        let next = characters.next().ok_or_else(|| self.error("Unexpected end of input."))?;
        self.rest = characters.as_str();
        Ok(next)
    }

    /// One `{…}` at nesting `depth`. The depth is bounded, so this recursion is as well.
    fn array(&mut self, depth: usize) -> Result<()> {
        if depth >= ARRAY_DIMENSIONS_MAX {
            return Err(too_many_dimensions(depth + 1));
        }
        self.take()?;
        if self.lengths.len() <= depth {
            // Elements at a higher level mean that this level does not exist.
            if !self.values.is_empty() {
                return Err(self.error(RAGGED));
            }
            self.lengths.push(None);
        }
        self.depth = self.depth.max(depth + 1);
        let mut count = 0;
        self.skip_space();
        if self.rest.starts_with('}') && !self.has_values_elsewhere() {
            self.take()?;
            return self.close(depth, 0);
        }
        loop {
            self.skip_space();
            match self.rest.chars().next() {
                Some('{') => self.array(depth + 1)?,
                Some('}') => return Err(self.error("Unexpected \"}\" character.")),
                Some(',') => return Err(self.error("Unexpected \",\" character.")),
                Some(_) => {
                    if depth + 1 != self.lengths.len() {
                        return Err(self.error(RAGGED));
                    }
                    self.item()?;
                }
                None => return Err(self.error("Unexpected end of input.")),
            }
            count += 1;
            self.skip_space();
            match self.take()? {
                ',' => {}
                '}' => return self.close(depth, count),
                other => return Err(self.error(&format!("Unexpected \"{other}\" character."))),
            }
        }
    }

    fn has_values_elsewhere(&self) -> bool {
        !self.values.is_empty()
    }

    fn close(&mut self, depth: usize, count: usize) -> Result<()> {
        match self.lengths[depth] {
            Some(expected) if expected != count => Err(self.error(RAGGED)),
            _ => {
                self.lengths[depth] = Some(count);
                Ok(())
            }
        }
    }

    fn item(&mut self) -> Result<()> {
        let (text, quoted) = if self.rest.starts_with('"') { (self.quoted()?, true) } else { (self.bare()?, false) };
        let value = if !quoted && text.eq_ignore_ascii_case("null") { Value::Null } else { (self.element)(&text)? };
        self.values.push(value);
        Ok(())
    }

    fn quoted(&mut self) -> Result<String> {
        let mut text = String::new();
        self.take()?;
        loop {
            match self.take()? {
                '"' => return Ok(text),
                '\\' => text.push(self.take()?),
                other => text.push(other),
            }
        }
    }

    /// Up to a comma or brace; blanks at the end do not count, unless escaped.
    fn bare(&mut self) -> Result<String> {
        let (mut text, mut kept) = (String::new(), 0);
        loop {
            match self.rest.chars().next() {
                Some(',' | '}') => break,
                Some('{') => return Err(self.error("Unexpected \"{\" character.")),
                Some('"') => return Err(self.error("Unexpected array element.")),
                Some('\\') => {
                    self.take()?;
                    text.push(self.take()?);
                    kept = text.len();
                }
                _ => {
                    let next = self.take()?;
                    text.push(next);
                    if !is_space(next) {
                        kept = text.len();
                    }
                }
            }
        }
        text.truncate(kept);
        Ok(text)
    }

    fn finish(self, bounds: &[(i32, i32)]) -> Result<Array> {
        if self.values.is_empty() {
            return Ok(Array { dimensions: Vec::new(), values: Vec::new() });
        }
        let lengths = self.lengths.iter().map(|length| length.unwrap_or(0) as u32);
        let dimensions: Vec<(u32, i32)> = match bounds {
            [] => lengths.map(|length| (length, 1)).collect(),
            _ => {
                let declared = bounds.iter().map(|(lower, upper)| (i64::from(*upper) - i64::from(*lower) + 1) as u32);
                if !lengths.eq(declared.clone()) {
                    return Err(malformed(self.whole, "Specified array dimensions do not match array contents."));
                }
                declared.zip(bounds).map(|(length, (lower, _))| (length, *lower)).collect()
            }
        };
        let array = Array { dimensions, values: self.values };
        if array.is_consistent() { Ok(array) } else { Err(malformed(self.whole, RAGGED)) }
    }
}

/// Adds the text of an array; `element` adds the text of one element.
pub(super) fn write(array: &Array, out: &mut Vec<u8>, mut element: impl FnMut(&Value, &mut Vec<u8>)) {
    if array.dimensions.is_empty() {
        return out.extend_from_slice(b"{}");
    }
    if array.dimensions.iter().any(|(_, lower)| *lower != 1) {
        for (length, lower) in &array.dimensions {
            let upper = i64::from(*lower) + i64::from(*length) - 1;
            out.extend_from_slice(format!("[{lower}:{upper}]").as_bytes());
        }
        out.push(b'=');
    }
    let mut scratch = Vec::new();
    // How many values make up one array of each depth.
    let mut sizes: Vec<usize> = array.dimensions.iter().map(|(length, _)| *length as usize).collect();
    for depth in (1..sizes.len()).rev() {
        sizes[depth - 1] *= sizes[depth];
    }
    for (position, value) in array.values.iter().enumerate() {
        if position > 0 && sizes.iter().all(|size| position % size != 0) {
            out.push(b',');
        } else {
            open(position, &sizes, out);
        }
        scratch.clear();
        if value.is_null() {
            out.extend_from_slice(b"NULL");
        } else {
            element(value, &mut scratch);
            quote(&scratch, out);
        }
        let ended = sizes.iter().filter(|size| (position + 1).is_multiple_of(**size)).count();
        out.resize(out.len() + ended, b'}');
    }
}

/// The comma and braces before the first value of one or more sub-arrays.
fn open(position: usize, sizes: &[usize], out: &mut Vec<u8>) {
    if position > 0 {
        out.push(b',');
    }
    let begun = sizes.iter().filter(|size| position.is_multiple_of(**size)).count();
    out.resize(out.len() + begun, b'{');
}

fn quote(text: &[u8], out: &mut Vec<u8>) {
    let special = |byte: &u8| matches!(byte, b'"' | b'\\' | b'{' | b'}' | b',') || is_space(*byte as char);
    let needed = text.is_empty() || text.eq_ignore_ascii_case(b"null") || text.iter().any(special);
    if !needed {
        return out.extend_from_slice(text);
    }
    out.push(b'"');
    for &byte in text {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

/// Adds an anonymous row, `(1,"a b",)`, of fields already in text; `None` is NULL.
pub(super) fn write_record(fields: impl Iterator<Item = Option<Vec<u8>>>, out: &mut Vec<u8>) {
    out.push(b'(');
    for (position, field) in fields.enumerate() {
        if position > 0 {
            out.push(b',');
        }
        let Some(text) = field else {
            continue;
        };
        let special = |byte: &u8| matches!(byte, b'"' | b'\\' | b'(' | b')' | b',') || is_space(*byte as char);
        if !text.is_empty() && !text.iter().any(special) {
            out.extend_from_slice(&text);
            continue;
        }
        out.push(b'"');
        for byte in text {
            if matches!(byte, b'"' | b'\\') {
                out.push(byte);
            }
            out.push(byte);
        }
        out.push(b'"');
    }
    out.push(b')');
}

#[cfg(test)]
mod tests {
    use crate::base::text;
    use crate::base::types::{DataType, TypeKind};

    fn again(input: &str) -> String {
        let data_type = DataType::array_of(TypeKind::Text);
        match text::parse(input, data_type) {
            Ok(value) => text::to_text(&value, data_type),
            Err(error) => format!("{}: {}", error.message(), error.detail().unwrap_or("")),
        }
    }

    #[test]
    fn arrays_read_and_show() {
        for (input, shown) in [
            ("{}", "{}"),
            (" { a , b } ", "{a,b}"),
            ("{NULL,\"NULL\",null,\"\"}", "{NULL,\"NULL\",NULL,\"\"}"),
            ("{{1,2},{3,4}}", "{{1,2},{3,4}}"),
            ("[0:1]={a,b}", "[0:1]={a,b}"),
            ("[1:1][2:3]={{a,b}}", "[1:1][2:3]={{a,b}}"),
            ("{\"a b\",\"q\\\"q\",\"c\\\\d\",\"{\",a\\,b}", "{\"a b\",\"q\\\"q\",\"c\\\\d\",\"{\",\"a,b\"}"),
            ("{{},{}}", "{}"),
            ("{{{1},{2}},{{3},{4}}}", "{{{1},{2}},{{3},{4}}}"),
        ] {
            assert_eq!(again(input), shown, "{input}");
        }
    }

    #[test]
    fn broken_arrays() {
        for wrong in [
            "",
            "{",
            "}",
            "{a",
            "{a}}",
            "{a,}",
            "{,a}",
            "{a b\"c\"}",
            "{{1},2}",
            "{1,{2}}",
            "{{1},{2,3}}",
            "[1:2]={a}",
            "[1:2]",
            "[a]={}",
            "{\"a",
            "{a}x",
        ] {
            assert!(again(wrong).starts_with("malformed array literal"), "{wrong}: {}", again(wrong));
        }
        assert!(again(&"{".repeat(100_000)).starts_with("number of array dimensions (7)"));
        assert!(again("[3:2]={a}").starts_with("upper bound cannot be less"));
    }
}
