//! The state file: one SQLite file that holds the data set, what was learned from it, and the rounds. Its tables are made
//! by `server/migrations`; each room reads and writes its own.

use sqlx::migrate::MigrateError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Sqlite, Transaction};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a writer waits for another before it gives up.
const PATIENCE: Duration = Duration::from_secs(10);
/// Readers at once; there is one writer at a time whatever this says.
const CONNECTIONS: u32 = 8;

/// Of a new file; one that is there keeps its own. Reports are 30 to 300 KB: with SQLite's usual 4,096 twice as long is spent on writing them.
const PAGE_BYTES: u32 = 1 << 14;
/// The write-ahead log is folded in when it has 64 MB, not after every batch of reports.
const CHECKPOINT_PAGES: &str = "4000";

/// Why the state file did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// There is no such file, and making one was not asked for.
    #[error("there is no state file {}; make one with `sottovoce-server data import FORMAT PATH --into {}`", path.display(), path.display())]
    Missing {
        /// Which file.
        path: PathBuf,
    },
    /// The file cannot be opened, or is no SQLite file.
    #[error("cannot open the state file {}: {source}; check the path, its folder, and that it is a SQLite file", path.display())]
    Open {
        /// Which file.
        path: PathBuf,
        /// What SQLite said.
        source: sqlx::Error,
    },
    /// The file's tables are those of another version.
    #[error("the state file {} was written by another version: {source}; use that version, or import anew into another file", path.display())]
    Version {
        /// Which file.
        path: PathBuf,
        /// Which migration does not fit.
        source: Box<MigrateError>,
    },
    /// A statement failed.
    #[error("the state file could not {doing}: {source}; nothing of it was kept")]
    Query {
        /// What was being done.
        doing: &'static str,
        /// What SQLite said.
        source: sqlx::Error,
    },
}

/// An open state file. Clones share its connections.
#[derive(Clone, Debug)]
pub struct State {
    pool: SqlitePool,
}

impl State {
    /// Opens a state file, making it where it is not there.
    ///
    /// # Errors
    /// A path that cannot be written, a file that is no SQLite file, or one of another version.
    pub async fn open(path: &Path) -> Result<Self, StateError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .page_size(PAGE_BYTES)
            .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
            .busy_timeout(PATIENCE)
            .foreign_keys(true);
        Self::connect(SqlitePoolOptions::new().max_connections(CONNECTIONS), options, path).await
    }

    /// Opens a state file that must be there already.
    ///
    /// # Errors
    /// As [`State::open`], and where there is none.
    pub async fn open_existing(path: &Path) -> Result<Self, StateError> {
        if path.is_file() { Self::open(path).await } else { Err(StateError::Missing { path: path.to_owned() }) }
    }

    /// A state that is gone with its last clone, for tests and for serving without a file. It has one connection: who
    /// holds a transaction must not ask for another before it ends.
    ///
    /// # Errors
    /// Only where memory is short.
    pub async fn in_memory() -> Result<Self, StateError> {
        let options = SqliteConnectOptions::new().in_memory(true).foreign_keys(true);
        // The tables live as long as the connection: it must not be recycled.
        let pool = SqlitePoolOptions::new().min_connections(1).max_connections(1).idle_timeout(None).max_lifetime(None);
        Self::connect(pool, options, Path::new(":memory:")).await
    }

    async fn connect(pool: SqlitePoolOptions, options: SqliteConnectOptions, path: &Path) -> Result<Self, StateError> {
        let pool = pool.acquire_timeout(PATIENCE);
        let open = |source| StateError::Open { path: path.to_owned(), source };
        let pool = pool.connect_with(options).await.map_err(open)?;
        sqlx::migrate!("./migrations").run(&pool).await.map_err(|error| match error {
            MigrateError::Execute(source) => open(source),
            other => StateError::Version { path: path.to_owned(), source: Box::new(other) },
        })?;
        Ok(Self { pool })
    }

    /// The connections, for the rooms that have tables here.
    #[must_use]
    pub fn pool(&self) -> &SqlitePool {
        &self.pool
    }

    /// Begins a transaction that writes. It takes the writer's lock at once: a reading transaction that turns into a
    /// writing one would fail at once, without patience, where another writer came between.
    ///
    /// # Errors
    /// Where another writer holds the file for longer than ten seconds.
    pub async fn begin(&self) -> Result<Transaction<'static, Sqlite>, StateError> {
        self.pool
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(|source| StateError::Query { doing: "begin a transaction", source })
    }

    /// Closes the file; waits for what is under way and folds the write-ahead log back in.
    pub async fn close(self) {
        self.pool.close().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_file_keeps_the_promises_of_its_settings() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(&folder.path().join("a.db")).await.unwrap();
        let pragma = |name: &'static str| sqlx::query_scalar::<_, String>(name).fetch_one(state.pool());
        assert_eq!(pragma("SELECT journal_mode FROM pragma_journal_mode").await.unwrap(), "wal");
        let number = |name: &'static str| sqlx::query_scalar::<_, i64>(name).fetch_one(state.pool());
        assert_eq!(number("SELECT synchronous FROM pragma_synchronous").await.unwrap(), 2, "FULL");
        assert_eq!(number("SELECT foreign_keys FROM pragma_foreign_keys").await.unwrap(), 1);
        assert_eq!(number("PRAGMA page_size").await.unwrap(), i64::from(PAGE_BYTES));
        let folded = number("PRAGMA wal_autocheckpoint").await.unwrap();
        assert_eq!(folded.to_string(), CHECKPOINT_PAGES);
    }

    #[tokio::test]
    async fn opening_again_finds_what_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let state = State::open(&path).await.unwrap();
        sqlx::query("INSERT INTO artists VALUES (0, 'x')").execute(state.pool()).await.unwrap();
        state.close().await;
        let state = State::open_existing(&path).await.unwrap();
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM artists").fetch_one(state.pool()).await.unwrap();
        assert_eq!(count, 1);
    }

    #[tokio::test]
    async fn a_dropped_transaction_leaves_nothing() {
        let state = State::in_memory().await.unwrap();
        let mut transaction = state.begin().await.unwrap();
        sqlx::query("INSERT INTO artists VALUES (0, 'x')").execute(&mut *transaction).await.unwrap();
        drop(transaction);
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM artists").fetch_one(state.pool()).await.unwrap();
        assert_eq!(count, 0);
    }

    #[tokio::test]
    async fn what_is_no_state_file_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        assert!(matches!(State::open_existing(&path).await, Err(StateError::Missing { .. })));
        std::fs::write(&path, "a text, and no SQLite file at all, however long it may be").unwrap();
        let error = State::open(&path).await.unwrap_err();
        assert!(error.to_string().contains("a.db"), "{error}");
        assert!(matches!(error, StateError::Open { .. }), "{error:?}");
        assert!(State::open(folder.path()).await.is_err());
    }

    #[tokio::test]
    async fn a_file_of_a_newer_version_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let state = State::open(&path).await.unwrap();
        sqlx::query("INSERT INTO _sqlx_migrations VALUES (9999, 'later', 0, 1, x'00', 0)")
            .execute(state.pool())
            .await
            .unwrap();
        state.close().await;
        assert!(matches!(State::open(&path).await, Err(StateError::Version { .. })));
    }
}
