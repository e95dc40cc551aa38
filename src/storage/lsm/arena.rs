//! Append-only memory: bytes once written stay where they are, unchanged, until the arena is dropped.
//!
//! That is what lets a reader hold a value of a memtable while writers add to it, without a copy. Nothing is ever freed
//! singly.
//!
//! Invariants: a chunk's memory neither moves nor is freed before the arena; bytes below `used` are never written again.

use std::cell::{Cell, UnsafeCell};
use std::num::NonZeroU32;

/// The first chunk is small, so that an idle tree costs little; later ones double up to the largest.
const CHUNK_BYTES_MIN: usize = 16 << 10;
const CHUNK_BYTES_MAX: usize = 1 << 20;

/// Where bytes lie: the chunk's number, counted from 1, and the offset in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    chunk: NonZeroU32,
    offset: u32,
}

/// See the module.
#[derive(Default)]
pub struct Arena {
    chunks: UnsafeCell<Vec<Chunk>>,
    reserved_bytes: Cell<usize>,
}

struct Chunk {
    memory: Box<[UnsafeCell<u8>]>,
    used: usize,
}

impl Place {
    /// The place so many bytes further on in the same chunk.
    #[inline]
    pub fn after(self, bytes: usize) -> Place {
        Place { offset: self.offset + bytes as u32, ..self }
    }
}

impl Arena {
    /// Copies the parts in, one after the other.
    pub fn push(&self, parts: &[&[u8]]) -> Place {
        let len = parts.iter().map(|part| part.len()).sum::<usize>();
        // SAFETY: the arena is neither Sync nor reentered here, and no reference to the vector itself outlives a call:
        // `get` hands out slices of the boxes' memory only, which growing the vector does not move.
        let chunks = unsafe { &mut *self.chunks.get() };
        if chunks.last().is_none_or(|chunk| chunk.memory.len() - chunk.used < len) {
            let grown = CHUNK_BYTES_MIN << chunks.len().min(6);
            let bytes = grown.min(CHUNK_BYTES_MAX).max(len);
            chunks.push(Chunk { memory: zeroed(bytes), used: 0 });
            self.reserved_bytes.set(self.reserved_bytes.get() + bytes);
        }
        let number = NonZeroU32::MIN.saturating_add(chunks.len() as u32 - 1);
        let chunk = &mut chunks[number.get() as usize - 1];
        let place = Place { chunk: number, offset: chunk.used as u32 };
        for part in parts {
            let target = &chunk.memory[chunk.used..chunk.used + part.len()];
            // SAFETY: `target` lies at or above `used`, where no slice was ever handed out, so nobody else can see these
            // bytes; its length is the part's. `UnsafeCell<u8>` has the layout of `u8` and allows the write.
            unsafe { std::ptr::copy_nonoverlapping(part.as_ptr(), UnsafeCell::raw_get(target.as_ptr()), part.len()) };
            chunk.used += part.len();
        }
        place
    }

    /// Takes over memory that was filled elsewhere, without a copy; gives the place of its first byte.
    pub fn adopt(&self, mut bytes: Vec<u8>) -> Place {
        let used = bytes.len();
        // Not shrunk: pieces that are all of one size leave no holes in the allocator's memory that the next one does not fit.
        bytes.resize(bytes.capacity(), 0);
        let reserved_bytes = bytes.len();
        let memory = cells(bytes.into_boxed_slice());
        // SAFETY: as in `push`: no reference to the vector itself outlives a call.
        let chunks = unsafe { &mut *self.chunks.get() };
        self.reserved_bytes.set(self.reserved_bytes.get() + reserved_bytes);
        chunks.push(Chunk { memory, used });
        Place { chunk: NonZeroU32::MIN.saturating_add(chunks.len() as u32 - 1), offset: 0 }
    }

    /// Bytes from `place + skip` on; none if that is more than was pushed there.
    #[inline]
    pub fn get(&self, place: Place, skip: usize, len: usize) -> &[u8] {
        // SAFETY: a shared look at the vector; it ends before this function does (see `push`).
        let chunks = unsafe { &*self.chunks.get() };
        let Some(chunk) = chunks.get(place.chunk.get() as usize - 1) else { return &[] };
        let start = place.offset as usize + skip;
        if start + len > chunk.used {
            return &[];
        }
        let cells = &chunk.memory[start..start + len];
        // SAFETY: these bytes lie below `used`: initialised, never written again, and kept until the arena is dropped,
        // which the borrow of `self` prevents.
        unsafe { std::slice::from_raw_parts(cells.as_ptr().cast::<u8>(), len) }
    }

    /// Memory taken from the allocator.
    pub fn reserved_bytes(&self) -> usize {
        self.reserved_bytes.get()
    }
}

/// Zeroed memory that the system hands out page by page as it is touched.
fn zeroed(bytes: usize) -> Box<[UnsafeCell<u8>]> {
    cells(vec![0u8; bytes].into_boxed_slice())
}

fn cells(bytes: Box<[u8]>) -> Box<[UnsafeCell<u8>]> {
    let memory = Box::into_raw(bytes);
    // SAFETY: `UnsafeCell<u8>` has the size, alignment and validity of `u8`, and the box is owned alone.
    unsafe { Box::from_raw(memory as *mut [UnsafeCell<u8>]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_stays_while_more_is_pushed() {
        let arena = Arena::default();
        let first = arena.push(&[b"key", b"value"]);
        let held = arena.get(first, 3, 5);
        let places: Vec<_> = (0..20_000u32).map(|i| (i, arena.push(&[&i.to_le_bytes(), &[i as u8; 100]]))).collect();
        let large = arena.push(&[&vec![7; 3 << 20]]);
        assert_eq!(held, b"value");
        for (i, place) in places {
            assert_eq!(arena.get(place, 0, 4), i.to_le_bytes());
            assert_eq!(arena.get(place, 4, 100), [i as u8; 100]);
        }
        assert!(arena.get(large, 0, 3 << 20).iter().all(|&byte| byte == 7));
        assert!(arena.reserved_bytes() >= (3 << 20) + 104 * 20_000);
    }

    #[test]
    fn adopted_memory_is_read_where_it_lies() {
        let arena = Arena::default();
        arena.push(&[b"before"]);
        let adopted = arena.adopt(b"adopted".to_vec());
        let behind = arena.push(&[b"behind"]);
        assert_eq!(arena.get(adopted, 0, 7), b"adopted");
        assert_eq!(arena.get(adopted.after(2), 1, 3), b"pte");
        assert_eq!(arena.get(behind, 0, 6), b"behind");
    }

    #[test]
    fn a_place_beyond_the_end_gives_nothing() {
        let arena = Arena::default();
        let place = arena.push(&[b"abc"]);
        assert_eq!(arena.get(place, 0, 4), b"");
    }
}
