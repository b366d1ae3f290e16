//! How the messages of a secure sum travel. What they say, and whether it is true, is `secagg`'s; here they get their bytes. Columns of
//! equal things are one byte string each.

use super::codec::{DecodeError, Element, Reader, Writer};
use super::message::{Downlink, Message, Uplink, invalid, sealed};
use crate::ids::{RoundId, WeightsVersion};
use crate::secagg::{
    Digest, Disclosure, Enlistment, Entry, Join, Neighbour, OpeningKey, Prg, PublicKey, Report, Ring, RosterView, Seat,
    Signature, SignedTerms, Split, Terms, Vote,
};

/// No cohort is larger: the question to a member, 224 bytes a device, stays within one message.
const MOST_DEVICES: usize = 1 << 15;

/// What a member is asked to sign: the whole roster, and who of it reported.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SplitQuestion {
    /// All entries, in the roster's order.
    pub entries: Vec<Entry>,
    /// The roster's beacon.
    pub beacon: Digest,
    /// Who reported.
    pub split: Split,
}

/// What a member is shown before it discloses: who signed the same split.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SplitVotes {
    /// Of different members.
    pub votes: Vec<Vote>,
}

macro_rules! bytes {
    ($ty:ty, $width:literal) => {
        impl Element for $ty {
            const WIDTH: usize = $width;

            fn put(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.0);
            }

            fn all(bytes: &[u8]) -> Option<Vec<Self>> {
                let (elements, rest) = bytes.as_chunks::<$width>();
                rest.is_empty().then(|| elements.iter().map(|b| Self(*b)).collect())
            }
        }
    };
}
bytes!(Digest, 32);
bytes!(PublicKey, 32);
bytes!(OpeningKey, 32);
bytes!(Signature, 64);
bytes!(Shares, 96);

/// One member's two sealed shares.
struct Shares([u8; 96]);

fn put<T: Element>(w: &mut Writer, value: T) {
    w.tensor(&[value]);
}

fn take<T: Element>(r: &mut Reader<'_>) -> Result<T, DecodeError> {
    let mut one: Vec<T> = r.tensor()?;
    match one.pop() {
        Some(value) if one.is_empty() => Ok(value),
        _ => Err(invalid("a key or a hash", "not exactly one")),
    }
}

fn same(what: &'static str, lengths: &[usize], most: usize) -> Result<(), DecodeError> {
    match lengths {
        [first, others @ ..] if others.iter().all(|l| l == first) && *first <= most => Ok(()),
        _ => Err(invalid(what, "columns differ in length, or are too long")),
    }
}

fn write_entries(w: &mut Writer, entries: &[Entry]) {
    let column = |of: fn(&Entry) -> [u8; 32]| entries.iter().map(|e| Digest(of(e))).collect::<Vec<_>>();
    w.array(6);
    w.tensor(&column(|e| e.identity.0));
    w.tensor(&column(|e| e.mask_key.0));
    w.tensor(&column(|e| e.seal_key.0));
    w.tensor(&column(|e| e.commitment.0));
    w.tensor(&column(|e| e.shares.0));
    w.tensor(&entries.iter().map(|e| e.signature).collect::<Vec<_>>());
}

fn read_entries(r: &mut Reader<'_>, most: usize) -> Result<Vec<Entry>, DecodeError> {
    r.array(6)?;
    let mut columns: [Vec<Digest>; 5] = Default::default();
    for column in &mut columns {
        *column = r.tensor()?;
    }
    let signatures: Vec<Signature> = r.tensor()?;
    let lengths: Vec<usize> = columns.iter().map(Vec::len).chain([signatures.len()]).collect();
    same("entries", &lengths, most)?;
    let [identities, mask_keys, seal_keys, commitments, shares] = columns;
    let entry = |(i, signature): (usize, Signature)| Entry {
        identity: PublicKey(identities[i].0),
        mask_key: PublicKey(mask_keys[i].0),
        seal_key: PublicKey(seal_keys[i].0),
        commitment: commitments[i],
        shares: shares[i],
        signature,
    };
    Ok(signatures.into_iter().enumerate().map(entry).collect())
}

impl sealed::Sealed for SignedTerms {}
impl Message for SignedTerms {
    const KIND: u8 = 8;
    const NAME: &'static str = "terms of a round";

    fn write(&self, w: &mut Writer) {
        let terms = &self.terms;
        w.array(15);
        w.uint(terms.round.0);
        w.uint(terms.weights.0);
        put(w, terms.model);
        put(w, terms.record);
        w.uint(terms.dimension.into());
        w.uint(terms.ring.bits().into());
        w.uint(terms.prg as u64);
        w.uint(terms.least.into());
        w.uint(terms.degree.into());
        w.uint(terms.threshold.into());
        w.tensor(&terms.seats.iter().map(|s| s.identity).collect::<Vec<_>>());
        w.tensor(&terms.seats.iter().map(|s| s.agreement).collect::<Vec<_>>());
        w.tensor(&terms.seats.iter().map(|s| s.until).collect::<Vec<_>>());
        w.tensor(&terms.seats.iter().map(|s| s.signature).collect::<Vec<_>>());
        put(w, self.signature);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.array(15)?;
        let (round, weights) = (RoundId(r.uint()?), WeightsVersion(r.uint()?));
        let (model, record, dimension) = (take(r)?, take(r)?, r.narrow()?);
        let ring = Ring::new(r.narrow()?).map_err(|_| invalid("ring", "not 8 to 32 bits"))?;
        let prg = match r.uint()? {
            0 => Prg::Aes128Ctr,
            1 => Prg::ChaCha20,
            _ => return Err(invalid("prg", "not one of the two")),
        };
        let (least, degree, threshold) = (r.narrow()?, r.narrow()?, r.narrow()?);
        let (identities, agreements): (Vec<PublicKey>, Vec<PublicKey>) = (r.tensor()?, r.tensor()?);
        let (untils, signatures): (Vec<RoundId>, Vec<Signature>) = (r.tensor()?, r.tensor()?);
        same("seats", &[identities.len(), agreements.len(), untils.len(), signatures.len()], 255)?;
        let seat =
            |(i, signature)| Seat { identity: identities[i], agreement: agreements[i], until: untils[i], signature };
        let seats = signatures.into_iter().enumerate().map(seat).collect();
        let terms = Terms { round, weights, model, record, dimension, ring, prg, least, degree, threshold, seats };
        Ok(Self { terms, signature: take(r)? })
    }

    /// Ranges and signatures are checked by whoever takes part.
    fn validate(&self) -> Result<(), DecodeError> {
        Ok(())
    }
}
impl Downlink for SignedTerms {}

impl sealed::Sealed for RosterView {}
impl Message for RosterView {
    const KIND: u8 = 9;
    const NAME: &'static str = "roster";

    fn write(&self, w: &mut Writer) {
        w.array(9);
        w.uint(self.count.into());
        put(w, self.root);
        put(w, self.beacon);
        put(w, self.signature);
        w.uint(self.index.into());
        w.tensor(&self.proof);
        w.tensor(&self.neighbours.iter().map(|n| n.index).collect::<Vec<_>>());
        write_entries(w, &self.neighbours.iter().map(|n| n.entry).collect::<Vec<_>>());
        w.array(self.neighbours.len() as u64);
        self.neighbours.iter().for_each(|n| w.tensor(&n.proof));
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.array(9)?;
        let count = r.narrow()?;
        let (root, beacon, signature) = (take(r)?, take(r)?, take(r)?);
        let (index, proof) = (r.narrow()?, r.tensor()?);
        let indices: Vec<u32> = r.tensor()?;
        let entries = read_entries(r, MOST_DEVICES)?;
        same("neighbours", &[indices.len(), entries.len()], MOST_DEVICES)?;
        r.array(entries.len() as u64)?;
        let neighbour = |(index, entry)| Ok(Neighbour { index, entry, proof: r.tensor()? });
        let neighbours = indices.into_iter().zip(entries).map(neighbour).collect::<Result<_, DecodeError>>()?;
        Ok(Self { count, root, beacon, signature, index, proof, neighbours })
    }

    fn validate(&self) -> Result<(), DecodeError> {
        let proofs = self.neighbours.iter().map(|n| &n.proof).chain([&self.proof]);
        if self.count as usize > MOST_DEVICES || proofs.into_iter().any(|proof| proof.len() > 32) {
            return Err(invalid("roster", "more devices or longer proofs than there can be"));
        }
        Ok(())
    }
}
impl Downlink for RosterView {}

impl sealed::Sealed for SplitQuestion {}
impl Message for SplitQuestion {
    const KIND: u8 = 10;
    const NAME: &'static str = "who reported";

    fn write(&self, w: &mut Writer) {
        w.array(4);
        write_entries(w, &self.entries);
        put(w, self.beacon);
        put(w, self.split.roster());
        w.bytes(self.split.bitmap());
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.array(4)?;
        let entries = read_entries(r, MOST_DEVICES)?;
        let (beacon, roster, bitmap) = (take(r)?, take(r)?, r.bytes()?);
        let count = u32::try_from(entries.len()).unwrap_or(u32::MAX);
        let split = Split::from_parts(roster, count, bitmap.to_vec());
        Ok(Self { entries, beacon, split: split.map_err(|_| invalid("split", "not a bit for each device"))? })
    }

    fn validate(&self) -> Result<(), DecodeError> {
        Ok(())
    }
}
impl Downlink for SplitQuestion {}

impl sealed::Sealed for SplitVotes {}
impl Message for SplitVotes {
    const KIND: u8 = 11;
    const NAME: &'static str = "who signed";

    fn write(&self, w: &mut Writer) {
        w.array(3);
        w.tensor(&self.votes.iter().map(|v| v.seat).collect::<Vec<_>>());
        w.tensor(&self.votes.iter().map(|v| v.split).collect::<Vec<_>>());
        w.tensor(&self.votes.iter().map(|v| v.signature).collect::<Vec<_>>());
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.array(3)?;
        let (seats, splits, signatures): (Vec<u32>, Vec<Digest>, Vec<Signature>) =
            (r.tensor()?, r.tensor()?, r.tensor()?);
        same("votes", &[seats.len(), splits.len(), signatures.len()], 255)?;
        let vote = |(i, signature): (usize, Signature)| Vote { seat: seats[i], split: splits[i], signature };
        Ok(Self { votes: signatures.into_iter().enumerate().map(vote).collect() })
    }

    fn validate(&self) -> Result<(), DecodeError> {
        Ok(())
    }
}
impl Downlink for SplitVotes {}

impl sealed::Sealed for Enlistment {}
impl Message for Enlistment {
    const KIND: u8 = 66;
    const NAME: &'static str = "offer to serve on a committee";

    fn write(&self, w: &mut Writer) {
        w.array(4);
        put(w, self.identity);
        put(w, self.agreement);
        w.uint(self.until.0);
        put(w, self.signature);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.array(4)?;
        Ok(Self { identity: take(r)?, agreement: take(r)?, until: RoundId(r.uint()?), signature: take(r)? })
    }

    fn validate(&self) -> Result<(), DecodeError> {
        Ok(())
    }
}
impl Uplink for Enlistment {}

impl sealed::Sealed for Join {}
impl Message for Join {
    const KIND: u8 = 67;
    const NAME: &'static str = "joining a round";

    fn write(&self, w: &mut Writer) {
        w.array(7);
        put(w, self.context);
        put(w, self.identity);
        put(w, self.mask_key);
        put(w, self.seal_key);
        put(w, self.commitment);
        w.tensor(&self.shares.iter().map(|s| Shares(*s)).collect::<Vec<_>>());
        put(w, self.signature);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.array(7)?;
        let (context, identity, mask_key, seal_key, commitment) = (take(r)?, take(r)?, take(r)?, take(r)?, take(r)?);
        let shares: Vec<Shares> = r.tensor()?;
        let shares = shares.into_iter().map(|s| s.0).collect();
        Ok(Self { context, identity, mask_key, seal_key, commitment, shares, signature: take(r)? })
    }

    fn validate(&self) -> Result<(), DecodeError> {
        if self.shares.len() > 255 { Err(invalid("shares", "for more than 255 members")) } else { Ok(()) }
    }
}
impl Uplink for Join {}

impl sealed::Sealed for Report {}
impl Message for Report {
    const KIND: u8 = 68;
    const NAME: &'static str = "masked update";

    fn write(&self, w: &mut Writer) {
        w.array(4);
        put(w, self.identity);
        put(w, self.roster);
        w.bytes(&self.body);
        put(w, self.signature);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.array(4)?;
        Ok(Self { identity: take(r)?, roster: take(r)?, body: r.bytes()?.to_vec(), signature: take(r)? })
    }

    fn validate(&self) -> Result<(), DecodeError> {
        Ok(())
    }
}
impl Uplink for Report {}

impl sealed::Sealed for Vote {}
impl Message for Vote {
    const KIND: u8 = 69;
    const NAME: &'static str = "signature on who reported";

    fn write(&self, w: &mut Writer) {
        w.array(3);
        w.uint(self.seat.into());
        put(w, self.split);
        put(w, self.signature);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.array(3)?;
        Ok(Self { seat: r.narrow()?, split: take(r)?, signature: take(r)? })
    }

    fn validate(&self) -> Result<(), DecodeError> {
        Ok(())
    }
}
impl Uplink for Vote {}

impl sealed::Sealed for Disclosure {}
impl Message for Disclosure {
    const KIND: u8 = 70;
    const NAME: &'static str = "keys that open a sum";

    fn write(&self, w: &mut Writer) {
        w.array(4);
        w.uint(self.seat.into());
        put(w, self.split);
        w.tensor(&self.keys);
        put(w, self.signature);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.array(4)?;
        Ok(Self { seat: r.narrow()?, split: take(r)?, keys: r.tensor()?, signature: take(r)? })
    }

    fn validate(&self) -> Result<(), DecodeError> {
        if self.keys.len() > MOST_DEVICES { Err(invalid("keys", "for more devices than there can be")) } else { Ok(()) }
    }
}
impl Uplink for Disclosure {}
