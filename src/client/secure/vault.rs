//! All secrets of rounds as bytes, for the page's sealed store: apart from the snapshot, which knows nothing of them.
//!
//! Form: `"SOTK"`, format (1 byte), FNV-1a 64 of the rest (8 bytes, little-endian), CBOR.

use super::book::{Book, Purse};
use super::duty::{Duty, Work};
use super::part::{Agreed, Entering, Part, Placed, Reporting, Settling, Waiting};
use super::state::{Service, Task, Upload};
use crate::client::Error;
use crate::client::store::fnv1a;
use crate::ids::{RoundId, WeightsVersion};
use crate::privacy::accountant::{Account, Budget};
use crate::protocol::{DecodeError, Fate, Reader, SecureOffer, Writer, decode, encode};
use crate::secagg::{Joined, Member, Neighbourhood, Policy, PublicKey, Report};
use zeroize::{Zeroize as _, Zeroizing};

const MAGIC: &[u8; 4] = b"SOTK";
/// The newest format this build writes and reads.
const FORMAT: u8 = 1;
const HEADER: usize = 4 + 1 + 8;
const FIELDS: u64 = 11;

/// What a vault holds.
pub(super) struct Held {
    pub(super) book: Book,
    pub(super) duty: Duty,
    pub(super) part: Part,
}

pub(super) fn write(book: &Book, duty: &Duty, part: &Part) -> Vec<u8> {
    let mut w = Writer::default();
    w.array(FIELDS);
    w.bytes(book.server.as_ref().map_or(&[][..], |key| &key.0));
    w.uint(book.secure.into());
    w.maybe(book.seen.map(|version| version.0));
    w.maybe(book.last_round.map(|round| round.0));
    w.uint(book.included);
    w.array(if book.outcome.is_some() { 2 } else { 0 });
    if let Some((round, fate)) = book.outcome {
        w.uint(round.0);
        w.uint(fate as u64);
    }
    write_purse(&mut w, &book.purse);
    write_duty(&mut w, duty);
    write_part(&mut w, part);
    let mut body = w.finish();
    let mut bytes = Vec::with_capacity(HEADER + body.len());
    bytes.extend_from_slice(MAGIC);
    bytes.push(FORMAT);
    bytes.extend_from_slice(&fnv1a(&body).to_le_bytes());
    bytes.extend_from_slice(&body);
    body.zeroize();
    bytes
}

/// What [`write`] wrote. `policy` is what a device that has joined asks of its neighbours, given the server's key.
pub(super) fn read(bytes: &[u8], policy: &dyn Fn(PublicKey) -> Policy) -> Result<Held, Error> {
    let damaged = |detail| Error::Vault { detail };
    let (header, body) = bytes.split_at_checked(HEADER).ok_or(damaged("too short"))?;
    if &header[..4] != MAGIC {
        return Err(damaged("not a vault"));
    }
    if header[4] != FORMAT {
        return Err(Error::VaultVersion { got: header[4], newest: FORMAT });
    }
    if header[5..] != fnv1a(body).to_le_bytes() {
        return Err(damaged("checksum differs"));
    }
    read_body(&mut Reader::new(body), policy).map_err(|_| damaged("not of the expected shape"))
}

/// The account in a vault, as its bytes: the proof that a charge is in the store.
pub(super) fn account(bytes: &[u8]) -> Option<&[u8]> {
    let r = &mut Reader::new(bytes.get(HEADER..)?);
    read_book(r).ok().map(|(_, account)| account)
}

fn read_body(r: &mut Reader<'_>, policy: &dyn Fn(PublicKey) -> Policy) -> Result<Held, DecodeError> {
    let (book, account) = read_book(r)?;
    let duty = read_duty(r, book.server)?;
    let part = read_part(r, book.server.map(policy), account)?;
    r.end()?;
    Ok(Held { book, duty, part })
}

fn read_book<'b>(r: &mut Reader<'b>) -> Result<(Book, &'b [u8]), DecodeError> {
    r.array(FIELDS)?;
    let server = match r.bytes()? {
        [] => None,
        key => Some(PublicKey(key.try_into().map_err(|_| invalid("server"))?)),
    };
    let secure = match r.uint()? {
        0 => false,
        1 => true,
        _ => return Err(invalid("secure")),
    };
    let (seen, last_round) = (r.maybe()?.map(WeightsVersion), r.maybe()?.map(RoundId));
    let included = r.uint()?;
    let outcome = match r.list()? {
        0 => None,
        2 => Some((RoundId(r.uint()?), fate(r.uint()?)?)),
        _ => return Err(invalid("outcome")),
    };
    let (purse, account) = read_purse(r)?;
    Ok((Book { server, secure, seen, last_round, included, outcome, purse }, account))
}

fn write_purse(w: &mut Writer, purse: &Purse) {
    match purse {
        Purse::Lost(budget) => {
            w.array(2);
            w.uint(budget.epsilon().to_bits());
            w.uint(budget.delta().to_bits());
        }
        Purse::Held(account) => {
            w.array(1);
            w.bytes(&account.to_bytes());
        }
    }
}

/// The account, and its bytes as they were read: the proof that a charge in it is in the store.
fn read_purse<'b>(r: &mut Reader<'b>) -> Result<(Purse, &'b [u8]), DecodeError> {
    match r.list()? {
        1 => {
            let bytes = r.bytes()?;
            Ok((Purse::Held(Account::from_bytes(bytes).map_err(|_| invalid("account"))?), bytes))
        }
        2 => {
            let (epsilon, delta) = (f64::from_bits(r.uint()?), f64::from_bits(r.uint()?));
            Ok((Purse::Lost(Budget::new(epsilon, delta).map_err(|_| invalid("budget"))?), &[]))
        }
        _ => Err(invalid("account")),
    }
}

fn write_duty(w: &mut Writer, duty: &Duty) {
    w.array(if duty.member.is_some() { 2 } else { 0 });
    if let Some((member, until)) = &duty.member {
        w.bytes(&Zeroizing::new(member.to_bytes()));
        w.uint(until.0);
    }
    w.array(if duty.service.is_some() { 2 } else { 0 });
    if let Some(Service { round, task }) = duty.service {
        w.uint(round.0);
        w.uint(task as u64);
    }
    let (Some(terms), work) = (&duty.terms, &duty.work) else { return w.array(0) };
    match work {
        Work::Rest => w.array(0),
        Work::Called(_) => {
            w.array(1);
            w.bytes(&encode(terms));
        }
        Work::Voting(voting) | Work::Counting(voting) => {
            w.array(3);
            w.bytes(&encode(terms));
            w.bytes(&encode(&voting.question));
            w.uint(matches!(work, Work::Counting(_)).into());
        }
        Work::Disclosing(disclosure) => {
            w.array(2);
            w.bytes(&encode(terms));
            w.bytes(&encode(disclosure.as_ref()));
        }
    }
}

fn read_duty(r: &mut Reader<'_>, server: Option<PublicKey>) -> Result<Duty, DecodeError> {
    let member = match r.list()? {
        0 => None,
        2 => Some((Member::from_bytes(r.bytes()?).ok_or(invalid("member"))?, RoundId(r.uint()?))),
        _ => return Err(invalid("member")),
    };
    let service = match r.list()? {
        0 => None,
        2 => {
            let round = RoundId(r.uint()?);
            let task = match r.uint()? {
                0 => Task::Seated,
                1 => Task::Voted,
                2 => Task::Disclosed,
                _ => return Err(invalid("task")),
            };
            Some(Service { round, task })
        }
        _ => return Err(invalid("service")),
    };
    let mut duty = Duty { member, service, ..Duty::default() };
    let fields = r.list()?;
    if fields == 0 {
        return Ok(duty);
    }
    // As it came to be: the seat by the terms, the vote by the question. A member that has signed it signs the same again.
    duty.call(decode(r.bytes()?)?, server.ok_or(invalid("server"))?).map_err(|_| invalid("seat"))?;
    match fields {
        1 => {}
        2 => duty.work = Work::Disclosing(Box::new(decode(r.bytes()?)?)),
        3 => {
            duty.vote(decode(r.bytes()?)?).map_err(|_| invalid("vote"))?;
            if r.uint()? == 1 {
                duty.counted();
            }
        }
        _ => return Err(invalid("work")),
    }
    Ok(duty)
}

/// What is underway: a phase that only lives in memory is written as the one that it is begun again from.
fn write_part(w: &mut Writer, part: &Part) {
    let placed = |w: &mut Writer, agreed: &Agreed, joined: &Joined, around: &Neighbourhood, charged: bool| {
        w.array(5);
        w.uint(3);
        w.bytes(&encode(&agreed.offer));
        w.bytes(&joined.to_bytes());
        w.bytes(&around.to_bytes());
        w.uint(charged.into());
    };
    match part {
        Part::Idle => w.array(0),
        Part::Invited(agreed) => {
            w.array(2);
            w.uint(0);
            w.bytes(&encode(&agreed.offer));
        }
        Part::Entering(entering) => {
            w.array(4);
            w.uint(1);
            w.bytes(&encode(&entering.agreed.offer));
            w.bytes(&entering.joined.to_bytes());
            w.bytes(&entering.join);
        }
        Part::Waiting(waiting) => {
            w.array(3);
            w.uint(2);
            w.bytes(&encode(&waiting.agreed.offer));
            w.bytes(&waiting.joined.to_bytes());
        }
        Part::Placed(p) => placed(w, &p.agreed, &p.joined, &p.neighbourhood, p.charged.is_some()),
        Part::Charging(charging) => {
            let p = charging.placed();
            placed(w, &p.agreed, &p.joined, &p.neighbourhood, true);
        }
        Part::Masking(m) => placed(w, &m.agreed, &m.joined, &m.neighbourhood, true),
        Part::Reporting(reporting) => {
            w.array(4);
            w.uint(4);
            w.bytes(&reporting.identity.0);
            w.bytes(&reporting.report);
            write_upload(w, &reporting.upload);
        }
        Part::Settling(settling) => {
            w.array(3);
            w.uint(5);
            w.bytes(&settling.identity.0);
            write_upload(w, &settling.upload);
        }
    }
}

fn read_part(r: &mut Reader<'_>, policy: Option<Policy>, account: &[u8]) -> Result<Part, DecodeError> {
    let fields = r.list()?;
    if fields == 0 {
        return Ok(Part::Idle);
    }
    let tag = r.uint()?;
    if !matches!((tag, fields), (0, 2) | (1 | 4, 4) | (2 | 5, 3) | (3, 5)) {
        return Err(invalid("part"));
    }
    if tag >= 4 {
        let identity = PublicKey(r.bytes()?.try_into().map_err(|_| invalid("identity"))?);
        let report = if tag == 4 { r.bytes()?.to_vec() } else { Vec::new() };
        if tag == 4 && decode::<Report>(&report)?.identity != identity {
            return Err(invalid("report"));
        }
        let upload = read_upload(r)?;
        let round = upload.round;
        return Ok(if tag == 4 {
            Part::Reporting(Box::new(Reporting { round, identity, report, upload }))
        } else {
            Part::Settling(Box::new(Settling { round, identity, upload }))
        });
    }
    let offer: SecureOffer = decode(r.bytes()?)?;
    if tag == 0 {
        return Ok(Part::Invited(Box::new(Agreed::new(offer))));
    }
    let joined = Joined::from_bytes(r.bytes()?, offer.terms.clone(), policy.ok_or(invalid("server"))?);
    let (agreed, joined) = (Agreed::new(offer), joined.ok_or(invalid("joined"))?);
    Ok(match tag {
        1 => Part::Entering(Box::new(Entering { agreed, joined, join: r.bytes()?.to_vec() })),
        2 => Part::Waiting(Box::new(Waiting { agreed, joined })),
        _ => {
            let neighbourhood = Neighbourhood::from_bytes(r.bytes()?).ok_or(invalid("neighbours"))?;
            let charged = match r.uint()? {
                0 => None,
                1 => {
                    let plan = agreed.offer.noise_plan().map_err(|_| invalid("noise"))?;
                    let held = Account::from_bytes(account).and_then(|held| held.unused(plan, account));
                    Some(held.map_err(|_| invalid("charge"))?)
                }
                _ => return Err(invalid("charge")),
            };
            Part::Placed(Box::new(Placed { agreed, joined, neighbourhood, charged }))
        }
    })
}

fn write_upload(w: &mut Writer, upload: &Upload) {
    w.array(8);
    w.uint(upload.round.0);
    w.tensor(&upload.clipped);
    w.tensor(&upload.noised.iter().map(|v| v.cast_unsigned()).collect::<Vec<u32>>());
    w.float(upload.clip_norm);
    w.uint(upload.steps.into());
    w.uint(upload.sigma.to_bits());
    w.uint(upload.bits.into());
    w.uint(upload.bytes.into());
}

fn read_upload(r: &mut Reader<'_>) -> Result<Upload, DecodeError> {
    r.array(8)?;
    let (round, clipped, noised) = (RoundId(r.uint()?), r.tensor()?, r.tensor::<u32>()?);
    let noised: Vec<i32> = noised.into_iter().map(u32::cast_signed).collect();
    let (clip_norm, steps, sigma) = (r.float()?, r.narrow()?, f64::from_bits(r.uint()?));
    let (bits, bytes) = (r.narrow()?, r.narrow()?);
    Ok(Upload { round, clipped, noised, clip_norm, steps, sigma, bits, bytes })
}

fn fate(number: u64) -> Result<Fate, DecodeError> {
    match number {
        0 => Ok(Fate::Waiting),
        1 => Ok(Fate::Included),
        2 => Ok(Fate::Missed),
        _ => Err(invalid("fate")),
    }
}

fn invalid(what: &'static str) -> DecodeError {
    DecodeError::Invalid { what, detail: "outside its meaning" }
}
