//! Asking the server for songs, where the catalogue is too large to ride along and the listener agreed: the interests go out clipped and
//! noised (`privacy::noise`), the server answers with a part of the catalogue, and all choosing happens here, over those songs, with the
//! interests as they are.
//!
//! Every question costs privacy, and what they cost adds up. So an answer is kept and chosen from again and again; a new question is made
//! only where the listener's interests have moved away from those that the last one was made of, never before a pause, and after a while
//! in any case. A question that was lost on its way is sent again as it was, which costs nothing.

use super::{Error, Recommender};
use crate::ids::Millis;
use crate::math::{dot, normalize};
use crate::privacy::{Direction, Epsilon, Interest, LedgerEntry, Noise, NoiseKey};
use crate::protocol::{DecodeError, Message, Reader, RecallQuery, Writer, send};
use std::sync::Arc;

/// `C`: interests are directions, so they have length 1 before the noise.
const CLIP_NORM: f32 = 1.0;
/// So many answers outlive a restart, the newest.
const ANSWERS: usize = 4;
const FORMAT: u64 = 1;

/// How a question is made, and when.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct AskConfig {
    /// Songs to be answered with, 1 to [`RecallQuery::MOST_SONGS`]. 4000: a thousand a direction.
    pub songs: u32,
    /// `K`: directions in a question, 1 to 16. Listeners with fewer interests send noise alone in the place of the missing ones, so that the
    /// number says nothing; of more, the first `K` are sent. 4, as the usual tower has.
    pub interests: usize,
    /// `ε` of each direction, for a distance of 1; what that means is at [`crate::privacy::NoisedEmbedding`]. 50: docs/recall.md has the
    /// table that it was chosen from.
    pub epsilon: f64,
    /// An interest has moved where its cosine with each of those asked with is below this. 0.9.
    pub near: f32,
    /// Milliseconds between two questions, at least. Ten minutes.
    pub pause: Millis,
    /// Milliseconds after which an answer is asked for anew even if nothing moved. A week.
    pub stale: Millis,
}

impl Default for AskConfig {
    fn default() -> Self {
        Self {
            songs: 4000,
            interests: 4,
            epsilon: 50.0,
            near: 0.9,
            pause: Millis(10 * 60 * 1000),
            stale: Millis(7 * 24 * 3_600_000),
        }
    }
}

/// What all questions so far have told the server, at most.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct RecallAccount {
    /// How many were made.
    pub questions: u64,
    /// The sum of `K·ε` over them. Whatever two listeners are compared, the odds of all that was sent differ by no more than
    /// `exp(2 · epsilon)`.
    pub epsilon: f64,
}

/// The interests a question was made of, and when. They stay here.
#[derive(Clone, PartialEq, Default)]
struct Asked {
    from: Vec<f32>,
    at: Millis,
}

/// Where asking stands.
#[derive(Clone, PartialEq, Default)]
pub(super) struct Asking {
    consent: bool,
    /// A question without an answer yet, encoded.
    waiting: Option<(Vec<u8>, Asked)>,
    /// What the newest answer answered.
    answered: Option<Asked>,
    /// The newest answers as they came, oldest first.
    answers: Vec<Vec<u8>>,
    account: RecallAccount,
}

impl core::fmt::Debug for Asking {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Asking").field("consent", &self.consent).field("account", &self.account).finish_non_exhaustive()
    }
}

impl Recommender {
    /// Whether the listener agreed to ask the server for songs. Off until set, and after every start: the page keeps it.
    #[must_use]
    pub fn recall_consent(&self) -> bool {
        self.asking.consent
    }

    /// Sets that agreement. Taking it back also drops a question that waits; songs that came stay.
    pub fn set_recall_consent(&mut self, consent: bool) {
        self.asking.consent = consent;
        if !consent {
            self.asking.waiting = None;
        }
    }

    /// The question to send now, as an encoded [`RecallQuery`]; `None` while the last answer is as good as a new one. It stays the same,
    /// bytes and all, until [`Recommender::take_answer`] or [`Recommender::abandon_question`]; `key` is used up by a new one only. The
    /// interests are the tower's; without weights, what this session has been about.
    ///
    /// # Errors
    /// [`Error::RecallConsentOff`], [`Error::Question`], [`Error::NothingToAskFrom`].
    pub fn ask_recall(&mut self, config: &AskConfig, key: NoiseKey, now: Millis) -> Result<Option<&[u8]>, Error> {
        if !self.asking.consent {
            return Err(Error::RecallConsentOff);
        }
        if self.asking.waiting.is_none() {
            let within = |what, holds: bool| if holds { Ok(()) } else { Err(Error::Question { what }) };
            within("songs", (1..=RecallQuery::MOST_SONGS).contains(&config.songs))?;
            within("interests", (1..=RecallQuery::MOST_DIRECTIONS).contains(&config.interests))?;
            let epsilon = Epsilon::new(config.epsilon).ok_or(Error::Question { what: "epsilon" })?;
            let d = self.dimension_asked().ok_or(Error::NothingToAskFrom)?;
            let from = self.directions(d, config.interests, now);
            if !self.asking.due(&from, d, config, now) {
                return Ok(None);
            }
            let mut noise = Noise::new(key);
            let noised = |row: &[f32]| Interest::new(row.to_vec()).clip(CLIP_NORM).noised(epsilon, &mut noise);
            let directions: Vec<_> = from.chunks_exact(d).map(noised).collect();
            let query = RecallQuery::new(config.songs, &directions).ok_or(Error::NothingToAskFrom)?;
            let account = &mut self.asking.account;
            account.questions += 1;
            #[allow(clippy::cast_precision_loss, reason = "at most 16")]
            let rows = directions.len() as f64;
            account.epsilon += rows * config.epsilon;
            self.asking.waiting = Some((send(&query), Asked { from, at: now }));
        }
        Ok(self.asking.waiting.as_ref().map(|(bytes, _)| bytes.as_slice()))
    }

    /// Writes into the ledger that the waiting question went out once.
    pub fn record_asked(&mut self, now: Millis) {
        if let Some((bytes, _)) = &self.asking.waiting {
            self.kept.ledger.record(LedgerEntry {
                at: now,
                direction: Direction::Up,
                message: RecallQuery::NAME.into(),
                bytes: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
                meaning: "Which way your taste points, blurred by noise before it left, to be sent songs from there; no song, no event, no time."
                    .into(),
            });
        }
    }

    /// Takes the answer in, a [`crate::protocol::CatalogueShard`]: its songs are resident from now on. Returns how many were new.
    ///
    /// # Errors
    /// [`Error::RecallConsentOff`] where it was taken back meanwhile, [`Error::NotAsked`], and as [`Recommender::load_shard`]; the question
    /// goes on waiting then.
    pub fn take_answer(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        if !self.asking.consent {
            return Err(Error::RecallConsentOff);
        }
        if self.asking.waiting.is_none() {
            return Err(Error::NotAsked);
        }
        let added = self.load_shard(bytes)?;
        self.asking.answered = self.asking.waiting.take().map(|(_, asked)| asked);
        if self.asking.answers.len() == ANSWERS {
            self.asking.answers.remove(0);
        }
        self.asking.answers.push(bytes.to_vec());
        Ok(added)
    }

    /// Drops the question that waits: the server refuses it for good. What it may have told stays in the account.
    pub fn abandon_question(&mut self) {
        self.asking.waiting = None;
    }

    /// What all questions so far have told, at most.
    #[must_use]
    pub fn recall_account(&self) -> RecallAccount {
        self.asking.account
    }

    /// Where asking stands, with the newest answers, for the page's store. Not a message: nothing can send it.
    #[must_use]
    pub fn recall_state(&self) -> Vec<u8> {
        let mut w = Writer::default();
        let Asking { consent: _, waiting, answered, answers, account } = &self.asking;
        w.array(6);
        w.uint(FORMAT);
        w.uint(account.questions);
        w.uint(account.epsilon.to_bits());
        w.array(waiting.is_some().into());
        if let Some((bytes, asked)) = waiting {
            w.array(3);
            w.bytes(bytes);
            asked.write(&mut w);
        }
        w.array(answered.is_some().into());
        if let Some(asked) = answered {
            w.array(2);
            asked.write(&mut w);
        }
        w.array(answers.len() as u64);
        answers.iter().for_each(|answer| w.bytes(answer));
        w.finish()
    }

    /// Takes up where [`Recommender::recall_state`] left off. With `songs` false, or where an answer no longer fits the weights, the songs
    /// are left out (the catalogue is another by now) and only the account is taken up. Consent is not in it. Returns how many songs came.
    ///
    /// # Errors
    /// [`Error::Snapshot`], [`Error::SnapshotVersion`]; nothing changes then.
    pub fn restore_recall(&mut self, bytes: &[u8], songs: bool) -> Result<usize, Error> {
        let mut asking = Asking::read(bytes).map_err(|_| Error::Snapshot { detail: "not a state of asking" })??;
        asking.consent = self.asking.consent;
        let before = self.items.len();
        if !songs || !asking.answers.iter().all(|answer| self.load_shard(answer).is_ok()) {
            // Songs of the answers before the one that did not fit would outlive a deletion: nobody would know any more that they were asked for.
            if before == 0 {
                self.items = Arc::default();
            }
            asking = Asking { consent: asking.consent, account: asking.account, ..Asking::default() };
        }
        self.asking = asking;
        Ok(self.items.len().saturating_sub(before))
    }

    /// Songs that were asked for say something of the listener, so they go too.
    pub(super) fn forget_asking(&mut self) {
        if !std::mem::take(&mut self.asking).answers.is_empty() {
            self.items = Arc::default();
        }
    }

    /// The dimension of what will be asked for: the weights', or the songs'.
    fn dimension_asked(&self) -> Option<usize> {
        let songs = Some(self.items.dimension()).filter(|d| *d > 0);
        self.tower.as_ref().map(|(_, shape, _)| shape.dimension as usize).or(songs)
    }

    /// `count` rows of length 1, or of zeros in the place of an interest that is not there.
    fn directions(&mut self, d: usize, count: usize, now: Millis) -> Vec<f32> {
        let mut rows = if self.tower.is_some() {
            self.embed().queries.clone()
        } else {
            let mut taste = Vec::new();
            self.session.taste_into(now, &mut taste);
            taste
        };
        rows.resize(count * d, 0.0);
        rows.chunks_exact_mut(d).for_each(|row| {
            normalize(row);
        });
        rows
    }
}

impl Asking {
    /// Adds an answer that cannot be read.
    #[cfg(test)]
    pub(super) fn spoil(&mut self) {
        self.answers.push(vec![0]);
    }

    /// Whether a new question is worth its price. A clock that went back counts as time enough.
    fn due(&self, from: &[f32], d: usize, config: &AskConfig, now: Millis) -> bool {
        let Some(Asked { from: then, at }) = &self.answered else { return true };
        let since = now.0.checked_sub(at.0).unwrap_or(u64::MAX);
        if since >= config.stale.0 {
            return true;
        }
        let known = |row: &[f32]| then.chunks_exact(d).any(|old| dot(row, old) >= config.near);
        let moved = |row: &[f32]| row.iter().any(|x| x.abs() > 0.0) && !known(row);
        since >= config.pause.0 && from.chunks_exact(d).any(moved)
    }

    fn read(bytes: &[u8]) -> Result<Result<Self, Error>, DecodeError> {
        let mut r = Reader::new(bytes);
        r.array(6)?;
        let format = r.uint()?;
        if format != FORMAT {
            let [got, newest] = [format, FORMAT].map(|f| u8::try_from(f).unwrap_or(u8::MAX));
            return Ok(Err(Error::SnapshotVersion { got, newest }));
        }
        let account = RecallAccount { questions: r.uint()?, epsilon: f64::from_bits(r.uint()?) };
        let mut waiting = None;
        if r.list()? > 0 {
            r.array(3)?;
            waiting = Some((r.bytes()?.to_vec(), Asked::read(&mut r)?));
        }
        let mut answered = None;
        if r.list()? > 0 {
            r.array(2)?;
            answered = Some(Asked::read(&mut r)?);
        }
        let mut answers = Vec::new();
        for _ in 0..r.list()?.min(ANSWERS as u64) {
            answers.push(r.bytes()?.to_vec());
        }
        r.end()?;
        Ok(Ok(Self { consent: false, waiting, answered, answers, account }))
    }
}

impl Asked {
    fn write(&self, w: &mut Writer) {
        w.uint(self.at.0);
        w.tensor(&self.from);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { at: Millis(r.uint()?), from: r.tensor()? })
    }
}
