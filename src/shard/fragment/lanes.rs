//! The entries of several partitions in one order.
//!
//! Each partition's ranges are a lane that is in key order by itself; the next entry is the least of those that the lanes
//! stand on (the greatest when reading backwards). What is compared is the key behind the partition's number.

use super::ranges::Range;
use crate::{
    base::{ids::PartitionId, key},
    error::Result,
    shard::{ReadView, Shard},
    storage::lsm::Direction,
    txn::{Scan, Step},
};
use std::ops::Bound;

/// See the module.
pub struct Lanes {
    lanes: Vec<Lane>,
    reverse: bool,
    /// The lane whose entry was given out last.
    current: Option<usize>,
}

struct Lane {
    /// Ranges not begun, last one first.
    ranges: Vec<Range>,
    scan: Option<Scan>,
    /// The scan stands on an entry that was not given out, or there is no more.
    ready: bool,
}

impl Lanes {
    /// Lanes of ranges that come partition by partition, each in the direction of reading.
    pub fn new(ranges: Vec<Range>, reverse: bool) -> Lanes {
        let mut lanes: Vec<(Option<PartitionId>, Lane)> = Vec::new();
        for range in ranges {
            let partition = match &range.0 {
                Bound::Included(low) | Bound::Excluded(low) => key::split(low).map(|(_, _, partition, _)| partition),
                Bound::Unbounded => None,
            };
            match lanes.last_mut() {
                Some((of_lane, lane)) if *of_lane == partition => lane.ranges.push(range),
                _ => lanes.push((partition, Lane { ranges: vec![range], scan: None, ready: false })),
            }
        }
        let mut lanes: Vec<Lane> = lanes.into_iter().map(|(_, lane)| lane).collect();
        lanes.iter_mut().for_each(|lane| lane.ranges.reverse());
        Lanes { lanes, reverse, current: None }
    }

    /// Goes to the next entry of all; false at the end.
    pub async fn advance(&mut self, shard: &Shard, view: ReadView) -> Result<bool> {
        if let Some(lane) = self.current.take().and_then(|current| self.lanes.get_mut(current)) {
            lane.ready = false;
        }
        for lane in self.lanes.iter_mut().filter(|lane| !lane.ready) {
            lane.make_ready(shard, view, self.reverse).await?;
        }
        let entries = self.lanes.iter().enumerate().filter_map(|(number, lane)| Some((number, lane.entry()?)));
        let next = if self.reverse {
            entries.max_by(|one, other| one.1.cmp(other.1))
        } else {
            entries.min_by(|one, other| one.1.cmp(other.1))
        };
        self.current = next.map(|(number, _)| number);
        Ok(self.current.is_some())
    }

    /// The scan that stands on the current entry.
    pub fn current(&self) -> Option<&Scan> {
        self.lanes.get(self.current?)?.scan.as_ref()
    }
}

impl Lane {
    async fn make_ready(&mut self, shard: &Shard, view: ReadView, reverse: bool) -> Result<()> {
        loop {
            if self.scan.is_none() {
                let Some(range) = self.ranges.pop() else { break };
                let direction = if reverse { Direction::Backward } else { Direction::Forward };
                self.scan = Some(shard.transactions().scan(view, range, direction).await);
            }
            let Some(scan) = &mut self.scan else { break };
            match scan.try_next().map_err(|failure| shard.error(failure))? {
                Step::Entry => break,
                Step::Load => scan.load().await.map_err(|failure| shard.error(failure))?,
                Step::End => self.scan = None,
            }
        }
        self.ready = true;
        Ok(())
    }

    /// The key that the lane stands on, without its prefix.
    fn entry(&self) -> Option<&[u8]> {
        self.scan.as_ref().and_then(|scan| scan.key().get(key::PREFIX_BYTES..))
    }
}
