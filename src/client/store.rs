//! The device's own memory as bytes, for IndexedDB or a file. This is the only encoder of events there is, and it is private to
//! this room: it writes what is [`Kept`], which is no [`crate::protocol::Message`] and so can never be sent.
//!
//! Form: `"SOTV"`, format (1 byte), FNV-1a 64 of the rest (8 bytes, little-endian), CBOR.

use super::Error;
use super::round::{Outgoing, UpdateKey};
use super::{Library, Muted, Remembered, Tally, Tastes};
use crate::ids::{Millis, RoundId, SongId, WeightsVersion};
use crate::privacy::{Direction, Ledger, LedgerEntry};
use crate::protocol::{DecodeError, Reader, TowerShape, Writer};
use crate::session::{Behaviour, Feedback, Fraction, Impression, ListenEvent};
use crate::tower::Context;

const MAGIC: &[u8; 4] = b"SOTV";
/// The newest format this build writes and reads.
pub(crate) const FORMAT: u8 = 2;
const HEADER: usize = 4 + 1 + 8;

/// What the engine keeps of its listener. Songs are not among it: the page caches the shards they came in.
#[derive(PartialEq, Debug, Default)]
pub(crate) struct Kept {
    /// Up to twice `EngineConfig::history`, so that forgetting the oldest costs nothing each time; only the newest count.
    pub(crate) history: Vec<Remembered>,
    pub(crate) heard: u64,
    pub(crate) library: Library,
    pub(crate) tastes: Tastes,
    pub(crate) consent: bool,
    pub(crate) contributed: Option<RoundId>,
    pub(crate) outgoing: Option<Outgoing>,
    pub(crate) ledger: Ledger,
}

/// Version, shape, and all weights: the shared and the personal ones.
pub(crate) type Weights<T> = Option<(WeightsVersion, TowerShape, T)>;

/// As bytes; of the history, what `history` says.
pub(crate) fn write(kept: &Kept, history: &[Remembered], weights: Weights<&[f32]>) -> Vec<u8> {
    let mut w = Writer::default();
    w.array(10);
    w.array(history.len() as u64);
    history.iter().for_each(|r| write_event(&mut w, r));
    w.uint(kept.heard);
    w.array(kept.library.songs().len() as u64);
    kept.library.songs().iter().for_each(|(song, tally)| write_tally(&mut w, *song, tally));
    w.array(kept.tastes.muted().len() as u64);
    kept.tastes.muted().iter().for_each(|m| w.tensor(&m.vector));
    w.array(weights.is_some().into());
    if let Some((version, shape, values)) = weights {
        w.uint(version.0);
        shape.write(&mut w);
        w.tensor(values);
    }
    w.uint(kept.consent.into());
    w.maybe(kept.contributed.map(|r| r.0));
    w.array(kept.outgoing.is_some().into());
    if let Some(outgoing) = &kept.outgoing {
        w.uint(outgoing.round.0);
        w.bytes(&outgoing.key.0);
        w.bytes(&outgoing.bytes);
    }
    w.array(kept.ledger.entries().len() as u64);
    kept.ledger.entries().iter().for_each(|e| write_entry(&mut w, e));
    w.array(2);
    w.uint(kept.ledger.sent_messages());
    w.uint(kept.ledger.sent_bytes());
    let body = w.finish();

    let mut bytes = Vec::with_capacity(HEADER + body.len());
    bytes.extend_from_slice(MAGIC);
    bytes.push(FORMAT);
    bytes.extend_from_slice(&fnv1a(&body).to_le_bytes());
    bytes.extend_from_slice(&body);
    bytes
}

/// What [`write`] wrote, this build or an earlier one.
pub(crate) fn read(bytes: &[u8]) -> Result<(Kept, Weights<Vec<f32>>), Error> {
    let damaged = |detail| Error::Snapshot { detail };
    let (header, body) = bytes.split_at_checked(HEADER).ok_or(damaged("too short"))?;
    if &header[..4] != MAGIC {
        return Err(damaged("not a sottovoce snapshot"));
    }
    if !(1..=FORMAT).contains(&header[4]) {
        return Err(Error::SnapshotVersion { got: header[4], newest: FORMAT });
    }
    if header[5..] != fnv1a(body).to_le_bytes() {
        return Err(damaged("checksum differs"));
    }
    read_body(&mut Reader::new(body), header[4]).map_err(|_| damaged("not of the expected shape"))
}

/// Format 1 knew no library, no muted interests, no scenes and a smaller tower: the library is made from its history, its weights
/// are left to be fetched again.
fn read_body(r: &mut Reader<'_>, format: u8) -> Result<(Kept, Weights<Vec<f32>>), DecodeError> {
    let mut kept = Kept::default();
    r.array(if format == 1 { 8 } else { 10 })?;
    for _ in 0..r.list()? {
        let remembered = read_event(r, format)?;
        if format == 1 {
            kept.library.note(&remembered.event);
        }
        kept.history.push(remembered);
    }
    kept.heard = r.uint()?;
    if format > 1 {
        let mut songs = Vec::new();
        for _ in 0..r.list()? {
            songs.push(read_tally(r)?);
        }
        kept.library = Library::from_parts(songs).ok_or(invalid("library"))?;
        let mut muted = Vec::new();
        for _ in 0..r.list()? {
            muted.push(Muted { vector: finite(r.tensor()?, "muted")? });
        }
        kept.tastes = Tastes::from_parts(muted);
    }
    kept.library.settle();
    let weights = match r.list()? {
        0 => None,
        _ if format == 1 => {
            r.uint()?;
            r.array(3)?;
            for _ in 0..3 {
                r.uint()?;
            }
            r.bytes()?;
            None
        }
        _ => Some((WeightsVersion(r.uint()?), TowerShape::read(r)?, finite(r.tensor()?, "weights")?)),
    };
    kept.consent = r.uint()? == 1;
    kept.contributed = r.maybe()?.map(RoundId);
    if r.list()? > 0 {
        kept.outgoing = Some(Outgoing {
            round: RoundId(r.uint()?),
            key: UpdateKey(<[u8; 16]>::try_from(r.bytes()?).map_err(|_| invalid("key"))?),
            bytes: r.bytes()?.to_vec(),
        });
    }
    let mut entries = Vec::new();
    for _ in 0..r.list()? {
        entries.push(read_entry(r)?);
    }
    r.array(2)?;
    kept.ledger = Ledger::from_parts(entries, r.uint()?, r.uint()?);
    r.end()?;
    Ok((kept, weights))
}

fn finite(values: Vec<f32>, what: &'static str) -> Result<Vec<f32>, DecodeError> {
    if values.iter().all(|v| v.is_finite()) { Ok(values) } else { Err(invalid(what)) }
}

/// FNV-1a, 64 bit: against accidents, not against attackers, who would have to be on the device already.
pub(super) fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, b| (hash ^ u64::from(*b)).wrapping_mul(0x0000_0100_0000_01b3))
}

fn invalid(what: &'static str) -> DecodeError {
    DecodeError::Invalid { what, detail: "outside its meaning" }
}

fn write_event(w: &mut Writer, Remembered { event, context }: &Remembered) {
    let ListenEvent { impression, feedback, at } = event;
    w.array(11);
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
    w.maybe(context.scene.map(u64::from));
}

fn read_event(r: &mut Reader<'_>, format: u8) -> Result<Remembered, DecodeError> {
    r.array(if format == 1 { 10 } else { 11 })?;
    let impression = Impression { song: SongId(r.narrow()?), slot: r.narrow()?, at: Millis(r.uint()?) };
    let at = Millis(r.uint()?);
    let behaviour = Behaviour::from_u8(r.narrow()?).ok_or(invalid("behaviour"))?;
    let feedback = behaviour.feedback(Fraction::new(r.float()?));
    let mut known = [None; 5];
    for field in known.iter_mut().take(if format == 1 { 4 } else { 5 }) {
        *field = r.maybe()?;
    }
    // What is out of range was never written; it counts as not known.
    let byte = |value: Option<u64>| value.and_then(|v| u8::try_from(v).ok());
    let context = Context {
        hour: byte(known[0]),
        weekday: byte(known[1]),
        device: byte(known[2]),
        locale: known[3].and_then(|v| u16::try_from(v).ok()),
        scene: byte(known[4]),
    };
    Ok(Remembered { event: ListenEvent { impression, feedback, at }, context })
}

fn write_tally(w: &mut Writer, song: SongId, tally: &Tally) {
    w.array(5);
    w.uint(song.0.into());
    w.uint(tally.plays.into());
    w.uint(tally.skips.into());
    w.uint(u64::from(tally.liked) | u64::from(tally.blocked) << 1);
    w.uint(tally.last.0);
}

fn read_tally(r: &mut Reader<'_>) -> Result<(SongId, Tally), DecodeError> {
    r.array(5)?;
    let (song, plays, skips) = (SongId(r.narrow()?), r.narrow()?, r.narrow()?);
    let flags: u8 = r.narrow()?;
    let last = Millis(r.uint()?);
    Ok((song, Tally { plays, skips, liked: flags & 1 == 1, blocked: flags & 2 == 2, last }))
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

    fn kept() -> Kept {
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
        let tally = Tally { plays: 1, skips: 1, liked: true, blocked: false, last: Millis(9) };
        Kept {
            history: vec![event(skip), event(Feedback::Complete), event(Feedback::Dislike)],
            heard: 3,
            library: Library::from_parts(vec![(SongId(7), tally)]).expect("one song rises"),
            tastes: Tastes::from_parts(vec![Muted { vector: vec![0.6, 0.8] }]),
            consent: true,
            contributed: Some(RoundId(8)),
            outgoing: Some(Outgoing { round: RoundId(9), key: UpdateKey([7; 16]), bytes: vec![1, 2, 3] }),
            ledger,
        }
    }

    fn bytes() -> Vec<u8> {
        let kept = kept();
        write(&kept, &kept.history, Some((WeightsVersion(4), TowerShape::usual(1), &[0.5, -1.5])))
    }

    #[test]
    fn round_trips() {
        let weights = Some((WeightsVersion(4), TowerShape::usual(1), vec![0.5, -1.5]));
        assert_eq!(read(&bytes()), Ok((kept(), weights)));
        assert_eq!(read(&write(&Kept::default(), &[], None)), Ok((Kept::default(), None)));
    }

    /// As builds before the library wrote it.
    #[test]
    fn format_1_is_read_still() {
        let mut w = Writer::default();
        w.array(8);
        w.array(1);
        w.array(10);
        for value in [7, 2, 5, 9, 3] {
            w.uint(value);
        }
        w.float(1.0);
        for value in [Some(23), None, None, Some(4)] {
            w.maybe(value);
        }
        w.uint(1);
        w.array(1);
        w.uint(4);
        w.array(3);
        for size in [1, 1, 1] {
            w.uint(size);
        }
        w.tensor(&[0.5f32, -1.5]);
        w.uint(1);
        w.maybe(Some(8));
        w.array(0);
        w.array(0);
        w.array(2);
        w.uint(0);
        w.uint(0);
        let body = w.finish();
        let mut bytes = MAGIC.to_vec();
        bytes.push(1);
        bytes.extend_from_slice(&fnv1a(&body).to_le_bytes());
        bytes.extend_from_slice(&body);

        let (kept, weights) = read(&bytes).expect("a snapshot of format 1");
        assert_eq!((kept.history.len(), kept.heard, kept.consent, kept.contributed), (1, 1, true, Some(RoundId(8))));
        assert_eq!(kept.history[0].context.locale, Some(4));
        assert_eq!(kept.library.blocked().count(), 1, "what was disliked stays blocked");
        assert_eq!(weights, None, "weights of another tower are fetched again");
    }

    #[test]
    fn one_flipped_bit_is_noticed() {
        let bytes = bytes();
        for i in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[i] ^= 0x10;
            assert!(read(&bad).is_err(), "byte {i}");
        }
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(read(&body).is_err());
            // … nor with a valid header in front.
            let mut framed = MAGIC.to_vec();
            framed.push(1 + u8::from(body.len().is_multiple_of(2)));
            framed.extend_from_slice(&fnv1a(&body).to_le_bytes());
            framed.extend_from_slice(&body);
            let _ = read(&framed);
        }
    }
}
