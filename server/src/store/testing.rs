//! Both databases for tests: a state file in a folder of its own, or a schema of its own in the PostgreSQL server that
//! `SOTTOVOCE_POSTGRES` names (`cargo xtask test` starts one).

use super::Store;
use crate::state::State;
use std::path::PathBuf;
use tempfile::TempDir;

/// A database that nobody else uses. [`Db::store`] opens it once more, as another process would.
#[derive(Debug)]
pub(crate) enum Db {
    Sqlite(TempDir),
    Postgres(String),
}

impl Db {
    pub(crate) fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().unwrap())
    }

    /// None, with a message, where there is no server.
    pub(crate) async fn postgres() -> Option<Self> {
        let Ok(url) = std::env::var("SOTTOVOCE_POSTGRES") else {
            eprintln!("skipped: SOTTOVOCE_POSTGRES names no PostgreSQL server; `cargo xtask test` starts one");
            return None;
        };
        let schema = format!("t{:016x}", getrandom::u64().unwrap());
        let pool = sqlx::PgPool::connect(&url).await.expect("SOTTOVOCE_POSTGRES must answer where it is set");
        sqlx::query(sqlx::AssertSqlSafe(format!("CREATE SCHEMA {schema}"))).execute(&pool).await.unwrap();
        pool.close().await;
        Some(Self::Postgres(format!("{url}?options[search_path]={schema}")))
    }

    pub(crate) async fn store(&self) -> Store {
        match self {
            Self::Sqlite(_) => Store::from(&State::open(&self.path()).await.unwrap()),
            Self::Postgres(url) => Store::postgres(url).await.unwrap(),
        }
    }

    /// Of the state file.
    pub(crate) fn path(&self) -> PathBuf {
        match self {
            Self::Sqlite(folder) => folder.path().join("state.db"),
            Self::Postgres(_) => panic!("PostgreSQL's files are not ours to read"),
        }
    }
}

/// Makes of each `async fn name(db: Db)` two tests, `sqlite::name` and `postgres::name`.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test]
                async fn $name() {
                    super::$name($crate::store::testing::Db::sqlite()).await;
                }
            )*
        }
        mod postgres {
            $(
                #[tokio::test]
                async fn $name() {
                    if let Some(db) = $crate::store::testing::Db::postgres().await {
                        super::$name(db).await;
                    }
                }
            )*
        }
    };
}
pub(crate) use on_both;
