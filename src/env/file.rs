//! Files with direct I/O, and the buffers that go in and out of them.
//!
//! Everything is aligned: offsets and lengths of reads and writes are multiples of [`File::ALIGNMENT`]. A file keeps no
//! cursor and no cache. There is no order between operations that run at the same time: await the write before the
//! sync that shall cover it. A dropped read or write is either never started or runs to its end; its buffer lives as
//! long as the device may touch it.

use super::{glommio as real, memory::Memory, sim};
use std::{
    io,
    ops::{Deref, DerefMut},
};

/// How to open a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenOptions {
    /// Reads are allowed.
    pub read: bool,
    /// Writes are allowed.
    pub write: bool,
    /// Create it if there is none.
    pub create: bool,
    /// Create it, and fail if there is one.
    pub create_new: bool,
    /// Cut it to nothing.
    pub truncate: bool,
    /// Every completed write is durable, as if followed by [`File::sync`] (O_DSYNC).
    pub sync_writes: bool,
}

impl OpenOptions {
    /// For reading what is there.
    pub fn reading() -> OpenOptions {
        OpenOptions { read: true, ..OpenOptions::default() }
    }

    /// For reading and writing, created if there is none.
    pub fn writing() -> OpenOptions {
        OpenOptions { read: true, write: true, create: true, ..OpenOptions::default() }
    }

    /// For reading and writing an empty file, whatever was there.
    pub fn replacing() -> OpenOptions {
        OpenOptions { truncate: true, ..OpenOptions::writing() }
    }

    /// The same with every write durable on completion.
    pub fn with_sync_writes(self) -> OpenOptions {
        OpenOptions { sync_writes: true, ..self }
    }
}

/// An open file of one core. Clones share it.
#[derive(Clone)]
pub struct File(Inner);

#[derive(Clone)]
enum Inner {
    Glommio(real::File),
    Sim(sim::File),
}

impl File {
    /// Offsets and lengths of reads and writes are multiples of this.
    pub const ALIGNMENT: usize = 4096;

    pub(super) fn from_glommio(file: real::File) -> File {
        File(Inner::Glommio(file))
    }

    pub(super) fn from_sim(file: sim::File) -> File {
        File(Inner::Sim(file))
    }

    /// A zeroed buffer to write from.
    pub fn buffer(len: usize) -> Buffer {
        Buffer::zeroed(len)
    }

    /// Reads up to `len` bytes; fewer only at the end of the file.
    pub async fn read_at(&self, offset: u64, len: usize) -> io::Result<Buffer> {
        check_alignment(offset, len)?;
        match &self.0 {
            Inner::Glommio(file) => file.read_at(offset, len).await,
            Inner::Sim(file) => file.read_at(offset, len).await,
        }
    }

    /// Writes the whole buffer and gives it back.
    pub async fn write_at(&self, offset: u64, buffer: Buffer) -> io::Result<Buffer> {
        check_alignment(offset, buffer.len())?;
        match &self.0 {
            Inner::Glommio(file) => file.write_at(offset, buffer).await,
            Inner::Sim(file) => file.write_at(offset, buffer).await,
        }
    }

    /// Makes every completed write, and the length, durable (fdatasync).
    pub async fn sync(&self) -> io::Result<()> {
        match &self.0 {
            Inner::Glommio(file) => file.sync().await,
            Inner::Sim(file) => file.sync().await,
        }
    }

    /// Writes zeros over the first `len` bytes (an aligned length) and syncs.
    pub async fn zero_fill(&self, len: u64) -> io::Result<()> {
        const STEP_BYTES: u64 = 256 << 10;
        let mut zeros = Buffer::zeroed(STEP_BYTES.min(len) as usize);
        let mut offset = 0;
        while offset < len {
            if len - offset < zeros.len() as u64 {
                zeros = Buffer::zeroed((len - offset) as usize);
            }
            let written = zeros.len() as u64;
            zeros = self.write_at(offset, zeros).await?;
            offset += written;
        }
        self.sync().await
    }

    /// The length in bytes.
    pub async fn len(&self) -> io::Result<u64> {
        match &self.0 {
            Inner::Glommio(file) => file.len(),
            Inner::Sim(file) => file.len(),
        }
    }

    /// Cuts or extends (with zeros) to `len`; durable after [`File::sync`].
    pub async fn truncate(&self, len: u64) -> io::Result<()> {
        match &self.0 {
            Inner::Glommio(file) => file.truncate(len).await,
            Inner::Sim(file) => file.truncate(len).await,
        }
    }

    /// Closes it, if no clone is left. Dropping does the same without telling of errors.
    pub async fn close(self) -> io::Result<()> {
        match self.0 {
            Inner::Glommio(file) => file.close().await,
            Inner::Sim(_) => Ok(()),
        }
    }
}

fn check_alignment(offset: u64, len: usize) -> io::Result<()> {
    if offset.is_multiple_of(File::ALIGNMENT as u64) && len.is_multiple_of(File::ALIGNMENT) {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("direct I/O at offset {offset} with length {len} is not aligned to {} bytes", File::ALIGNMENT),
    ))
}

/// Bytes at an address that direct I/O accepts.
pub struct Buffer(Option<Memory>);

impl Buffer {
    /// A buffer of zeros.
    pub fn zeroed(len: usize) -> Buffer {
        if len == 0 {
            return Buffer(None);
        }
        let mut memory = Memory::with_capacity(len);
        memory.extend_zeros(len);
        Buffer(Some(memory))
    }

    /// A copy of `bytes`, padded with zeros to the alignment.
    pub fn padded(bytes: &[u8]) -> Buffer {
        let mut writer = BufferWriter::with_capacity(bytes.len().next_multiple_of(File::ALIGNMENT));
        writer.extend(bytes);
        writer.finish()
    }

    pub(super) fn from_memory(memory: Memory) -> Buffer {
        Buffer(Some(memory))
    }

    /// `None` when it is empty.
    pub(super) fn into_memory(self) -> Option<Memory> {
        self.0.filter(|memory| !memory.as_bytes().is_empty())
    }

    /// Cuts it to `len` bytes, for good.
    pub fn truncate(&mut self, len: usize) {
        if let Some(memory) = &mut self.0 {
            memory.truncate(len);
        }
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], Memory::as_bytes)
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        self.0.as_mut().map_or(&mut [], Memory::as_bytes_mut)
    }
}

impl std::fmt::Debug for Buffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Buffer({} bytes)", self.len())
    }
}

/// A buffer that is filled from the front. Its memory is not cleared first: only what was put in can be read.
pub struct BufferWriter(Option<Memory>);

impl BufferWriter {
    /// Room for `capacity` bytes, which must be aligned.
    pub fn with_capacity(capacity: usize) -> BufferWriter {
        assert!(capacity.is_multiple_of(File::ALIGNMENT), "the capacity of a write buffer is aligned");
        BufferWriter((capacity > 0).then(|| Memory::with_capacity(capacity)))
    }

    /// The memory of a buffer, to be filled anew.
    pub fn reusing(mut buffer: Buffer) -> BufferWriter {
        buffer.truncate(0);
        BufferWriter(buffer.0)
    }

    /// Bytes it has room for in all.
    pub fn capacity(&self) -> usize {
        self.0.as_ref().map_or(0, Memory::capacity)
    }

    /// Bytes put in so far.
    pub fn len(&self) -> usize {
        self.written().len()
    }

    /// Whether nothing was put in.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends; the caller has made sure that it fits.
    pub fn extend(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            Some(memory) => memory.extend(bytes),
            None => assert!(bytes.is_empty(), "a write buffer overflows"),
        }
    }

    /// Appends `count` zeros.
    pub fn extend_zeros(&mut self, count: usize) {
        match &mut self.0 {
            Some(memory) => memory.extend_zeros(count),
            None => assert!(count == 0, "a write buffer overflows"),
        }
    }

    /// What was put in.
    pub fn written(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], Memory::as_bytes)
    }

    /// What was put in, to be patched.
    pub fn written_mut(&mut self) -> &mut [u8] {
        self.0.as_mut().map_or(&mut [], Memory::as_bytes_mut)
    }

    /// The buffer, padded with zeros to the alignment.
    pub fn finish(mut self) -> Buffer {
        self.extend_zeros(self.len().next_multiple_of(File::ALIGNMENT) - self.len());
        Buffer(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_writer_gives_an_aligned_zero_padded_buffer() {
        let mut writer = BufferWriter::with_capacity(8192);
        writer.extend(&[7; 4000]);
        writer.extend(&[8; 100]);
        writer.written_mut()[0] = 9;
        let buffer = writer.finish();
        assert_eq!(buffer.len(), 8192);
        assert_eq!((buffer[0], buffer[3999], buffer[4000], buffer[4099], buffer[4100]), (9, 7, 8, 8, 0));
        assert!(buffer[4100..].iter().all(|byte| *byte == 0));
        assert!(BufferWriter::with_capacity(0).finish().is_empty());
        let mut again = BufferWriter::reusing(buffer);
        assert_eq!((again.len(), again.capacity()), (0, 8192));
        again.extend(&[1]);
        assert_eq!(&again.finish()[..3], [1, 0, 0]);
    }

    #[test]
    fn a_buffer_is_cut_for_good() {
        let mut buffer = Buffer::padded(&[1, 2, 3]);
        assert_eq!(buffer.len(), 4096);
        buffer.truncate(2);
        assert_eq!(&buffer[..], [1, 2]);
        buffer.truncate(100);
        assert_eq!(buffer.len(), 2);
    }
}
