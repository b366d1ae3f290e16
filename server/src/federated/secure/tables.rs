//! The statements. Every change of phase is a compare-and-swap on the round's row, and so is every count.

use super::{Phase, Sum, SumError};
use crate::store::{Link, Row, Write};
use sottovoce::ids::{Millis, RoundId};
use sottovoce::protocol::{Message, decode};
use sottovoce::secagg::{Digest, PublicKey};

/// A page of messages: with 300 KB a report some 20 MB.
const PAGE: u32 = 64;

/// Which table of messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Device {
    Joins,
    Reports,
}

/// Which table of a committee's messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Seat {
    Votes,
    Disclosures,
}

pub(super) fn read<M: Message>(what: &'static str, bytes: &[u8]) -> Result<M, SumError> {
    decode(bytes).map_err(|source| SumError::Damaged { what, source })
}

fn key(bytes: &[u8]) -> Option<[u8; 32]> {
    bytes.try_into().ok()
}

pub(super) async fn sum(link: &mut Link, round: RoundId) -> Result<Option<Sum>, SumError> {
    let row = link.row("SELECT * FROM sums WHERE round = $1", &[round.into()]).await?;
    row.as_ref().map(sum_of).transpose()
}

pub(super) async fn newest(link: &mut Link) -> Result<Option<Sum>, SumError> {
    let row = link.row("SELECT * FROM sums ORDER BY round DESC LIMIT 1", &[]).await?;
    row.as_ref().map(sum_of).transpose()
}

fn sum_of(row: &Row) -> Result<Sum, SumError> {
    Ok(Sum {
        round: RoundId(row.number("round")?),
        phase: phase_of(row)?,
        terms: read("a round's terms", row.get("terms")?)?,
        cohort: row.number("cohort")?,
        joined: row.number("joined")?,
        reported: row.number("reported")?,
        beacon: row.get::<Option<&[u8]>>("beacon")?.and_then(key).map(Digest),
        bitmap: row.get("bitmap")?,
        closes_at: Millis(row.number("closes_at")?),
    })
}

fn phase_of(row: &Row) -> Result<Phase, SumError> {
    let phase: String = row.get("phase")?;
    // Of a later build: nothing that this one could go on with.
    Ok(Phase::ALL.into_iter().find(|p| p.name() == phase).unwrap_or(Phase::Abandoned))
}

/// False where the round is there already.
pub(super) async fn open(write: &mut Write, sum: &Sum, terms: &[u8]) -> Result<bool, SumError> {
    let values = [sum.round.into(), sum.phase.name().into(), terms.into(), sum.cohort.into(), sum.closes_at.into()];
    let sql = "INSERT INTO sums (round, phase, terms, cohort, closes_at) VALUES ($1, $2, $3, $4, $5)
               ON CONFLICT (round) DO NOTHING";
    Ok(write.execute(sql, &values).await? == 1)
}

/// What a phase leaves behind.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mark<'a> {
    Beacon(&'a Digest),
    Bitmap(&'a [u8]),
    None,
}

/// Moves a round on. False where another coordinator was first.
pub(super) async fn advance(
    write: &mut Write,
    round: RoundId,
    from: Phase,
    to: Phase,
    closes_at: Millis,
    mark: Mark<'_>,
) -> Result<bool, SumError> {
    let (from, to) = (from.name().into(), to.name().into());
    let (round, at) = (round.into(), closes_at.into());
    let done = match mark {
        Mark::Beacon(beacon) => {
            let sql = "UPDATE sums SET phase = $3, closes_at = $4, beacon = $5 WHERE round = $1 AND phase = $2";
            write.execute(sql, &[round, from, to, at, (&beacon.0).into()]).await?
        }
        Mark::Bitmap(bitmap) => {
            let sql = "UPDATE sums SET phase = $3, closes_at = $4, bitmap = $5 WHERE round = $1 AND phase = $2";
            write.execute(sql, &[round, from, to, at, bitmap.into()]).await?
        }
        Mark::None => {
            let sql = "UPDATE sums SET phase = $3, closes_at = $4 WHERE round = $1 AND phase = $2";
            write.execute(sql, &[round, from, to, at]).await?
        }
    };
    Ok(done == 1)
}

/// Writes a device's message; false where one stands under its name already.
pub(super) async fn insert(
    write: &mut Write,
    table: Device,
    round: RoundId,
    of: PublicKey,
    body: &[u8],
) -> Result<bool, SumError> {
    let sql = match table {
        Device::Joins => {
            "INSERT INTO joins (round, identity, body) VALUES ($1, $2, $3) ON CONFLICT (round, identity) DO NOTHING"
        }
        Device::Reports => {
            "INSERT INTO reports (round, identity, body) VALUES ($1, $2, $3) ON CONFLICT (round, identity) DO NOTHING"
        }
    };
    Ok(write.execute(sql, &[round.into(), (&of.0).into(), body.into()]).await? == 1)
}

/// What a round has room for, while its row is ours.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) phase: Phase,
    pub(super) cohort: u32,
    pub(super) joined: u32,
    /// Written since, of either table.
    pub(super) new: [u32; 2],
}

/// Keeps everybody else from moving a round on, until the commit. None where there is no such round.
pub(super) async fn hold(write: &mut Write, round: RoundId) -> Result<Option<Room>, SumError> {
    let sql = "UPDATE sums SET phase = phase WHERE round = $1 RETURNING phase, cohort, joined";
    let Some(row) = write.row(sql, &[round.into()]).await? else { return Ok(None) };
    let (cohort, joined) = (row.number("cohort")?, row.number("joined")?);
    Ok(Some(Room { phase: phase_of(&row)?, cohort, joined, new: [0; 2] }))
}

/// Counts so many more.
pub(super) async fn count(write: &mut Write, table: Device, round: RoundId, new: u32) -> Result<(), SumError> {
    let sql = match table {
        Device::Joins => "UPDATE sums SET joined = joined + $2 WHERE round = $1",
        Device::Reports => "UPDATE sums SET reported = reported + $2 WHERE round = $1",
    };
    write.execute(sql, &[round.into(), new.into()]).await?;
    Ok(())
}

/// A device's message as it was sent.
pub(super) async fn message(
    link: &mut Link,
    table: Device,
    round: RoundId,
    of: PublicKey,
) -> Result<Option<Option<Vec<u8>>>, SumError> {
    let sql = match table {
        Device::Joins => "SELECT body FROM joins WHERE round = $1 AND identity = $2",
        Device::Reports => "SELECT body FROM reports WHERE round = $1 AND identity = $2",
    };
    let row = link.row(sql, &[round.into(), (&of.0).into()]).await?;
    Ok(row.map(|row| row.get("body")).transpose()?)
}

/// A page of messages in the order of their names, after `after`.
pub(super) async fn page(
    link: &mut Link,
    table: Device,
    round: RoundId,
    after: Option<PublicKey>,
) -> Result<Vec<(PublicKey, Vec<u8>)>, SumError> {
    let sql = match table {
        Device::Joins => {
            "SELECT identity, body FROM joins WHERE round = $1 AND identity > $2 ORDER BY identity LIMIT $3"
        }
        Device::Reports => {
            "SELECT identity, body FROM reports WHERE round = $1 AND identity > $2 ORDER BY identity LIMIT $3"
        }
    };
    let after: &[u8] = after.as_ref().map_or(&[], |after| &after.0);
    let rows = link.rows(sql, &[round.into(), after.into(), PAGE.into()]).await?;
    let mut page = Vec::with_capacity(rows.len());
    for row in &rows {
        let identity = key(row.get("identity")?).unwrap_or_default();
        page.push((PublicKey(identity), row.get::<Option<Vec<u8>>>("body")?.unwrap_or_default()));
    }
    Ok(page)
}

/// The names of those whose message is there.
pub(super) async fn names(link: &mut Link, table: Device, round: RoundId) -> Result<Vec<PublicKey>, SumError> {
    let sql = match table {
        Device::Joins => "SELECT identity FROM joins WHERE round = $1 ORDER BY identity",
        Device::Reports => "SELECT identity FROM reports WHERE round = $1 ORDER BY identity",
    };
    let rows = link.rows(sql, &[round.into()]).await?;
    rows.iter().map(|row| Ok(PublicKey(key(row.get("identity")?).unwrap_or_default()))).collect()
}

/// Writes a member's message, once; false where its seat has spoken already, or the round is not being opened.
pub(super) async fn speak(
    write: &mut Write,
    table: Seat,
    round: RoundId,
    seat: u32,
    body: &[u8],
) -> Result<bool, SumError> {
    let sql = match table {
        Seat::Votes => {
            "INSERT INTO votes (round, seat, body) SELECT round, $2, $3 FROM sums WHERE round = $1 AND phase = 'opening'
             ON CONFLICT (round, seat) DO NOTHING"
        }
        Seat::Disclosures => {
            "INSERT INTO disclosures (round, seat, body) SELECT round, $2, $3 FROM sums WHERE round = $1 AND phase = 'opening'
             ON CONFLICT (round, seat) DO NOTHING"
        }
    };
    Ok(write.execute(sql, &[round.into(), seat.into(), body.into()]).await? == 1)
}

/// What the members said, by seat.
pub(super) async fn spoken(link: &mut Link, table: Seat, round: RoundId) -> Result<Vec<Vec<u8>>, SumError> {
    let sql = match table {
        Seat::Votes => "SELECT body FROM votes WHERE round = $1 ORDER BY seat",
        Seat::Disclosures => "SELECT body FROM disclosures WHERE round = $1 ORDER BY seat",
    };
    let rows = link.rows(sql, &[round.into()]).await?;
    rows.iter().map(|row| Ok(row.get("body")?)).collect()
}

/// How many members have disclosed.
pub(super) async fn answers(link: &mut Link, round: RoundId) -> Result<u32, SumError> {
    let row = link.row("SELECT COUNT(*) AS answers FROM disclosures WHERE round = $1", &[round.into()]).await?;
    Ok(row.map(|row| row.number("answers")).transpose()?.unwrap_or(0))
}

/// Puts a device down for committees, or hears of it again.
pub(super) async fn enlist(
    write: &mut Write,
    of: PublicKey,
    body: &[u8],
    until: RoundId,
    now: Millis,
) -> Result<(), SumError> {
    let sql = "INSERT INTO members (identity, body, last_round, seen_at) VALUES ($1, $2, $3, $4)
               ON CONFLICT (identity) DO UPDATE SET body = excluded.body, last_round = excluded.last_round, seen_at = excluded.seen_at";
    write.execute(sql, &[(&of.0).into(), body.into(), until.into(), now.into()]).await?;
    Ok(())
}

/// Who serves in `round` and was heard of since.
pub(super) async fn members(link: &mut Link, round: RoundId, since: Millis) -> Result<Vec<Vec<u8>>, SumError> {
    let sql = "SELECT body FROM members WHERE last_round >= $1 AND seen_at >= $2 ORDER BY identity";
    let rows = link.rows(sql, &[round.into(), since.into()]).await?;
    rows.iter().map(|row| Ok(row.get("body")?)).collect()
}

/// Forgets what everybody sent in a round that has ended; who joined stays.
pub(super) async fn forget(write: &mut Write, round: RoundId) -> Result<(), SumError> {
    write.overwrite_deleted().await?;
    for sql in [
        "UPDATE joins SET body = NULL WHERE round = $1",
        "DELETE FROM reports WHERE round = $1",
        "DELETE FROM votes WHERE round = $1",
        "DELETE FROM disclosures WHERE round = $1",
    ] {
        write.execute(sql, &[round.into()]).await?;
    }
    Ok(())
}
