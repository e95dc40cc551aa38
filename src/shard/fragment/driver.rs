//! Runs one fragment: feeds the operators with what the scans read, and hands on, or changes, what they put out.

use super::{FragmentRequest, Modify, Summary, modify::Modifier, source::Source};
use crate::{
    base::batch::Batch,
    error::{Error, Result},
    shard::Shard,
    sql::execute::{self, Executor, Step},
};

/// A fragment that runs on this core.
pub struct Driver {
    shard: Shard,
    executor: Executor,
    /// By the executor's numbers; `None` where one has ended.
    sources: Vec<Option<Source>>,
    modifier: Option<Modifier>,
    /// The only row that is to be changed, not locked yet.
    to_lock: Option<Vec<u8>>,
}

impl Driver {
    /// Makes the transaction it writes for known; nothing is read yet.
    pub fn new(shard: Shard, request: FragmentRequest) -> Result<Driver> {
        let FragmentRequest { plan, context, view, modify } = request;
        let executor = Executor::new(&plan, context.clone())?;
        let mut sources = Vec::new();
        for source in executor.sources() {
            let execute::Source::Scan(scan) = source else {
                return Err(Error::internal("a fragment holds something that is not on a core"));
            };
            sources.push(Some(Source::new(shard.clone(), scan.clone(), &context, view)?));
        }
        let modifier = match modify {
            None => None,
            Some(modify) => {
                let Modify { transaction, statement, patience, .. } = modify;
                let writer = shard.transactions().begin(transaction, statement, view.snapshot, patience);
                let writer = writer.map_err(|failure| shard.error(failure))?;
                let Some(execute::Source::Scan(scan)) = executor.sources().first() else {
                    return Err(Error::internal("a change of rows without a scan"));
                };
                Some(Modifier::new(shard.clone(), modify, writer, scan, context, view)?)
            }
        };
        let to_lock = match (&modifier, &sources[..]) {
            (Some(_), [Some(source)]) => source.only_key().map(<[u8]>::to_vec),
            _ => None,
        };
        Ok(Driver { shard, executor, sources, modifier, to_lock })
    }

    /// Locks the only row there is to change, so that what is read of it is what will be changed.
    async fn lock_first(&mut self) -> Result<()> {
        let (Some(key), Some(modifier)) = (self.to_lock.take(), &mut self.modifier) else { return Ok(()) };
        let snapshot = modifier.lock(&key).await?;
        if let Some(Some(source)) = self.sources.first_mut() {
            source.move_to(snapshot);
        }
        Ok(())
    }

    /// The next batch; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Batch>> {
        self.lock_first().await?;
        loop {
            match self.executor.next()? {
                Step::Need(number) => {
                    let batch = match self.sources.get_mut(number).and_then(Option::as_mut) {
                        Some(source) => source.next().await?,
                        None => None,
                    };
                    if batch.is_none()
                        && let Some(source) = self.sources.get_mut(number)
                    {
                        *source = None;
                    }
                    self.executor.feed(number, batch)?;
                    self.shard.env().yield_if_needed().await;
                }
                // Work without rows: others get their turn, and a cancel request is seen.
                Step::Batch(batch) if batch.rows == 0 => self.shard.env().yield_if_needed().await,
                Step::Batch(batch) => match &mut self.modifier {
                    None => return Ok(Some(batch)),
                    Some(modifier) => {
                        let returned = modifier.change(batch).await?;
                        if returned.is_some() {
                            return Ok(returned);
                        }
                    }
                },
                Step::Done => return Ok(None),
            }
        }
    }

    /// What was changed, after the end.
    pub fn take_summary(&mut self) -> Summary {
        self.modifier.as_mut().map_or_else(Summary::default, Modifier::take_summary)
    }
}
