//! The rounds' tables (`migrations/0002_rounds.sql`): every statement that touches them, and nothing that decides.
//!
//! A write runs in a transaction that began as `BEGIN IMMEDIATE`, so it holds the one write lock from its first read on; what it
//! read is still true when it writes. Compare-and-swaps say so in their `WHERE` and report whether they took place.

use super::{Mean, Moments, Round, RoundError, RoundState, UpdateKey};
use sottovoce::ids::{Millis, RoundId, WeightsVersion};
use sottovoce::protocol::{Extraction, LocalPlan, TowerShape, TowerWeights};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection, SqlitePool};

/// Keys of so many ended rounds are remembered, for devices that ask again.
const KEEP_KEYS: u64 = 20;
/// So many versions of the weights are kept; devices need only the newest, people compare.
const KEEP_WEIGHTS: u64 = 32;

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

/// A write in progress. Dropped without [`Write::commit`], it never was.
#[derive(Debug)]
pub(super) struct Write(sqlx::Transaction<'static, sqlx::Sqlite>);

impl Write {
    pub(super) async fn begin(pool: &SqlitePool) -> Result<Self, RoundError> {
        Ok(Self(pool.begin_with("BEGIN IMMEDIATE").await?))
    }

    pub(super) async fn commit(self) -> Result<(), RoundError> {
        Ok(self.0.commit().await?)
    }

    pub(super) fn reader(&mut self) -> &mut SqliteConnection {
        &mut self.0
    }

    /// Opens the round after the newest, from the newest weights. False where one is open already.
    pub(super) async fn open_round(&mut self, round: &Round) -> Result<bool, RoundError> {
        let plan = &round.plan;
        let done = sqlx::query(
            "INSERT INTO rounds (id, state, weights_from, cohort, minimum, opened_at, closes_at,
                                 epochs, batch, learning_rate, negatives, max_examples, clip_norm)
             VALUES (?, 'open', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        )
        .bind(int(round.id.0))
        .bind(int(round.weights_from.0))
        .bind(round.cohort)
        .bind(round.minimum)
        .bind(int(round.opened_at.0))
        .bind(int(round.closes_at.0))
        .bind(plan.epochs)
        .bind(plan.batch)
        .bind(f64::from(plan.learning_rate))
        .bind(plan.negatives)
        .bind(plan.max_examples)
        .bind(f64::from(plan.clip_norm))
        .execute(self.reader())
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Takes one seat of an open round: `Some(true)` for the last one, `None` where there is none.
    pub(super) async fn take_seat(&mut self, round: RoundId) -> Result<Option<bool>, RoundError> {
        let last = sqlx::query_scalar(
            "UPDATE rounds SET updates = updates + 1 WHERE id = ? AND state = 'open' AND updates < cohort
             RETURNING updates >= cohort",
        )
        .bind(int(round.0))
        .fetch_optional(self.reader())
        .await?;
        Ok(last)
    }

    /// Writes an update under its key, or says what is there already.
    pub(super) async fn insert_update(
        &mut self,
        round: RoundId,
        key: UpdateKey,
        values: &[f32],
    ) -> Result<Insert, RoundError> {
        let body = f32_bytes(values);
        let done = sqlx::query("INSERT INTO updates (round, key, body) VALUES (?, ?, ?) ON CONFLICT DO NOTHING")
            .bind(int(round.0))
            .bind(key.0.to_vec())
            .bind(&body)
            .execute(self.reader())
            .await?;
        if done.rows_affected() == 1 {
            return Ok(Insert::New);
        }
        let held: Option<Vec<u8>> = sqlx::query_scalar("SELECT body FROM updates WHERE round = ? AND key = ?")
            .bind(int(round.0))
            .bind(key.0.to_vec())
            .fetch_one(self.reader())
            .await?;
        Ok(if held.is_some_and(|held| held == body) { Insert::Same } else { Insert::Different })
    }

    /// Moves the deadline of an open round that still has the deadline `from`.
    pub(super) async fn extend(
        &mut self,
        round: RoundId,
        from: Millis,
        to: Millis,
        counts: bool,
    ) -> Result<bool, RoundError> {
        let done = sqlx::query(
            "UPDATE rounds SET closes_at = ?, extensions = extensions + ? WHERE id = ? AND state = 'open' AND closes_at = ?",
        )
        .bind(int(to.0))
        .bind(counts)
        .bind(int(round.0))
        .bind(int(from.0))
        .execute(self.reader())
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Ends an open round: closed where there are new weights, else abandoned. False where another coordinator was first.
    pub(super) async fn end(
        &mut self,
        round: RoundId,
        now: Millis,
        to: Option<WeightsVersion>,
    ) -> Result<bool, RoundError> {
        let state = if to.is_some() { RoundState::Closed } else { RoundState::Abandoned };
        let done =
            sqlx::query("UPDATE rounds SET state = ?, closed_at = ?, weights_to = ? WHERE id = ? AND state = 'open'")
                .bind(name(state))
                .bind(int(now.0))
                .bind(to.map(|version| int(version.0)))
                .bind(int(round.0))
                .execute(self.reader())
                .await?;
        Ok(done.rows_affected() == 1)
    }

    /// The mean of a round's updates, read one by one in the order of their keys.
    pub(super) async fn mean(&mut self, round: RoundId, parameters: usize) -> Result<Mean, RoundError> {
        let mut mean = Mean::new(parameters);
        let mut after: Option<Vec<u8>> = None;
        // Pages instead of one open cursor: a cursor over 10⁴ updates would queue them all up in memory.
        loop {
            let page = sqlx::query("SELECT key, body FROM updates WHERE round = ? AND key > ? ORDER BY key LIMIT 64")
                .bind(int(round.0))
                .bind(after.unwrap_or_default())
                .fetch_all(self.reader())
                .await?;
            for row in &page {
                let body: &[u8] = row
                    .try_get::<Option<&[u8]>, _>("body")?
                    .ok_or(RoundError::Damaged { what: "an update is empty" })?;
                mean.add(f32s(body, "an update")?)?;
            }
            match page.last() {
                Some(last) => after = Some(last.try_get("key")?),
                None => return Ok(mean),
            }
        }
    }

    /// Forgets what the devices of an ended round sent; the keys stay where they were counted.
    pub(super) async fn forget_updates(&mut self, round: RoundId, counted: bool) -> Result<(), RoundError> {
        let forget = if counted {
            "UPDATE updates SET body = NULL WHERE round = ?"
        } else {
            "DELETE FROM updates WHERE round = ?"
        };
        sqlx::query(forget).bind(int(round.0)).execute(self.reader()).await?;
        sqlx::query("DELETE FROM updates WHERE round < ?")
            .bind(int(round.0.saturating_sub(KEEP_KEYS)))
            .execute(self.reader())
            .await?;
        Ok(())
    }

    /// Publishes weights with the optimiser's memory, and thins out the older versions.
    pub(super) async fn publish(&mut self, newest: &Newest) -> Result<(), RoundError> {
        let (version, shape) = (newest.weights.version, newest.weights.shape);
        sqlx::query("UPDATE weights SET first_moment = x'', second_moment = x'' WHERE length(first_moment) > 0")
            .execute(self.reader())
            .await?;
        sqlx::query("DELETE FROM weights WHERE version <= ?")
            .bind(version.0.checked_sub(KEEP_WEIGHTS).map_or(-1, int))
            .execute(self.reader())
            .await?;
        sqlx::query(
            "INSERT INTO weights (version, dimension, attention, hidden, interests, experts, extraction, basis, parameters,
                                  first_moment, second_moment)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(int(version.0))
        .bind(shape.dimension)
        .bind(shape.attention)
        .bind(shape.hidden)
        .bind(shape.interests)
        .bind(shape.experts)
        .bind(shape.extraction as u32)
        .bind(&newest.basis)
        .bind(f32_bytes(&newest.weights.values))
        .bind(f64_bytes(&newest.moments.first))
        .bind(f64_bytes(&newest.moments.second))
        .execute(self.reader())
        .await?;
        Ok(())
    }
}

/// Whether `key` was counted in a round that has ended.
pub(super) async fn counted(conn: &mut SqliteConnection, round: RoundId, key: UpdateKey) -> Result<bool, RoundError> {
    let found: Option<i64> = sqlx::query_scalar("SELECT 1 FROM updates WHERE round = ? AND key = ?")
        .bind(int(round.0))
        .bind(key.0.to_vec())
        .fetch_optional(conn)
        .await?;
    Ok(found.is_some())
}

pub(super) async fn round(conn: &mut SqliteConnection, id: RoundId) -> Result<Option<Round>, RoundError> {
    let row = sqlx::query("SELECT * FROM rounds WHERE id = ?").bind(int(id.0)).fetch_optional(conn).await?;
    row.as_ref().map(round_of).transpose()
}

/// The newest rounds, newest first.
pub(super) async fn newest_rounds(conn: &mut SqliteConnection, limit: u32) -> Result<Vec<Round>, RoundError> {
    let rows = sqlx::query("SELECT * FROM rounds ORDER BY id DESC LIMIT ?").bind(limit).fetch_all(conn).await?;
    rows.iter().map(round_of).collect()
}

pub(super) async fn newest_version(conn: &mut SqliteConnection) -> Result<Option<WeightsVersion>, RoundError> {
    let version: Option<i64> = sqlx::query_scalar("SELECT MAX(version) FROM weights").fetch_one(conn).await?;
    version.map(|v| unsigned(v).map(WeightsVersion)).transpose()
}

pub(super) async fn newest(conn: &mut SqliteConnection) -> Result<Option<Newest>, RoundError> {
    let row = sqlx::query("SELECT * FROM weights ORDER BY version DESC LIMIT 1").fetch_optional(conn).await?;
    let Some(row) = row else { return Ok(None) };
    let shape = TowerShape {
        dimension: row.try_get("dimension")?,
        attention: row.try_get("attention")?,
        hidden: row.try_get("hidden")?,
        interests: row.try_get("interests")?,
        experts: row.try_get("experts")?,
        extraction: match row.try_get::<u32, _>("extraction")? {
            0 => Extraction::Attention,
            _ => Extraction::Capsules,
        },
    };
    let values = f32s(row.try_get("parameters")?, "the weights")?.collect();
    let version = WeightsVersion(unsigned(row.try_get("version")?)?);
    let moments = Moments { first: f64s(row.try_get("first_moment")?)?, second: f64s(row.try_get("second_moment")?)? };
    Ok(Some(Newest { weights: TowerWeights { version, shape, values }, moments, basis: row.try_get("basis")? }))
}

/// Has what was deleted overwritten: freed pages with zeros (per connection), and the log of earlier page images cut to nothing.
pub(super) async fn shred_on_delete(conn: &mut SqliteConnection) -> Result<(), RoundError> {
    sqlx::query("PRAGMA secure_delete = ON").execute(conn).await?;
    Ok(())
}

/// See [`shred_on_delete`]. Best done where no write is under way; a busy log is cut by the next round's end.
pub(super) async fn cut_log(pool: &SqlitePool) -> Result<(), RoundError> {
    let mut conn = pool.acquire().await?;
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut *conn).await?;
    Ok(())
}

fn round_of(row: &SqliteRow) -> Result<Round, RoundError> {
    let time = |column: &str| -> Result<Millis, RoundError> { Ok(Millis(unsigned(row.try_get(column)?)?)) };
    #[allow(clippy::cast_possible_truncation, reason = "written from an f32, so it reads back exactly")]
    let float = |column: &str| -> Result<f32, RoundError> { Ok(row.try_get::<f64, _>(column)? as f32) };
    let state = match row.try_get("state")? {
        "open" => RoundState::Open,
        "closed" => RoundState::Closed,
        "abandoned" => RoundState::Abandoned,
        _ => return Err(RoundError::Damaged { what: "a round's state has no such name" }),
    };
    Ok(Round {
        id: RoundId(unsigned(row.try_get("id")?)?),
        state,
        weights_from: WeightsVersion(unsigned(row.try_get("weights_from")?)?),
        weights_to: row
            .try_get::<Option<i64>, _>("weights_to")?
            .map(|v| unsigned(v).map(WeightsVersion))
            .transpose()?,
        plan: LocalPlan {
            epochs: row.try_get("epochs")?,
            batch: row.try_get("batch")?,
            learning_rate: float("learning_rate")?,
            negatives: row.try_get("negatives")?,
            max_examples: row.try_get("max_examples")?,
            clip_norm: float("clip_norm")?,
        },
        cohort: row.try_get("cohort")?,
        minimum: row.try_get("minimum")?,
        updates: row.try_get("updates")?,
        extensions: row.try_get("extensions")?,
        opened_at: time("opened_at")?,
        closes_at: time("closes_at")?,
        closed_at: row.try_get::<Option<i64>, _>("closed_at")?.map(|v| unsigned(v).map(Millis)).transpose()?,
    })
}

fn name(state: RoundState) -> &'static str {
    match state {
        RoundState::Open => "open",
        RoundState::Closed => "closed",
        RoundState::Abandoned => "abandoned",
    }
}

/// SQLite's integers are signed; no counter or clock of ours reaches 2⁶³.
fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn unsigned(value: i64) -> Result<u64, RoundError> {
    u64::try_from(value).map_err(|_| RoundError::Damaged { what: "a counter or a time is negative" })
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
