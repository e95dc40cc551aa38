//! A cursor over MessagePack on a slice: reads and skips without allocating and without recursion.

/// A place in a slice. Every read gives `None` when the bytes end or are of another kind.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    pub bytes: &'a [u8],
    pub at: usize,
}

pub(super) const NIL: u8 = 0xc0;
pub(super) const FALSE: u8 = 0xc2;
pub(super) const TRUE: u8 = 0xc3;
pub(super) const BIN_8: u8 = 0xc4;
pub(super) const BIN_16: u8 = 0xc5;
pub(super) const BIN_32: u8 = 0xc6;
pub(super) const FLOAT_32: u8 = 0xca;
pub(super) const FLOAT_64: u8 = 0xcb;
pub(super) const UINT_8: u8 = 0xcc;
pub(super) const UINT_16: u8 = 0xcd;
pub(super) const UINT_32: u8 = 0xce;
pub(super) const UINT_64: u8 = 0xcf;
pub(super) const INT_8: u8 = 0xd0;
pub(super) const INT_16: u8 = 0xd1;
pub(super) const INT_32: u8 = 0xd2;
pub(super) const INT_64: u8 = 0xd3;
pub(super) const STR_8: u8 = 0xd9;
pub(super) const STR_16: u8 = 0xda;
pub(super) const STR_32: u8 = 0xdb;
pub(super) const ARRAY_16: u8 = 0xdc;
pub(super) const ARRAY_32: u8 = 0xdd;

impl<'a> Cursor<'a> {
    pub fn new(bytes: &'a [u8]) -> Cursor<'a> {
        Cursor { bytes, at: 0 }
    }

    #[inline]
    pub fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    #[inline]
    fn fixed<const N: usize>(&mut self) -> Option<[u8; N]> {
        let found = self.bytes.get(self.at..)?.first_chunk::<N>()?;
        self.at += N;
        Some(*found)
    }

    fn bytes_of(&mut self, length: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(length)?;
        let found = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(found)
    }

    /// Whether a nil stands here; if so it is passed.
    #[inline]
    pub fn nil(&mut self) -> bool {
        let nil = self.peek() == Some(NIL);
        self.at += usize::from(nil);
        nil
    }

    /// An integer of any width.
    #[inline]
    pub fn integer(&mut self) -> Option<i64> {
        let marker = self.peek()?;
        self.at += 1;
        if !(0x80..0xe0).contains(&marker) {
            return Some(i64::from(marker as i8));
        }
        Some(match marker {
            UINT_8 => i64::from(u8::from_be_bytes(self.fixed()?)),
            UINT_16 => i64::from(u16::from_be_bytes(self.fixed()?)),
            UINT_32 => i64::from(u32::from_be_bytes(self.fixed()?)),
            UINT_64 => i64::try_from(u64::from_be_bytes(self.fixed()?)).ok()?,
            INT_8 => i64::from(i8::from_be_bytes(self.fixed()?)),
            INT_16 => i64::from(i16::from_be_bytes(self.fixed()?)),
            INT_32 => i64::from(i32::from_be_bytes(self.fixed()?)),
            INT_64 => i64::from_be_bytes(self.fixed()?),
            _ => return None,
        })
    }

    pub fn boolean(&mut self) -> Option<bool> {
        let truth = match self.peek()? {
            FALSE => false,
            TRUE => true,
            _ => return None,
        };
        self.at += 1;
        Some(truth)
    }

    pub fn float_32(&mut self) -> Option<f32> {
        (self.peek()? == FLOAT_32).then_some(())?;
        self.at += 1;
        self.fixed().map(f32::from_be_bytes)
    }

    #[inline]
    pub fn float_64(&mut self) -> Option<f64> {
        (self.peek()? == FLOAT_64).then_some(())?;
        self.at += 1;
        self.fixed().map(f64::from_be_bytes)
    }

    /// A string's bytes as text.
    #[inline]
    pub fn string(&mut self) -> Option<&'a str> {
        let marker = self.peek()?;
        self.at += 1;
        let length = match marker {
            0xa0..=0xbf => usize::from(marker & 0x1f),
            STR_8 => usize::from(u8::from_be_bytes(self.fixed()?)),
            STR_16 => usize::from(u16::from_be_bytes(self.fixed()?)),
            STR_32 => u32::from_be_bytes(self.fixed()?) as usize,
            _ => return None,
        };
        std::str::from_utf8(self.bytes_of(length)?).ok()
    }

    /// Bytes.
    pub fn binary(&mut self) -> Option<&'a [u8]> {
        let marker = self.peek()?;
        self.at += 1;
        let length = match marker {
            BIN_8 => usize::from(u8::from_be_bytes(self.fixed()?)),
            BIN_16 => usize::from(u16::from_be_bytes(self.fixed()?)),
            BIN_32 => u32::from_be_bytes(self.fixed()?) as usize,
            _ => return None,
        };
        self.bytes_of(length)
    }

    /// The number of elements of an array that begins here. Never more than bytes that are left.
    #[inline]
    pub fn array(&mut self) -> Option<usize> {
        let marker = self.peek()?;
        self.at += 1;
        let count = match marker {
            0x90..=0x9f => usize::from(marker & 0x0f),
            ARRAY_16 => usize::from(u16::from_be_bytes(self.fixed()?)),
            ARRAY_32 => u32::from_be_bytes(self.fixed()?) as usize,
            _ => return None,
        };
        (count <= self.bytes.len() - self.at).then_some(count)
    }

    /// Passes one value of any kind.
    #[inline]
    pub fn skip(&mut self) -> Option<()> {
        let marker = self.peek()?;
        // The kinds that most columns are of, without the loop.
        match marker {
            0x00..=0x7f | 0xe0..=0xff | NIL | FALSE | TRUE => {
                self.at += 1;
                Some(())
            }
            UINT_8 | INT_8 => self.pass(2),
            UINT_16 | INT_16 => self.pass(3),
            UINT_32 | INT_32 | FLOAT_32 => self.pass(5),
            UINT_64 | INT_64 | FLOAT_64 => self.pass(9),
            0xa0..=0xbf => self.pass(1 + usize::from(marker & 0x1f)),
            _ => self.skip_any(),
        }
    }

    #[inline]
    fn pass(&mut self, length: usize) -> Option<()> {
        self.at += length;
        (self.at <= self.bytes.len()).then_some(())
    }

    /// Strings, bytes, arrays, and the kinds that rows do not use (maps, extensions), which are broken.
    fn skip_any(&mut self) -> Option<()> {
        let mut pending = 1_usize;
        while pending > 0 {
            pending -= 1;
            match self.peek()? {
                STR_8 | STR_16 | STR_32 => self.skip_string()?,
                BIN_8 | BIN_16 | BIN_32 => self.binary().map(|_| ())?,
                0x90..=0x9f | ARRAY_16 | ARRAY_32 => pending += self.array()?,
                0x80..=0x8f | 0xc1 | 0xc7..=0xc9 | 0xd4..=0xd8 | 0xde | 0xdf => return None,
                _ => self.skip()?,
            }
        }
        Some(())
    }

    fn skip_string(&mut self) -> Option<()> {
        let marker = self.peek()?;
        self.at += 1;
        let length = match marker {
            STR_8 => usize::from(u8::from_be_bytes(self.fixed()?)),
            STR_16 => usize::from(u16::from_be_bytes(self.fixed()?)),
            _ => u32::from_be_bytes(self.fixed()?) as usize,
        };
        self.bytes_of(length).map(|_| ())
    }
}
