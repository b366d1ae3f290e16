//! Whole numbers modulo `2^r`, in which masks are uniform and sums are exact: what leaves as `r` bits a number, packed without a gap.
//! Sums are kept in `u32`, whose own modulus `2^r` divides.

use super::Error;

/// The ring `Z_{2^r}`, `8 ≤ r ≤ 32`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ring {
    bits: u8,
}

impl Ring {
    /// The ring of `r` bits.
    ///
    /// # Errors
    /// [`Error::Setting`] unless `8 ≤ r ≤ 32`.
    pub fn new(bits: u8) -> Result<Self, Error> {
        if (8..=32).contains(&bits) {
            Ok(Self { bits })
        } else {
            Err(Error::Setting { what: "ring bits", got: bits.into(), expected: "8 to 32" })
        }
    }

    /// `r`.
    #[must_use]
    pub fn bits(self) -> u8 {
        self.bits
    }

    /// `2^r − 1`.
    fn mask(self) -> u32 {
        u32::MAX >> (32 - self.bits)
    }

    /// Bytes of `d` packed numbers.
    #[must_use]
    pub fn packed_len(self, d: usize) -> usize {
        (d * usize::from(self.bits)).div_ceil(8)
    }

    /// The numbers modulo `2^r`, `r` bits each, little-endian, the last byte filled up with zeros.
    #[must_use]
    pub fn pack(self, numbers: &[u32]) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.packed_len(numbers.len()) + 8);
        let (mask, bits) = (u64::from(self.mask()), u32::from(self.bits));
        let (mut word, mut filled) = (0u64, 0u32);
        for number in numbers {
            word |= (u64::from(*number) & mask) << filled;
            filled += bits;
            if filled >= 32 {
                out.extend_from_slice(&word.to_le_bytes()[..4]);
                word >>= 32;
                filled -= 32;
            }
        }
        out.extend_from_slice(&word.to_le_bytes()[..filled.div_ceil(8) as usize]);
        out
    }

    /// Adds packed numbers to `sum`, one each, wrapping.
    ///
    /// # Errors
    /// [`Error::Length`] unless there are exactly `sum.len()` numbers, [`Error::Other`] where the last byte is not filled up with zeros:
    /// one vector has one spelling.
    pub fn add_packed(self, packed: &[u8], sum: &mut [u32]) -> Result<(), Error> {
        let expected = self.packed_len(sum.len());
        if packed.len() != expected {
            return Err(Error::Length { what: "a packed vector", expected, got: packed.len() });
        }
        let spare = expected * 8 - sum.len() * usize::from(self.bits);
        if packed.last().is_some_and(|last| spare > 0 && last >> (8 - spare) != 0) {
            return Err(Error::Other { what: "the filling of a packed vector" });
        }
        // Eight numbers are `r` bytes: within such a group every number lies at an offset that is known.
        let (bits, mask) = (usize::from(self.bits), self.mask());
        let whole = sum.len() / 8;
        let (groups, rest) = sum.as_chunks_mut::<8>();
        for (g, group) in groups.iter_mut().enumerate() {
            let at = g * bits;
            if let Some(bytes) = packed.get(at..at + bits + 8) {
                for (j, value) in group.iter_mut().enumerate() {
                    let (byte, shift) = (j * bits / 8, j * bits % 8);
                    let mut word = [0; 8];
                    word.copy_from_slice(&bytes[byte..byte + 8]);
                    *value = value.wrapping_add(low(u64::from_le_bytes(word) >> shift) & mask);
                }
            } else {
                (0..8).for_each(|j| group[j] = group[j].wrapping_add(self.number(packed, g * 8 + j)));
            }
        }
        for (j, value) in rest.iter_mut().enumerate() {
            *value = value.wrapping_add(self.number(packed, whole * 8 + j));
        }
        Ok(())
    }

    /// Number `index` of a packed vector; bytes beyond its end count as zeros.
    fn number(self, packed: &[u8], index: usize) -> u32 {
        let bit = index * usize::from(self.bits);
        let mut word = [0; 8];
        let from = &packed[bit / 8..];
        let n = from.len().min(8);
        word[..n].copy_from_slice(&from[..n]);
        low(u64::from_le_bytes(word) >> (bit % 8)) & self.mask()
    }

    /// The representatives around zero: what a sum means, as long as it stays within `−2^{r−1}` to `2^{r−1} − 1`.
    #[must_use]
    pub fn centred(self, sum: &[u32]) -> Vec<i32> {
        let up = 32 - u32::from(self.bits);
        sum.iter().map(|value| (value << up).cast_signed() >> up).collect()
    }
}

#[allow(clippy::cast_possible_truncation, reason = "the low half is what is asked for")]
fn low(word: u64) -> u32 {
    word as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn packed_numbers_come_back_and_add(bits in 8u8..=32, numbers in prop::collection::vec(any::<u32>(), 0..70), start: u32) {
            let ring = Ring::new(bits).unwrap();
            let packed = ring.pack(&numbers);
            prop_assert_eq!(packed.len(), ring.packed_len(numbers.len()));
            let mut sum = vec![start; numbers.len()];
            ring.add_packed(&packed, &mut sum).unwrap();
            let plain: Vec<u32> = numbers.iter().map(|v| start.wrapping_add(v & ring.mask())).collect();
            prop_assert_eq!(sum, plain);
        }

        #[test]
        fn centred_is_the_inverse_of_wrapping(bits in 8u8..=32, values in prop::collection::vec(-128i32..128, 1..9)) {
            let ring = Ring::new(bits).unwrap();
            let wrapped: Vec<u32> = values.iter().map(|v| v.cast_unsigned() & ring.mask()).collect();
            prop_assert_eq!(ring.centred(&wrapped), values);
        }
    }

    #[test]
    fn a_vector_has_one_length_and_one_spelling() {
        let ring = Ring::new(20).unwrap();
        let mut packed = ring.pack(&[1, 2, 3]);
        assert_eq!(
            ring.add_packed(&packed[..7], &mut [0; 3]),
            Err(Error::Length { what: "a packed vector", expected: 8, got: 7 })
        );
        packed[7] |= 0x10;
        assert_eq!(ring.add_packed(&packed, &mut [0; 3]), Err(Error::Other { what: "the filling of a packed vector" }));
        assert!(Ring::new(7).is_err() && Ring::new(33).is_err());
    }
}
