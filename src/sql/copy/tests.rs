//! Rows in and out of every format, cut at every place, and noise.

use super::{Direct, Fields, Reader, Writer};
use crate::{
    base::{
        batch::Batch,
        ids::{ColumnId, IndexId, KeyspaceId, SchemaId, ShardId, StorageId, TableId},
        key, text,
        types::{DataType, TypeKind},
        value::Value,
    },
    catalog::{Column, Keyspace, PrimaryKey, Table},
    sql::{
        modify::Layout,
        utility::{CopyFormat, CopyOptions},
    },
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

fn column(number: u16, data_type: DataType, not_null: bool, dropped: bool) -> Column {
    let name = format!("c{number}");
    Column { id: ColumnId(number), name, data_type, not_null, default: None, missing: None, dropped }
}

/// A table with a column of each kind that matters, a dropped one among them.
fn table(key: &[u16]) -> Table {
    let of = DataType::of;
    let varchar = DataType { modifier: 4 + 5, ..of(TypeKind::Varchar) };
    let types = [of(TypeKind::Int4), of(TypeKind::Text), of(TypeKind::Int8), varchar, of(TypeKind::Float8)];
    let mut columns: Vec<Column> =
        (0..).zip(types).map(|(number, data_type)| column(number, data_type, number < 2, false)).collect();
    columns.insert(3, column(3, of(TypeKind::Bool), true, true));
    let key_columns = key.iter().map(|&number| ColumnId(number)).collect();
    let primary_key = PrimaryKey { name: "t_pkey".into(), oid: 1, columns: key_columns };
    Table {
        id: TableId(1),
        schema: SchemaId(1),
        name: "t".into(),
        keyspace: KeyspaceId(1),
        storage: StorageId(77),
        version: 3,
        columns,
        primary_key: (!key.is_empty()).then_some(primary_key),
        indexes: Vec::new(),
        next_index: IndexId(1),
    }
}

/// The short way gives what the long way gives, or nothing.
#[test]
fn rows_that_go_straight_are_those_of_the_long_way() {
    let lines = [
        "1\tone\t-5\tab\t1.5",
        "-2147483648\t\t999999999999999999\t\t-0",
        "2\tzwölf\tnull\tnull\tnull",
        "3\tx\t9223372036854775807\tabcde\tNaN",
        "4\tx\t1\tabcdef\t1",
        "4\tx\t1\täöüß\t1",
        " 5\tx\t+1\ta\t1",
        "2147483648\tx\t1\ta\t1",
        "null\tx\t1\ta\t1",
        "6\tx\t1\ta",
        "6\tx\t1\ta\t1\t1",
        "6\tx\t1\ta\tone",
        "",
    ];
    let keyspace = Keyspace { id: KeyspaceId(1), name: "k".into(), partitions: vec![ShardId(0); 8] };
    let options = CopyOptions { null: "null".into(), ..options(CopyFormat::Text) };
    for key in [&[0][..], &[1], &[0, 1], &[]] {
        let (table, positions) = (table(key), [0, 1, 2, 4, 5]);
        let layout = Layout::new(&table, &keyspace);
        let mut direct = Direct::new(&table, &keyspace, &positions, &options).unwrap();
        let mut straight = 0;
        for line in lines {
            let fields: Vec<&str> = line.split('\t').collect();
            let mut values = vec![Value::Null; table.columns.len()];
            let value = |(&field, &position): (&&str, &usize)| match field {
                "null" => Ok(Value::Null),
                field => text::parse(field, table.columns[position].data_type),
            };
            let parsed: crate::Result<Vec<Value>> = fields.iter().zip(&positions).map(value).collect();
            let long = parsed.ok().filter(|_| fields.len() == positions.len()).and_then(|parsed| {
                positions.iter().zip(parsed).for_each(|(&position, value)| values[position] = value);
                layout.insert(&values, 9).ok()
            });
            let Some(partition) = direct.read(line.as_bytes(), 9) else { continue };
            let long = long.unwrap_or_else(|| panic!("{line:?} is wrong, and went straight"));
            assert_eq!((direct.key(), Some(direct.row())), (long[0].key.as_slice(), long[0].value()), "{line:?}");
            assert_eq!(key::split(direct.key()).unwrap().2, partition);
            straight += 1;
        }
        assert_eq!(straight, 3, "the plain ones, and no others");
        assert_eq!(direct.read(b"1\t\xFF\t1\ta\t1", 9), None);
    }
    // What must be filled in, or is out of order, takes the long way.
    assert!(Direct::new(&table(&[0]), &keyspace, &[1, 0, 2], &options).is_none());
    assert!(Direct::new(&table(&[0]), &keyspace, &[0, 2], &options).is_none());
    assert!(Direct::new(&table(&[1, 0]), &keyspace, &[0, 1], &options).is_none());
}

/// Taking the plain lines of a stream as they are changes nothing.
#[test]
fn plain_lines_are_rows_like_others() {
    let mut state = 11u64;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as usize
    };
    let alphabet = b"ab,\"\\\t\n\n\r.N";
    let mut plain_lines = 0;
    for _ in 0..20_000 {
        let stream: Vec<u8> = (0..next() % 60).map(|_| alphabet[next() % alphabet.len()]).collect();
        for format in [CopyFormat::Text, CopyFormat::Csv] {
            let chunk = 1 + next() % 20;
            let (mut reader, mut fields, mut found) = (Reader::new(options(format)), Fields::default(), Vec::new());
            let mut read = || {
                for part in stream.chunks(chunk) {
                    reader.feed(part)?;
                    loop {
                        if let Some(line) = reader.plain_line() {
                            plain_lines += 1;
                            let (line, delimiter) =
                                (String::from_utf8_lossy(line).into_owned(), options(format).delimiter);
                            if line.len() % 2 == 0 {
                                let null = options(format).null;
                                let fields = line.split(char::from(delimiter));
                                found.push(fields.map(|field| (field != null).then(|| field.to_owned())).collect());
                                continue;
                            }
                            reader.put_line_back(line.len());
                        }
                        if !reader.next_row(&mut fields)? {
                            break;
                        }
                        let field =
                            |number| fields.get(number).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
                        found.push((0..fields.len()).map(field).collect::<Vec<_>>());
                    }
                }
                while reader.finish(&mut fields)? {
                    let field = |number| fields.get(number).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
                    found.push((0..fields.len()).map(field).collect());
                }
                Ok(())
            };
            let outcome: crate::Result<()> = read();
            let outcome = outcome.map(|()| found).map_err(|error| error.message().to_string());
            assert_eq!(outcome, rows(&stream, options(format), chunk), "{:?}", stream.escape_ascii().to_string());
        }
    }
    assert!(plain_lines > 10_000);
}
