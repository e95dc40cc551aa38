//! Runs one fragment: feeds the operators with what the scans read, and hands on, or changes, what they put out.

use super::{FragmentRequest, Modify, Summary, brought::Brought, modify::Modifier, source::Source};
use crate::{
    base::batch::Batch,
    error::{Error, Result},
    shard::Shard,
    sql::execute::{self, Executor, Step},
};
use std::rc::Rc;

/// Where the batches of one of the executor's sources come from.
enum Feed {
    /// Rows of this core.
    Own(Box<Source>),
    /// Rows of all cores, which each of them reads for itself.
    Brought(Box<Brought>),
}

/// A fragment that runs on this core.
pub struct Driver {
    shard: Shard,
    executor: Executor,
    /// By the executor's numbers; `None` where one has ended.
    sources: Vec<Option<Feed>>,
    modifier: Option<Modifier>,
    /// The only row that is to be changed, not locked yet.
    to_lock: Option<Vec<u8>>,
    /// What was done for sources that have ended.
    brought: Vec<(usize, execute::Measurements)>,
}

impl Driver {
    /// Makes the transaction it writes for known; nothing is read yet.
    pub fn new(shard: Shard, request: FragmentRequest) -> Result<Driver> {
        let FragmentRequest { plan, context, view, modify, watched, in_background: _ } = request;
        let clock = watched.then(|| {
            let env = shard.env().clone();
            Rc::new(move || env.now()) as execute::Clock
        });
        let executor = Executor::watched(&plan, context.clone(), clock)?;
        let mut sources = Vec::new();
        for source in executor.sources() {
            sources.push(Some(match source {
                execute::Source::Scan(scan) => {
                    Feed::Own(Box::new(Source::new(shard.clone(), scan.clone(), &context, view)?))
                }
                execute::Source::Gather(gather) => {
                    Feed::Brought(Box::new(Brought::new(shard.clone(), gather, context.clone(), view, watched)?))
                }
                execute::Source::Virtual { .. } => {
                    return Err(Error::internal("a fragment holds something that is not on a core"));
                }
            }));
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
            (Some(_), [Some(Feed::Own(source))]) => source.only_key().map(<[u8]>::to_vec),
            _ => None,
        };
        Ok(Driver { shard, executor, sources, modifier, to_lock, brought: Vec::new() })
    }

    /// Locks the only row there is to change, so that what is read of it is what will be changed.
    async fn lock_first(&mut self) -> Result<()> {
        let (Some(key), Some(modifier)) = (self.to_lock.take(), &mut self.modifier) else { return Ok(()) };
        let snapshot = modifier.lock(&key).await?;
        if let Some(Some(Feed::Own(source))) = self.sources.first_mut() {
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
                    let began = self.executor.is_watched().then(|| self.shard.env().now());
                    let batch = match self.sources.get_mut(number).and_then(Option::as_mut) {
                        Some(Feed::Own(source)) => source.next().await?,
                        Some(Feed::Brought(brought)) => brought.next().await?,
                        None => None,
                    };
                    if batch.is_none()
                        && let Some(source) = self.sources.get_mut(number)
                        && let Some(Feed::Brought(brought)) = source.take()
                    {
                        self.brought.push((number, brought.measured()));
                    }
                    if let Some(began) = began {
                        self.executor.add_time(number, self.shard.env().now().saturating_sub(began));
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

    /// What was changed, and measured, after the end.
    pub fn take_summary(&mut self) -> Summary {
        let mut summary = self.modifier.as_mut().map_or_else(Summary::default, Modifier::take_summary);
        summary.measured.operators = self.executor.measured().to_vec();
        if !summary.measured.operators.is_empty() {
            summary.measured.sources.resize(self.sources.len(), execute::Measurements::default());
            for (number, measured) in self.brought.drain(..) {
                summary.measured.sources[number] = measured;
            }
        }
        summary
    }
}
