//! What of the text form a session may choose.

/// How values are read and written. The default is what a new session has.
#[derive(Clone, Debug)]
pub struct Style {
    pub bytea: ByteaOutput,
    /// Above 0: the shortest digits that read back the same. PostgreSQL's default is 1.
    pub extra_float_digits: i32,
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
        Style { bytea: ByteaOutput::default(), extra_float_digits: 1 }
    }
}
