//! Who may take part in rounds. An [`Admission`] is asked wherever a device's contribution is taken in; which one is the
//! operator's choice.
//!
//! [`SignedTokens`] are made by the backend of the app around the page, which knows its listeners: Ed25519 over a few bytes, no
//! library needed, nothing looked up. A token's bytes, in lower-case hex in `Authorization: Bearer`:
//!
//! | bytes | | |
//! |---|---|---|
//! | 0–3 | u32, little-endian | which of the operator's keys signed it |
//! | 4–11 | u64, little-endian | not valid after, ms since 1970 |
//! | 12–27 | | the device's pseudonym: random, and best another one every few weeks |
//! | 28–91 | Ed25519 | over `sottovoce admission v1`, a zero byte, and bytes 0–27 |
//!
//! What a token costs: the server sees which pseudonym takes part in which round. It keeps none of them: they live in the rate
//! limiter's memory for as long as they are limited.

use super::app::App;
use super::problem::Problem;
use crate::federated::from_hex;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use core::fmt;
use ed25519_dalek::{Signature, VerifyingKey};
use sottovoce::ids::Millis;

const DOMAIN: &[u8; 23] = b"sottovoce admission v1\0";
const SIGNED: usize = 28;
const TOKEN: usize = SIGNED + 64;

/// A device that was let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Guest {
    /// Its pseudonym, where admission knows devices apart; limited as one.
    pub device: Option<[u8; 16]>,
}

/// Why a device was not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AdmissionError {
    /// No token came.
    #[error("taking part needs a token of the app; send `Authorization: Bearer TOKEN`")]
    Missing,
    /// Not a token.
    #[error("the token cannot be read; it is 184 lower-case hex digits")]
    Malformed,
    /// Not valid any more.
    #[error("the token was valid until {until} (ms since 1970); ask the app's backend for a new one")]
    Expired {
        /// Until when it was.
        until: Millis,
    },
    /// Signed by none of the operator's keys, or changed since.
    #[error(
        "the token is signed by no key that this server knows, or was changed; ask the app's backend for a new one"
    )]
    Signature,
}

/// Decides who may take part.
pub trait Admission: fmt::Debug + Send + Sync {
    /// Lets a device in by what stands behind `Bearer`, or says why not.
    ///
    /// # Errors
    /// [`AdmissionError`].
    fn admit(&self, now: Millis, token: Option<&str>) -> Result<Guest, AdmissionError>;
}

/// Everybody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Open;

impl Admission for Open {
    fn admit(&self, _: Millis, _: Option<&str>) -> Result<Guest, AdmissionError> {
        Ok(Guest::default())
    }
}

/// Whoever has a token of the app's backend.
#[derive(Clone, Debug)]
pub struct SignedTokens {
    keys: Vec<(u32, VerifyingKey)>,
}

impl SignedTokens {
    /// The operator's keys, one a line: its number, a space, and the Ed25519 public key as 64 hex digits. Several are for the
    /// time in which one replaces another.
    ///
    /// # Errors
    /// What is wrong, by line.
    pub fn from_text(text: &str) -> Result<Self, String> {
        let mut keys = Vec::new();
        for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
            let wrong = || format!("line {number} is no key: write its number, a space, and 64 lower-case hex digits");
            let (id, key) = line.trim().split_once(' ').ok_or_else(wrong)?;
            let key = from_hex::<32>(key.trim()).and_then(|key| VerifyingKey::from_bytes(&key).ok());
            let (id, key) = (id.parse().map_err(|_| wrong())?, key.filter(|key| !key.is_weak()).ok_or_else(wrong)?);
            if keys.iter().any(|(other, _)| *other == id) {
                return Err(format!("line {number} gives key {id} once more"));
            }
            keys.push((id, key));
        }
        if keys.is_empty() { Err("there is no key in it".to_owned()) } else { Ok(Self { keys }) }
    }
}

impl Admission for SignedTokens {
    fn admit(&self, now: Millis, token: Option<&str>) -> Result<Guest, AdmissionError> {
        let token: [u8; TOKEN] = from_hex(token.ok_or(AdmissionError::Missing)?).ok_or(AdmissionError::Malformed)?;
        let malformed = AdmissionError::Malformed;
        let (signed, signature) = token.split_first_chunk::<SIGNED>().ok_or(malformed)?;
        let signature = Signature::from_slice(signature).map_err(|_| malformed)?;
        let (id, rest) = signed.split_first_chunk::<4>().ok_or(malformed)?;
        let (until, device) = rest.split_first_chunk::<8>().ok_or(malformed)?;
        let (id, until) = (u32::from_le_bytes(*id), Millis(u64::from_le_bytes(*until)));
        let key = self.keys.iter().find(|(key, _)| *key == id).map(|(_, key)| key).ok_or(AdmissionError::Signature)?;
        key.verify_strict(&[DOMAIN.as_slice(), signed].concat(), &signature).map_err(|_| AdmissionError::Signature)?;
        if now > until {
            return Err(AdmissionError::Expired { until });
        }
        Ok(Guest { device: device.try_into().ok() })
    }
}

impl App {
    /// Lets a device in, or says why not, and counts it against its limit.
    pub(super) fn admit(&self, headers: &HeaderMap) -> Result<Guest, Problem> {
        let guest = self.1.admission.admit(self.now(), bearer(headers)).map_err(|error| {
            let challenge = HeaderValue::from_static("Bearer");
            Problem::new(
                StatusCode::UNAUTHORIZED,
                "not-admitted",
                "This device is not admitted",
                error.to_string(),
                "get a token from the app that shows this page, and send it as `Authorization: Bearer TOKEN`",
            )
            .with_header(header::WWW_AUTHENTICATE, challenge)
        })?;
        guest.device.map_or(Ok(()), |device| self.0.limits.device(device))?;
        Ok(guest)
    }
}

/// What stands behind `Authorization: Bearer`.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::federated::to_hex;
    use ed25519_dalek::{Signer as _, SigningKey};

    fn token(id: u32, until: u64, device: [u8; 16], key: &SigningKey) -> String {
        let signed = [&id.to_le_bytes()[..], &until.to_le_bytes(), &device].concat();
        let signature = key.sign(&[DOMAIN.as_slice(), &signed].concat());
        to_hex(&[signed, signature.to_bytes().to_vec()].concat())
    }

    fn operator() -> (SigningKey, SignedTokens) {
        let key = SigningKey::from_bytes(&[3; 32]);
        let text = format!(
            "7 {}\n\n8 {}\n",
            to_hex(key.verifying_key().as_bytes()),
            to_hex(SigningKey::from_bytes(&[4; 32]).verifying_key().as_bytes())
        );
        (key, SignedTokens::from_text(&text).unwrap())
    }

    #[test]
    fn a_token_admits_its_device_until_it_expires() {
        let (key, tokens) = operator();
        let token = token(7, 1000, [9; 16], &key);
        assert_eq!(tokens.admit(Millis(1000), Some(&token)), Ok(Guest { device: Some([9; 16]) }));
        assert_eq!(tokens.admit(Millis(1001), Some(&token)), Err(AdmissionError::Expired { until: Millis(1000) }));
        assert_eq!(tokens.admit(Millis(0), None), Err(AdmissionError::Missing));
        assert_eq!(Open.admit(Millis(0), None), Ok(Guest { device: None }));
    }

    #[test]
    fn forged_changed_and_foreign_tokens_are_refused() {
        let (key, tokens) = operator();
        let good = token(7, 1000, [9; 16], &key);
        for at in 0..good.len() {
            let mut changed = good.clone().into_bytes();
            changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
            let outcome = tokens.admit(Millis(0), Some(std::str::from_utf8(&changed).unwrap()));
            assert_eq!(outcome, Err(AdmissionError::Signature), "digit {at}");
        }
        for foreign in [token(8, 1000, [9; 16], &key), token(9, 1000, [9; 16], &key)] {
            assert_eq!(tokens.admit(Millis(0), Some(&foreign)), Err(AdmissionError::Signature), "another key's number");
        }
        for wrong in ["", "00", &good[1..], &good.to_uppercase(), &format!("{good}00")] {
            assert_eq!(tokens.admit(Millis(0), Some(wrong)), Err(AdmissionError::Malformed), "{wrong}");
        }
    }

    #[test]
    fn key_files_are_read_line_by_line() {
        let key = to_hex(SigningKey::from_bytes(&[3; 32]).verifying_key().as_bytes());
        let wrong = |text: &str| SignedTokens::from_text(text).unwrap_err();
        assert!(wrong("").contains("no key"));
        assert!(wrong(&format!("1 {key}\nx {key}")).contains("line 2"));
        assert!(wrong(&format!("1 {key}\n1 {key}")).contains("once more"));
        assert!(wrong(&format!("1 {}", "00".repeat(32))).contains("line 1"), "a weak key signs anything");
    }
}
