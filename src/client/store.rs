//! The device's own memory as bytes, for IndexedDB or a file. This is the only encoder of events there is, and it is private to
//! this room: it writes a [`Snapshot`], which is no [`crate::protocol::Message`] and so can never be sent.
//!
//! Form: `"SOTV"`, format (1 byte), FNV-1a 64 of the rest (8 bytes, little-endian), CBOR.

use super::Error;
use super::learn::Remembered;
use super::round::{Outgoing, UpdateKey};
use crate::ids::{Millis, RoundId, SongId, WeightsVersion};
use crate::privacy::{Direction, Ledger, LedgerEntry};
use crate::protocol::{DecodeError, Reader, TowerShape, Writer};
use crate::session::{Behaviour, Feedback, Fraction, Impression, ListenEvent};
use crate::tower::Context;

const MAGIC: &[u8; 4] = b"SOTV";
/// The newest format this build writes and reads.
pub(crate) const FORMAT: u8 = 1;
const HEADER: usize = 4 + 1 + 8;

/// Everything the engine keeps, except the songs, which the page caches as the shards they came in.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) history: Vec<Remembered>,
    pub(crate) heard: u64,
    /// Version, shape, and all weights: the shared and the personal ones.
    pub(crate) weights: Option<(WeightsVersion, TowerShape, Vec<f32>)>,
    pub(crate) consent: bool,
    pub(crate) contributed: Option<RoundId>,
    pub(crate) outgoing: Option<Outgoing>,
    pub(crate) ledger: Ledger,
}

impl Snapshot {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut w = Writer::default();
        w.array(8);
        w.array(self.history.len() as u64);
        self.history.iter().for_each(|r| write_event(&mut w, r));
        w.uint(self.heard);
        w.array(self.weights.is_some().into());
        if let Some((version, shape, values)) = &self.weights {
            w.uint(version.0);
            shape.write(&mut w);
            w.tensor(values);
        }
        w.uint(self.consent.into());
        w.maybe(self.contributed.map(|r| r.0));
        w.array(self.outgoing.is_some().into());
        if let Some(outgoing) = &self.outgoing {
            w.uint(outgoing.round.0);
            w.bytes(&outgoing.key.0);
            w.bytes(&outgoing.bytes);
        }
        w.array(self.ledger.entries().len() as u64);
        self.ledger.entries().iter().for_each(|e| write_entry(&mut w, e));
        w.array(2);
        w.uint(self.ledger.sent_messages());
        w.uint(self.ledger.sent_bytes());
        let body = w.finish();

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
        Self::read(&mut Reader::new(body)).map_err(|_| damaged("not of the expected shape"))
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.array(8)?;
        let history = (0..r.list()?).map(|_| read_event(r)).collect::<Result<_, _>>()?;
        let heard = r.uint()?;
        let weights: Option<(_, _, Vec<f32>)> = match r.list()? {
            0 => None,
            _ => Some((WeightsVersion(r.uint()?), TowerShape::read(r)?, r.tensor()?)),
        };
        if weights.as_ref().is_some_and(|(_, _, values)| !values.iter().all(|v| v.is_finite())) {
            return Err(invalid("weights"));
        }
        let consent = r.uint()? == 1;
        let contributed = r.maybe()?.map(RoundId);
        let outgoing = match r.list()? {
            0 => None,
            _ => Some(Outgoing {
                round: RoundId(r.uint()?),
                key: UpdateKey(<[u8; 16]>::try_from(r.bytes()?).map_err(|_| invalid("key"))?),
                bytes: r.bytes()?.to_vec(),
            }),
        };
        let entries = (0..r.list()?).map(|_| read_entry(r)).collect::<Result<_, _>>()?;
        r.array(2)?;
        let ledger = Ledger::from_parts(entries, r.uint()?, r.uint()?);
        r.end()?;
        Ok(Self { history, heard, weights, consent, contributed, outgoing, ledger })
    }
}

/// FNV-1a, 64 bit: against accidents, not against attackers, who would have to be on the device already.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, b| (hash ^ u64::from(*b)).wrapping_mul(0x0000_0100_0000_01b3))
}

fn invalid(what: &'static str) -> DecodeError {
    DecodeError::Invalid { what, detail: "outside its meaning" }
}

fn write_event(w: &mut Writer, Remembered { event, context }: &Remembered) {
    let ListenEvent { impression, feedback, at } = event;
    w.array(10);
    w.uint(impression.song.0.into());
    w.uint(impression.slot.into());
    w.uint(impression.at.0);
    w.uint(at.0);
    w.uint(feedback.behaviour() as u64);
    w.float(if let Feedback::Skip { heard } = feedback { heard.get() } else { 1.0 });
    w.maybe(context.hour.map(u64::from));
    w.maybe(context.weekday.map(u64::from));
    w.maybe(context.device.map(u64::from));
    w.maybe(context.locale.map(u64::from));
}

fn read_event(r: &mut Reader<'_>) -> Result<Remembered, DecodeError> {
    r.array(10)?;
    let impression = Impression { song: SongId(r.narrow()?), slot: r.narrow()?, at: Millis(r.uint()?) };
    let at = Millis(r.uint()?);
    let behaviour = Behaviour::from_u8(r.narrow()?).ok_or(invalid("behaviour"))?;
    let feedback = behaviour.feedback(Fraction::new(r.float()?));
    let context = Context { hour: r.maybe()?, weekday: r.maybe()?, device: r.maybe()?, locale: r.maybe()? };
    Ok(Remembered { event: ListenEvent { impression, feedback, at }, context })
}

fn write_entry(w: &mut Writer, entry: &LedgerEntry) {
    w.array(5);
    w.uint(entry.at.0);
    w.uint((entry.direction == Direction::Up).into());
    w.text(&entry.message);
    w.uint(entry.bytes.into());
    w.text(&entry.meaning);
}

fn read_entry(r: &mut Reader<'_>) -> Result<LedgerEntry, DecodeError> {
    r.array(5)?;
    Ok(LedgerEntry {
        at: Millis(r.uint()?),
        direction: if r.uint()? == 1 { Direction::Up } else { Direction::Down },
        message: r.text()?.to_owned(),
        bytes: r.narrow()?,
        meaning: r.text()?.to_owned(),
    })
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
