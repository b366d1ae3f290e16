//! What can go wrong between a room and its tables.

use super::Point;
use sqlx::migrate::MigrateError;

/// Why the store did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Not an address of PostgreSQL. The address is not repeated: it may hold a password.
    #[error("not an address of PostgreSQL: {source}; write --rounds postgres://user@host/database")]
    Address {
        /// What is wrong with it.
        source: sqlx::Error,
    },
    /// PostgreSQL cannot be reached, or does not let us in.
    #[error(
        "cannot open the rounds' database at {place}: {source}; check that PostgreSQL runs there and that the user may create tables"
    )]
    Open {
        /// Host, port and database, without user and password.
        place: String,
        /// What it said.
        source: sqlx::Error,
    },
    /// Its tables are those of another version.
    #[error(
        "the rounds' database at {place} was written by another version: {source}; use that version, or another database"
    )]
    Version {
        /// Host, port and database.
        place: String,
        /// Which migration does not fit.
        source: Box<MigrateError>,
    },
    /// A statement failed.
    #[error("the store did not answer: {0}")]
    Query(#[from] sqlx::Error),
    /// A column holds a number outside its range.
    #[error("the store is damaged: {column} is {got}; restore a copy, or serve with a new store")]
    Range {
        /// Which column.
        column: &'static str,
        /// What it holds.
        got: i64,
    },
    /// What befell a transaction that was many senders' at once, told to each.
    #[error(transparent)]
    Together(std::sync::Arc<StoreError>),
    /// A test let it fail here.
    #[error("a fault was injected at {at:?}")]
    Injected {
        /// Where.
        at: Point,
    },
}

impl StoreError {
    /// Whether the same transaction may succeed if it is begun again: another one came between.
    #[must_use]
    pub fn transient(&self) -> bool {
        match self.code() {
            // Serialisation failure, deadlock, lock not available; and, of two transactions that inserted one key, the later.
            Some(Code::Postgres(code)) => ["40001", "40P01", "55P03", "23505"].contains(&code.as_str()),
            Some(Code::Sqlite(plain)) => plain == BUSY || plain == LOCKED,
            None => false,
        }
    }

    /// Whether the store would not answer just now; asking again later is right, and what was sent is safe to send again.
    #[must_use]
    pub fn busy(&self) -> bool {
        let away = match self.alone() {
            Self::Query(sqlx::Error::PoolTimedOut | sqlx::Error::Io(_)) => true,
            _ => match self.code() {
                // Shutting down, crashed, starting up; too many connections; a lost connection.
                Some(Code::Postgres(code)) => code.starts_with("57P") || code == "53300" || code.starts_with("08"),
                _ => false,
            },
        };
        away || self.transient()
    }

    fn alone(&self) -> &Self {
        if let Self::Together(error) = self { error.alone() } else { self }
    }

    fn code(&self) -> Option<Code> {
        let (Self::Query(source) | Self::Open { source, .. }) = self.alone() else { return None };
        let database = source.as_database_error()?;
        let code = database.code()?;
        if database.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().is_some() {
            return Some(Code::Postgres(code.into_owned()));
        }
        code.parse::<u32>().ok().map(|extended| Code::Sqlite(extended & 0xff)) // the plain code is in the low byte
    }
}

enum Code {
    Postgres(String),
    Sqlite(u32),
}

/// `SQLITE_BUSY`: another process writes. `SQLITE_LOCKED`: another connection of this one does.
const BUSY: u32 = 5;
const LOCKED: u32 = 6;
