//! What both databases must do alike.

use super::testing::{Db, on_both};
use super::*;
use sottovoce::ids::Millis;
use std::collections::BTreeSet;

on_both!(
    a_dropped_write_never_was,
    values_come_back_as_they_went,
    leases_are_taken_over_after_they_expire_and_not_before,
    who_read_what_has_changed_begins_again,
    swaps_wait_for_each_other,
    an_error_that_begins_again_cannot_help_is_told_at_once,
);

async fn scratch(db: &Db) -> Store {
    let store = db.store().await;
    let bytes = if matches!(db, Db::Sqlite(_)) {
        "CREATE TABLE t (k BIGINT PRIMARY KEY, r DOUBLE PRECISION, s TEXT, b BLOB)"
    } else {
        "CREATE TABLE t (k BIGINT PRIMARY KEY, r DOUBLE PRECISION, s TEXT, b BYTEA)"
    };
    let mut write = store.write(Isolation::Serial).await.unwrap();
    write.execute(bytes, &[]).await.unwrap();
    write.execute("INSERT INTO t (k) VALUES ($1)", &[0u64.into()]).await.unwrap();
    write.commit().await.unwrap();
    store
}

async fn count(store: &Store) -> i64 {
    let row = store.read().await.unwrap().row("SELECT count(*) AS n FROM t", &[]).await.unwrap().unwrap();
    row.get("n").unwrap()
}

async fn a_dropped_write_never_was(db: Db) {
    let store = scratch(&db).await;
    let mut write = store.write(Isolation::Serial).await.unwrap();
    assert_eq!(write.execute("INSERT INTO t (k) VALUES ($1)", &[1u64.into()]).await.unwrap(), 1);
    drop(write);
    assert_eq!(count(&store).await, 1);
}

async fn values_come_back_as_they_went(db: Db) {
    let store = scratch(&db).await;
    let bytes: &[u8] = &[0, 255, 7];
    let mut write = store.write(Isolation::Serial).await.unwrap();
    for (k, r, s, b) in [
        (1, Some(-0.1f64), Some("ö\'$1"), Some(bytes)),
        (2, None, None, None),
        (3, Some(f64::MIN_POSITIVE), Some(""), Some(&[])),
    ] {
        let values = [Value::Int(Some(k)), Value::Real(r), Value::Text(s), Value::Bytes(b)];
        write.execute("INSERT INTO t (k, r, s, b) VALUES ($1, $2, $3, $4)", &values).await.unwrap();
    }
    write.commit().await.unwrap();
    let mut link = store.read().await.unwrap();
    let rows = link.rows("SELECT * FROM t WHERE k > $1 ORDER BY k", &[0u64.into()]).await.unwrap();
    let read = |row: &Row| {
        (
            row.get::<Option<f64>>("r").unwrap().map(f64::to_bits),
            row.get::<Option<String>>("s").unwrap(),
            row.get::<Option<Vec<u8>>>("b").unwrap(),
        )
    };
    assert_eq!(
        rows.iter().map(read).collect::<Vec<_>>(),
        [
            (Some((-0.1f64).to_bits()), Some("ö\'$1".into()), Some(vec![0, 255, 7])),
            (None, None, None),
            (Some(f64::MIN_POSITIVE.to_bits()), Some(String::new()), Some(vec![])),
        ]
    );
    let last = rows.last().unwrap();
    assert_eq!(last.number::<u8>("k").unwrap(), 3);
    assert_eq!(last.some_number::<u8>("k").unwrap(), Some(3));
    let big = link.row("SELECT $1 + 0 AS k", &[u64::MAX.into()]).await.unwrap().unwrap();
    assert!(matches!(big.number::<u32>("k"), Err(StoreError::Range { column: "k", got: i64::MAX })));
    assert!(matches!(last.get::<i64>("nothing"), Err(StoreError::Query(_))));
}

async fn leases_are_taken_over_after_they_expire_and_not_before(db: Db) {
    let (one, other) = (db.store().await, db.store().await);
    let (a, b) = (Owner::random().unwrap(), Owner::random().unwrap());
    let take = async |store: &Store, work: &str, owner, now, until| {
        let mut write = store.write(Isolation::Swap).await.unwrap();
        let taken = write.take_lease(work, owner, Millis(now), Millis(until)).await.unwrap();
        write.commit().await.unwrap();
        taken
    };
    assert!(take(&one, "x", a, 0, 10).await);
    assert!(!take(&other, "x", b, 9, 19).await, "not expired");
    assert!(take(&other, "y", b, 9, 19).await, "another work");
    assert!(take(&one, "x", a, 9, 20).await, "renewed by its owner");
    assert!(!take(&other, "x", b, 19, 29).await);
    assert!(take(&other, "x", b, 20, 30).await, "expired");
    assert!(!take(&one, "x", a, 21, 31).await, "taken over");
    let mut write = one.write(Isolation::Serial).await.unwrap();
    write.end_lease("x", Millis(19)).await.unwrap();
    write.commit().await.unwrap();
    assert!(take(&one, "x", a, 21, 31).await, "ended");
    let left = one.read().await.unwrap().rows("SELECT work FROM leases", &[]).await.unwrap();
    assert_eq!(left.len(), 1, "`y` had expired and went with it");
}

/// Read, think, write, eight at once: the sum is right because the losers begin again.
async fn who_read_what_has_changed_begins_again(db: Db) {
    let store = scratch(&db).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let store = store.clone();
        tasks.spawn(async move {
            retry(async || {
                let mut write = store.write(Isolation::Serial).await?;
                let held: Option<f64> = write.row("SELECT r FROM t WHERE k = 0", &[]).await?.unwrap().get("r")?;
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                write.execute("UPDATE t SET r = $1 WHERE k = 0", &[(held.unwrap_or(0.0) + 1.0).into()]).await?;
                write.commit().await
            })
            .await
            .unwrap();
        });
    }
    tasks.join_all().await;
    let row = store.read().await.unwrap().row("SELECT r FROM t", &[]).await.unwrap().unwrap();
    assert_eq!(row.get::<f64>("r").unwrap().to_bits(), 8f64.to_bits());
}

async fn swaps_wait_for_each_other(db: Db) {
    let store = scratch(&db).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..24 {
        let store = store.clone();
        tasks.spawn(async move {
            // No retry: it must not be needed.
            let mut write = store.write(Isolation::Swap).await.unwrap();
            let sql = "UPDATE t SET r = coalesce(r, 0) + 1 WHERE k = 0 AND coalesce(r, 0) < 10";
            let took = write.execute(sql, &[]).await.unwrap();
            write.commit().await.unwrap();
            took
        });
    }
    assert_eq!(tasks.join_all().await.iter().sum::<u64>(), 10);
}

async fn an_error_that_begins_again_cannot_help_is_told_at_once(db: Db) {
    let store = db.store().await;
    let mut runs = 0;
    let outcome: Result<(), StoreError> = retry(|| {
        runs += 1;
        let store = store.clone();
        async move {
            store.write(Isolation::Serial).await?.execute("UPDATE no_such_table SET x = 1", &[]).await?;
            Ok(())
        }
    })
    .await;
    let error = outcome.unwrap_err();
    assert!(!error.transient() && !error.busy(), "{error:?}");
    assert_eq!(runs, 1);
}

/// Same names, same columns; what a column may hold is each database's own words.
#[tokio::test]
async fn both_schemas_have_the_same_tables() {
    let Some(postgres) = Db::postgres().await else { return };
    let columns = async |store: Store, sql| {
        let rows = store.read().await.unwrap().rows(sql, &[]).await.unwrap();
        let name = |row: &Row| (row.get::<String>("t").unwrap(), row.get::<String>("c").unwrap());
        rows.iter().map(name).collect::<BTreeSet<_>>()
    };
    let theirs = columns(
        postgres.store().await,
        "SELECT table_name::text AS t, column_name::text AS c FROM information_schema.columns
         WHERE table_schema = current_schema() AND table_name <> '_sqlx_migrations'",
    );
    let theirs = theirs.await;
    let tables: BTreeSet<&str> = theirs.iter().map(|(table, _)| table.as_str()).collect();
    let sqlite = Db::sqlite();
    let ours = columns(
        sqlite.store().await,
        "SELECT m.name AS t, c.name AS c FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table'",
    );
    let ours: BTreeSet<_> = ours.await.into_iter().filter(|(table, _)| tables.contains(table.as_str())).collect();
    assert_eq!(ours, theirs);
    for table in ["rounds", "updates", "weights", "leases", "versions", "signing_key", "settings"] {
        assert!(tables.contains(table), "{table}");
    }
}

#[tokio::test]
async fn what_is_no_postgresql_is_refused_without_telling_the_password() {
    for wrong in ["mysql://u:secret@h/d", "postgres://u:secret@h:port/d"] {
        let error = Store::postgres(wrong).await.unwrap_err();
        assert!(matches!(error, StoreError::Address { .. }), "{error:?}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    let error = Store::postgres("postgres://u:secret@127.0.0.1:9/d").await.unwrap_err();
    assert!(matches!(error, StoreError::Open { .. }), "{error:?}");
    assert!(error.to_string().contains("127.0.0.1:9/d") && !error.to_string().contains("secret"), "{error}");
}

/// A round under way, and its updates, come through the rebuilding of their tables.
#[tokio::test]
async fn a_state_file_of_before_the_leases_is_taken_over() {
    use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true).foreign_keys(true);
    let pool = SqlitePool::connect_with(options).await.unwrap();
    let mut before = sqlx::migrate!("./migrations");
    before.migrations.to_mut().retain(|migration| migration.version <= 3);
    before.run(&pool).await.unwrap();
    for (id, state, closed) in [(1, "closed", Some(5)), (2, "abandoned", Some(6)), (3, "open", None)] {
        sqlx::query("INSERT INTO rounds VALUES ($1, $2, 0, NULL, 4, 1, 1, 2, 10, 20, $3, 2, 16, 0.5, 64, 256, 1.0)")
            .bind(id)
            .bind(state)
            .bind(closed)
            .execute(&pool)
            .await
            .unwrap();
    }
    sqlx::query("INSERT INTO updates VALUES (1, $1, NULL), (3, $1, x'0102')")
        .bind(vec![7u8; 16])
        .execute(&pool)
        .await
        .unwrap();
    pool.close().await;

    let store = Store::from(&crate::state::State::open(&path).await.unwrap());
    let mut link = store.read().await.unwrap();
    let rounds = link.rows("SELECT * FROM rounds ORDER BY id", &[]).await.unwrap();
    let of = |row: &Row| {
        (
            row.get::<String>("state").unwrap(),
            row.get::<i64>("extensions").unwrap(),
            row.get::<Option<i64>>("closed_at").unwrap(),
        )
    };
    assert_eq!(
        rounds.iter().map(of).collect::<Vec<_>>(),
        [("closed".into(), 2, Some(5)), ("abandoned".into(), 2, Some(6)), ("open".into(), 2, None),]
    );
    let updates = link.rows("SELECT * FROM updates ORDER BY round", &[]).await.unwrap();
    let bodies: Vec<_> = updates.iter().map(|row| row.get::<Option<Vec<u8>>>("body").unwrap()).collect();
    assert_eq!(bodies, [None, Some(vec![1, 2])]);
    let orphans = link.rows("PRAGMA foreign_key_check", &[]).await.unwrap();
    assert!(orphans.is_empty(), "{}", orphans.len());
    let mut write = store.write(Isolation::Serial).await.unwrap();
    let second = "INSERT INTO rounds VALUES (4, 'open', 0, NULL, 4, 1, 1, 2, 10, 20, NULL, 2, 16, 0.5, 64, 256, 1.0)";
    assert!(write.execute(second, &[]).await.is_err(), "one at a time");
}
