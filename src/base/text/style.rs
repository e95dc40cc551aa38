//! What of the text form a session may choose.

use crate::base::datetime::{DateOrder, IntervalStyle, Zone};

/// How values are read and written. The default is what a new session has.
#[derive(Clone, Debug)]
pub struct Style {
    pub bytea: ByteaOutput,
    /// Above 0: the shortest digits that read back the same. PostgreSQL's default is 1.
    pub extra_float_digits: i32,
    /// The order of the numbers of an ambiguous date that is read. Dates are always written in ISO form.
    pub date_order: DateOrder,
    pub interval: IntervalStyle,
    /// The zone that timestamps with zone are shown in, and read in when they name none.
    pub zone: Zone,
    /// What `now` means: microseconds since 2000-01-01 UTC, the time at which the transaction began.
    pub now_micros: i64,
}

/// The setting `bytea_output`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ByteaOutput {
    #[default]
    Hexadecimal,
    Escaped,
}

impl Default for Style {
    fn default() -> Style {
        Style {
            bytea: ByteaOutput::default(),
            extra_float_digits: 1,
            date_order: DateOrder::default(),
            interval: IntervalStyle::default(),
            zone: Zone::Utc,
            now_micros: 0,
        }
    }
}
