//! The data set in the state file: written whole, in one transaction, and read back equal.

use super::schema::{Clock, Dataset, ListenerId, LoggedEvent};
use super::{ContentHash, DataError};
use crate::catalog::{EntityId, Graph, Song, Triple};
use crate::progress::{Progress, Report};
use crate::state::{State, StateError};
use sottovoce::ids::{ArtistId, Millis, SongId};
use sottovoce::session::{Behaviour, Feedback, Fraction};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite, Transaction};

/// Rows a statement: ten columns of so many stay under SQLite's limit of 32,766 values.
const BATCH: usize = 1_000;

/// What a state file says of the data set it holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredDataset {
    /// Its short name.
    pub name: String,
    /// [`ContentHash`], in hex.
    pub hash: String,
    /// When it was written.
    pub imported_at: Millis,
}

fn failed(doing: &'static str) -> impl Fn(sqlx::Error) -> DataError {
    move |source| DataError::State(StateError::Query { doing, source })
}

/// What data set a state file holds, if any.
///
/// # Errors
/// Where the state file cannot be read.
pub async fn stored_dataset(state: &State) -> Result<Option<StoredDataset>, DataError> {
    let row = sqlx::query("SELECT name, hash, imported_at FROM dataset").fetch_optional(state.pool()).await;
    let Some(row) = row.map_err(failed("tell its data set"))? else { return Ok(None) };
    Ok(Some(StoredDataset { name: get(&row, 0)?, hash: get(&row, 1)?, imported_at: Millis(natural(&row, 2)?) }))
}

/// Writes a data set, in place of the one that is there, with all that was learned from it. All or nothing.
///
/// # Errors
/// Where the state file cannot be written; it is then as it was.
pub async fn save_dataset(
    state: &State,
    data: &Dataset,
    now: Millis,
    progress: Report<'_>,
) -> Result<ContentHash, DataError> {
    let hash = data.content_hash();
    let mut transaction = state.begin().await?;
    for statement in [
        "DELETE FROM artefacts",
        "DELETE FROM friends",
        "DELETE FROM links",
        "DELETE FROM triples",
        "DELETE FROM relations",
        "DELETE FROM entities",
        "DELETE FROM events",
        "DELETE FROM listeners",
        "DELETE FROM songs",
        "DELETE FROM artists",
        "DELETE FROM dataset",
    ] {
        sqlx::query(statement).execute(&mut *transaction).await.map_err(failed("clear the data set before"))?;
    }
    sqlx::query("INSERT INTO dataset (only, name, clock, hash, imported_at) VALUES (1, ?, ?, ?, ?)")
        .bind(&data.name)
        .bind(clock_name(data.clock))
        .bind(hash.to_string())
        .bind(signed(now.0)?)
        .execute(&mut *transaction)
        .await
        .map_err(failed("note the data set"))?;

    names(&mut transaction, "INSERT INTO artists (id, name) ", &data.artists).await?;
    names(&mut transaction, "INSERT INTO listeners (id, key) ", &data.listeners).await?;
    for batch in data.songs.chunks(BATCH) {
        let mut insert = QueryBuilder::<Sqlite>::new(
            "INSERT INTO songs (id, key, title, artist, album, genre, language, attributes, duration_ms, url) ",
        );
        insert.push_values(batch, |mut row, song| {
            row.push_bind(song.id.0).push_bind(&song.key).push_bind(&song.title).push_bind(song.artist.0);
            row.push_bind(&song.album).push_bind(&song.genre).push_bind(&song.language);
            row.push_bind(serde_json::Value::from(song.attributes.clone()).to_string());
            row.push_bind(song.duration_ms).push_bind(&song.url);
        });
        insert.build().execute(&mut *transaction).await.map_err(failed("write the songs"))?;
    }
    for (batch, first) in data.events.chunks(BATCH).zip((0i64..).step_by(BATCH)) {
        let ats = batch.iter().map(|event| signed(event.at.0)).collect::<Result<Vec<i64>, _>>()?;
        let mut insert = QueryBuilder::<Sqlite>::new(
            "INSERT INTO events (id, listener, song, at, behaviour, heard, plays, played_ms, total_ms, session) ",
        );
        insert.push_values(batch.iter().zip(ats).zip(first..), |mut row, ((event, at), id)| {
            let heard = if let Feedback::Skip { heard } = event.feedback { Some(f64::from(heard.get())) } else { None };
            row.push_bind(id).push_bind(event.listener.0).push_bind(event.song.0).push_bind(at);
            row.push_bind(event.feedback.behaviour() as u8).push_bind(heard).push_bind(event.plays);
            row.push_bind(event.played.map(|played| played.0)).push_bind(event.played.map(|played| played.1));
            row.push_bind(event.session);
        });
        insert.build().execute(&mut *transaction).await.map_err(failed("write the events"))?;
        let done = first.unsigned_abs() + batch.len() as u64;
        progress(Progress { step: "save", done, total: data.events.len() as u64 });
    }
    names(&mut transaction, "INSERT INTO entities (id, name) ", &data.graph.entities).await?;
    names(&mut transaction, "INSERT INTO relations (id, name) ", &data.graph.relations).await?;
    let triples: Vec<[u32; 3]> = data.graph.triples.iter().map(|t| [t.head.0, t.relation, t.tail.0]).collect();
    numbers(&mut transaction, "INSERT INTO triples (head, relation, tail) ", &triples).await?;
    let links: Vec<[u32; 2]> = data.graph.links.iter().map(|(song, entity)| [song.0, entity.0]).collect();
    numbers(&mut transaction, "INSERT INTO links (song, entity) ", &links).await?;
    let friends: Vec<[u32; 2]> = data.friends.iter().map(|(a, b)| [a.0, b.0]).collect();
    numbers(&mut transaction, "INSERT INTO friends (a, b) ", &friends).await?;
    transaction.commit().await.map_err(failed("commit the data set"))?;
    Ok(hash)
}

async fn names(into: &mut Transaction<'_, Sqlite>, statement: &'static str, names: &[String]) -> Result<(), DataError> {
    for (batch, first) in names.chunks(BATCH).zip((0i64..).step_by(BATCH)) {
        let mut insert = QueryBuilder::<Sqlite>::new(statement);
        insert.push_values(batch.iter().zip(first..), |mut row, (name, id)| {
            row.push_bind(id).push_bind(name);
        });
        insert.build().execute(&mut **into).await.map_err(failed("write names"))?;
    }
    Ok(())
}

async fn numbers<const N: usize>(
    into: &mut Transaction<'_, Sqlite>,
    statement: &'static str,
    rows: &[[u32; N]],
) -> Result<(), DataError> {
    for batch in rows.chunks(BATCH) {
        let mut insert = QueryBuilder::<Sqlite>::new(statement);
        insert.push_values(batch, |mut row, numbers| {
            for number in numbers {
                row.push_bind(*number);
            }
        });
        insert.build().execute(&mut **into).await.map_err(failed("write the graph or the friends"))?;
    }
    Ok(())
}

/// Reads the data set of a state file.
///
/// # Errors
/// Where there is none, or what is there is damaged.
pub async fn load_dataset(state: &State) -> Result<Dataset, DataError> {
    // One transaction: a writer between two reads would mix two data sets.
    let mut reading = state.pool().begin().await.map_err(failed("begin to read"))?;
    let head = sqlx::query("SELECT name, clock FROM dataset").fetch_optional(&mut *reading).await;
    let head = head.map_err(failed("tell its data set"))?.ok_or(DataError::NothingStored)?;
    let clock = match get::<String>(&head, 1)?.as_str() {
        "real" => Clock::Real,
        "order" => Clock::OrderOnly,
        _ => Clock::None,
    };
    let artists =
        numbered(&mut reading, "SELECT id, name FROM artists WHERE id >= ? ORDER BY id LIMIT ?", named).await?;
    let listeners =
        numbered(&mut reading, "SELECT id, key FROM listeners WHERE id >= ? ORDER BY id LIMIT ?", named).await?;
    let entities =
        numbered(&mut reading, "SELECT id, name FROM entities WHERE id >= ? ORDER BY id LIMIT ?", named).await?;
    let relations =
        numbered(&mut reading, "SELECT id, name FROM relations WHERE id >= ? ORDER BY id LIMIT ?", named).await?;
    let songs = numbered(
        &mut reading,
        "SELECT id, key, title, artist, album, genre, language, attributes, duration_ms, url FROM songs WHERE id >= ? ORDER BY id LIMIT ?",
        song,
    )
    .await?;
    let events = numbered(
        &mut reading,
        "SELECT id, listener, song, at, behaviour, heard, plays, played_ms, total_ms, session FROM events WHERE id >= ? ORDER BY id LIMIT ?",
        event,
    )
    .await?;
    let triples = list(&mut reading, "SELECT head, relation, tail FROM triples ORDER BY 1, 2, 3", |row| {
        Ok(Triple { head: EntityId(natural(row, 0)?), relation: natural(row, 1)?, tail: EntityId(natural(row, 2)?) })
    });
    let triples = triples.await?;
    let links = list(&mut reading, "SELECT song, entity FROM links ORDER BY 1, 2", |row| {
        Ok((SongId(natural(row, 0)?), EntityId(natural(row, 1)?)))
    });
    let links = links.await?;
    let friends = list(&mut reading, "SELECT a, b FROM friends ORDER BY 1, 2", |row| {
        Ok((ListenerId(natural(row, 0)?), ListenerId(natural(row, 1)?)))
    });
    let friends = friends.await?;
    let data = Dataset {
        name: get(&head, 0)?,
        songs,
        artists,
        listeners,
        events,
        clock,
        graph: Graph { entities, relations, triples, links },
        friends,
    };
    // The foreign keys hold inside SQLite; a file that was edited without them must not crash a trainer.
    let sound = data.songs.iter().all(|song| (song.artist.0 as usize) < data.artists.len())
        && data
            .events
            .iter()
            .all(|e| (e.song.0 as usize) < data.songs.len() && (e.listener.0 as usize) < data.listeners.len());
    if sound { Ok(data) } else { Err(damaged("an event or a song refers to what is not there")) }
}

/// Rows of a table whose ids are places, some at a time: a row in SQLite's hands is many times the size of ours.
async fn numbered<T>(
    reading: &mut Transaction<'_, Sqlite>,
    statement: &'static str,
    make: impl Fn(usize, &SqliteRow) -> Result<T, DataError>,
) -> Result<Vec<T>, DataError> {
    const PAGE: usize = 20_000;
    let mut all = Vec::new();
    loop {
        let page = sqlx::query(statement).bind(signed(all.len() as u64)?).bind(signed(PAGE as u64)?);
        let rows = page.fetch_all(&mut **reading).await.map_err(failed("read the data set"))?;
        for row in &rows {
            all.push(make(all.len(), row)?);
        }
        if rows.len() < PAGE {
            return Ok(all);
        }
    }
}

async fn list<T>(
    reading: &mut Transaction<'_, Sqlite>,
    statement: &'static str,
    make: impl Fn(&SqliteRow) -> Result<T, DataError>,
) -> Result<Vec<T>, DataError> {
    let rows = sqlx::query(statement).fetch_all(&mut **reading).await.map_err(failed("read the data set"))?;
    rows.iter().map(make).collect()
}

/// Ids are places: a gap would shift every row of every matrix.
fn placed(place: usize, row: &SqliteRow) -> Result<u32, DataError> {
    let id: u32 = natural(row, 0)?;
    if id as usize == place { Ok(id) } else { Err(damaged("ids have gaps")) }
}

fn named(place: usize, row: &SqliteRow) -> Result<String, DataError> {
    placed(place, row)?;
    get(row, 1)
}

fn song(place: usize, row: &SqliteRow) -> Result<Song, DataError> {
    Ok(Song {
        id: SongId(placed(place, row)?),
        key: get(row, 1)?,
        title: get(row, 2)?,
        artist: ArtistId(natural(row, 3)?),
        album: get(row, 4)?,
        genre: get(row, 5)?,
        language: get(row, 6)?,
        attributes: serde_json::from_str(&get::<String>(row, 7)?).map_err(|_| damaged("a song's attributes"))?,
        duration_ms: some_natural(row, 8)?,
        url: get(row, 9)?,
    })
}

fn event(place: usize, row: &SqliteRow) -> Result<LoggedEvent, DataError> {
    placed(place, row)?;
    let behaviour = Behaviour::from_u8(natural(row, 4)?).ok_or_else(|| damaged("an event's behaviour"))?;
    #[allow(clippy::cast_possible_truncation, reason = "it was an f32 when it was written")]
    let heard = Fraction::new(get::<Option<f64>>(row, 5)?.unwrap_or(0.0) as f32);
    Ok(LoggedEvent {
        listener: ListenerId(natural(row, 1)?),
        song: SongId(natural(row, 2)?),
        at: Millis(natural(row, 3)?),
        feedback: match behaviour {
            Behaviour::Skip => Feedback::Skip { heard },
            Behaviour::Complete => Feedback::Complete,
            Behaviour::Like => Feedback::Like,
            Behaviour::Dislike => Feedback::Dislike,
            Behaviour::Ignore => Feedback::Ignore,
        },
        plays: natural(row, 6)?,
        played: some_natural(row, 7)?.zip(some_natural(row, 8)?),
        session: natural(row, 9)?,
    })
}

fn damaged(what: &'static str) -> DataError {
    DataError::Damaged { what }
}

fn get<'r, T: sqlx::Decode<'r, Sqlite> + sqlx::Type<Sqlite>>(row: &'r SqliteRow, i: usize) -> Result<T, DataError> {
    row.try_get(i).map_err(|_| damaged("a value of the wrong type"))
}

fn natural<T: TryFrom<i64>>(row: &SqliteRow, i: usize) -> Result<T, DataError> {
    T::try_from(get::<i64>(row, i)?).map_err(|_| damaged("a number out of range"))
}

fn some_natural(row: &SqliteRow, i: usize) -> Result<Option<u32>, DataError> {
    let value: Option<i64> = get(row, i)?;
    value.map(|value| u32::try_from(value).map_err(|_| damaged("a number out of range"))).transpose()
}

fn signed(value: u64) -> Result<i64, DataError> {
    i64::try_from(value).map_err(|_| DataError::TooLate { at: value })
}

fn clock_name(clock: Clock) -> &'static str {
    match clock {
        Clock::Real => "real",
        Clock::OrderOnly => "order",
        Clock::None => "none",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{SyntheticConfig, synthetic};
    use crate::progress::quiet;

    fn world() -> Dataset {
        let config = SyntheticConfig { listeners: 20, songs: 1_500, artists: 40, events: 2_500, ..Default::default() };
        let mut data = synthetic(&config);
        data.friends = vec![(ListenerId(0), ListenerId(3)), (ListenerId(1), ListenerId(2))];
        data.graph = Graph {
            entities: vec!["a".to_owned(), "\"ü\"".to_owned()],
            relations: vec!["r".to_owned()],
            triples: vec![Triple { head: EntityId(0), relation: 0, tail: EntityId(1) }],
            links: vec![(SongId(7), EntityId(1))],
        };
        data.songs[0].album = None;
        data.songs[1].attributes = vec!["a;b".to_owned(), "\"c\"\n".to_owned()];
        data.events[0].played = None;
        data
    }

    #[tokio::test]
    async fn what_is_saved_is_loaded() {
        let state = State::in_memory().await.unwrap();
        assert!(matches!(load_dataset(&state).await, Err(DataError::NothingStored)));
        let data = world();
        let hash = save_dataset(&state, &data, Millis(5), &quiet).await.unwrap();
        let stored = stored_dataset(&state).await.unwrap().unwrap();
        assert_eq!((stored.hash, stored.imported_at), (hash.to_string(), Millis(5)));
        assert_eq!(load_dataset(&state).await.unwrap(), data);
    }

    #[tokio::test]
    async fn another_data_set_takes_the_place_of_the_first() {
        let state = State::in_memory().await.unwrap();
        save_dataset(&state, &world(), Millis(1), &quiet).await.unwrap();
        let other = Dataset { clock: Clock::OrderOnly, friends: Vec::new(), ..world() };
        save_dataset(&state, &other, Millis(2), &quiet).await.unwrap();
        assert_eq!(load_dataset(&state).await.unwrap(), other);
    }

    #[tokio::test]
    async fn a_save_that_fails_leaves_what_was_there() {
        let state = State::in_memory().await.unwrap();
        let data = world();
        save_dataset(&state, &data, Millis(1), &quiet).await.unwrap();
        let mut broken = world();
        broken.songs[9].key = broken.songs[8].key.clone();
        assert!(save_dataset(&state, &broken, Millis(2), &quiet).await.is_err());
        let mut late = world();
        late.events[2_000].at = Millis(u64::MAX);
        assert!(matches!(save_dataset(&state, &late, Millis(2), &quiet).await, Err(DataError::TooLate { .. })));
        assert_eq!(load_dataset(&state).await.unwrap(), data);
    }

    #[tokio::test]
    async fn a_damaged_file_is_an_error_and_no_panic() {
        for damage in [
            "DELETE FROM songs WHERE id = 3",
            "UPDATE events SET song = 99999 WHERE id = 4",
            "UPDATE songs SET attributes = 'x'",
            "UPDATE events SET at = -1 WHERE id = 0",
            "UPDATE events SET plays = 'many' WHERE id = 0",
        ] {
            let state = State::in_memory().await.unwrap();
            save_dataset(&state, &world(), Millis(1), &quiet).await.unwrap();
            sqlx::query("PRAGMA foreign_keys = OFF").execute(state.pool()).await.unwrap();
            sqlx::query(damage).execute(state.pool()).await.unwrap();
            assert!(matches!(load_dataset(&state).await, Err(DataError::Damaged { .. })), "{damage}");
        }
    }
}
