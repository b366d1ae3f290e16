//! Opening either database, and beginning transactions in it.

use super::link::Wire;
use super::{Fault, Link, Point, StoreError, Write};
use crate::state::State;
use sqlx::migrate::MigrateError;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::sqlite::SqlitePool;
use std::str::FromStr as _;
use std::time::Duration;

/// How long a request waits for a connection.
const PATIENCE: Duration = Duration::from_secs(10);
/// Connections of one process to PostgreSQL.
const CONNECTIONS: u32 = 16;

/// The rounds' tables, wherever they are. Clones share its connections.
#[derive(Clone, Debug)]
pub struct Store {
    pool: Pool,
    fault: Fault,
}

#[derive(Clone, Debug)]
enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// What a transaction may rely on while others write. SQLite has one writer at a time, so there both are [`Isolation::Serial`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// What was read is still true at the commit, or the commit fails and [`super::retry()`] begins again. The usual one.
    Serial,
    /// Only each statement is whole by itself. For rows that many change at once, where every change is a compare-and-swap:
    /// they wait for each other, where under [`Isolation::Serial`] all but one would have to begin again.
    Swap,
}

impl From<SqlitePool> for Store {
    fn from(pool: SqlitePool) -> Self {
        Self { pool: Pool::Sqlite(pool), fault: Fault::none() }
    }
}

impl From<&State> for Store {
    fn from(state: &State) -> Self {
        state.pool().clone().into()
    }
}

impl Store {
    /// Opens a PostgreSQL database by its URL, and makes the tables where they are not there. Every connection has
    /// `synchronous_commit = on`, whatever the server's own setting is.
    ///
    /// # Errors
    /// [`StoreError::Address`], [`StoreError::Open`], [`StoreError::Version`].
    pub async fn postgres(url: &str) -> Result<Self, StoreError> {
        let address = |source| StoreError::Address { source };
        if !(url.starts_with("postgres://") || url.starts_with("postgresql://")) {
            return Err(address(sqlx::Error::Configuration("it does not begin with postgres://".into())));
        }
        let options = PgConnectOptions::from_str(url).map_err(address)?.options([("synchronous_commit", "on")]);
        let place =
            format!("{}:{}/{}", options.get_host(), options.get_port(), options.get_database().unwrap_or("(default)"));
        let open = |source| StoreError::Open { place: place.clone(), source };
        let pool = PgPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(PATIENCE);
        let pool = pool.connect_with(options).await.map_err(open)?;
        sqlx::migrate!("./migrations/postgres").run(&pool).await.map_err(|error| match error {
            MigrateError::Execute(source) => open(source),
            other => StoreError::Version { place: place.clone(), source: Box::new(other) },
        })?;
        Ok(Self { pool: Pool::Postgres(pool), fault: Fault::none() })
    }

    /// The same store with a hook at every point where a process may die. For tests.
    #[must_use]
    pub fn with_fault(self, fault: Fault) -> Self {
        Self { fault, ..self }
    }

    /// A connection to read with.
    ///
    /// # Errors
    /// [`StoreError::Query`], where none is free for longer than the pool's patience.
    pub async fn read(&self) -> Result<Link, StoreError> {
        let wire = match &self.pool {
            Pool::Sqlite(pool) => Wire::Sqlite(pool.acquire().await?),
            Pool::Postgres(pool) => Wire::Postgres(pool.acquire().await?),
        };
        Ok(Link { wire, fault: self.fault.clone() })
    }

    /// Begins a transaction that writes. In SQLite it takes the writer's lock at once: a reading transaction that turns into a
    /// writing one would fail, without patience, where another writer came between.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn write(&self, isolation: Isolation) -> Result<Write, StoreError> {
        let wire = match (&self.pool, isolation) {
            (Pool::Sqlite(pool), _) => Wire::SqliteWrite(pool.begin_with("BEGIN IMMEDIATE").await?),
            (Pool::Postgres(pool), Isolation::Serial) => {
                Wire::PostgresWrite(pool.begin_with("BEGIN ISOLATION LEVEL SERIALIZABLE").await?)
            }
            (Pool::Postgres(pool), Isolation::Swap) => {
                Wire::PostgresWrite(pool.begin_with("BEGIN ISOLATION LEVEL READ COMMITTED").await?)
            }
        };
        self.fault.at(Point::Begun)?;
        Ok(Write(Link { wire, fault: self.fault.clone() }))
    }

    /// After rows were deleted that nobody shall read again: cuts SQLite's write-ahead log to nothing, and has PostgreSQL vacuum.
    /// Best done where no write is under way; what is busy is cut the next time. `vacuum` is `VACUUM table, …`.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn shred(&self, vacuum: &'static str) -> Result<(), StoreError> {
        let statement = match &self.pool {
            Pool::Sqlite(_) => "PRAGMA wal_checkpoint(TRUNCATE)",
            Pool::Postgres(_) => vacuum,
        };
        self.read().await?.execute(statement, &[]).await?;
        Ok(())
    }

    /// Closes the connections; waits for what is under way.
    pub async fn close(&self) {
        match &self.pool {
            Pool::Sqlite(pool) => pool.close().await,
            Pool::Postgres(pool) => pool.close().await,
        }
    }
}
