//! The public log of the weights: who signs it, and one more record a version (`sottovoce::protocol::VersionRecord`).
//!
//! A record is written in the transaction that publishes its weights, so there are no weights without one and none without
//! weights. The key is drawn at the first start and kept in the store, or given by a file and then kept nowhere else; a log has
//! one key for ever, because a device that has come to trust it has nothing else to go by.

use super::key::{from_hex, to_hex};
use super::tables;
use super::{Coordinator, RoundError};
use crate::store::{Isolation, Link, Row, Store, Write, retry};
use core::fmt;
use ed25519_dalek::{SigningKey, VerifyingKey};
use sottovoce::ids::{Millis, RoundId, WeightsVersion};
use sottovoce::protocol::{SignedRecord, TowerWeights, VersionRecord, weights_hash};
use sottovoce::secagg::Identity;
use std::sync::Arc;

/// The key that signs the log. Its secret half is shown nowhere.
#[derive(Clone)]
pub struct LogKey(Arc<SigningKey>);

impl fmt::Debug for LogKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogKey({})", to_hex(self.public().as_bytes()))
    }
}

impl LogKey {
    /// From the 32 bytes of an Ed25519 secret key.
    #[must_use]
    pub fn from_bytes(secret: &[u8; 32]) -> Self {
        Self(Arc::new(SigningKey::from_bytes(secret)))
    }

    /// From a key file's text: 64 lower-case hex digits, and white space around them.
    ///
    /// # Errors
    /// [`RoundError::LogKey`]. The text is not repeated.
    pub fn from_text(text: &str) -> Result<Self, RoundError> {
        let secret = from_hex(text.trim()).ok_or(RoundError::LogKey {
            what: "it is not 64 lower-case hex digits; `openssl rand -hex 32` writes such a file",
        })?;
        Ok(Self::from_bytes(&secret))
    }

    /// What a device verifies by.
    #[must_use]
    pub fn public(&self) -> VerifyingKey {
        self.0.verifying_key()
    }

    /// The same key under the name that secure rounds know it by. What it signs there begins otherwise than a record.
    pub(super) fn identity(&self) -> Identity {
        Identity::from_seed(self.0.to_bytes())
    }

    /// The log's key: `given`, or the store's own, drawn where it has none yet.
    ///
    /// # Errors
    /// [`RoundError::LogKey`] where the log is signed by another key; [`RoundError::State`].
    pub(super) async fn of(store: &Store, given: Option<Self>) -> Result<Self, RoundError> {
        let mut drawn = [0; 32];
        getrandom::fill(&mut drawn).map_err(|_| RoundError::LogKey { what: "the system gives no randomness" })?;
        let fresh = given.clone().unwrap_or_else(|| Self::from_bytes(&drawn));
        let secret = if given.is_none() { Some(&drawn) } else { None };
        let held = retry(|| settle(store, &fresh, secret)).await?;
        let secret: Option<Vec<u8>> = held.get("secret")?;
        let kept = secret.and_then(|secret| <[u8; 32]>::try_from(secret).ok()).map(|secret| Self::from_bytes(&secret));
        let key = given.or(kept).ok_or(RoundError::LogKey {
            what: "it was given by a file and is kept nowhere else; give that --signing-key again",
        })?;
        if held.get::<&[u8]>("public")? != key.public().as_bytes() {
            return Err(RoundError::LogKey { what: "the log is signed by another one; give that, or use a new store" });
        }
        Ok(key)
    }
}

/// Keeps the first key that anybody brings, and says which it is.
async fn settle(store: &Store, fresh: &LogKey, secret: Option<&[u8; 32]>) -> Result<Row, RoundError> {
    let mut write = store.write(Isolation::Swap).await?;
    write
        .execute(
            "INSERT INTO signing_key (id, public, secret) VALUES (1, $1, $2) ON CONFLICT DO NOTHING",
            &[fresh.public().as_bytes().into(), secret.map(<[u8; 32]>::as_slice).into()],
        )
        .await?;
    let held = write.row("SELECT public, secret FROM signing_key", &[]).await?;
    write.commit().await?;
    held.ok_or(RoundError::Damaged { what: "it holds no signing key" })
}

/// What goes into the log with new weights.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) version: WeightsVersion,
    /// [`weights_hash`].
    pub(super) weights: [u8; 32],
    pub(super) round: RoundId,
    /// Root of the round's roster; zeros where it has none.
    pub(super) roster: [u8; 32],
    /// ε spent so far; `None`: as much as before.
    pub(super) epsilon: Option<f64>,
    pub(super) at: Millis,
}

impl Entry {
    /// Of weights that came of no secure sum.
    pub(super) fn of(weights: &TowerWeights, round: RoundId, at: Millis) -> Self {
        let hash = weights_hash(weights);
        Self { version: weights.version, weights: hash, round, roster: [0; 32], epsilon: None, at }
    }
}

/// Writes the next record, in the transaction that publishes its weights.
pub(super) async fn append(write: &mut Write, key: &LogKey, entry: Entry) -> Result<(), RoundError> {
    let Entry { version, weights, round, roster, epsilon, at } = entry;
    let last = newest(write).await?.map(|last| last.record);
    if last.is_some_and(|last| last.version.0 + 1 != version.0) {
        return Err(RoundError::Damaged { what: "the log and the weights are not of one version" });
    }
    let record = VersionRecord {
        version,
        weights,
        previous: last.map_or([0; 32], |last| last.hash()),
        round,
        roster,
        epsilon: epsilon.or(last.map(|last| last.epsilon)).unwrap_or(0.0),
        at,
    };
    let signed = record.sign(&key.0);
    let bytes: &[u8] = &record.to_bytes();
    let signature: &[u8] = &signed.signature;
    write
        .execute(
            "INSERT INTO versions (version, record, signature) VALUES ($1, $2, $3)",
            &[version.into(), bytes.into(), signature.into()],
        )
        .await?;
    Ok(())
}

/// Logs the newest weights where they are not: the first ones, those that began anew over other songs, and those of a store that
/// is older than the log.
pub(super) async fn catch_up(write: &mut Write, key: &LogKey, now: Millis) -> Result<(), RoundError> {
    let logged = newest(write).await?.map(|last| last.record.version);
    let published = tables::newest_version(write).await?;
    if published.is_none() || logged >= published {
        return Ok(());
    }
    let held = tables::newest(write).await?.ok_or(RoundError::Damaged { what: "it holds no weights" })?;
    append(write, key, Entry::of(&held.weights, RoundId(0), now)).await
}

pub(super) async fn newest(link: &mut Link) -> Result<Option<SignedRecord>, RoundError> {
    let row = link.row("SELECT record, signature FROM versions ORDER BY version DESC LIMIT 1", &[]).await?;
    row.as_ref().map(signed).transpose()
}

fn signed(row: &Row) -> Result<SignedRecord, RoundError> {
    SignedRecord::from_bytes(row.get("record")?, row.get("signature")?)
        .map_err(|_| RoundError::Damaged { what: "a record of the log" })
}

impl Coordinator {
    /// The log from a version on, oldest first, at most `limit` records.
    ///
    /// # Errors
    /// [`RoundError::Damaged`], [`RoundError::State`].
    pub async fn log(&self, from: WeightsVersion, limit: u32) -> Result<Vec<SignedRecord>, RoundError> {
        let sql = "SELECT record, signature FROM versions WHERE version >= $1 ORDER BY version LIMIT $2";
        let rows = self.store.read().await?.rows(sql, &[from.into(), limit.into()]).await?;
        rows.iter().map(signed).collect()
    }

    /// The key that the log is signed by.
    #[must_use]
    pub fn log_key(&self) -> VerifyingKey {
        self.key.public()
    }
}
