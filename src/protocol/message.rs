//! The messages. [`Uplink`] is the closed list of what may leave a device; adding to it is a decision about privacy.

use super::codec::{DecodeError, Reader, Writer};
use crate::ids::{ArtistId, Millis, RoundId, SongId, WeightsVersion};
use crate::privacy::Clipped;

pub(super) mod sealed {
    pub trait Sealed {}
}

/// Anything that travels. Sealed: only this room makes messages.
pub trait Message: Sized + sealed::Sealed {
    /// The number in the envelope.
    const KIND: u8;
    /// Its name, for the listener's ledger.
    const NAME: &'static str;

    /// Writes the fields, as one list.
    fn write(&self, w: &mut Writer);

    /// Reads what [`Message::write`] wrote.
    ///
    /// # Errors
    /// [`DecodeError::Malformed`].
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError>;

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

pub(super) fn invalid(what: &'static str, detail: &'static str) -> DecodeError {
    DecodeError::Invalid { what, detail }
}

pub(super) fn finite(what: &'static str, values: &[f32]) -> Result<(), DecodeError> {
    if values.iter().all(|v| v.is_finite()) { Ok(()) } else { Err(invalid(what, "a number is not finite")) }
}

/// A piece of the catalogue: item embeddings as int8 rows with a scale each. The row of song `i` is
/// `rows[i·d .. (i+1)·d] as f32 · scales[i]`.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct CatalogueShard {
    /// Which shard, from 0.
    pub index: u32,
    /// The embeddings' dimension `d`, 1 to 256.
    pub dimension: u32,
    /// The songs, ascending.
    pub songs: Vec<SongId>,
    /// The artist of each song.
    pub artists: Vec<ArtistId>,
    /// The album of each song; 0 is "not known".
    pub albums: Vec<u32>,
    /// The style (genre) of each song, as the catalogue numbers them; 0 is "not known".
    pub styles: Vec<u16>,
    /// The language of each song, as the catalogue numbers them; 0 is "not known".
    pub languages: Vec<u16>,
    /// The year in which each song came out; 0 is "not known".
    pub years: Vec<u16>,
    /// Popularity of each song in `[0, 1]`: `ln(1 + plays) / ln(1 + max plays)`.
    pub popularity: Vec<f32>,
    /// Scale of each row.
    pub scales: Vec<f32>,
    /// `songs.len() × d` values, row by row.
    pub rows: Vec<i8>,
    /// How often each song was played, by everybody; what exploring counts.
    pub plays: Vec<u32>,
    /// The server's traffic weight for each song, 1 for an ordinary one; empty where no song has any.
    pub boosts: Vec<f32>,
}

impl CatalogueShard {
    /// With "not known" in every descriptive column that is empty.
    #[must_use]
    pub fn filled(mut self) -> Self {
        let n = self.songs.len();
        self.albums.resize(n, 0);
        self.styles.resize(n, 0);
        self.languages.resize(n, 0);
        self.years.resize(n, 0);
        self
    }
}

impl sealed::Sealed for CatalogueShard {}
impl Message for CatalogueShard {
    const KIND: u8 = 1;
    const NAME: &'static str = "catalogue shard";

    fn write(&self, w: &mut Writer) {
        w.array(13);
        w.uint(self.index.into());
        w.uint(self.dimension.into());
        w.tensor(&self.songs);
        w.tensor(&self.artists);
        w.tensor(&self.albums);
        w.tensor(&self.styles);
        w.tensor(&self.languages);
        w.tensor(&self.years);
        w.tensor(&self.popularity);
        w.tensor(&self.plays);
        w.tensor(&self.scales);
        w.tensor(&self.rows);
        w.tensor(&self.boosts);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.array(13)?;
        let mut shard = Self { index: r.narrow()?, dimension: r.narrow()?, ..Self::default() };
        shard.songs = r.tensor()?;
        shard.artists = r.tensor()?;
        shard.albums = r.tensor()?;
        shard.styles = r.tensor()?;
        shard.languages = r.tensor()?;
        shard.years = r.tensor()?;
        shard.popularity = r.tensor()?;
        shard.plays = r.tensor()?;
        shard.scales = r.tensor()?;
        shard.rows = r.tensor()?;
        shard.boosts = r.tensor()?;
        Ok(shard)
    }

    fn validate(&self) -> Result<(), DecodeError> {
        let n = self.songs.len();
        if self.dimension == 0 || self.dimension > 256 {
            return Err(invalid("dimension", "not within 1 to 256"));
        }
        let ids = [self.artists.len(), self.albums.len(), self.styles.len(), self.languages.len(), self.years.len()];
        if ids != [n; 5] || [self.popularity.len(), self.scales.len(), self.plays.len()] != [n; 3] {
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
        if !(self.boosts.is_empty() || self.boosts.len() == n)
            || !self.boosts.iter().all(|b| (0.001..=1000.0).contains(b))
        {
            return Err(invalid("boosts", "not one a song, or not within 0.001 to 1000"));
        }
        Ok(())
    }
}
impl Downlink for CatalogueShard {}

/// How the tower finds several interests in one past.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Extraction {
    /// One attention head an interest (ComiRec-SA).
    Attention = 0,
    /// Capsules that the songs are routed to (MIND).
    #[default]
    Capsules = 1,
}

/// The sizes of a user tower; with them the flat weight vector has one meaning (`tower::layout`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TowerShape {
    /// `d`: dimension of item embeddings and of the user embedding.
    pub dimension: u32,
    /// `a`: hidden width of the attention scorer.
    pub attention: u32,
    /// `h`: hidden width of an expert.
    pub hidden: u32,
    /// `K`: at most so many interests, 1 to 16.
    pub interests: u32,
    /// `E`: how many experts, 1 to 16.
    pub experts: u32,
    /// How interests are found.
    pub extraction: Extraction,
}

impl TowerShape {
    /// The usual tower over embeddings of dimension `d`.
    #[must_use]
    pub fn usual(dimension: u32) -> Self {
        Self { dimension, attention: 16, hidden: 16, interests: 4, experts: 3, extraction: Extraction::default() }
    }

    pub(crate) fn write(self, w: &mut Writer) {
        w.array(6);
        w.uint(self.dimension.into());
        w.uint(self.attention.into());
        w.uint(self.hidden.into());
        w.uint(self.interests.into());
        w.uint(self.experts.into());
        w.uint(self.extraction as u64);
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.array(6)?;
        let mut sizes = [0u32; 5];
        for size in &mut sizes {
            *size = r.narrow()?;
        }
        let [dimension, attention, hidden, interests, experts] = sizes;
        let extraction = match r.uint()? {
            0 => Extraction::Attention,
            1 => Extraction::Capsules,
            _ => return Err(invalid("extraction", "not one of the two")),
        };
        let within = |v: u32, most: u32| (1..=most).contains(&v);
        if [dimension, attention, hidden].iter().all(|v| within(*v, 256))
            && within(interests, 16)
            && within(experts, 16)
        {
            Ok(Self { dimension, attention, hidden, interests, experts, extraction })
        } else {
            Err(invalid("shape", "a size is not within its range"))
        }
    }
}

/// The shared weights of the user tower.
#[derive(Clone, Debug, PartialEq)]
pub struct TowerWeights {
    /// Which version.
    pub version: WeightsVersion,
    /// The sizes.
    pub shape: TowerShape,
    /// All weights, flat, in the order of `tower::layout`.
    pub values: Vec<f32>,
}

impl sealed::Sealed for TowerWeights {}
impl Message for TowerWeights {
    const KIND: u8 = 2;
    const NAME: &'static str = "tower weights";

    fn write(&self, w: &mut Writer) {
        w.array(3);
        w.uint(self.version.0);
        self.shape.write(w);
        w.tensor(&self.values);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.array(3)?;
        Ok(Self { version: WeightsVersion(r.uint()?), shape: TowerShape::read(r)?, values: r.tensor()? })
    }

    fn validate(&self) -> Result<(), DecodeError> {
        finite("values", &self.values)
    }
}
impl Downlink for TowerWeights {}

/// How a device trains for a round.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LocalPlan {
    /// Passes over the device's own examples.
    pub epochs: u32,
    /// Examples of one step.
    pub batch: u32,
    /// Step size of local SGD.
    pub learning_rate: f32,
    /// Sampled songs set against each heard one.
    pub negatives: u32,
    /// At most so many examples, the newest.
    pub max_examples: u32,
    /// `C`: bound on the update's L2 norm.
    pub clip_norm: f32,
    /// `μ`: how strongly training is drawn back to where it began (FedProx); 0 is FedAvg.
    pub proximal: f32,
}

impl LocalPlan {
    /// How many fields [`LocalPlan::put`] writes.
    #[cfg(feature = "secagg")]
    pub(super) const FIELDS: u64 = 7;

    /// Its fields, into a list that somebody else has begun.
    pub(super) fn put(&self, w: &mut Writer) {
        w.uint(self.epochs.into());
        w.uint(self.batch.into());
        w.float(self.learning_rate);
        w.uint(self.negatives.into());
        w.uint(self.max_examples.into());
        w.float(self.clip_norm);
        w.float(self.proximal);
    }

    /// What [`LocalPlan::put`] wrote.
    pub(super) fn take(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            epochs: r.narrow()?,
            batch: r.narrow()?,
            learning_rate: r.float()?,
            negatives: r.narrow()?,
            max_examples: r.narrow()?,
            clip_norm: r.float()?,
            proximal: r.float()?,
        })
    }

    /// Whether a device could train by it.
    pub(super) fn validate(&self) -> Result<(), DecodeError> {
        if !(self.learning_rate.is_finite() && self.learning_rate > 0.0) {
            return Err(invalid("learning_rate", "not a positive number"));
        }
        if !(self.clip_norm.is_finite() && self.clip_norm > 0.0) {
            return Err(invalid("clip_norm", "not a positive number"));
        }
        if !(self.proximal >= 0.0 && self.learning_rate * self.proximal <= 1.0) {
            return Err(invalid("proximal", "negative, or so large that every step overshoots where it began"));
        }
        let within = |v: u32, most: u32| (1..=most).contains(&v);
        if !within(self.epochs, 100)
            || !within(self.batch, 4096)
            || !within(self.negatives, 1024)
            || !within(self.max_examples, 4096)
        {
            return Err(invalid("plan", "a count is zero or too large"));
        }
        Ok(())
    }
}

/// An invitation to a round.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RoundOffer {
    /// Which round.
    pub round: RoundId,
    /// The weights it starts from.
    pub weights: WeightsVersion,
    /// How to train.
    pub plan: LocalPlan,
    /// How many updates the round waits for.
    pub cohort: u32,
    /// When it closes at the latest.
    pub closes_at: Millis,
}

impl sealed::Sealed for RoundOffer {}
impl Message for RoundOffer {
    const KIND: u8 = 3;
    const NAME: &'static str = "round offer";

    fn write(&self, w: &mut Writer) {
        w.array(11);
        w.uint(self.round.0);
        w.uint(self.weights.0);
        w.uint(self.cohort.into());
        w.uint(self.closes_at.0);
        self.plan.put(w);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.array(11)?;
        Ok(Self {
            round: RoundId(r.uint()?),
            weights: WeightsVersion(r.uint()?),
            cohort: r.narrow()?,
            closes_at: Millis(r.uint()?),
            plan: LocalPlan::take(r)?,
        })
    }

    fn validate(&self) -> Result<(), DecodeError> {
        self.plan.validate()
    }
}
impl Downlink for RoundOffer {}

/// What the server says to an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiptStatus {
    /// Counted.
    Accepted,
    /// Counted before, under the same key; nothing changed.
    AlreadyCounted,
    /// Too late; the round is closed.
    RoundClosed,
}

/// The answer to an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Which round.
    pub round: RoundId,
    /// What came of it.
    pub status: ReceiptStatus,
}

impl sealed::Sealed for Receipt {}
impl Message for Receipt {
    const KIND: u8 = 4;
    const NAME: &'static str = "receipt";

    fn write(&self, w: &mut Writer) {
        w.array(2);
        w.uint(self.round.0);
        w.uint(self.status as u64);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.array(2)?;
        let round = RoundId(r.uint()?);
        let status = match r.uint()? {
            0 => ReceiptStatus::Accepted,
            1 => ReceiptStatus::AlreadyCounted,
            2 => ReceiptStatus::RoundClosed,
            _ => return Err(invalid("status", "not one of the three")),
        };
        Ok(Self { round, status })
    }

    fn validate(&self) -> Result<(), DecodeError> {
        Ok(())
    }
}
impl Downlink for Receipt {}

/// What a device gives to a round: its weights after local training minus the round's, clipped. Every device counts alike, so
/// that the number of songs heard stays home too.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightUpdate {
    /// Which round.
    round: RoundId,
    /// The weights it started from.
    weights: WeightsVersion,
    /// The update, flat, in the order of `tower::layout`.
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

    fn write(&self, w: &mut Writer) {
        w.array(3);
        w.uint(self.round.0);
        w.uint(self.weights.0);
        w.tensor(&self.values);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.array(3)?;
        Ok(Self { round: RoundId(r.uint()?), weights: WeightsVersion(r.uint()?), values: r.tensor()? })
    }

    fn validate(&self) -> Result<(), DecodeError> {
        finite("values", &self.values)
    }
}
impl Uplink for WeightUpdate {}
