//! The messages. [`Uplink`] is the closed list of what may leave a device; adding to it is a decision about privacy.

use super::codec::{Cbor, DecodeError, artists, f32s, i8s, songs, u32s};
use crate::ids::{ArtistId, Millis, RoundId, SongId, WeightsVersion};
use crate::privacy::Clipped;
use minicbor::{Decode, Encode};

mod sealed {
    pub trait Sealed {}
}

/// Anything that travels. Sealed: only this file makes messages.
pub trait Message: Cbor + sealed::Sealed {
    /// The number in the envelope.
    const KIND: u8;
    /// Its name, for the listener's ledger.
    const NAME: &'static str;

    /// Checks what CBOR's shape cannot say.
    ///
    /// # Errors
    /// [`DecodeError::Invalid`].
    fn validate(&self) -> Result<(), DecodeError>;
}

/// What may leave a device. Sealed.
pub trait Uplink: Message {}

/// What comes down to a device. Sealed.
pub trait Downlink: Message {}

fn invalid(what: &'static str, detail: &'static str) -> DecodeError {
    DecodeError::Invalid { what, detail }
}

fn finite(what: &'static str, values: &[f32]) -> Result<(), DecodeError> {
    if values.iter().all(|v| v.is_finite()) { Ok(()) } else { Err(invalid(what, "a number is not finite")) }
}

/// A piece of the catalogue: item embeddings as int8 rows with a scale each. The row of song `i` is
/// `rows[i·d .. (i+1)·d] as f32 · scales[i]`.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub struct CatalogueShard {
    /// Which shard, from 0.
    #[n(0)]
    pub index: u32,
    /// The embeddings' dimension `d`, 1 to 256.
    #[n(1)]
    pub dimension: u32,
    /// The songs, ascending.
    #[cbor(n(2), with = "songs")]
    pub songs: Vec<SongId>,
    /// The artist of each song.
    #[cbor(n(3), with = "artists")]
    pub artists: Vec<ArtistId>,
    /// Popularity of each song in `[0, 1]`: `ln(1 + plays) / ln(1 + max plays)`.
    #[cbor(n(4), with = "f32s")]
    pub popularity: Vec<f32>,
    /// Scale of each row.
    #[cbor(n(5), with = "f32s")]
    pub scales: Vec<f32>,
    /// `songs.len() × d` values, row by row.
    #[cbor(n(6), with = "i8s")]
    pub rows: Vec<i8>,
    /// How often each song was played, by everybody; what exploring counts.
    #[cbor(n(7), with = "u32s")]
    pub plays: Vec<u32>,
}

impl sealed::Sealed for CatalogueShard {}
impl Message for CatalogueShard {
    const KIND: u8 = 1;
    const NAME: &'static str = "catalogue shard";

    fn validate(&self) -> Result<(), DecodeError> {
        let n = self.songs.len();
        if self.dimension == 0 || self.dimension > 256 {
            return Err(invalid("dimension", "not within 1 to 256"));
        }
        if [self.artists.len(), self.popularity.len(), self.scales.len(), self.plays.len()] != [n; 4] {
            return Err(invalid("shard", "columns differ in length"));
        }
        if self.rows.len() != n * self.dimension as usize {
            return Err(invalid("rows", "not songs × dimension values"));
        }
        if !self.songs.is_sorted_by(|a, b| a < b) {
            return Err(invalid("songs", "not strictly ascending"));
        }
        finite("scales", &self.scales)?;
        if !self.popularity.iter().all(|p| (0.0..=1.0).contains(p)) {
            return Err(invalid("popularity", "not within 0 to 1"));
        }
        Ok(())
    }
}
impl Downlink for CatalogueShard {}

/// The sizes of a user tower; with them the flat weight vector has one meaning (`tower::layout`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct TowerShape {
    /// `d`: dimension of item embeddings and of the user embedding.
    #[n(0)]
    pub dimension: u32,
    /// `a`: hidden width of the attention scorer.
    #[n(1)]
    pub attention: u32,
    /// `h`: hidden width of the output network.
    #[n(2)]
    pub hidden: u32,
}

/// The shared weights of the user tower.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub struct TowerWeights {
    /// Which version.
    #[n(0)]
    pub version: WeightsVersion,
    /// The sizes.
    #[n(1)]
    pub shape: TowerShape,
    /// All weights, flat, in the order of `tower::layout`.
    #[cbor(n(2), with = "f32s")]
    pub values: Vec<f32>,
}

impl sealed::Sealed for TowerWeights {}
impl Message for TowerWeights {
    const KIND: u8 = 2;
    const NAME: &'static str = "tower weights";

    fn validate(&self) -> Result<(), DecodeError> {
        let sane = |v: u32| (1..=256).contains(&v);
        if !sane(self.shape.dimension) || !sane(self.shape.attention) || !sane(self.shape.hidden) {
            return Err(invalid("shape", "a size is not within 1 to 256"));
        }
        finite("values", &self.values)
    }
}
impl Downlink for TowerWeights {}

/// How a device trains for a round.
#[derive(Clone, Copy, Debug, PartialEq, Encode, Decode)]
pub struct LocalPlan {
    /// Passes over the device's own examples.
    #[n(0)]
    pub epochs: u32,
    /// Examples of one step.
    #[n(1)]
    pub batch: u32,
    /// Step size of local SGD.
    #[n(2)]
    pub learning_rate: f32,
    /// Sampled songs set against each heard one.
    #[n(3)]
    pub negatives: u32,
    /// At most so many examples, the newest.
    #[n(4)]
    pub max_examples: u32,
    /// `C`: bound on the update's L2 norm.
    #[n(5)]
    pub clip_norm: f32,
}

/// An invitation to a round.
#[derive(Clone, Copy, Debug, PartialEq, Encode, Decode)]
pub struct RoundOffer {
    /// Which round.
    #[n(0)]
    pub round: RoundId,
    /// The weights it starts from.
    #[n(1)]
    pub weights: WeightsVersion,
    /// How to train.
    #[n(2)]
    pub plan: LocalPlan,
    /// How many updates the round waits for.
    #[n(3)]
    pub cohort: u32,
    /// When it closes at the latest.
    #[n(4)]
    pub closes_at: Millis,
}

impl sealed::Sealed for RoundOffer {}
impl Message for RoundOffer {
    const KIND: u8 = 3;
    const NAME: &'static str = "round offer";

    fn validate(&self) -> Result<(), DecodeError> {
        let plan = &self.plan;
        if !(plan.learning_rate.is_finite() && plan.learning_rate > 0.0) {
            return Err(invalid("learning_rate", "not a positive number"));
        }
        if !(plan.clip_norm.is_finite() && plan.clip_norm > 0.0) {
            return Err(invalid("clip_norm", "not a positive number"));
        }
        let within = |v: u32, most: u32| (1..=most).contains(&v);
        if !within(plan.epochs, 100) || !within(plan.batch, 4096) || !within(plan.negatives, 1024) || !within(plan.max_examples, 4096) {
            return Err(invalid("plan", "a count is zero or too large"));
        }
        Ok(())
    }
}
impl Downlink for RoundOffer {}

/// What the server says to an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum ReceiptStatus {
    /// Counted.
    #[n(0)]
    Accepted,
    /// Counted before, under the same key; nothing changed.
    #[n(1)]
    AlreadyCounted,
    /// Too late; the round is closed.
    #[n(2)]
    RoundClosed,
}

/// The answer to an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Receipt {
    /// Which round.
    #[n(0)]
    pub round: RoundId,
    /// What came of it.
    #[n(1)]
    pub status: ReceiptStatus,
}

impl sealed::Sealed for Receipt {}
impl Message for Receipt {
    const KIND: u8 = 4;
    const NAME: &'static str = "receipt";

    fn validate(&self) -> Result<(), DecodeError> {
        Ok(())
    }
}
impl Downlink for Receipt {}

/// What a device gives to a round: its weights after local training minus the round's, clipped. Every device counts alike, so
/// that the number of songs heard stays home too.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub struct WeightUpdate {
    /// Which round.
    #[n(0)]
    round: RoundId,
    /// The weights it started from.
    #[n(1)]
    weights: WeightsVersion,
    /// The update, flat, in the order of `tower::layout`.
    #[cbor(n(2), with = "f32s")]
    values: Vec<f32>,
}

impl WeightUpdate {
    /// Only a clipped update can become a message.
    #[must_use]
    pub fn new(round: RoundId, weights: WeightsVersion, update: Clipped) -> Self {
        Self { round, weights, values: update.into_values() }
    }

    /// Which round.
    #[must_use]
    pub fn round(&self) -> RoundId {
        self.round
    }

    /// The weights it started from.
    #[must_use]
    pub fn weights(&self) -> WeightsVersion {
        self.weights
    }

    /// The update itself; its length is that of the weights.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.values
    }
}

impl sealed::Sealed for WeightUpdate {}
impl Message for WeightUpdate {
    const KIND: u8 = 64;
    const NAME: &'static str = "weight update";

    fn validate(&self) -> Result<(), DecodeError> {
        finite("values", &self.values)
    }
}
impl Uplink for WeightUpdate {}
