//! The device's own memory as bytes, for IndexedDB or a file. This is the only encoder of events there is, and it is private to
//! this room: it writes a [`Snapshot`], which is no [`crate::protocol::Message`] and so can never be sent.
//!
//! Form: `"SOTV"`, format (1 byte), FNV-1a 64 of the rest (8 bytes, little-endian), CBOR.

use super::Error;
use super::learn::Remembered;
use super::round::{Outgoing, UpdateKey};
use crate::ids::{Millis, RoundId, SongId, WeightsVersion};
use crate::privacy::{Direction, Ledger, LedgerEntry};
use crate::protocol::TowerShape;
use crate::session::{Behaviour, Feedback, Fraction, Impression, ListenEvent};
use crate::tower::Context;
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

const MAGIC: &[u8; 4] = b"SOTV";
/// The newest format this build writes and reads.
pub(crate) const FORMAT: u8 = 1;
const HEADER: usize = 4 + 1 + 8;

/// Everything the engine keeps, except the songs, which the page caches as the shards they came in.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) history: Vec<Remembered>,
    pub(crate) heard: u64,
    pub(crate) weights: Option<(WeightsVersion, TowerShape, Vec<f32>)>,
    pub(crate) consent: bool,
    pub(crate) contributed: Option<RoundId>,
    pub(crate) outgoing: Option<Outgoing>,
    pub(crate) ledger: Ledger,
}

impl Snapshot {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let record = Record::from(self);
        let body = minicbor::to_vec(&record).unwrap_or_default(); // writing into a Vec cannot fail
        let mut bytes = Vec::with_capacity(HEADER + body.len());
        bytes.extend_from_slice(MAGIC);
        bytes.push(FORMAT);
        bytes.extend_from_slice(&fnv1a(&body).to_le_bytes());
        bytes.extend_from_slice(&body);
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let damaged = |detail| Error::Snapshot { detail };
        let (header, body) = bytes.split_at_checked(HEADER).ok_or(damaged("too short"))?;
        if &header[..4] != MAGIC {
            return Err(damaged("not a sottovoce snapshot"));
        }
        if header[4] != FORMAT {
            return Err(Error::SnapshotVersion { got: header[4], newest: FORMAT });
        }
        if header[5..] != fnv1a(body).to_le_bytes() {
            return Err(damaged("checksum differs"));
        }
        minicbor::decode::<Record>(body).ok().and_then(Record::into_snapshot).ok_or(damaged("not of the expected shape"))
    }
}

/// FNV-1a, 64 bit: against accidents, not against attackers, who would have to be on the device already.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, b| (hash ^ u64::from(*b)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[derive(Encode, Decode)]
struct Record {
    #[n(0)]
    history: Vec<EventRecord>,
    #[n(1)]
    heard: u64,
    #[n(2)]
    weights: Option<WeightsRecord>,
    #[n(3)]
    consent: bool,
    #[n(4)]
    contributed: Option<RoundId>,
    #[n(5)]
    outgoing: Option<OutgoingRecord>,
    #[n(6)]
    ledger: Vec<LedgerRecord>,
    #[n(7)]
    sent_messages: u64,
    #[n(8)]
    sent_bytes: u64,
}

#[derive(Encode, Decode)]
struct EventRecord {
    #[n(0)]
    song: SongId,
    #[n(1)]
    slot: u16,
    #[n(2)]
    shown: Millis,
    #[n(3)]
    at: Millis,
    #[n(4)]
    behaviour: u8,
    #[n(5)]
    heard: f32,
    #[n(6)]
    hour: Option<u8>,
    #[n(7)]
    weekday: Option<u8>,
    #[n(8)]
    device: Option<u8>,
    #[n(9)]
    locale: Option<u16>,
}

#[derive(Encode, Decode)]
struct WeightsRecord {
    #[n(0)]
    version: WeightsVersion,
    #[n(1)]
    shape: TowerShape,
    /// Shared and personal, little-endian f32.
    #[n(2)]
    values: ByteVec,
}

#[derive(Encode, Decode)]
struct OutgoingRecord {
    #[n(0)]
    round: RoundId,
    #[n(1)]
    key: ByteVec,
    #[n(2)]
    bytes: ByteVec,
}

#[derive(Encode, Decode)]
struct LedgerRecord {
    #[n(0)]
    at: Millis,
    #[n(1)]
    up: bool,
    #[n(2)]
    message: String,
    #[n(3)]
    bytes: u32,
    #[n(4)]
    meaning: String,
}

impl From<&Snapshot> for Record {
    fn from(s: &Snapshot) -> Self {
        Self {
            history: s.history.iter().map(EventRecord::from).collect(),
            heard: s.heard,
            weights: s.weights.as_ref().map(|(version, shape, values)| WeightsRecord {
                version: *version,
                shape: *shape,
                values: values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>().into(),
            }),
            consent: s.consent,
            contributed: s.contributed,
            outgoing: s.outgoing.as_ref().map(|o| OutgoingRecord {
                round: o.round,
                key: o.key.0.to_vec().into(),
                bytes: o.bytes.clone().into(),
            }),
            ledger: s.ledger.entries().iter().map(LedgerRecord::from).collect(),
            sent_messages: s.ledger.sent_messages(),
            sent_bytes: s.ledger.sent_bytes(),
        }
    }
}

impl Record {
    /// `None` where a number is outside its type's meaning.
    fn into_snapshot(self) -> Option<Snapshot> {
        let weights = match self.weights {
            None => None,
            Some(w) => {
                let (chunks, rest) = w.values.as_chunks::<4>();
                let values: Vec<f32> = chunks.iter().map(|c| f32::from_le_bytes(*c)).collect();
                (rest.is_empty() && values.iter().all(|v| v.is_finite())).then_some(())?;
                Some((w.version, w.shape, values))
            }
        };
        let outgoing = match self.outgoing {
            None => None,
            Some(o) => {
                let key = UpdateKey(<[u8; 16]>::try_from(o.key.as_slice()).ok()?);
                Some(Outgoing { round: o.round, key, bytes: o.bytes.into() })
            }
        };
        let entries = self.ledger.into_iter().map(LedgerEntry::from).collect();
        Some(Snapshot {
            history: self.history.into_iter().map(EventRecord::into_remembered).collect::<Option<_>>()?,
            heard: self.heard,
            weights,
            consent: self.consent,
            contributed: self.contributed,
            outgoing,
            ledger: Ledger::from_parts(entries, self.sent_messages, self.sent_bytes),
        })
    }
}

impl From<&Remembered> for EventRecord {
    fn from(Remembered { event, context }: &Remembered) -> Self {
        let heard = if let Feedback::Skip { heard } = event.feedback { heard.get() } else { 1.0 };
        Self {
            song: event.impression.song,
            slot: event.impression.slot,
            shown: event.impression.at,
            at: event.at,
            behaviour: event.feedback.behaviour() as u8,
            heard,
            hour: context.hour,
            weekday: context.weekday,
            device: context.device,
            locale: context.locale,
        }
    }
}

impl EventRecord {
    fn into_remembered(self) -> Option<Remembered> {
        let feedback = Behaviour::from_u8(self.behaviour)?.feedback(Fraction::new(self.heard));
        let impression = Impression { song: self.song, slot: self.slot, at: self.shown };
        let context = Context { hour: self.hour, weekday: self.weekday, device: self.device, locale: self.locale };
        Some(Remembered { event: ListenEvent { impression, feedback, at: self.at }, context })
    }
}

impl From<&LedgerEntry> for LedgerRecord {
    fn from(e: &LedgerEntry) -> Self {
        let up = e.direction == Direction::Up;
        Self { at: e.at, up, message: e.message.clone(), bytes: e.bytes, meaning: e.meaning.clone() }
    }
}

impl From<LedgerRecord> for LedgerEntry {
    fn from(r: LedgerRecord) -> Self {
        let direction = if r.up { Direction::Up } else { Direction::Down };
        Self { at: r.at, direction, message: r.message, bytes: r.bytes, meaning: r.meaning }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn snapshot() -> Snapshot {
        let impression = Impression { song: SongId(7), slot: 2, at: Millis(5) };
        let skip = Feedback::Skip { heard: Fraction::new(0.25) };
        let event = |feedback| Remembered {
            event: ListenEvent { impression, feedback, at: Millis(9) },
            context: Context { hour: Some(23), ..Context::default() },
        };
        let mut ledger = Ledger::default();
        ledger.record(LedgerEntry {
            at: Millis(3),
            direction: Direction::Up,
            message: "weight update".into(),
            bytes: 100,
            meaning: "what it means".into(),
        });
        Snapshot {
            history: vec![event(skip), event(Feedback::Complete), event(Feedback::Dislike)],
            heard: 3,
            weights: Some((WeightsVersion(4), TowerShape { dimension: 1, attention: 1, hidden: 1 }, vec![0.5, -1.5])),
            consent: true,
            contributed: Some(RoundId(8)),
            outgoing: Some(Outgoing { round: RoundId(9), key: UpdateKey([7; 16]), bytes: vec![1, 2, 3] }),
            ledger,
        }
    }

    #[test]
    fn round_trips() {
        let snapshot = snapshot();
        assert_eq!(Snapshot::from_bytes(&snapshot.to_bytes()), Ok(snapshot));
        assert_eq!(Snapshot::from_bytes(&Snapshot::default().to_bytes()), Ok(Snapshot::default()));
    }

    #[test]
    fn one_flipped_bit_is_noticed() {
        let bytes = snapshot().to_bytes();
        for i in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[i] ^= 0x10;
            assert!(Snapshot::from_bytes(&bad).is_err(), "byte {i}");
        }
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(Snapshot::from_bytes(&body).is_err());
            // … nor with a valid header in front.
            let mut framed = MAGIC.to_vec();
            framed.push(FORMAT);
            framed.extend_from_slice(&fnv1a(&body).to_le_bytes());
            framed.extend_from_slice(&body);
            let _ = Snapshot::from_bytes(&framed);
        }
    }
}
