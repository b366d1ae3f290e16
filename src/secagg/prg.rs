//! Masks out of keys. A mask is a stream of `d` ring elements; who has the key can add it or take it away, to anybody else it is noise.
//!
//! The stream is AES-128 in counter mode (in the page by WebCrypto, natively by the processor's own instructions), ChaCha20 where the
//! platform has no WebCrypto; a key is used for one mask of one round, so the counter starts at zero. It is cut into blocks of
//! [`BLOCK`] numbers of `w = 16, 24 or 32` bits, the least that holds `r`; a uniform number of `w` bits is uniform modulo `2^r`. A block
//! is `2·BLOCK` bytes of low halves (little-endian), then, for `w = 24`, `BLOCK` bytes of what lies above them (for 32 bits: `4·BLOCK`
//! bytes of whole numbers): planes, because a byte at a time every machine adds sixteen.

use super::Ring;
use aes::Aes128;
use chacha20::ChaCha20;
use ctr::cipher::{KeyIvInit, StreamCipher};
use sottovoce_lanes::masks;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Numbers of one block of the stream.
pub(super) const BLOCK: usize = 2048;

/// How a key becomes a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Prg {
    /// AES-128 in counter mode.
    #[default]
    Aes128Ctr = 0,
    /// ChaCha20.
    ChaCha20 = 1,
}

/// The key of one mask.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct MaskKey {
    #[zeroize(skip)]
    prg: Prg,
    bytes: [u8; 32],
}

impl core::fmt::Debug for MaskKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("MaskKey(..)")
    }
}

impl MaskKey {
    pub(super) fn new(prg: Prg, bytes: [u8; 32]) -> Self {
        Self { prg, bytes }
    }

    /// Which cipher it is for.
    #[must_use]
    pub fn prg(&self) -> Prg {
        self.prg
    }

    /// The cipher's key, 16 or 32 bytes: for a platform whose cipher is not in this crate.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match self.prg {
            Prg::Aes128Ctr => &self.bytes[..16],
            Prg::ChaCha20 => &self.bytes,
        }
    }

    /// Adds the mask to `sum`, or takes it away.
    pub fn apply(&self, ring: Ring, add: bool, sum: &mut [u32]) {
        let mut key = [0; 16];
        key.copy_from_slice(&self.bytes[..16]);
        match self.prg {
            Prg::Aes128Ctr => stream(ctr::Ctr32BE::<Aes128>::new(&key.into(), &[0; 16].into()), ring, add, sum),
            Prg::ChaCha20 => stream(ChaCha20::new(&self.bytes.into(), &[0; 12].into()), ring, add, sum),
        }
        key.zeroize();
    }
}

/// Bytes of the stream for `d` numbers: whole blocks.
#[must_use]
pub fn stream_len(ring: Ring, d: usize) -> usize {
    d.div_ceil(BLOCK) * BLOCK * width(ring)
}

fn width(ring: Ring) -> usize {
    usize::from(ring.bits()).div_ceil(8).max(2)
}

/// A block at a time, so that the stream never leaves the first cache.
fn stream(mut cipher: impl StreamCipher, ring: Ring, add: bool, sum: &mut [u32]) {
    let mut buffer = [0; BLOCK * 4];
    let buffer = &mut buffer[..BLOCK * width(ring)];
    for numbers in sum.chunks_mut(BLOCK) {
        buffer.fill(0);
        cipher.apply_keystream(buffer);
        add_block(ring, add, buffer, numbers);
    }
    buffer.zeroize();
}

/// Adds a stream that came from elsewhere; what is missing of it counts as zeros.
pub(super) fn add_stream(ring: Ring, add: bool, bytes: &[u8], sum: &mut [u32]) {
    for (block, numbers) in bytes.chunks(BLOCK * width(ring)).zip(sum.chunks_mut(BLOCK)) {
        add_block(ring, add, block, numbers);
    }
}

/// Whatever lies above `r` bits is cut off at the end.
fn add_block(ring: Ring, add: bool, block: &[u8], numbers: &mut [u32]) {
    match width(ring) {
        2 => masks::of_16_bits(block.as_chunks().0, add, numbers),
        3 => {
            let (low, high) = block.split_at(block.len().min(2 * BLOCK));
            masks::of_24_bits(low.as_chunks().0, high, add, numbers);
        }
        _ => masks::of_32_bits(block.as_chunks().0, add, numbers),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(prg: Prg, seed: u8) -> MaskKey {
        MaskKey::new(prg, [seed; 32])
    }

    proptest! {
        #[test]
        fn what_is_added_can_be_taken_away(bits in 8u8..=32, d in 0usize..5000, chacha: bool, seed: u8) {
            let ring = Ring::new(bits).unwrap();
            let key = key(if chacha { Prg::ChaCha20 } else { Prg::Aes128Ctr }, seed);
            let mut sum: Vec<u32> = (0u32..).take(d).collect();
            key.apply(ring, true, &mut sum);
            key.apply(ring, false, &mut sum);
            prop_assert!(sum.iter().zip(0u32..).all(|(s, i)| *s == i));
        }
    }

    /// NIST SP 800-38A has no counter that starts at zero; FIPS 197's own example does: AES-128 of the block 0 under the key 0.
    #[test]
    fn the_stream_is_aes_in_counter_mode() {
        let mut sum = vec![0; 8];
        MaskKey::new(Prg::Aes128Ctr, [0; 32]).apply(Ring::new(16).unwrap(), true, &mut sum);
        let known = [0x66u8, 0xe9, 0x4b, 0xd4, 0xef, 0x8a, 0x2c, 0x3b, 0x88, 0x4c, 0xfa, 0x59, 0xca, 0x34, 0x2b, 0x2e];
        let pairs: Vec<u32> = known.chunks(2).map(|p| u32::from(u16::from_le_bytes([p[0], p[1]]))).collect();
        assert_eq!(sum, pairs);
    }

    #[test]
    fn a_stream_from_elsewhere_gives_the_same_mask() {
        for bits in [12u8, 20, 28] {
            let (ring, d) = (Ring::new(bits).unwrap(), BLOCK + 77);
            let mut own = vec![5; d];
            key(Prg::ChaCha20, 3).apply(ring, false, &mut own);
            let mut bytes = vec![0; stream_len(ring, d)];
            ChaCha20::new(&[3; 32].into(), &[0; 12].into()).apply_keystream(&mut bytes);
            let mut theirs = vec![5; d];
            add_stream(ring, false, &bytes, &mut theirs);
            assert_eq!(own, theirs);
        }
    }

    #[test]
    fn mask_numbers_are_spread_evenly() {
        let ring = Ring::new(20).unwrap();
        let mut sum = vec![0; 1 << 16];
        key(Prg::Aes128Ctr, 9).apply(ring, true, &mut sum);
        let mut bins = [0f64; 64];
        ring.centred(&sum).iter().for_each(|v| bins[((v + (1 << 19)) >> 14) as usize] += 1.0);
        let expected = f64::from(1 << 10);
        let chi: f64 = bins.iter().map(|b| (b - expected).powi(2) / expected).sum();
        assert!((30.0..110.0).contains(&chi), "chi-squared with 63 degrees of freedom: {chi}");
    }

    #[test]
    fn keys_do_not_print() {
        assert_eq!(format!("{:?}", key(Prg::ChaCha20, 7)), "MaskKey(..)");
    }
}
