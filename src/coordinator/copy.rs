//! COPY FROM STDIN and COPY TO STDOUT.
//!
//! FROM: chunks are cut into rows, fields are parsed into the columns' types, and the writes go to their shards while more
//! data comes, all under the statement's transaction. TO: a query whose batches are written in the format asked for.

use super::{
    gather::Query,
    insert::layout,
    load::Loader,
    run::Run,
    session::{Session, Started},
};
use crate::{
    base::{batch::Batch, binary, ids::ShardId, sqlstate::SqlState, text, types::DataType, value::Value},
    catalog::{Catalog, Table},
    error::{Error, Result},
    sql::{
        self,
        copy::{Direct, Fields, Reader, Writer},
        expr::{Context, Expr},
        modify::Layout,
        plan::{Gather, Node, Scan, Targets},
        utility::{Copy, CopyFormat, CopyOptions, CopySource},
    },
};
use std::sync::Arc;

/// Values longer than this are cut in the CONTEXT line of an error.
const CONTEXT_CHARACTERS_MAX: usize = 100;

/// A COPY FROM that is under way.
pub struct CopyIn {
    table: Arc<Table>,
    catalog: Arc<Catalog>,
    /// Stored positions of the stream's fields, in order.
    columns: Vec<usize>,
    format: CopyFormat,
    reader: Reader,
    fields: Fields,
    /// What columns that are not in the stream get: stored position and default.
    defaults: Vec<(usize, Expr)>,
    context: Arc<Context>,
    /// Most rows go through it, if the table lets them.
    direct: Option<Direct>,
    loader: Loader,
    /// The shard of each partition.
    shards: Vec<ShardId>,
    /// One value per stored position, reused from row to row.
    values: Vec<Value>,
    rows: u64,
}

/// A COPY TO that is under way.
pub struct CopyOut {
    query: Query,
    writer: Writer,
    /// The order of the stream's columns in the batches; `None` as they are.
    order: Option<Vec<usize>>,
    names: Vec<String>,
    state: OutState,
    rows: u64,
}

#[derive(PartialEq, Eq)]
enum OutState {
    Header,
    Rows,
    Done,
}

/// Whole rows, laid end to end.
#[derive(Clone, Debug, Default)]
pub struct CopyRows {
    pub bytes: Vec<u8>,
    /// End of each row in `bytes`.
    pub ends: Vec<usize>,
}

impl CopyRows {
    /// Each row with its line end.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| &self.bytes[start..end])
    }
}

impl CopyOut {
    /// The command tag.
    pub fn tag(&self) -> String {
        format!("COPY {}", self.rows)
    }
}

impl Session {
    pub(super) async fn start_copy(&mut self, copy: &Copy, values: Vec<Value>) -> Result<Started> {
        let context = match &copy.source {
            CopySource::Query(statement) => self.statement_context(statement, values).await?,
            CopySource::Table { .. } => self.context(values),
        };
        match (&copy.source, copy.from) {
            (CopySource::Table { table, columns }, true) => self.start_copy_in(table, columns, &copy.options, context),
            (CopySource::Table { table, columns }, false) => {
                let (node, order) = table_scan(table, columns);
                let columns = columns.iter().map(|&position| &table.columns[position]);
                let columns: Vec<(String, DataType)> =
                    columns.map(|column| (column.name.clone(), column.data_type)).collect();
                self.start_copy_out(&node, Some(order), columns, &copy.options, context).await
            }
            (CopySource::Query(statement), _) => {
                let columns = statement.fields.iter().map(|field| (field.name.clone(), field.data_type)).collect();
                match &statement.body {
                    sql::plan::Body::Query(node) => {
                        self.start_copy_out(node, None, columns, &copy.options, context).await
                    }
                    sql::plan::Body::PointRead(read) => {
                        let batch = self.point_read(read, &context).await?;
                        let types = read.types.clone();
                        let rows = (0..batch.rows).map(|row| literals(&batch, row, &types)).collect();
                        let node = Node::Values { rows, types };
                        self.start_copy_out(&node, None, columns, &copy.options, context).await
                    }
                    _ => Err(Error::unsupported("COPY of a statement that is not a query")),
                }
            }
        }
    }

    fn start_copy_in(
        &mut self,
        table: &Arc<Table>,
        columns: &[usize],
        options: &CopyOptions,
        context: Arc<Context>,
    ) -> Result<Started> {
        self.check_writable("COPY FROM")?;
        self.begin_statement();
        let absent = table.live_columns().filter(|(position, _)| !columns.contains(position));
        let mut defaults = Vec::new();
        for (position, column) in absent {
            if let Some(default) = &column.default {
                defaults.push((position, self.bind_default(default, column.data_type)?));
            }
        }
        let catalog = self.catalog();
        let keyspace = catalog.keyspace(table.keyspace);
        let keyspace = keyspace.ok_or_else(|| Error::internal("a table without a keyspace"))?;
        let direct = if defaults.is_empty() { Direct::new(table, keyspace, columns, options) } else { None };
        let started = Started::CopyIn { format: options.format, columns: columns.len() };
        self.run = Run::CopyIn(Box::new(CopyIn {
            direct,
            loader: self.loader(table),
            shards: keyspace.partitions.clone(),
            catalog: catalog.clone(),
            columns: columns.to_vec(),
            format: options.format,
            reader: Reader::new(options.clone()),
            fields: Fields::default(),
            defaults,
            context,
            values: vec![Value::Null; table.columns.len()],
            rows: 0,
            table: table.clone(),
        }));
        Ok(started)
    }

    /// Takes a chunk of the stream, cut anywhere.
    pub async fn copy_data(&mut self, bytes: &[u8]) -> Result<()> {
        let mut copy = self.take_copy_in()?;
        let taken = match copy.reader.feed(bytes) {
            Ok(()) => self.copy_rows(&mut copy, false).await,
            Err(error) => Err(error),
        };
        match taken.is_ok() {
            true => self.run = Run::CopyIn(copy),
            false => self.give_up_load(&copy.loader).await,
        }
        taken
    }

    /// The stream has ended; gives the command tag.
    pub async fn copy_done(&mut self) -> Result<String> {
        let mut copy = self.take_copy_in()?;
        let taken = match self.copy_rows(&mut copy, true).await {
            Ok(()) => self.end_load(&mut copy.loader).await,
            Err(error) => Err(error),
        };
        if taken.is_err() {
            self.give_up_load(&copy.loader).await;
        }
        taken?;
        self.finish_command().await?;
        self.count_end();
        Ok(format!("COPY {}", copy.rows))
    }

    /// The client gave up; gives the error to answer with.
    pub async fn copy_fail(&mut self, message: &str) -> Error {
        if let Run::CopyIn(copy) = std::mem::replace(&mut self.run, Run::None) {
            self.give_up_load(&copy.loader).await;
        }
        Error::new(SqlState::QUERY_CANCELED, format!("COPY from stdin failed: {message}"))
    }

    fn take_copy_in(&mut self) -> Result<Box<CopyIn>> {
        self.cancel.check()?;
        match std::mem::replace(&mut self.run, Run::None) {
            Run::CopyIn(copy) => Ok(copy),
            other => {
                self.run = other;
                Err(Error::new(SqlState::PROTOCOL_VIOLATION, "no COPY FROM STDIN is under way"))
            }
        }
    }

    async fn copy_rows(&mut self, copy: &mut CopyIn, last: bool) -> Result<()> {
        let (table, catalog) = (copy.table.clone(), copy.catalog.clone());
        let layout = layout(&catalog, &table)?;
        loop {
            // Sending rarely waits, and other clients of the core have work as well.
            self.core.shard.env().yield_if_needed().await;
            if let Some(full) = copy.plain_rows(|| self.row_id(&table)) {
                self.send_pack(&mut copy.loader, full).await?;
                continue;
            }
            let Some(full) = copy.next_row(&layout, self.row_id(&table), last)? else { return Ok(()) };
            for shard in full {
                self.send_pack(&mut copy.loader, shard).await?;
            }
        }
    }

    async fn start_copy_out(
        &mut self,
        node: &Node,
        order: Option<Vec<usize>>,
        columns: Vec<(String, DataType)>,
        options: &CopyOptions,
        context: Arc<Context>,
    ) -> Result<Started> {
        let started = Started::CopyOut { format: options.format, columns: columns.len() };
        let (names, types) = columns.into_iter().unzip();
        let query = self.query(node, context).await?;
        let writer = Writer::new(options.clone(), types);
        self.run = Run::CopyOut(Box::new(CopyOut { query, writer, order, names, state: OutState::Header, rows: 0 }));
        Ok(started)
    }

    pub(super) async fn next_of_copy(&mut self, copy: &mut CopyOut) -> Result<Option<CopyRows>> {
        let mut out = CopyRows::default();
        if copy.state == OutState::Header {
            copy.state = OutState::Rows;
            copy.writer.header(&copy.names, &mut out.bytes, &mut out.ends);
        }
        if copy.state == OutState::Done {
            return Ok(None);
        }
        let cancel = self.cancel.clone();
        match cancel.race(copy.query.next(&self.core)).await? {
            Some(batch) => {
                copy.rows += batch.rows as u64;
                let batch = match &copy.order {
                    None => batch,
                    Some(order) => Batch {
                        rows: batch.rows,
                        columns: order.iter().map(|&column| batch.columns[column].clone()).collect(),
                    },
                };
                copy.writer.write(&batch, &mut out.bytes, &mut out.ends)?;
            }
            None => {
                copy.state = OutState::Done;
                copy.writer.trailer(&mut out.bytes, &mut out.ends);
            }
        }
        Ok(Some(out))
    }
}

impl CopyIn {
    /// Reads rows as long as they are plain ones; gives a shard whose pack is full, or `None` when the next row is not plain,
    /// or not there.
    fn plain_rows(&mut self, row_id: impl Fn() -> i64) -> Option<ShardId> {
        let direct = self.direct.as_mut()?;
        loop {
            let line = self.reader.plain_line()?;
            let length = line.len();
            let shard = direct.read(line, row_id()).and_then(|partition| self.shards.get(usize::from(partition.0)));
            let Some(&shard) = shard else {
                self.reader.put_line_back(length);
                return None;
            };
            self.rows += 1;
            let full = self.loader.push_row(shard, direct.key(), direct.row());
            if full.is_some() {
                return full;
            }
        }
    }

    /// Reads one row and routes its writes; gives the shards whose batches are full, or `None` when there is no row.
    fn next_row(&mut self, layout: &Layout<'_>, row_id: i64, last: bool) -> Result<Option<Vec<ShardId>>> {
        let found = match last {
            false => self.reader.next_row(&mut self.fields),
            true => self.reader.finish(&mut self.fields),
        };
        if !found.map_err(|error| self.located(error, None))? {
            return Ok(None);
        }
        self.parse()?;
        for (position, default) in &self.defaults {
            self.values[*position] = sql::expr::constant(default, &self.context)?;
        }
        let writes = layout.insert(&self.values, row_id).map_err(|error| self.located(error, None))?;
        let mut full = Vec::new();
        for write in writes {
            full.extend(self.loader.push_write(&write)?);
        }
        self.rows += 1;
        Ok(Some(full))
    }

    /// The fields as values of their columns' types.
    fn parse(&mut self) -> Result<()> {
        if self.fields.len() > self.columns.len() {
            let error = Error::new(SqlState::BAD_COPY_FILE_FORMAT, "extra data after last expected column");
            return Err(self.located(error, None));
        }
        if self.fields.len() < self.columns.len() {
            let name = &self.table.columns[self.columns[self.fields.len()]].name;
            let message = format!("missing data for column \"{name}\"");
            return Err(self.located(Error::new(SqlState::BAD_COPY_FILE_FORMAT, message), None));
        }
        for (number, &position) in self.columns.iter().enumerate() {
            let data_type = self.table.columns[position].data_type;
            let value = match self.fields.get(number) {
                None => Ok(Value::Null),
                Some(bytes) if self.format == CopyFormat::Binary => binary::decode(bytes, data_type),
                Some(bytes) => match std::str::from_utf8(bytes) {
                    Ok(field) => text::parse(field, data_type),
                    Err(_) => Err(Error::new(
                        SqlState::CHARACTER_NOT_IN_REPERTOIRE,
                        "invalid byte sequence for encoding \"UTF8\"",
                    )),
                },
            };
            self.values[position] = value.map_err(|error| self.located(error, Some(number)))?;
        }
        Ok(())
    }

    /// Adds the line, and the field if there is one, to an error.
    fn located(&self, error: Error, field: Option<usize>) -> Error {
        let mut context = format!("COPY {}, line {}", self.table.name, self.reader.line());
        if let Some(number) = field {
            let bytes = self.fields.get(number).unwrap_or_default();
            let shown: String = String::from_utf8_lossy(bytes).chars().take(CONTEXT_CHARACTERS_MAX).collect();
            let name = &self.table.columns[self.columns[number]].name;
            context.push_str(&format!(", column {name}: \"{shown}\""));
        }
        error.with_context(context)
    }
}

/// A plan that reads columns of a table, and where in its batches each of them is.
fn table_scan(table: &Arc<Table>, columns: &[usize]) -> (Node, Vec<usize>) {
    let mut stored = columns.to_vec();
    stored.sort_unstable();
    stored.dedup();
    let order = columns.iter().map(|column| stored.partition_point(|before| before < column)).collect();
    let types = stored.iter().map(|&position| table.columns[position].data_type).collect();
    let scan = Scan::whole(table.clone(), stored, false);
    let input = Arc::new(Node::Scan(scan));
    (Node::Gather(Gather { input, targets: Targets::All, merge: None, types }), order)
}

fn literals(batch: &Batch, row: usize, types: &[DataType]) -> Vec<Expr> {
    let values = batch.row(row).into_iter().zip(types);
    values.map(|(value, &data_type)| Expr::Literal { value, data_type }).collect()
}
