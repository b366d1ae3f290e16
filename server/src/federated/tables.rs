//! The rounds' tables (`server/migrations`): every statement that touches them, and nothing that decides.
//!
//! Each text runs in SQLite and in PostgreSQL. Compare-and-swaps say so in their `WHERE` and report whether they took place. What
//! is written takes a [`Write`]; what only reads takes any [`Link`], and sees a write's own rows where that is one.

use super::{Mean, Moments, Round, RoundError, RoundState, UpdateKey};
use crate::store::{Link, Row, Write};
use sottovoce::ids::{Millis, RoundId, WeightsVersion};
use sottovoce::protocol::{Extraction, LocalPlan, NoiseTerms, TowerShape, TowerWeights};

/// Keys of so many ended rounds are remembered, for devices that ask again.
const KEEP_KEYS: u64 = 20;
/// So many versions of the weights are kept; devices need only the newest, people compare.
const KEEP_WEIGHTS: u64 = 32;
/// What a vacuum is for: the table whose rows must not outlive their round.
pub(super) const VACUUM: &str = "VACUUM updates";

/// What came of writing an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Insert {
    New,
    Same,
    Different,
}

/// The newest weights with the optimiser's memory.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Newest {
    pub(super) weights: TowerWeights,
    pub(super) moments: Moments,
    pub(super) basis: String,
}

/// Opens the round after the newest, from the newest weights. False where one is under way already.
pub(super) async fn open_round(write: &mut Write, round: &Round) -> Result<bool, RoundError> {
    let plan = &round.plan;
    let opened = write
        .execute(
            "INSERT INTO rounds (id, state, weights_from, cohort, minimum, opened_at, closes_at,
                             epochs, batch, learning_rate, negatives, max_examples, clip_norm, proximal, noise, steps)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) ON CONFLICT DO NOTHING",
            &[
                round.id.into(),
                RoundState::Open.name().into(),
                round.weights_from.into(),
                round.cohort.into(),
                round.minimum.into(),
                round.opened_at.into(),
                round.closes_at.into(),
                plan.epochs.into(),
                plan.batch.into(),
                plan.learning_rate.into(),
                plan.negatives.into(),
                plan.max_examples.into(),
                plan.clip_norm.into(),
                plan.proximal.into(),
                round.noise.map(|noise| noise.multiplier).into(),
                round.noise.map(|noise| noise.steps).into(),
            ],
        )
        .await?;
    Ok(opened == 1)
}

/// Takes one seat of an open round: `Some(true)` for the last one, `None` where there is none.
pub(super) async fn take_seat(write: &mut Write, round: RoundId) -> Result<Option<bool>, RoundError> {
    let seat = write
        .row(
            "UPDATE rounds SET updates = updates + 1 WHERE id = $1 AND state = 'open' AND updates < cohort
         RETURNING updates >= cohort AS last",
            &[round.into()],
        )
        .await?;
    Ok(seat.map(|row| row.get("last")).transpose()?)
}

/// Writes an update under its key, or says what is there already.
pub(super) async fn insert_update(
    write: &mut Write,
    round: RoundId,
    key: UpdateKey,
    values: &[f32],
) -> Result<Insert, RoundError> {
    let body = f32_bytes(values);
    let inserted = write
        .execute(
            "INSERT INTO updates (round, key, body) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            &[round.into(), (&key.0).into(), (&body).into()],
        )
        .await?;
    if inserted == 1 {
        return Ok(Insert::New);
    }
    let held =
        write.row("SELECT body FROM updates WHERE round = $1 AND key = $2", &[round.into(), (&key.0).into()]).await?;
    let held = held.as_ref().map(|row| row.get::<Option<&[u8]>>("body")).transpose()?.flatten();
    Ok(if held.is_some_and(|held| held == body) { Insert::Same } else { Insert::Different })
}

/// Moves the deadline of an open round that still has the deadline `from`.
pub(super) async fn extend(
    write: &mut Write,
    round: RoundId,
    from: Millis,
    to: Millis,
    counts: bool,
) -> Result<bool, RoundError> {
    let moved = write
        .execute(
            "UPDATE rounds SET closes_at = $1, extensions = extensions + $2
         WHERE id = $3 AND state = 'open' AND closes_at = $4",
            &[to.into(), counts.into(), round.into(), from.into()],
        )
        .await?;
    Ok(moved == 1)
}

/// `Open → Closing`: it takes no update any more. False where it was not open.
pub(super) async fn seal(write: &mut Write, round: RoundId) -> Result<bool, RoundError> {
    let sealed = write
        .execute(
            "UPDATE rounds SET state = $1 WHERE id = $2 AND state = $3",
            &[RoundState::Closing.name().into(), round.into(), RoundState::Open.name().into()],
        )
        .await?;
    Ok(sealed == 1)
}

/// Ends a round that has not ended: closed where there are new weights, of so many updates, else abandoned. False where another
/// coordinator was first.
pub(super) async fn end(
    write: &mut Write,
    round: RoundId,
    now: Millis,
    to: Option<(WeightsVersion, u32)>,
) -> Result<bool, RoundError> {
    let state = if to.is_some() { RoundState::Closed } else { RoundState::Abandoned };
    let ended = write
        .execute(
            "UPDATE rounds SET state = $1, closed_at = $2, weights_to = $3, updates = COALESCE($5, updates)
         WHERE id = $4 AND closed_at IS NULL",
            &[
                state.name().into(),
                now.into(),
                to.map(|(version, _)| version.0).into(),
                round.into(),
                to.map(|(_, updates)| updates).into(),
            ],
        )
        .await?;
    Ok(ended == 1)
}

/// The mean of a sealed round's updates, read one by one in the order of their keys.
pub(super) async fn mean(link: &mut Link, round: RoundId, parameters: usize) -> Result<Mean, RoundError> {
    let mut mean = Mean::new(parameters);
    let mut after: Vec<u8> = Vec::new();
    // Pages instead of one open cursor: a cursor over 10⁴ updates would queue them all up in memory.
    loop {
        let page = link
            .rows(
                "SELECT key, body FROM updates WHERE round = $1 AND key > $2 ORDER BY key LIMIT 64",
                &[round.into(), (&after).into()],
            )
            .await?;
        for row in &page {
            let body = row.get::<Option<&[u8]>>("body")?.ok_or(RoundError::Damaged { what: "an update is empty" })?;
            mean.add(f32s(body, "an update")?)?;
        }
        match page.last() {
            Some(last) => after = last.get("key")?,
            None => return Ok(mean),
        }
    }
}

/// Forgets what the devices of an ended round sent; the keys stay where they were counted.
pub(super) async fn forget_updates(write: &mut Write, round: RoundId, counted: bool) -> Result<(), RoundError> {
    let forget = if counted {
        "UPDATE updates SET body = NULL WHERE round = $1"
    } else {
        "DELETE FROM updates WHERE round = $1"
    };
    write.execute(forget, &[round.into()]).await?;
    let old = round.0.saturating_sub(KEEP_KEYS);
    write.execute("DELETE FROM updates WHERE round < $1", &[old.into()]).await?;
    Ok(())
}

/// Publishes weights with the optimiser's memory, and thins out the older versions.
pub(super) async fn publish(write: &mut Write, newest: &Newest) -> Result<(), RoundError> {
    let (version, shape) = (newest.weights.version, newest.weights.shape);
    let nothing: &[u8] = &[];
    write
        .execute(
            "UPDATE weights SET first_moment = $1, second_moment = $1 WHERE length(first_moment) > 0",
            &[nothing.into()],
        )
        .await?;
    if let Some(old) = version.0.checked_sub(KEEP_WEIGHTS) {
        write.execute("DELETE FROM weights WHERE version <= $1", &[old.into()]).await?;
    }
    write.execute(
        "INSERT INTO weights (version, dimension, attention, hidden, interests, experts, extraction, basis, parameters,
                              first_moment, second_moment)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        &[
            version.into(),
            shape.dimension.into(),
            shape.attention.into(),
            shape.hidden.into(),
            shape.interests.into(),
            shape.experts.into(),
            (shape.extraction as u32).into(),
            (&newest.basis).into(),
            (&f32_bytes(&newest.weights.values)).into(),
            (&f64_bytes(&newest.moments.first)).into(),
            (&f64_bytes(&newest.moments.second)).into(),
        ],
    ).await?;
    Ok(())
}

/// Whether `key` was counted in a round that takes no more.
pub(super) async fn counted(link: &mut Link, round: RoundId, key: UpdateKey) -> Result<bool, RoundError> {
    let found =
        link.row("SELECT round FROM updates WHERE round = $1 AND key = $2", &[round.into(), (&key.0).into()]).await?;
    Ok(found.is_some())
}

pub(super) async fn round(link: &mut Link, id: RoundId) -> Result<Option<Round>, RoundError> {
    link.row("SELECT * FROM rounds WHERE id = $1", &[id.into()]).await?.as_ref().map(round_of).transpose()
}

/// The newest rounds, newest first.
pub(super) async fn newest_rounds(link: &mut Link, limit: u32) -> Result<Vec<Round>, RoundError> {
    let rows = link.rows("SELECT * FROM rounds ORDER BY id DESC LIMIT $1", &[limit.into()]).await?;
    rows.iter().map(round_of).collect()
}

pub(super) async fn newest_version(link: &mut Link) -> Result<Option<WeightsVersion>, RoundError> {
    let row = link.row("SELECT version FROM weights ORDER BY version DESC LIMIT 1", &[]).await?;
    Ok(row.map(|row| row.number("version").map(WeightsVersion)).transpose()?)
}

pub(super) async fn newest(link: &mut Link) -> Result<Option<Newest>, RoundError> {
    let Some(row) = link.row("SELECT * FROM weights ORDER BY version DESC LIMIT 1", &[]).await? else {
        return Ok(None);
    };
    let shape = TowerShape {
        dimension: row.number("dimension")?,
        attention: row.number("attention")?,
        hidden: row.number("hidden")?,
        interests: row.number("interests")?,
        experts: row.number("experts")?,
        extraction: match row.number::<u32>("extraction")? {
            0 => Extraction::Attention,
            _ => Extraction::Capsules,
        },
    };
    let values = f32s(row.get("parameters")?, "the weights")?.collect();
    let version = WeightsVersion(row.number("version")?);
    let moments = Moments { first: f64s(row.get("first_moment")?)?, second: f64s(row.get("second_moment")?)? };
    Ok(Some(Newest { weights: TowerWeights { version, shape, values }, moments, basis: row.get("basis")? }))
}

fn round_of(row: &Row) -> Result<Round, RoundError> {
    #[allow(clippy::cast_possible_truncation, reason = "written from an f32, so it reads back exactly")]
    let float = |column| -> Result<f32, RoundError> { Ok(row.get::<f64>(column)? as f32) };
    let state =
        RoundState::named(row.get("state")?).ok_or(RoundError::Damaged { what: "a round's state has no such name" })?;
    Ok(Round {
        id: RoundId(row.number("id")?),
        state,
        weights_from: WeightsVersion(row.number("weights_from")?),
        weights_to: row.some_number("weights_to")?.map(WeightsVersion),
        plan: LocalPlan {
            epochs: row.number("epochs")?,
            batch: row.number("batch")?,
            learning_rate: float("learning_rate")?,
            negatives: row.number("negatives")?,
            max_examples: row.number("max_examples")?,
            clip_norm: float("clip_norm")?,
            proximal: float("proximal")?,
        },
        noise: match (row.get::<Option<f64>>("noise")?, row.some_number("steps")?) {
            (Some(multiplier), Some(steps)) => Some(NoiseTerms { multiplier, steps }),
            _ => None,
        },
        cohort: row.number("cohort")?,
        minimum: row.number("minimum")?,
        updates: row.number("updates")?,
        extensions: row.number("extensions")?,
        opened_at: Millis(row.number("opened_at")?),
        closes_at: Millis(row.number("closes_at")?),
        closed_at: row.some_number("closed_at")?.map(Millis),
    })
}

/// What a listener has spent who was in every round, as it was kept.
pub(super) async fn account(link: &mut Link) -> Result<Option<Vec<u8>>, RoundError> {
    let row = link.row("SELECT body FROM account", &[]).await?;
    Ok(row.map(|row| row.get("body")).transpose()?)
}

/// Keeps it.
pub(super) async fn keep_account(write: &mut Write, body: &[u8]) -> Result<(), RoundError> {
    let sql = "INSERT INTO account (id, body) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET body = excluded.body";
    write.execute(sql, &[body.into()]).await?;
    Ok(())
}

fn f32_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

fn f64_bytes(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

fn f32s<'a>(bytes: &'a [u8], what: &'static str) -> Result<impl ExactSizeIterator<Item = f32> + use<'a>, RoundError> {
    let (chunks, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() {
        return Err(RoundError::Damaged { what });
    }
    Ok(chunks.iter().map(|chunk| f32::from_le_bytes(*chunk)))
}

fn f64s(bytes: &[u8]) -> Result<Vec<f64>, RoundError> {
    let (chunks, rest) = bytes.as_chunks::<8>();
    if !rest.is_empty() {
        return Err(RoundError::Damaged { what: "the optimiser's memory" });
    }
    Ok(chunks.iter().map(|chunk| f64::from_le_bytes(*chunk)).collect())
}
