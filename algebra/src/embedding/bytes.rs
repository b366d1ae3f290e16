//! Reading snapshots: foreign bytes, so everything is asked for by name and nothing is believed.

use crate::embedding::TableError;

/// Bytes, and how far they have been read.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Over a few bytes that were read already.
    pub(super) fn over(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Behind the name and version of a snapshot; with the checksum, which the last four bytes are.
    pub(super) fn open(bytes: &'a [u8], name: &[u8; 8], version: u16) -> Result<(Self, u32), TableError> {
        let mut reader = Self::over(bytes);
        if reader.take(8, "its name").ok() != Some(name.as_slice()) {
            return Err(TableError::NotATable);
        }
        let got = u16::from_le_bytes(reader.array("the version")?);
        if got != version {
            return Err(TableError::Version { expected: version, got });
        }
        let Some((body, checksum)) = bytes.split_last_chunk::<4>().filter(|(body, _)| body.len() >= reader.at) else {
            return Err(TableError::Truncated { what: "the checksum", at: bytes.len() });
        };
        reader.bytes = body;
        Ok((reader, u32::from_le_bytes(*checksum)))
    }

    /// That everything was read, and that it is as it was written.
    pub(super) fn close(self, expected: u32) -> Result<(), TableError> {
        if self.at != self.bytes.len() {
            return Err(TableError::Contradiction { what: "bytes behind its end" });
        }
        match crc32fast::hash(self.bytes) {
            got if got == expected => Ok(()),
            got => Err(TableError::Damaged { expected, got }),
        }
    }

    /// Everything that was not read yet.
    pub(super) fn rest(&mut self) -> &'a [u8] {
        let rest = &self.bytes[self.at..];
        self.at = self.bytes.len();
        rest
    }

    /// How many bytes there are.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn take(&mut self, len: usize, what: &'static str) -> Result<&'a [u8], TableError> {
        let rest = &self.bytes[self.at..];
        let taken = rest.get(..len).ok_or(TableError::Truncated { what, at: self.bytes.len() })?;
        self.at += len;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], TableError> {
        let taken = self.take(N, what)?;
        taken.try_into().map_err(|_| TableError::Truncated { what, at: self.at })
    }

    pub(super) fn f32(&mut self, what: &'static str) -> Result<f32, TableError> {
        Ok(f32::from_le_bytes(self.array(what)?))
    }

    pub(super) fn u32(&mut self, what: &'static str) -> Result<u32, TableError> {
        Ok(u32::from_le_bytes(self.array(what)?))
    }

    pub(super) fn u64(&mut self, what: &'static str) -> Result<u64, TableError> {
        Ok(u64::from_le_bytes(self.array(what)?))
    }

    /// `count` items of `N` bytes; the bytes are there before room for the items is made.
    pub(super) fn list<T, const N: usize>(
        &mut self,
        count: usize,
        what: &'static str,
        read: impl Fn([u8; N]) -> T,
    ) -> Result<Vec<T>, TableError> {
        let len = count.checked_mul(N).ok_or(TableError::Truncated { what, at: self.bytes.len() })?;
        Ok(self.take(len, what)?.as_chunks::<N>().0.iter().map(|bytes| read(*bytes)).collect())
    }
}
