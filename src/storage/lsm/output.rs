//! Sorted versions into one or several new tables, cut where it helps later.
//!
//! It does not decide what is kept (`compaction::keep`) nor tell the manifest.
//!
//! Invariant: all versions of a user key go into the same table.

use super::compaction::keep::{Keeper, Verdict};
use super::file::Store;
use super::manifest::edit::TableMeta;
use super::memtable::{MemoryCursor, Memtable};
use super::merge::Merge;
use super::run::Walk;
use super::table::builder::Shape;
use super::writer::TableWriter;
use crate::base::ids::StorageId;
use crate::base::key::PREFIX_BYTES;
use crate::base::time::Timestamp;
use crate::error::{Error, Result};
use std::rc::Rc;

/// Where tables are cut.
#[derive(Clone, Copy, Debug)]
pub struct Cuts {
    /// At the next user key after this size.
    pub table_bytes: u64,
    /// At the next partition of a storage's index after this size: then sorted loads give tables that do not overlap.
    pub prefix_bytes: u64,
}

/// See the module.
pub struct Output<'a> {
    store: &'a Rc<Store>,
    shape: Shape,
    cuts: Cuts,
    next_number: &'a dyn Fn() -> u64,
    current: Option<TableWriter>,
    finished: Vec<TableMeta>,
}

/// Entries handled between two chances for others.
const STEP_ENTRIES: usize = 64;

impl<'a> Output<'a> {
    /// Nothing is created before the first version comes.
    pub fn new(store: &'a Rc<Store>, shape: Shape, cuts: Cuts, next_number: &'a dyn Fn() -> u64) -> Output<'a> {
        Output { store, shape, cuts, next_number, current: None, finished: Vec::new() }
    }

    /// Writes what the keeper keeps of a merge.
    pub async fn write_all(
        &mut self,
        merge: &mut Merge,
        keeper: &mut Keeper,
        may_be_deeper: &dyn Fn(&[u8]) -> bool,
    ) -> Result<()> {
        let mut steps = 0;
        loop {
            match merge.step()? {
                Walk::Entry => {}
                Walk::End => return Ok(()),
                Walk::Load => {
                    merge.load().await?;
                    continue;
                }
            }
            let Some(source) = merge.current() else { return Err(Error::internal("a merge without a source")) };
            let key = source.key();
            match keeper.decide(key, source.timestamp(), source.is_live(), may_be_deeper) {
                Verdict::Drop => {}
                Verdict::Keep(at) => self.add(key, at, source.value(), false).await?,
                Verdict::KeepOpen(at) => self.add(key, at, source.value(), true).await?,
            }
            steps += 1;
            if steps % STEP_ENTRIES == 0 {
                self.store.env.yield_if_needed().await;
            }
        }
    }

    /// Writes a memtable that was loaded at once, whose versions count as written `at`; `open` if that is not decided.
    pub async fn write_bulk(&mut self, memtable: &Rc<Memtable>, at: Timestamp, open: bool) -> Result<()> {
        let mut cursor = MemoryCursor::new(memtable.clone());
        cursor.seek(&[], Timestamp::MAX);
        let mut steps = 0;
        while let Some(entry) = cursor.entry() {
            if self.current.as_ref().is_none_or(|writer| self.is_cut_before(writer, entry.key)) {
                self.close().await?;
                let writer = TableWriter::create(self.store, self.shape, (self.next_number)()).await?;
                let builder = &mut self.current.insert(writer).builder;
                if open {
                    builder.note_provisional(at);
                }
            }
            let Some(writer) = &mut self.current else { return Err(Error::internal("a table that was not begun")) };
            writer.add(entry.key, at, entry.value);
            if writer.is_due() {
                writer.drain().await?;
            }
            cursor.advance();
            steps += 1;
            if steps % STEP_ENTRIES == 0 {
                self.store.env.yield_if_needed().await;
            }
        }
        Ok(())
    }

    async fn add(&mut self, key: &[u8], at: Timestamp, value: Option<&[u8]>, open: bool) -> Result<()> {
        if self.current.as_ref().is_some_and(|writer| self.is_cut_before(writer, key)) {
            self.close().await?;
        }
        let writer = match &mut self.current {
            Some(writer) => writer,
            None => {
                let writer = TableWriter::create(self.store, self.shape, (self.next_number)()).await?;
                self.current.insert(writer)
            }
        };
        writer.add(key, at, value);
        if open {
            writer.builder.note_provisional(at);
        }
        if writer.is_due() {
            writer.drain().await?;
        }
        Ok(())
    }

    fn is_cut_before(&self, writer: &TableWriter, key: &[u8]) -> bool {
        let (builder, bytes) = (&writer.builder, writer.builder.file_bytes());
        let differs = |len: usize| builder.last_key().get(..len) != key.get(..len);
        if bytes < self.cuts.prefix_bytes.min(self.cuts.table_bytes) {
            return builder.is_full_of_storages() && differs(size_of::<StorageId>());
        }
        builder.last_key() != key && (bytes >= self.cuts.table_bytes || differs(PREFIX_BYTES))
    }

    async fn close(&mut self) -> Result<()> {
        if let Some(writer) = self.current.take() {
            self.finished.push(writer.finish().await?);
        }
        Ok(())
    }

    /// Completes the last table and makes all of them durable in the folder.
    pub async fn finish(mut self) -> Result<Vec<TableMeta>> {
        self.close().await?;
        if !self.finished.is_empty() {
            let dir = &self.store.dir;
            let synced = self.store.env.sync_dir(dir).await;
            synced.map_err(|error| Error::io(format_args!("syncing folder {}", dir.display()), error))?;
        }
        Ok(self.finished)
    }

    /// Numbers of all tables begun: to remove their files when the work failed.
    pub fn numbers(&self) -> Vec<u64> {
        let current = self.current.iter().map(TableWriter::number);
        self.finished.iter().map(|meta| meta.number).chain(current).collect()
    }
}
