//! Memory that direct I/O accepts: aligned, and not cleared before use.
//!
//! Invariant: the first `len` bytes are initialised; nothing else can be read.

use super::File;
use std::{
    alloc::{Layout, alloc, dealloc, handle_alloc_error},
    ptr::NonNull,
};

/// A block of aligned memory that is filled from the front.
pub(super) struct Memory {
    start: NonNull<u8>,
    capacity: usize,
    len: usize,
}

impl Memory {
    /// Nothing yet, with room for `capacity` bytes, which is not 0.
    pub(super) fn with_capacity(capacity: usize) -> Memory {
        assert!(capacity > 0, "memory for nothing");
        let layout = Memory::layout(capacity);
        // SAFETY: the layout's size is not zero.
        let Some(start) = NonNull::new(unsafe { alloc(layout) }) else { handle_alloc_error(layout) };
        Memory { start, capacity, len: 0 }
    }

    fn layout(capacity: usize) -> Layout {
        match Layout::from_size_align(capacity, File::ALIGNMENT) {
            Ok(layout) => layout,
            Err(_) => panic!("a buffer of {capacity} bytes is more than there can be"),
        }
    }

    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        // SAFETY: `len` bytes from the start are ours and initialised.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }

    pub(super) fn as_bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: `len` bytes from the start are ours and initialised; `self` is borrowed for as long as the slice.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }

    /// Appends bytes; panics when they do not fit.
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        assert!(bytes.len() <= self.capacity - self.len, "a write buffer overflows");
        // SAFETY: the target is within the block (asserted), which nobody else refers to, so the two do not overlap.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.start.as_ptr().add(self.len), bytes.len()) };
        self.len += bytes.len();
    }

    /// Appends zeros; panics when they do not fit.
    pub(super) fn extend_zeros(&mut self, count: usize) {
        assert!(count <= self.capacity - self.len, "a write buffer overflows");
        // SAFETY: the target is within the block (asserted).
        unsafe { std::ptr::write_bytes(self.start.as_ptr().add(self.len), 0, count) };
        self.len += count;
    }

    /// Cuts what is behind `len`.
    pub(super) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Where the byte at `offset` is: for the kernel to read, or to write.
    pub(super) fn address(&mut self, offset: usize) -> *mut u8 {
        assert!(offset <= self.capacity, "an address behind the memory");
        // SAFETY: within the block or one behind it (asserted).
        unsafe { self.start.as_ptr().add(offset) }
    }

    /// The kernel has filled the first `len` bytes.
    ///
    /// # Safety
    /// They must have been written through [`Memory::address`].
    pub(super) unsafe fn set_len(&mut self, len: usize) {
        assert!(len <= self.capacity, "more was read than there is room for");
        self.len = len;
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: allocated by `with_capacity` with this layout, and freed once.
        unsafe { dealloc(self.start.as_ptr(), Memory::layout(self.capacity)) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_aligned_and_shows_only_what_was_put_in() {
        let mut memory = Memory::with_capacity(8192);
        assert_eq!(memory.address(0) as usize % File::ALIGNMENT, 0);
        assert!(memory.as_bytes().is_empty());
        memory.extend(b"abc");
        memory.extend_zeros(2);
        assert_eq!(memory.as_bytes(), b"abc\0\0");
        memory.as_bytes_mut()[4] = b'd';
        memory.truncate(9);
        assert_eq!(memory.as_bytes(), b"abc\0d");
        memory.truncate(1);
        assert_eq!((memory.as_bytes(), memory.capacity()), (&b"a"[..], 8192));
        memory.extend_zeros(8191);
    }

    #[test]
    #[should_panic(expected = "overflows")]
    fn cannot_be_overfilled() {
        let mut memory = Memory::with_capacity(4096);
        memory.extend_zeros(4095);
        memory.extend(b"ab");
    }
}
