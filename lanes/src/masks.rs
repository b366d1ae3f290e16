//! Masks of a secure round: numbers that come as planes of bytes, added to a vector or taken away, modulo `2³²`.
//!
//! `−m = !m + 1`: one loop for both signs. Which of the two is meant is known before the loop, and no number decides about a branch.

/// What a number is turned around with, and what is added to it then.
fn signed(add: bool) -> (u32, u32) {
    if add { (0, 0) } else { (u32::MAX, 1) }
}

/// Numbers of 16 bits, little-endian.
pub fn of_16_bits(low: &[[u8; 2]], add: bool, sum: &mut [u32]) {
    let (flip, one) = signed(add);
    for (s, l) in sum.iter_mut().zip(low) {
        *s = s.wrapping_add((u32::from(u16::from_le_bytes(*l)) ^ flip).wrapping_add(one));
    }
}

/// Numbers of 24 bits: a plane of the lower 16, and one of the eight above them.
pub fn of_24_bits(low: &[[u8; 2]], high: &[u8], add: bool, sum: &mut [u32]) {
    let (flip, one) = signed(add);
    for ((s, l), h) in sum.iter_mut().zip(low).zip(high) {
        let mask = u32::from(u16::from_le_bytes(*l)) | u32::from(*h) << 16;
        *s = s.wrapping_add((mask ^ flip).wrapping_add(one));
    }
}

/// Numbers of 32 bits, little-endian.
pub fn of_32_bits(whole: &[[u8; 4]], add: bool, sum: &mut [u32]) {
    let (flip, one) = signed(add);
    for (s, w) in sum.iter_mut().zip(whole) {
        *s = s.wrapping_add((u32::from_le_bytes(*w) ^ flip).wrapping_add(one));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_is_what_the_bytes_say_and_can_be_taken_away() {
        let (low, high) = ([[1, 2], [255, 255], [0, 128]], [3, 255, 0]);
        let mut sum = [10, u32::MAX, 0];
        of_24_bits(&low, &high, true, &mut sum);
        assert_eq!(sum, [10 + 0x03_0201, 0x00ff_fffe, 0x8000]);
        of_24_bits(&low, &high, false, &mut sum);
        assert_eq!(sum, [10, u32::MAX, 0]);
        of_16_bits(&low, false, &mut sum);
        assert_eq!(sum, [10u32.wrapping_sub(0x0201), u32::MAX - 0xffff, 0u32.wrapping_sub(0x8000)]);
        of_16_bits(&low, true, &mut sum);
        let whole = low.map(|[a, b]| [a, b, a, b]);
        of_32_bits(&whole, true, &mut sum);
        of_32_bits(&whole, false, &mut sum);
        assert_eq!(sum, [10, u32::MAX, 0]);
    }
}
