//! Batches as rows of COPY TO.

use super::binary::SIGNATURE;
use crate::{
    base::{batch::Batch, binary, text, types::DataType},
    error::Result,
    sql::utility::{CopyFormat, CopyOptions},
};

/// Writes rows in one format.
pub struct Writer {
    options: CopyOptions,
    types: Vec<DataType>,
    scratch: Vec<u8>,
}

impl Writer {
    /// A writer of rows with these column types.
    pub fn new(options: CopyOptions, types: Vec<DataType>) -> Writer {
        Writer { options, types, scratch: Vec::new() }
    }

    /// What comes before the first row: the binary header, or the line of column names.
    pub fn header(&self, names: &[String], out: &mut Vec<u8>, ends: &mut Vec<usize>) {
        match self.options.format {
            CopyFormat::Binary => {
                out.extend_from_slice(SIGNATURE);
                out.extend_from_slice(&[0; 8]);
                // No end: the header travels with the first row, or with the trailer.
            }
            CopyFormat::Text | CopyFormat::Csv if self.options.header => {
                for (position, name) in names.iter().enumerate() {
                    self.delimit(position, out);
                    match self.options.format {
                        CopyFormat::Csv => self.csv_field(name.as_bytes(), false, names.len() == 1, out),
                        _ => self.text_field(name.as_bytes(), out),
                    }
                }
                out.push(b'\n');
                ends.push(out.len());
            }
            _ => {}
        }
    }

    /// What comes after the last row.
    pub fn trailer(&self, out: &mut Vec<u8>, ends: &mut Vec<usize>) {
        if self.options.format == CopyFormat::Binary {
            out.extend_from_slice(&(-1i16).to_be_bytes());
            ends.push(out.len());
        }
    }

    /// Appends the rows of a batch.
    pub fn write(&mut self, batch: &Batch, out: &mut Vec<u8>, ends: &mut Vec<usize>) -> Result<()> {
        for row in 0..batch.rows {
            match self.options.format {
                CopyFormat::Binary => self.binary_row(batch, row, out)?,
                CopyFormat::Text | CopyFormat::Csv => self.line(batch, row, out),
            }
            ends.push(out.len());
        }
        Ok(())
    }

    fn line(&mut self, batch: &Batch, row: usize, out: &mut Vec<u8>) {
        for (position, column) in batch.columns.iter().enumerate() {
            self.delimit(position, out);
            if column.is_null(row) {
                out.extend_from_slice(self.options.null.as_bytes());
                continue;
            }
            let mut field = std::mem::take(&mut self.scratch);
            field.clear();
            text::write_column_value(column, row, self.types[position], &mut field);
            match self.options.format {
                CopyFormat::Csv => {
                    let force = self.options.force_quote.contains(&position);
                    self.csv_field(&field, force, batch.columns.len() == 1, out);
                }
                _ => self.text_field(&field, out),
            }
            self.scratch = field;
        }
        out.push(b'\n');
    }

    fn delimit(&self, position: usize, out: &mut Vec<u8>) {
        if position > 0 {
            out.push(self.options.delimiter);
        }
    }

    fn text_field(&self, field: &[u8], out: &mut Vec<u8>) {
        for &byte in field {
            let escape = match byte {
                8 => b'b',
                12 => b'f',
                b'\n' => b'n',
                b'\r' => b'r',
                b'\t' if self.options.delimiter != b'\t' => {
                    out.push(byte);
                    continue;
                }
                b'\t' => b't',
                11 => b'v',
                b'\\' => b'\\',
                byte if byte == self.options.delimiter => byte,
                byte => {
                    out.push(byte);
                    continue;
                }
            };
            out.extend_from_slice(&[b'\\', escape]);
        }
    }

    fn csv_field(&self, field: &[u8], force: bool, only: bool, out: &mut Vec<u8>) {
        let special =
            |&byte: &u8| byte == self.options.delimiter || byte == self.options.quote || byte == b'\n' || byte == b'\r';
        let quote =
            force || field == self.options.null.as_bytes() || field.iter().any(special) || (only && field == b"\\.");
        if !quote {
            return out.extend_from_slice(field);
        }
        out.push(self.options.quote);
        for &byte in field {
            if byte == self.options.quote || byte == self.options.escape {
                out.push(self.options.escape);
            }
            out.push(byte);
        }
        out.push(self.options.quote);
    }

    fn binary_row(&mut self, batch: &Batch, row: usize, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(&(batch.columns.len() as i16).to_be_bytes());
        for (column, &data_type) in batch.columns.iter().zip(&self.types) {
            if column.is_null(row) {
                out.extend_from_slice(&(-1i32).to_be_bytes());
                continue;
            }
            let at = out.len();
            out.extend_from_slice(&[0; 4]);
            binary::write_column_value(column, row, data_type, out);
            let length = (out.len() - at - 4) as i32;
            out[at..at + 4].copy_from_slice(&length.to_be_bytes());
        }
        Ok(())
    }
}
