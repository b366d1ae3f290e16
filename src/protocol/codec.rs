//! CBOR envelope `[version, kind, payload]`, and tensors as little-endian byte strings.

use super::message::{Message, Uplink};
use minicbor::{Decode, Decoder, Encode, Encoder};

/// The version of everything in this room. A change of layout raises it.
pub const VERSION: u8 = 1;

/// The media type of every encoded message.
pub const MEDIA_TYPE: &str = "application/vnd.sottovoce.v1+cbor";

/// No message is longer: a catalogue shard of 16,384 songs × 256 dimensions fits.
pub const MAX_MESSAGE_BYTES: usize = 8 << 20;

/// Why bytes are not the message that was expected.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
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
    #[error("malformed message: {detail}")]
    Malformed {
        /// The decoder's words.
        detail: String,
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

/// Encodes a message of either direction. The server's door; a device uses [`send`].
#[must_use]
pub fn encode<M: Message>(message: &M) -> Vec<u8> {
    let mut out = Vec::with_capacity(64);
    let mut e = Encoder::new(&mut out);
    // Writing into a Vec cannot fail.
    let written = e.array(3).and_then(|e| e.u8(VERSION)).and_then(|e| e.u8(M::KIND)).is_ok()
        && message.encode(&mut e, &mut ()).is_ok();
    debug_assert!(written);
    out
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
    let mut d = Decoder::new(bytes);
    if d.array().map_err(malformed)? != Some(3) {
        return Err(DecodeError::Invalid { what: "envelope", detail: "not an array of three" });
    }
    let version = d.u8().map_err(malformed)?;
    if version != VERSION {
        return Err(DecodeError::Version { got: version });
    }
    let kind = d.u8().map_err(malformed)?;
    if kind != M::KIND {
        return Err(DecodeError::Kind { expected: M::KIND, got: kind });
    }
    let message = M::decode(&mut d, &mut ()).map_err(malformed)?;
    if d.position() != bytes.len() {
        return Err(DecodeError::Invalid { what: "envelope", detail: "bytes after the message" });
    }
    message.validate()?;
    Ok(message)
}

/// The kind of an encoded message, for callers that take several.
///
/// # Errors
/// As [`decode`], up to the kind.
pub fn kind(bytes: &[u8]) -> Result<u8, DecodeError> {
    let mut d = Decoder::new(bytes);
    d.array().map_err(malformed)?;
    let version = d.u8().map_err(malformed)?;
    if version != VERSION {
        return Err(DecodeError::Version { got: version });
    }
    d.u8().map_err(malformed)
}

#[allow(clippy::needless_pass_by_value)] // a function for map_err
fn malformed(error: minicbor::decode::Error) -> DecodeError {
    DecodeError::Malformed { detail: error.to_string() }
}

/// Tensors as byte strings, for `#[cbor(with = "…")]`: one copy, no per-element tag.
macro_rules! tensor {
    ($module:ident, $ty:ty, $width:literal, $to:expr, $from:expr) => {
        pub(super) mod $module {
            use minicbor::{Decoder, Encoder};

            pub(in super::super) fn encode<C, W: minicbor::encode::Write>(
                values: &[$ty],
                e: &mut Encoder<W>,
                _: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                let bytes: Vec<u8> = values.iter().flat_map($to).collect();
                e.bytes(&bytes)?.ok()
            }

            pub(in super::super) fn decode<'b, C>(
                d: &mut Decoder<'b>,
                _: &mut C,
            ) -> Result<Vec<$ty>, minicbor::decode::Error> {
                let bytes = d.bytes()?;
                if !bytes.len().is_multiple_of($width) {
                    return Err(minicbor::decode::Error::message("tensor is not a whole number of elements"));
                }
                let (chunks, _) = bytes.as_chunks::<$width>();
                Ok(chunks.iter().map($from).collect())
            }
        }
    };
}
tensor!(f32s, f32, 4, |v| v.to_le_bytes(), |c| f32::from_le_bytes(*c));
tensor!(i8s, i8, 1, |v| v.to_le_bytes(), |c| i8::from_le_bytes(*c));
tensor!(u32s, u32, 4, |v| v.to_le_bytes(), |c| u32::from_le_bytes(*c));
tensor!(songs, crate::ids::SongId, 4, |v| v.0.to_le_bytes(), |c| crate::ids::SongId(u32::from_le_bytes(*c)));
tensor!(artists, crate::ids::ArtistId, 4, |v| v.0.to_le_bytes(), |c| crate::ids::ArtistId(u32::from_le_bytes(*c)));

/// Shorthand for the bounds a message needs.
pub trait Cbor: Encode<()> + for<'b> Decode<'b, ()> {}
impl<T: Encode<()> + for<'b> Decode<'b, ()>> Cbor for T {}
