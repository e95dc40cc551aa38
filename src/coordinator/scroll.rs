//! What a SCROLL cursor keeps: the rows that it has passed, and where it stands.
//!
//! Rows come from the cursor's plan as far as they are asked for, and are given again from here.

use crate::{
    base::{batch::Batch, sqlstate::SqlState, types::DataType},
    error::{Error, Result},
    sql::{expr::context::MEMORY_BYTES_MAX, utility::Travel},
};

/// Rows read so far, and the place among them.
#[derive(Default)]
pub struct Scroll {
    rows: Option<Batch>,
    /// The row it stands on, from 1; 0 before the first, one more than there are behind the last.
    position: usize,
    /// Whether `rows` are all there are.
    ended: bool,
}

impl Scroll {
    fn len(&self) -> usize {
        self.rows.as_ref().map_or(0, |rows| rows.rows)
    }

    /// How many more rows must be known before [`Scroll::go`] can be called.
    pub fn rows_missing(&self, travel: Travel) -> usize {
        if self.ended {
            return 0;
        }
        let target = match travel {
            Travel::Forward(None) => usize::MAX,
            Travel::Forward(Some(count)) => self.position.saturating_add(count as usize),
            Travel::Backward(_) => 0,
            Travel::Absolute(row) => usize::try_from(row).unwrap_or(usize::MAX),
            Travel::Relative(distance) => self.position.saturating_add_signed(distance as isize),
        };
        target.saturating_sub(self.len())
    }

    /// Takes rows that follow those known.
    pub fn keep(&mut self, batch: Batch) -> Result<()> {
        match &mut self.rows {
            Some(rows) => rows.append(&batch),
            None => self.rows = Some(batch),
        }
        if self.rows.as_ref().is_some_and(|rows| rows.bytes() > MEMORY_BYTES_MAX) {
            return Err(Error::new(SqlState::OUT_OF_MEMORY, "the rows of a SCROLL cursor do not fit in memory")
                .with_hint("Declare it without SCROLL, or with a query of fewer rows."));
        }
        Ok(())
    }

    /// There are no more rows.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// Goes there; gives the rows on the way, in the order they are passed.
    pub fn go(&mut self, travel: Travel, types: &[DataType]) -> Batch {
        let (from, behind) = (self.position, self.len() + 1);
        let places: Vec<u32> = match travel {
            Travel::Forward(count) => {
                let to = count.map_or(behind, |count| from.saturating_add(count as usize).min(behind));
                self.position = to;
                (from + 1..=to.min(self.len())).map(|row| row as u32 - 1).collect()
            }
            Travel::Backward(count) => {
                let to = count.map_or(0, |count| from.saturating_sub(count as usize));
                self.position = to;
                (to.max(1)..from).rev().map(|row| row as u32 - 1).collect()
            }
            Travel::Absolute(row) if row < 0 => self.stand(behind.saturating_sub(row.unsigned_abs() as usize)),
            Travel::Absolute(row) => self.stand(row as usize),
            Travel::Relative(distance) => self.stand(from.saturating_add_signed(distance as isize)),
        };
        match &self.rows {
            Some(rows) => rows.take(&places),
            None => Batch::new(types.iter().copied()),
        }
    }

    /// Goes to one row; gives it, if there is one.
    fn stand(&mut self, row: usize) -> Vec<u32> {
        self.position = row.min(self.len() + 1);
        if (1..=self.len()).contains(&row) { vec![row as u32 - 1] } else { Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{types::TypeKind, value::Value};

    const NOTHING: [i64; 0] = [];
    const TYPES: [DataType; 1] = [DataType::of(TypeKind::Int4)];

    /// Rows 1 to `count`, read as far as each step needs.
    struct Reader {
        scroll: Scroll,
        next: i32,
        count: i32,
    }

    impl Reader {
        fn go(&mut self, travel: Travel) -> Vec<i64> {
            while self.scroll.rows_missing(travel) > 0 {
                if self.next > self.count {
                    self.scroll.end();
                    continue;
                }
                let mut batch = Batch::new(TYPES);
                batch.push_row([Value::Int4(self.next)]);
                self.next += 1;
                self.scroll.keep(batch).unwrap();
            }
            let batch = self.scroll.go(travel, &TYPES);
            (0..batch.rows).map(|row| batch.row(row)[0].as_integer().unwrap()).collect()
        }
    }

    #[test]
    fn it_goes_both_ways_and_reads_no_more_than_it_needs() {
        use Travel::{Absolute, Backward, Forward, Relative};
        let mut reader = Reader { scroll: Scroll::default(), next: 1, count: 6 };
        assert_eq!(reader.go(Backward(Some(1))), NOTHING);
        assert_eq!(reader.go(Forward(Some(3))), [1, 2, 3]);
        assert_eq!(reader.next, 4);
        assert_eq!(reader.go(Relative(0)), [3]);
        assert_eq!(reader.go(Backward(Some(2))), [2, 1]);
        assert_eq!(reader.go(Backward(Some(2))), NOTHING);
        assert_eq!(reader.go(Relative(0)), NOTHING);
        assert_eq!(reader.go(Forward(Some(1))), [1]);
        assert_eq!(reader.go(Relative(3)), [4]);
        assert_eq!(reader.go(Absolute(2)), [2]);
        assert_eq!(reader.next, 5);
        assert_eq!(reader.go(Absolute(-2)), [5]);
        assert_eq!(reader.go(Forward(None)), [6]);
        assert_eq!(reader.go(Forward(Some(1))), NOTHING);
        assert_eq!(reader.go(Backward(Some(1))), [6]);
        assert_eq!(reader.go(Absolute(0)), NOTHING);
        assert_eq!(reader.go(Forward(Some(u32::MAX))), [1, 2, 3, 4, 5, 6]);
        assert_eq!(reader.go(Backward(None)), [6, 5, 4, 3, 2, 1]);
        assert_eq!(reader.go(Absolute(99)), NOTHING);
        assert_eq!(reader.go(Relative(-1)), [6]);
        assert_eq!(reader.go(Absolute(-99)), NOTHING);
        assert_eq!(reader.go(Relative(i32::MIN)), NOTHING);
        assert_eq!(reader.go(Absolute(i32::MIN)), NOTHING);
        assert_eq!(reader.go(Forward(Some(1))), [1]);
    }

    #[test]
    fn an_empty_one_gives_nothing() {
        let mut reader = Reader { scroll: Scroll::default(), next: 1, count: 0 };
        for travel in [Travel::Forward(None), Travel::Backward(None), Travel::Absolute(-1), Travel::Relative(1)] {
            assert_eq!(reader.go(travel), NOTHING);
        }
    }
}
