//! Rows in and out of every format, cut at every place, and noise.

use super::{Fields, Reader, Writer};
use crate::{
    base::{
        batch::Batch,
        types::{DataType, TypeKind},
        value::Value,
    },
    sql::utility::{CopyFormat, CopyOptions},
};

fn options(format: CopyFormat) -> CopyOptions {
    CopyOptions {
        format,
        delimiter: if format == CopyFormat::Csv { b',' } else { b'\t' },
        null: if format == CopyFormat::Csv { String::new() } else { "\\N".into() },
        header: false,
        quote: b'"',
        escape: b'"',
        force_quote: Vec::new(),
        force_not_null: Vec::new(),
        force_null: Vec::new(),
    }
}

/// All rows of a stream fed in chunks of a size; the text of the error if there is one.
fn rows(stream: &[u8], options: CopyOptions, chunk: usize) -> Result<Vec<Vec<Option<String>>>, String> {
    let mut reader = Reader::new(options);
    let mut fields = Fields::default();
    let mut rows = Vec::new();
    let mut take = |fields: &Fields| {
        let field = |number| fields.get(number).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        rows.push((0..fields.len()).map(field).collect());
    };
    let mut read = || {
        for part in stream.chunks(chunk) {
            reader.feed(part)?;
            while reader.next_row(&mut fields)? {
                take(&fields);
            }
        }
        while reader.finish(&mut fields)? {
            take(&fields);
        }
        Ok(())
    };
    let outcome: crate::Result<()> = read();
    outcome.map(|()| rows).map_err(|error| error.message().to_string())
}

fn some(text: &str) -> Option<String> {
    Some(text.into())
}

#[test]
fn text_fields_are_unescaped_and_nulls_found_wherever_the_chunks_are_cut() {
    let stream = b"1\ta\\tb\\\\n\n2\t\\N\r\n3\t\\x41\\101\n4\tx\\\ny\n\\.\nignored";
    let expected = vec![
        vec![some("1"), some("a\tb\\n")],
        vec![some("2"), None],
        vec![some("3"), some("AA")],
        vec![some("4"), some("x\ny")],
    ];
    for chunk in 1..stream.len() {
        assert_eq!(rows(stream, options(CopyFormat::Text), chunk), Ok(expected.clone()), "chunks of {chunk}");
    }
}

#[test]
fn csv_fields_keep_delimiters_and_line_ends_between_quotes() {
    let stream = b"1,\"a,\"\"b\nc\"\r\n2,\n3,\"\"\n\"4\",x\"y\"z";
    let expected = vec![
        vec![some("1"), some("a,\"b\nc")],
        vec![some("2"), None],
        vec![some("3"), some("")],
        vec![some("4"), some("xyz")],
    ];
    for chunk in 1..stream.len() {
        assert_eq!(rows(stream, options(CopyFormat::Csv), chunk), Ok(expected.clone()), "chunks of {chunk}");
    }
    let mut headed = options(CopyFormat::Csv);
    headed.header = true;
    assert_eq!(rows(b"a,b\n1,2\n", headed, 3), Ok(vec![vec![some("1"), some("2")]]));
    assert_eq!(rows(b"1,\"open", options(CopyFormat::Csv), 100), Err("unterminated CSV quoted field".into()));
}

#[test]
fn what_is_written_is_read_back() {
    let types = vec![DataType::of(TypeKind::Int4), DataType::of(TypeKind::Text)];
    let mut batch = Batch::new(types.clone());
    let texts = [None, Some(""), Some("\\N"), Some("\\."), Some("a\tb\nc\\d\r"), Some("q\"uo,te")];
    for (number, text) in (0..).zip(texts) {
        batch.push_row([Value::Int4(number), text.map_or(Value::Null, |text| Value::Text(text.into()))]);
    }
    for format in [CopyFormat::Text, CopyFormat::Csv, CopyFormat::Binary] {
        let mut writer = Writer::new(options(format), types.clone());
        let (mut bytes, mut ends) = (Vec::new(), Vec::new());
        writer.header(&[], &mut bytes, &mut ends);
        writer.write(&batch, &mut bytes, &mut ends).unwrap();
        writer.trailer(&mut bytes, &mut ends);
        let read = rows(&bytes, options(format), 7).unwrap();
        assert_eq!(ends.last(), Some(&bytes.len()));
        assert_eq!(read.len(), texts.len());
        for (row, text) in read.iter().zip(texts) {
            assert_eq!(row[1].as_deref(), text, "{format:?}");
        }
    }
}

#[test]
fn broken_streams_are_refused() {
    assert!(rows(b"nonsense and more", options(CopyFormat::Binary), 5).is_err());
    let mut stream = b"PGCOPY\n\xFF\r\n\0\0\0\0\0\0\0\0\0".to_vec();
    stream.extend_from_slice(&[0, 1, 0x7F, 0xFF, 0xFF, 0xFF]);
    assert_eq!(rows(&stream, options(CopyFormat::Binary), 100), Err("invalid field size".into()));
    assert_eq!(rows(&stream[..20], options(CopyFormat::Binary), 100), Err("unexpected EOF in COPY data".into()));
}

#[test]
fn noise_never_panics() {
    let mut state = 7u64;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as usize
    };
    let alphabet = b"a,\"\\\t\n\r.N\0\xFF";
    for _ in 0..20_000 {
        let stream: Vec<u8> = (0..next() % 40).map(|_| alphabet[next() % alphabet.len()]).collect();
        for format in [CopyFormat::Text, CopyFormat::Csv, CopyFormat::Binary] {
            // An error is as good as rows.
            let _ = rows(&stream, options(format), 1 + next() % 9);
        }
    }
}
