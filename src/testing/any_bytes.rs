//! Entries for bytes that nobody vouches for: each takes any bytes, hands them to one decoder of the system, and panics only
//! when the decoder breaks a promise. The fuzz targets in `fuzz/` and the brief tests beside this file call the same ones.
//!
//! Where a first byte chooses (a type, a format), it is taken modulo the choices, so that every input is a valid one.

use crate::{
    base::{
        batch::Batch,
        ids::{ColumnId, IndexId, TableId},
        key, limits,
        row::{self, RowReader},
        text::Style,
        time::Timestamp,
        types::{DataType, KINDS},
        value::Value,
    },
    catalog::{Catalog, Column, PrimaryKey, SQL_KEYSPACE, Table},
    env::sim::{Disk, Simulation},
    server::pg::{
        input::{Budget, Input},
        message, startup, values,
    },
    sql::{
        self,
        copy::{Fields, Reader},
        utility::{CopyFormat, CopyOptions},
    },
    storage::{
        log::{self, Log, LogPosition},
        lsm::{
            manifest::{edit::Edit, record},
            table::{
                block::{Block, BlockCursor},
                filter::Filter,
                format::Footer,
                metadata::Metadata,
                properties::Properties,
            },
        },
    },
    txn::Record,
};
use std::{cell::RefCell, rc::Rc};

/// Steps after which a walk over a made-up block ends.
const WALK_STEPS_MAX: usize = 10_000;

fn data_type(choice: u8) -> DataType {
    let kind = KINDS[usize::from(choice & 0x7f) % KINDS.len()];
    if choice & 0x80 != 0 { DataType::array_of(kind) } else { DataType::of(kind) }
}

/// A type, a direction, and an encoded key column: what decodes can be encoded, and is the same from then on.
pub fn key(bytes: &[u8]) {
    let [choice, descending, rest @ ..] = bytes else { return };
    let (data_type, descending) = (data_type(*choice), descending & 1 != 0);
    let encoded = |value: &Value| {
        let mut key = Vec::new();
        key::encode_value(value, data_type, descending, false, &mut key);
        key
    };
    if let Ok(value) = key::decode_value(&mut &*rest, data_type, descending) {
        // Not the same bytes as came: made-up ones may hold what is never written, such as a zero with a sign.
        let again = encoded(&value);
        let back =
            key::decode_value(&mut again.as_slice(), data_type, descending).expect("a key that was just encoded");
        assert_eq!(encoded(&back), again, "a key means something else when it is encoded again");
    }
}

/// Some types, and a row: it is read as values, as columns, and as some of its columns, all alike.
pub fn row(bytes: &[u8]) {
    let [columns, rest @ ..] = bytes else { return };
    let columns = usize::from(columns % 8);
    let Some((choices, rest)) = rest.split_at_checked(columns) else { return };
    let wanted: Vec<(DataType, Value)> = choices.iter().map(|&choice| (data_type(choice), Value::Null)).collect();
    let positions: Vec<usize> = (0..columns).collect();
    let mut batch = Batch::new(wanted.iter().map(|(data_type, _)| *data_type));
    let as_columns = row::decode_columns(rest, &positions, &wanted, &mut batch.columns).is_ok();
    let as_values = RowReader::new(rest).and_then(|reader| reader.values(&wanted));
    if let (true, Ok(values)) = (as_columns, as_values) {
        batch.rows = 1;
        assert_eq!(format!("{:?}", batch.row(0)), format!("{values:?}"), "a row reads in two ways");
    }
}

/// What a log holds before it is damaged.
fn log_payloads() -> Vec<Vec<u8>> {
    (0..12u8).map(|number| vec![number; 1 + usize::from(number) * 400]).collect()
}

fn log_options() -> log::Options {
    log::Options { segment_bytes: limits::LOG_SEGMENT_BYTES_MIN, ..log::Options::new("/log".into()) }
}

/// Reads a log; its records, or `None` when it is refused.
fn read_log(disk: Disk) -> Option<Vec<Vec<u8>>> {
    let simulation = Simulation::new(1);
    let env = simulation.node(disk).env();
    let reading = {
        let env = env.clone();
        async move {
            let mut found = Vec::new();
            let visit = |_: LogPosition, payload: &[u8]| {
                found.push(payload.to_vec());
                Ok(())
            };
            let log = Log::open(&env, log_options(), LogPosition(0), visit).await.ok()?;
            log.close().await.ok()?;
            Some(found)
        }
    };
    simulation.block_on(&env, 1 << 22, reading).expect("reading a log ends")
}

fn written_log() -> Disk {
    let simulation = Simulation::new(1);
    let node = simulation.node(Disk::new());
    let env = node.env();
    let writing = {
        let env = env.clone();
        async move {
            let log = Log::open(&env, log_options(), LogPosition(0), |_, _| Ok(())).await?;
            for payload in log_payloads() {
                let end = log.append(&[&payload])?;
                log.durable(end).await?;
            }
            log.close().await
        }
    };
    simulation.block_on(&env, 1 << 22, writing).expect("writing ends").expect("a log is written");
    node.kill()
}

/// Where to flip bits in the files of a good log (file, offset, bit): its records are read up to some point, or it is
/// refused; never others.
pub fn log(bytes: &[u8]) {
    thread_local! { static GOOD: RefCell<Option<Disk>> = const { RefCell::new(None) } }
    let disk = GOOD.with(|good| good.borrow_mut().get_or_insert_with(written_log).copy());
    let files: Vec<_> = disk.files().into_iter().filter(|(_, len)| *len > 0).collect();
    let (flips, _) = bytes.as_chunks::<5>();
    for [file, high, middle, low, bit] in flips {
        let (path, len) = &files[usize::from(*file) % files.len()];
        let offset = u64::from(u32::from_be_bytes([0, *high, *middle, *low])) % len;
        disk.flip_bit(path, offset, bit % 8);
    }
    if let Some(found) = read_log(disk) {
        assert!(log_payloads().starts_with(&found), "a damaged log gave other records");
    }
    // A record's payload is itself read by the transaction layer.
    if let Ok(record) = Record::decode(bytes) {
        let _ = record.newest();
    }
}

/// The parts of an SSTable, each as if its checksum were right.
pub fn table(bytes: &[u8]) {
    let _ = Metadata::parse(bytes, bytes.len() as u64);
    let _ = Footer::parse(bytes).map(|footer| (footer.top(), footer.properties()));
    let _ = Properties::decode(bytes, &mut 0);
    if let Ok(filter) = Filter::new(bytes.into()) {
        filter.may_contain(7);
    }
    let Ok(block) = Block::new(bytes.into()) else { return };
    let block = Rc::new(block);
    let target = &bytes[..bytes.len().min(9)];
    for forward in [true, false] {
        let mut cursor = BlockCursor::default();
        cursor.enter(block.clone());
        let before = Some((target, Timestamp(11)));
        let mut going = if forward { cursor.seek(target, Timestamp(11)) } else { cursor.seek_before(before) };
        for _ in 0..WALK_STEPS_MAX {
            let Ok(true) = going else { break };
            assert!(cursor.key().len() <= limits::KEY_BYTES_MAX + bytes.len());
            let _ = cursor.value();
            going = if forward { cursor.advance() } else { cursor.retreat() };
        }
    }
}

/// A manifest, an edit in it, and the file that names the manifest in use.
pub fn manifest(bytes: &[u8]) {
    let _ = record::read_current(bytes);
    let _ = record::replay(bytes, 1);
    if let Ok(edit) = Edit::decode(bytes) {
        let mut again = Vec::new();
        edit.encode(&mut again);
        assert_eq!(
            Edit::decode(&again).ok(),
            Some(edit.clone()),
            "an edit means something else when it is encoded again"
        );
        let mut file = Vec::new();
        record::write(&mut file, record::Kind::Snapshot, 1, 0, &again);
        let _ = record::replay(&file, 1);
    }
}

/// A small catalog to bind against.
fn catalog() -> Catalog {
    let mut catalog = Catalog::bootstrap(2);
    let database = catalog.database("distdb").expect("the first database").id;
    let schema = catalog.resolve_schema(database, "public").expect("the first schema").id;
    let column = |(position, (name, type_name)): (usize, (&str, &str))| Column {
        id: ColumnId(position as u16),
        name: name.into(),
        data_type: DataType::from_name(type_name).expect("a type"),
        not_null: position == 0,
        default: (position == 1).then(|| "1 + 1".into()),
        missing: None,
        dropped: false,
    };
    let columns =
        [("id", "int4"), ("a", "int4"), ("b", "text"), ("c", "numeric"), ("d", "timestamptz"), ("e", "int4[]")];
    let (id, storage, oid) = (TableId(catalog.next_oid()), catalog.next_storage(), catalog.next_oid());
    catalog.put_table(Table {
        id,
        schema,
        name: "t".into(),
        keyspace: SQL_KEYSPACE,
        storage,
        version: 1,
        columns: columns.into_iter().enumerate().map(column).collect(),
        primary_key: Some(PrimaryKey { name: "t_pkey".into(), oid, columns: vec![ColumnId(0)] }),
        indexes: Vec::new(),
        next_index: IndexId(1),
    });
    catalog
}

/// SQL text: parsed, bound, optimized and planned.
pub fn sql(bytes: &[u8]) {
    thread_local! { static CATALOG: Catalog = catalog() }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(script) = sql::parse::script(text) else { return };
    CATALOG.with(|catalog| {
        let context = sql::BindContext {
            catalog,
            database: catalog.database("distdb").map(|database| database.id).unwrap_or_default(),
            search_path: &["public".into()],
            user: "tester",
            settings: &|_| None,
            statistics: &sql::plan::statistics::Unknown,
        };
        for parsed in &script {
            let _ = sql::prepare(parsed, &context, &[]);
        }
    });
}

/// A stream from a client: a startup packet, then messages.
pub fn wire(bytes: &[u8]) {
    let mut input = Input::new(Rc::new(Budget::new(0)));
    let mut rest = bytes;
    let mut greeted = false;
    loop {
        let taken = match greeted {
            false => match input.take_startup() {
                Ok(Some(body)) => {
                    let first = startup::first(body, "test");
                    greeted = !matches!(first, Ok(startup::First::Encryption(_)));
                    true
                }
                Ok(None) => false,
                Err(_) => return,
            },
            true => match input.take_frame() {
                Ok(Some(frame)) => {
                    message_body(frame.tag, input.body(&frame));
                    true
                }
                Ok(None) => false,
                Err(_) => return,
            },
        };
        if taken {
            continue;
        }
        let Ok(space) = input.space() else { return };
        let count = space.len().min(rest.len()).min(97);
        if count == 0 {
            return;
        }
        space[..count].copy_from_slice(&rest[..count]);
        input.filled(count);
        rest = &rest[count..];
    }
}

fn message_body(tag: u8, body: &[u8]) {
    use message::tag as is;
    match tag {
        is::QUERY => _ = message::query(body),
        is::PARSE => _ = message::parse(body).map(|parse| parse.parameter_oids.to_vec()),
        is::BIND => {
            let Ok(bind) = message::bind(body) else { return };
            // Every type in turn: what is no value of a type is told.
            for offset in [0u8, 5, 11, 128] {
                let types: Vec<DataType> =
                    (0..bind.parameter_count).map(|number| data_type((number as u8).wrapping_add(offset))).collect();
                let _ = values::parameters(&bind, &types, &Style::default());
            }
            let _ = values::ResultFormats::new(bind.result_formats, 3);
        }
        is::DESCRIBE | is::CLOSE => _ = message::target(body, "DESCRIBE"),
        is::EXECUTE => _ = message::execute(body),
        is::COPY_FAIL => _ = message::copy_fail(body),
        _ => _ = message::nothing(body),
    }
}

/// The fields of each row, and the error at the end if there is one.
fn copied(options: &CopyOptions, stream: &[u8], chunk: usize) -> (Vec<Vec<Option<Vec<u8>>>>, Option<String>) {
    let (mut reader, mut fields, mut rows) = (Reader::new(options.clone()), Fields::default(), Vec::new());
    let mut read = |fields: &mut Fields| -> crate::Result<()> {
        let mut take = |fields: &Fields| {
            rows.push((0..fields.len()).map(|number| fields.get(number).map(<[u8]>::to_vec)).collect());
        };
        for part in stream.chunks(chunk) {
            reader.feed(part)?;
            while reader.next_row(fields)? {
                take(fields);
            }
        }
        while reader.finish(fields)? {
            take(fields);
        }
        Ok(())
    };
    let error = read(&mut fields).err().map(|error| error.message().to_string());
    (rows, error)
}

/// Options, the size of a chunk, and the data of a COPY: the rows are the same wherever the stream is cut.
pub fn copy(bytes: &[u8]) {
    let [choice, chunk, stream @ ..] = bytes else { return };
    let format = [CopyFormat::Text, CopyFormat::Csv, CopyFormat::Binary][usize::from(choice % 3)];
    let csv = format == CopyFormat::Csv;
    let options = CopyOptions {
        format,
        delimiter: if csv { b',' } else { b'\t' },
        null: if csv { String::new() } else { "\\N".into() },
        header: choice & 4 != 0 && format != CopyFormat::Binary,
        quote: b'"',
        escape: if choice & 8 != 0 { b'\\' } else { b'"' },
        force_quote: Vec::new(),
        force_not_null: if choice & 16 != 0 { vec![0] } else { Vec::new() },
        force_null: if choice & 32 != 0 { vec![1] } else { Vec::new() },
    };
    let whole = copied(&options, stream, stream.len().max(1));
    let parts = copied(&options, stream, usize::from(*chunk).max(1));
    assert_eq!(whole, parts, "the rows depend on where the stream is cut");
}

/// Every entry by its name, which is that of its fuzz target.
pub const ENTRIES: [(&str, fn(&[u8])); 8] = [
    ("key", key),
    ("row", row),
    ("log", log),
    ("table", table),
    ("manifest", manifest),
    ("sql", sql),
    ("wire", wire),
    ("copy", copy),
];
