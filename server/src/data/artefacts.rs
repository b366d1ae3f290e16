//! What was learned from the data set, kept beside it in the state file as named bytes. The room that learned it knows
//! the layout; a new data set takes all of them away.

use super::DataError;
use crate::state::{State, StateError};
use sottovoce::ids::Millis;
use sqlx::Row;

/// Named bytes of a known layout.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Artefact {
    /// The version of the layout of `bytes`.
    pub version: u32,
    /// The content.
    pub bytes: Vec<u8>,
    /// When it was made.
    pub made_at: Millis,
}

fn failed(doing: &'static str) -> impl Fn(sqlx::Error) -> DataError {
    move |source| DataError::State(StateError::Query { doing, source })
}

/// Writes an artefact, in place of the one of the same name.
///
/// # Errors
/// Where the state file cannot be written.
pub async fn save_artefact(state: &State, name: &str, artefact: &Artefact) -> Result<(), DataError> {
    let made_at = i64::try_from(artefact.made_at.0).map_err(|_| DataError::TooLate { at: artefact.made_at.0 })?;
    sqlx::query(
        "INSERT INTO artefacts (name, version, bytes, made_at) VALUES (?, ?, ?, ?) ON CONFLICT (name) DO UPDATE \
         SET version = excluded.version, bytes = excluded.bytes, made_at = excluded.made_at",
    )
    .bind(name)
    .bind(artefact.version)
    .bind(&artefact.bytes)
    .bind(made_at)
    .execute(state.pool())
    .await
    .map_err(failed("write an artefact"))?;
    Ok(())
}

/// Reads the artefact of this name, if there is one.
///
/// # Errors
/// Where the state file cannot be read or is damaged.
pub async fn load_artefact(state: &State, name: &str) -> Result<Option<Artefact>, DataError> {
    let row = sqlx::query("SELECT version, bytes, made_at FROM artefacts WHERE name = ?").bind(name);
    let Some(row) = row.fetch_optional(state.pool()).await.map_err(failed("read an artefact"))? else {
        return Ok(None);
    };
    let damaged = |_| DataError::Damaged { what: "an artefact" };
    let made_at: i64 = row.try_get(2).map_err(damaged)?;
    Ok(Some(Artefact {
        version: row.try_get(0).map_err(damaged)?,
        bytes: row.try_get(1).map_err(damaged)?,
        made_at: Millis(u64::try_from(made_at).unwrap_or(0)),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_newest_of_a_name_is_found() {
        let state = State::in_memory().await.unwrap();
        assert_eq!(load_artefact(&state, "song2vec").await.unwrap(), None);
        for version in [1, 2] {
            let artefact = Artefact { version, bytes: vec![0, 255, 7], made_at: Millis(u64::from(version)) };
            save_artefact(&state, "song2vec", &artefact).await.unwrap();
            assert_eq!(load_artefact(&state, "song2vec").await.unwrap(), Some(artefact));
        }
        assert_eq!(load_artefact(&state, "item_cf").await.unwrap(), None);
    }
}
