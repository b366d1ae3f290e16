//! Reading the name of an update within its round.

use super::RoundError;
use sottovoce::client::UpdateKey;

/// Reads a key as it stands in an address: exactly 32 lower-case hex digits, so that a key has one spelling.
///
/// # Errors
/// [`RoundError::Key`].
pub fn parse_key(text: &str) -> Result<UpdateKey, RoundError> {
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
    Ok(UpdateKey(key))
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
