//! A connection, its rows, and what is bound to a statement: the thin layer in which two databases look alike.

use super::{Fault, Point, StoreError};
use sottovoce::ids::{Millis, RoundId, WeightsVersion};
use sqlx::pool::PoolConnection;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{Decode, Postgres, Row as _, Sqlite, Transaction, Type};

/// A value for one of a statement's `$n`. `None` is `NULL` of that type.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// `INTEGER` in SQLite, `BIGINT` in PostgreSQL.
    Int(Option<i64>),
    /// `REAL`, `DOUBLE PRECISION`.
    Real(Option<f64>),
    /// `TEXT`.
    Text(Option<&'a str>),
    /// `BLOB`, `BYTEA`.
    Bytes(Option<&'a [u8]>),
}

macro_rules! values {
    ($($from:ty, $value:ident => $into:expr;)*) => {
        $(
            impl<'a> From<$from> for Value<'a> {
                fn from($value: $from) -> Self {
                    $into
                }
            }
        )*
    };
}

values! {
    i64, value => Self::Int(Some(value));
    u32, value => Self::Int(Some(value.into()));
    u64, value => Self::Int(Some(int(value)));
    bool, value => Self::Int(Some(value.into()));
    f32, value => Self::Real(Some(value.into()));
    f64, value => Self::Real(Some(value));
    &'a str, value => Self::Text(Some(value));
    &'a String, value => Self::Text(Some(value));
    &'a [u8], value => Self::Bytes(Some(value));
    &'a Vec<u8>, value => Self::Bytes(Some(value));
    &'a [u8; 16], value => Self::Bytes(Some(value));
    &'a [u8; 32], value => Self::Bytes(Some(value));
    RoundId, value => value.0.into();
    WeightsVersion, value => value.0.into();
    Millis, value => value.0.into();
    Option<&'a [u8]>, value => Self::Bytes(value);
    Option<f64>, value => Self::Real(value);
    Option<u32>, value => Self::Int(value.map(i64::from));
    Option<u64>, value => Self::Int(value.map(int));
}

/// The databases' integers are signed; no counter or clock of ours reaches 2⁶³.
fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Types that a column of either database gives.
pub trait Column<'r>: Decode<'r, Sqlite> + Type<Sqlite> + Decode<'r, Postgres> + Type<Postgres> {}
impl<'r, T: Decode<'r, Sqlite> + Type<Sqlite> + Decode<'r, Postgres> + Type<Postgres>> Column<'r> for T {}

/// A row of an answer.
#[derive(Debug)]
pub struct Row(Cells);

enum Cells {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl core::fmt::Debug for Cells {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("a row") // rows hold what devices sent
    }
}

impl Row {
    /// A column, by its name: `i64`, `f64`, `bool`, `String`, `&[u8]`, `Vec<u8>`, or an `Option` of these.
    ///
    /// # Errors
    /// [`StoreError::Query`] where the column is not there or of another type.
    pub fn get<'r, T: Column<'r>>(&'r self, column: &'static str) -> Result<T, StoreError> {
        Ok(match &self.0 {
            Cells::Sqlite(row) => row.try_get(column)?,
            Cells::Postgres(row) => row.try_get(column)?,
        })
    }

    /// A whole number as the type that the room knows it by.
    ///
    /// # Errors
    /// As [`Row::get`]; [`StoreError::Range`].
    pub fn number<T: TryFrom<i64>>(&self, column: &'static str) -> Result<T, StoreError> {
        let got = self.get::<i64>(column)?;
        T::try_from(got).map_err(|_| StoreError::Range { column, got })
    }

    /// As [`Row::number`], where there may be none.
    ///
    /// # Errors
    /// As [`Row::number`].
    pub fn some_number<T: TryFrom<i64>>(&self, column: &'static str) -> Result<Option<T>, StoreError> {
        let got = self.get::<Option<i64>>(column)?;
        got.map(|got| T::try_from(got).map_err(|_| StoreError::Range { column, got })).transpose()
    }
}

/// A connection, reading by itself or inside a [`Write`].
#[derive(Debug)]
pub struct Link {
    pub(super) wire: Wire,
    pub(super) fault: Fault,
}

#[derive(Debug)]
pub(super) enum Wire {
    Sqlite(PoolConnection<Sqlite>),
    SqliteWrite(Transaction<'static, Sqlite>),
    Postgres(PoolConnection<Postgres>),
    PostgresWrite(Transaction<'static, Postgres>),
}

/// A statement with its values, for whichever database takes it.
macro_rules! bound {
    ($sql:ident, $values:ident) => {
        $values.iter().fold(sqlx::query($sql), |query, value| match *value {
            Value::Int(value) => query.bind(value),
            Value::Real(value) => query.bind(value),
            Value::Text(value) => query.bind(value),
            Value::Bytes(value) => query.bind(value),
        })
    };
}

impl Link {
    /// Runs a statement; says how many rows it changed. `0` of an `UPDATE … WHERE state = …` is a lost swap.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn execute(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<u64, StoreError> {
        self.fault.at(Point::Statement(sql))?;
        Ok(match &mut self.wire {
            Wire::Sqlite(link) => bound!(sql, values).execute(&mut **link).await?.rows_affected(),
            Wire::SqliteWrite(link) => bound!(sql, values).execute(&mut **link).await?.rows_affected(),
            Wire::Postgres(link) => bound!(sql, values).execute(&mut **link).await?.rows_affected(),
            Wire::PostgresWrite(link) => bound!(sql, values).execute(&mut **link).await?.rows_affected(),
        })
    }

    /// All rows of an answer, also of a statement that ends in `RETURNING`. Ask for pages where there may be many: the answer
    /// is in memory as a whole.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn rows(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<Vec<Row>, StoreError> {
        if matches!(self.wire, Wire::SqliteWrite(_) | Wire::PostgresWrite(_)) {
            self.fault.at(Point::Statement(sql))?;
        }
        let sqlite = |rows: Vec<SqliteRow>| rows.into_iter().map(|row| Row(Cells::Sqlite(row))).collect();
        let postgres = |rows: Vec<PgRow>| rows.into_iter().map(|row| Row(Cells::Postgres(row))).collect();
        Ok(match &mut self.wire {
            Wire::Sqlite(link) => sqlite(bound!(sql, values).fetch_all(&mut **link).await?),
            Wire::SqliteWrite(link) => sqlite(bound!(sql, values).fetch_all(&mut **link).await?),
            Wire::Postgres(link) => postgres(bound!(sql, values).fetch_all(&mut **link).await?),
            Wire::PostgresWrite(link) => postgres(bound!(sql, values).fetch_all(&mut **link).await?),
        })
    }

    /// The first row of an answer.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn row(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<Option<Row>, StoreError> {
        Ok(self.rows(sql, values).await?.into_iter().next())
    }

    /// From here on this connection overwrites what it deletes. SQLite only: PostgreSQL keeps deleted rows until a vacuum, see
    /// [`super::Store::shred`].
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn overwrite_deleted(&mut self) -> Result<(), StoreError> {
        if matches!(self.wire, Wire::Sqlite(_) | Wire::SqliteWrite(_)) {
            self.execute("PRAGMA secure_delete = ON", &[]).await?;
        }
        Ok(())
    }
}

/// A transaction that writes. Dropped without [`Write::commit`], it never was.
#[derive(Debug)]
pub struct Write(pub(super) Link);

impl core::ops::Deref for Write {
    type Target = Link;

    fn deref(&self) -> &Link {
        &self.0
    }
}

impl core::ops::DerefMut for Write {
    fn deref_mut(&mut self) -> &mut Link {
        &mut self.0
    }
}

impl Write {
    /// Makes it last. When this returns, it is on disk, and only then may anybody be told.
    ///
    /// # Errors
    /// [`StoreError::Query`]: a transient one says that nothing happened; after another it is unknown, and the same work must be
    /// safe to do again.
    pub async fn commit(self) -> Result<(), StoreError> {
        let Link { wire, fault } = self.0;
        fault.at(Point::Commit)?;
        match wire {
            Wire::SqliteWrite(transaction) => transaction.commit().await?,
            Wire::PostgresWrite(transaction) => transaction.commit().await?,
            Wire::Sqlite(_) | Wire::Postgres(_) => {} // no `Write` is made of these
        }
        fault.at(Point::Committed)
    }
}
