//! Writes a table file: large aligned writes while it is being built, then a sync. The file has its final name from the
//! start; until the manifest names it, it is an orphan that the next start removes.

use super::file::Store;
use super::manifest::edit::TableMeta;
use super::table::builder::{Shape, TableBuilder};
use super::table::format::ALIGNMENT;
use crate::base::time::Timestamp;
use crate::env::{Buffer, BufferWriter, File, OpenOptions};
use crate::error::{Error, Result};
use std::rc::Rc;

/// Bytes written at once.
const WRITE_BYTES: usize = 1 << 20;
/// The most at once, which only values of many megabytes reach.
const WRITES_BYTES_MAX: usize = 8 << 20;

/// See the module.
pub struct TableWriter {
    store: Rc<Store>,
    number: u64,
    file: File,
    pub builder: TableBuilder,
    written: u64,
}

impl TableWriter {
    /// Creates the file.
    pub async fn create(store: &Rc<Store>, shape: Shape, number: u64) -> Result<TableWriter> {
        let path = store.table_path(number);
        let file = store.env.open(&path, OpenOptions::replacing()).await;
        let file = file.map_err(|error| Error::io(format_args!("creating table {}", path.display()), error))?;
        let builder = TableBuilder::new(shape, number, store.env.random_u64());
        Ok(TableWriter { store: store.clone(), number, file, builder, written: 0 })
    }

    /// Adds a version, without waiting; call `drain` from time to time.
    #[inline]
    pub fn add(&mut self, key: &[u8], timestamp: Timestamp, value: Option<&[u8]>) {
        self.builder.add(key, timestamp, value);
    }

    /// Whether enough was built to be written.
    #[inline]
    pub fn is_due(&mut self) -> bool {
        self.builder.output().len() >= WRITE_BYTES
    }

    /// Writes what was built, as far as it fills whole aligned pieces.
    pub async fn drain(&mut self) -> Result<()> {
        while self.builder.output().len() >= WRITE_BYTES {
            let whole = self.builder.output().len() / WRITE_BYTES * WRITE_BYTES;
            self.write(whole.min(WRITES_BYTES_MAX)).await?;
        }
        Ok(())
    }

    async fn write(&mut self, len: usize) -> Result<()> {
        let mut writer = BufferWriter::with_capacity(len);
        writer.extend(&self.builder.output()[..len]);
        let buffer: Buffer = writer.finish();
        self.file.write_at(self.written, buffer).await.map_err(|error| self.failed("writing", error))?;
        self.builder.output().drain(..len);
        self.builder.note_taken(len);
        self.written += len as u64;
        self.store.bytes_written.set(self.store.bytes_written.get() + len as u64);
        Ok(())
    }

    fn failed(&self, doing: &str, error: std::io::Error) -> Error {
        Error::io(format_args!("{doing} table {}", self.store.table_path(self.number).display()), error)
    }

    /// Completes the file and syncs it; the folder is synced by the caller, once for several tables.
    pub async fn finish(mut self) -> Result<TableMeta> {
        let built = self.builder.finish();
        self.drain().await?;
        let rest = self.builder.output().len();
        debug_assert!(rest.is_multiple_of(ALIGNMENT), "a finished table has an aligned length");
        if rest > 0 {
            self.write(rest).await?;
        }
        self.file.sync().await.map_err(|error| self.failed("syncing", error))?;
        Ok(TableMeta {
            number: self.number,
            file_bytes: built.file_bytes,
            identity: built.identity,
            properties: Rc::new(built.properties),
            stamp: None,
        })
    }

    /// The table's number.
    pub fn number(&self) -> u64 {
        self.number
    }
}
