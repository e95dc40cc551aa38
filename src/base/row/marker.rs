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

/// What a marker tells of its value.
#[derive(Clone, Copy)]
struct Form {
    /// Its length, marker included; 0 where the marker alone does not tell.
    bytes: u8,
    /// For integers of up to 32 bits: the first eight bytes, as a big-endian word, shifted left and then right by this are
    /// the number. `right` is 0 for everything else.
    left: u8,
    right: u8,
    signed: bool,
}

static FORMS: [Form; 256] = {
    const OTHER: Form = Form { bytes: 0, left: 0, right: 0, signed: false };
    const fn integer(bytes: u8, signed: bool) -> Form {
        let left = if bytes == 1 { 0 } else { 8 };
        let width = if bytes == 1 { 8 } else { (bytes - 1) * 8 };
        Form { bytes, left, right: 64 - width, signed }
    }
    const fn sized(bytes: u8) -> Form {
        Form { bytes, ..OTHER }
    }
    let mut forms = [OTHER; 256];
    let mut marker = 0;
    while marker < 256 {
        forms[marker] = match marker as u8 {
            0x00..=0x7f => integer(1, false),
            0xe0..=0xff => integer(1, true),
            NIL | FALSE | TRUE => sized(1),
            string @ 0xa0..=0xbf => sized(1 + (string & 0x1f)),
            UINT_8 => integer(2, false),
            UINT_16 => integer(3, false),
            UINT_32 => integer(5, false),
            INT_8 => integer(2, true),
            INT_16 => integer(3, true),
            INT_32 => integer(5, true),
            FLOAT_32 => sized(5),
            UINT_64 | INT_64 | FLOAT_64 => sized(9),
            _ => OTHER,
        };
        marker += 1;
    }
    forms
};

/// The integer of up to 32 bits that begins these bytes, and its length; a length of 0 if it is something else. Without a
/// branch on the width, which changes from row to row.
#[inline]
pub(super) fn integer_of(eight: [u8; 8]) -> (i64, u8) {
    let form = &FORMS[usize::from(eight[0])];
    let number = u64::from_be_bytes(eight) << form.left;
    let value = if form.signed { number as i64 >> form.right } else { (number >> form.right) as i64 };
    (value, if form.right > 0 { form.bytes } else { 0 })
}

/// The length of a value by its marker; 0 where the marker alone does not tell.
#[inline]
pub(super) fn length_of(marker: u8) -> u8 {
    FORMS[usize::from(marker)].bytes
}

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
        if let Some(eight) = self.bytes.get(self.at..).and_then(<[u8]>::first_chunk) {
            let (number, length) = integer_of(*eight);
            if length > 0 {
                self.at += usize::from(length);
                return Some(number);
            }
        }
        self.any_integer()
    }

    /// The widest ones, and those at the end of a row.
    fn any_integer(&mut self) -> Option<i64> {
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
        match FORMS[usize::from(marker)].bytes {
            0 => self.skip_any(),
            bytes => {
                self.at += usize::from(bytes);
                (self.at <= self.bytes.len()).then_some(())
            }
        }
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
