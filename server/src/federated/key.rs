//! The name of an update within its round.

use super::RoundError;
use core::fmt;
use core::str::FromStr;

/// 128 random bits that a device draws anew for every round. They make sending idempotent, and they tie no two rounds together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UpdateKey(pub [u8; 16]);

impl FromStr for UpdateKey {
    type Err = RoundError;

    /// Takes exactly 32 lower-case hex digits, so that a key has one spelling.
    fn from_str(text: &str) -> Result<Self, RoundError> {
        let wrong = || RoundError::Key { got: text.chars().take(40).collect() };
        let digit = |c: u8| match c {
            b'0'..=b'9' => Ok(c - b'0'),
            b'a'..=b'f' => Ok(c - b'a' + 10),
            _ => Err(wrong()),
        };
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != 16 || !rest.is_empty() {
            return Err(wrong());
        }
        let mut key = [0; 16];
        for (byte, [high, low]) in key.iter_mut().zip(pairs) {
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        Ok(Self(key))
    }
}

impl fmt::Display for UpdateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for UpdateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UpdateKey({:02x}..)", self.0[0]) // a whole key in a log could be replayed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn keys_round_trip(bytes: [u8; 16]) {
            let text = UpdateKey(bytes).to_string();
            prop_assert_eq!(text.parse::<UpdateKey>().unwrap(), UpdateKey(bytes));
        }

        #[test]
        fn any_text_is_a_key_or_a_named_error(text in ".{0,64}") {
            let parsed = text.parse::<UpdateKey>();
            let named = matches!(parsed, Ok(_) | Err(RoundError::Key { .. }));
            prop_assert!(named);
        }
    }

    #[test]
    fn a_key_has_one_spelling() {
        for bad in ["", "00", "0123456789ABCDEF0123456789ABCDEF", "0123456789abcdef0123456789abcdeg", &"0".repeat(33)] {
            assert!(bad.parse::<UpdateKey>().is_err(), "{bad}");
        }
    }
}
