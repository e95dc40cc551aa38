//! Cursors of SQL: DECLARE, FETCH, MOVE, CLOSE. A cursor is a portal that is begun by a statement. It goes forward only,
//! unless it is declared with SCROLL: then the rows that it has passed are kept (`scroll.rs`).
//!
//! A cursor sees what its transaction saw and had written when it was declared, and ends with the transaction.

use super::{
    prepared::Prepared,
    run::{Portal, Run, split},
    scroll::Scroll,
    session::{PREPARED_MAX, Session, Started},
};
use crate::{
    base::{batch::Batch, sqlstate::SqlState, types::DataType},
    error::{Error, Result},
    sql::{
        plan::{Body, Field},
        utility::Travel,
    },
};
use std::{collections::VecDeque, rc::Rc};

/// A FETCH that is under way.
pub struct Fetching {
    cursor: String,
    /// Rows it may still give.
    left: usize,
    given: u64,
}

impl Fetching {
    /// The command tag.
    pub fn tag(&self) -> String {
        format!("FETCH {}", self.given)
    }
}

impl Session {
    pub(super) async fn declare_cursor(&mut self, name: &str, scroll: bool, text: &str) -> Result<()> {
        self.in_block("DECLARE CURSOR")?;
        if self.portals.contains_key(name) {
            return Err(Error::new(SqlState::DUPLICATE_CURSOR, format!("cursor \"{name}\" already exists")));
        }
        if self.portals.len() >= PREPARED_MAX {
            return Err(Error::new(SqlState::CONFIGURATION_LIMIT_EXCEEDED, "too many cursors"));
        }
        let prepared = Rc::new(Prepared::new(self, self.parse_one(text)?, &[])?);
        if !prepared.parameters().is_empty() {
            let error = Error::unsupported("a cursor with parameters");
            return Err(error.with_hint("Write the values into the query, or use a portal of the extended protocol."));
        }
        let statement = prepared.statement(self)?;
        let context = self.statement_context(&statement, Vec::new()).await?;
        let run = match &statement.body {
            Body::Query(node) => {
                let mut view = self.read_view();
                view.statement = self.open_transaction().statement + 1;
                Run::Query(Box::new(self.query_at(node, context, view, None)?))
            }
            Body::PointRead(read) => {
                let batch = self.point_read(read, &context).await?;
                Run::Rows { batches: VecDeque::from([batch]), tag: String::new() }
            }
            _ => return Err(Error::unsupported("a cursor over a statement that is not a query")),
        };
        let scroll = scroll.then(Scroll::default);
        let portal = Portal { prepared, values: None, suspended: Some(run), scroll };
        self.portals.insert(name.to_string(), portal);
        Ok(())
    }

    /// The columns of a cursor.
    pub(super) fn cursor_fields(&self, name: &str) -> Result<Rc<[Field]>> {
        let portal = self.portals.get(name).ok_or_else(|| no_cursor(name))?;
        Ok(portal.prepared.shared_fields())
    }

    pub(super) async fn start_fetch(&mut self, name: &str, travel: Travel) -> Result<Started> {
        let fields = self.cursor_fields(name)?;
        self.run = match self.scrolled(name, travel).await? {
            Some(batch) => {
                let tag = format!("FETCH {}", batch.rows);
                let batches = VecDeque::from_iter(Some(batch).filter(|batch| !batch.is_empty()));
                Run::Rows { batches, tag }
            }
            None => Run::Fetch(Fetching { cursor: name.to_string(), left: forward_only(travel)?, given: 0 }),
        };
        Ok(Started::Rows(fields))
    }

    /// MOVE: passes over rows; gives how many.
    pub(super) async fn move_cursor(&mut self, name: &str, travel: Travel) -> Result<u64> {
        self.cursor_fields(name)?;
        if let Some(batch) = self.scrolled(name, travel).await? {
            return Ok(batch.rows as u64);
        }
        let mut fetching = Fetching { cursor: name.to_string(), left: forward_only(travel)?, given: 0 };
        while self.next_of_cursor(&mut fetching, usize::MAX).await?.is_some() {}
        Ok(fetching.given)
    }

    /// The rows that a SCROLL cursor gives on its way; `None` for any other cursor.
    async fn scrolled(&mut self, name: &str, travel: Travel) -> Result<Option<Batch>> {
        let portal = self.portals.get_mut(name).ok_or_else(|| no_cursor(name))?;
        let Some(mut scroll) = portal.scroll.take() else { return Ok(None) };
        let types: Vec<DataType> = portal.prepared.shared_fields().iter().map(|field| field.data_type).collect();
        let mut fetching = Fetching { cursor: name.to_string(), left: usize::MAX, given: 0 };
        let mut read = Ok(());
        while read.is_ok() && scroll.rows_missing(travel) > 0 {
            read = match self.next_of_cursor(&mut fetching, scroll.rows_missing(travel)).await {
                Ok(Some(batch)) => scroll.keep(batch),
                Ok(None) => {
                    scroll.end();
                    Ok(())
                }
                Err(error) => Err(error),
            };
        }
        let given = read.map(|()| scroll.go(travel, &types));
        if let Some(portal) = self.portals.get_mut(name) {
            portal.scroll = Some(scroll);
        }
        given.map(Some)
    }

    pub(super) fn close_cursor(&mut self, name: &str) -> Result<()> {
        self.portals.remove(name).map(drop).ok_or_else(|| no_cursor(name))
    }

    /// The next rows, at most `rows_max` of them; the rest stays with the cursor.
    pub(super) async fn next_of_cursor(&mut self, fetching: &mut Fetching, rows_max: usize) -> Result<Option<Batch>> {
        let rows_max = rows_max.min(fetching.left);
        if rows_max == 0 {
            return Ok(None);
        }
        let portal = self.portals.get_mut(&fetching.cursor).ok_or_else(|| no_cursor(&fetching.cursor))?;
        let (batch, run) = match portal.suspended.take() {
            Some(Run::Query(mut query)) => {
                let Some(batch) = self.next_of_query(&mut query).await? else { return Ok(None) };
                let (first, rest) = split(batch, rows_max);
                query.put_back(rest);
                (first, Run::Query(query))
            }
            Some(Run::Rows { mut batches, tag }) => {
                let Some(batch) = batches.pop_front() else { return Ok(None) };
                let (first, rest) = split(batch, rows_max);
                batches.extend(rest);
                (first, Run::Rows { batches, tag })
            }
            _ => return Ok(None),
        };
        if let Some(portal) = self.portals.get_mut(&fetching.cursor) {
            portal.suspended = Some(run);
        }
        fetching.left -= batch.rows;
        fetching.given += batch.rows as u64;
        Ok(Some(batch))
    }
}

/// How many rows a cursor without SCROLL goes.
fn forward_only(travel: Travel) -> Result<usize> {
    match travel {
        Travel::Forward(None) => Ok(usize::MAX),
        Travel::Forward(Some(count)) => Ok(count as usize),
        _ => Err(Error::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, "cursor can only scan forward")
            .with_hint("Declare it with SCROLL option to enable backward scan.")),
    }
}

fn no_cursor(name: &str) -> Error {
    Error::new(SqlState::INVALID_CURSOR_NAME, format!("cursor \"{name}\" does not exist"))
}
