//! Reading the name of an update within its round, and hex digits at large.

use super::RoundError;
use core::fmt::Write as _;
use sottovoce::client::UpdateKey;

/// Reads a key as it stands in an address: exactly 32 lower-case hex digits, so that a key has one spelling.
///
/// # Errors
/// [`RoundError::Key`].
pub fn parse_key(text: &str) -> Result<UpdateKey, RoundError> {
    from_hex(text).map(UpdateKey).ok_or_else(|| RoundError::Key { got: text.chars().take(40).collect() })
}

/// Exactly `2·N` lower-case hex digits.
pub(crate) fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |c: u8| match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'a'..=b'f' => Some(c - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

/// Lower-case hex digits.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}"); // writing into a String cannot fail
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn keys_round_trip(bytes: [u8; 16]) {
            let text = UpdateKey(bytes).to_string();
            prop_assert_eq!(parse_key(&text).unwrap(), UpdateKey(bytes));
        }

        #[test]
        fn any_text_is_a_key_or_a_named_error(text in ".{0,64}") {
            let parsed = parse_key(&text);
            let named = matches!(parsed, Ok(_) | Err(RoundError::Key { .. }));
            prop_assert!(named);
        }
    }

    #[test]
    fn a_key_has_one_spelling() {
        for bad in ["", "00", "0123456789ABCDEF0123456789ABCDEF", "0123456789abcdef0123456789abcdeg", &"0".repeat(33)] {
            assert!(parse_key(bad).is_err(), "{bad}");
        }
    }
}
