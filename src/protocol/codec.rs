//! CBOR envelope `[version, kind, [field, field, …]]`, tensors as little-endian byte strings.
//!
//! Messages are written and read field by field through [`Writer`] and [`Reader`], thin shells around minicbor that narrow it to
//! the seven kinds of item that travel. Derived codecs accept more (maps, indefinite lengths, skipped fields), which nobody needs
//! here, and cost the page some twenty kilobytes.

use super::message::{Message, Uplink};
use minicbor::{Decoder, Encoder};

/// The version of everything in this room. A change of layout raises it.
pub const VERSION: u8 = 1;

/// The media type of every encoded message.
pub const MEDIA_TYPE: &str = "application/vnd.sottovoce.v1+cbor";

/// No message is longer: a catalogue shard of 16,384 songs × 256 dimensions fits.
pub const MAX_MESSAGE_BYTES: usize = 8 << 20;

/// Why bytes are not the message that was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Longer than [`MAX_MESSAGE_BYTES`].
    #[error("message of {bytes} bytes is over the limit of {MAX_MESSAGE_BYTES}")]
    TooLong {
        /// How long it was.
        bytes: usize,
    },
    /// Written by another version of the protocol.
    #[error("message has version {got}, this build speaks version {VERSION}; update the older side")]
    Version {
        /// What it says.
        got: u8,
    },
    /// Another message than asked for.
    #[error("message is of kind {got}, expected kind {expected}")]
    Kind {
        /// What was asked for.
        expected: u8,
        /// What it says.
        got: u8,
    },
    /// Not CBOR, or not of the expected shape.
    #[error("malformed message at byte {at}: expected {expected}")]
    Malformed {
        /// What should have been there.
        expected: &'static str,
        /// Where.
        at: usize,
    },
    /// Well formed, but its parts contradict each other or hold a number that is not finite.
    #[error("invalid {what}: {detail}")]
    Invalid {
        /// Which part.
        what: &'static str,
        /// What is wrong with it.
        detail: &'static str,
    },
}

impl DecodeError {
    /// In a few words, without numbers.
    #[must_use]
    pub fn brief(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "the message is too long",
            Self::Version { .. } => "the message is of another version of the protocol; update the older side",
            Self::Kind { .. } => "the message is of another kind than expected",
            Self::Malformed { .. } => "the message is malformed",
            Self::Invalid { detail, .. } => detail,
        }
    }

    /// What was found, and what was expected.
    #[must_use]
    pub fn numbers(&self) -> (Option<u64>, Option<u64>) {
        match *self {
            Self::TooLong { bytes } => (Some(bytes as u64), Some(MAX_MESSAGE_BYTES as u64)),
            Self::Version { got } => (Some(got.into()), Some(VERSION.into())),
            Self::Kind { expected, got } => (Some(got.into()), Some(expected.into())),
            Self::Malformed { at, .. } => (Some(at as u64), None),
            Self::Invalid { .. } => (None, None),
        }
    }
}

/// Encodes a message of either direction. The server's door; a device uses [`send`].
#[must_use]
pub fn encode<M: Message>(message: &M) -> Vec<u8> {
    let mut w = Writer::default();
    w.array(3);
    w.uint(VERSION.into());
    w.uint(M::KIND.into());
    message.write(&mut w);
    w.finish()
}

/// Encodes what leaves a device. Takes only the closed list [`Uplink`].
#[must_use]
pub fn send<M: Uplink>(message: &M) -> Vec<u8> {
    encode(message)
}

/// Decodes and validates a message of kind `M`.
///
/// # Errors
/// [`DecodeError`]; hostile bytes never panic and never allocate more than their own length.
pub fn decode<M: Message>(bytes: &[u8]) -> Result<M, DecodeError> {
    if bytes.len() > MAX_MESSAGE_BYTES {
        return Err(DecodeError::TooLong { bytes: bytes.len() });
    }
    let mut r = Reader::new(bytes);
    let got = envelope(&mut r)?;
    if got != M::KIND {
        return Err(DecodeError::Kind { expected: M::KIND, got });
    }
    let message = M::read(&mut r)?;
    r.end()?;
    message.validate()?;
    Ok(message)
}

/// The kind of an encoded message, for callers that take several.
///
/// # Errors
/// As [`decode`], up to the kind.
pub fn kind(bytes: &[u8]) -> Result<u8, DecodeError> {
    envelope(&mut Reader::new(bytes))
}

fn envelope(r: &mut Reader<'_>) -> Result<u8, DecodeError> {
    r.array(3)?;
    let version = r.narrow()?;
    if version != VERSION {
        return Err(DecodeError::Version { got: version });
    }
    r.narrow()
}

/// Writes CBOR items. None of its methods is inlined, nor [`Reader`]'s: messages are many, the page is small.
#[derive(Debug)]
pub struct Writer(Encoder<Vec<u8>>);

impl Default for Writer {
    fn default() -> Self {
        Self(Encoder::new(Vec::with_capacity(64)))
    }
}

// Writing into a Vec cannot fail, so the results say nothing.
impl Writer {
    /// A list of `len` items follows.
    #[inline(never)]
    pub fn array(&mut self, len: u64) {
        let _ = self.0.array(len);
    }

    /// A whole number.
    #[inline(never)]
    pub fn uint(&mut self, value: u64) {
        let _ = self.0.u64(value);
    }

    /// A single-precision number.
    #[inline(never)]
    pub fn float(&mut self, value: f32) {
        let _ = self.0.f32(value);
    }

    /// Text.
    pub fn text(&mut self, value: &str) {
        let _ = self.0.str(value);
    }

    /// A byte string.
    #[inline(never)]
    pub fn bytes(&mut self, value: &[u8]) {
        let _ = self.0.bytes(value);
    }

    /// A list of nothing or one whole number.
    #[inline(never)]
    pub fn maybe(&mut self, value: Option<u64>) {
        self.array(value.is_some().into());
        if let Some(value) = value {
            self.uint(value);
        }
    }

    /// A tensor, as the little-endian bytes of its elements.
    pub fn tensor<T: Element>(&mut self, values: &[T]) {
        let mut bytes = Vec::with_capacity(values.len() * T::WIDTH);
        values.iter().for_each(|v| v.put(&mut bytes));
        self.bytes(&bytes);
    }

    /// What was written.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.0.into_writer()
    }
}

/// Reads CBOR items; every failure says what should have been there.
#[derive(Debug)]
pub struct Reader<'b>(Decoder<'b>);

impl<'b> Reader<'b> {
    /// From the first byte on.
    #[must_use]
    pub fn new(bytes: &'b [u8]) -> Self {
        Self(Decoder::new(bytes))
    }

    fn take<T>(&mut self, item: Result<T, minicbor::decode::Error>, expected: &'static str) -> Result<T, DecodeError> {
        let at = self.0.position();
        item.map_err(|_| DecodeError::Malformed { expected, at })
    }

    /// The length of a list.
    ///
    /// # Errors
    /// [`DecodeError::Malformed`], as all that follow.
    #[inline(never)]
    pub fn list(&mut self) -> Result<u64, DecodeError> {
        let len = self.0.array();
        let at = self.0.position();
        self.take(len, "a list")?.ok_or(DecodeError::Malformed { expected: "a list of known length", at })
    }

    /// A list of exactly `len` items.
    ///
    /// # Errors
    /// See [`Reader::list`].
    #[inline(never)]
    pub fn array(&mut self, len: u64) -> Result<(), DecodeError> {
        let at = self.0.position();
        if self.list()? == len {
            Ok(())
        } else {
            Err(DecodeError::Malformed { expected: "a list of another length", at })
        }
    }

    /// A whole number.
    ///
    /// # Errors
    /// See [`Reader::list`].
    #[inline(never)]
    pub fn uint(&mut self) -> Result<u64, DecodeError> {
        let value = self.0.u64();
        self.take(value, "a whole number")
    }

    /// A whole number that fits its type.
    ///
    /// # Errors
    /// See [`Reader::list`].
    pub fn narrow<T: TryFrom<u64>>(&mut self) -> Result<T, DecodeError> {
        let at = self.0.position();
        T::try_from(self.uint()?).map_err(|_| DecodeError::Malformed { expected: "a smaller number", at })
    }

    /// A single-precision number.
    ///
    /// # Errors
    /// See [`Reader::list`].
    #[inline(never)]
    pub fn float(&mut self) -> Result<f32, DecodeError> {
        let value = self.0.f32();
        self.take(value, "a number")
    }

    /// Text.
    ///
    /// # Errors
    /// See [`Reader::list`].
    pub fn text(&mut self) -> Result<&'b str, DecodeError> {
        let value = self.0.str();
        self.take(value, "text")
    }

    /// A byte string.
    ///
    /// # Errors
    /// See [`Reader::list`].
    #[inline(never)]
    pub fn bytes(&mut self) -> Result<&'b [u8], DecodeError> {
        let value = self.0.bytes();
        self.take(value, "bytes")
    }

    /// Nothing or one whole number.
    ///
    /// # Errors
    /// See [`Reader::list`].
    pub fn maybe(&mut self) -> Result<Option<u64>, DecodeError> {
        let at = self.0.position();
        match self.list()? {
            0 => Ok(None),
            1 => self.uint().map(Some),
            _ => Err(DecodeError::Malformed { expected: "a list of at most one", at }),
        }
    }

    /// A tensor.
    ///
    /// # Errors
    /// See [`Reader::list`].
    #[inline(never)]
    pub fn tensor<T: Element>(&mut self) -> Result<Vec<T>, DecodeError> {
        let at = self.0.position();
        T::all(self.bytes()?).ok_or(DecodeError::Malformed { expected: "whole elements of a tensor", at })
    }

    /// Nothing may follow.
    ///
    /// # Errors
    /// See [`Reader::list`].
    pub fn end(&self) -> Result<(), DecodeError> {
        let at = self.0.position();
        if at == self.0.input().len() { Ok(()) } else { Err(DecodeError::Malformed { expected: "the end", at }) }
    }
}

/// An element of a tensor.
pub trait Element: Sized {
    /// Bytes of one.
    const WIDTH: usize;
    /// Appends its bytes.
    fn put(&self, out: &mut Vec<u8>);
    /// All of them, or `None` where bytes are left over. One loop over arrays of known length: a page takes its first catalogue in
    /// before the browser has optimised anything, and a call an element was most of that time.
    fn all(bytes: &[u8]) -> Option<Vec<Self>>;
}

macro_rules! element {
    ($ty:ty, $width:literal, $value:ident => $number:expr, $bytes:ident => $all:expr) => {
        impl Element for $ty {
            const WIDTH: usize = $width;

            fn put(&self, out: &mut Vec<u8>) {
                let $value = self;
                out.extend_from_slice(&$number.to_le_bytes());
            }

            fn all($bytes: &[u8]) -> Option<Vec<Self>> {
                $all
            }
        }
    };
    ($ty:ty, $width:literal, $value:ident => $number:expr, each $from:ident => $make:expr) => {
        element!($ty, $width, $value => $number, bytes => {
            let (elements, rest) = bytes.as_chunks::<$width>();
            rest.is_empty().then(|| elements.iter().map(|&$from| $make).collect())
        });
    };
}
element!(f32, 4, v => v, each b => f32::from_le_bytes(b));
element!(u16, 2, v => v, each b => u16::from_le_bytes(b));
element!(u32, 4, v => v, each b => u32::from_le_bytes(b));
element!(i8, 1, v => v, bytes => Some(bytemuck::cast_slice(bytes).to_vec()));
element!(crate::ids::SongId, 4, v => v.0, each b => Self(u32::from_le_bytes(b)));
element!(crate::ids::ArtistId, 4, v => v.0, each b => Self(u32::from_le_bytes(b)));
element!(crate::ids::RoundId, 8, v => v.0, each b => Self(u64::from_le_bytes(b)));
