//! Servers that die: a child process keeps rounds in a store and is killed (SIGKILL) at a chosen point of a transaction, or at a moment
//! that nobody chose; over PostgreSQL the database is stopped in the middle too, without a farewell. After each death another process goes
//! on with what is in the store, and devices and members send again what was not acknowledged.
//!
//! At the end: no acknowledged report is missing from its sum, none is in it twice, no device's ε was spent without being written down,
//! and the model is, bit for bit, that of a run in which nobody died.
//!
//! A few deaths here; `cargo xtask bench crash` has a thousand and more (`SOTTOVOCE_CRASHES` deaths a database).

mod devices;
mod life;
mod rounds;
mod server;
mod wire;

use rounds::{Deaths, Outcome, play};
use server::Place;
use std::time::Duration;

/// Deaths a database where nobody says otherwise, and how many fall on a round.
const FEW: u64 = 24;
const A_ROUND: u64 = 5;

/// The child's entry: not a test of anything where nobody's child it is.
#[test]
fn life() {
    life::live();
}

#[test]
fn sqlite() {
    let folder = tempfile::tempdir().expect("a folder");
    judge("sqlite", &|name| Place::Sqlite(folder.path().join(name)), 0);
}

#[test]
fn postgres() {
    let Ok(url) = std::env::var("SOTTOVOCE_POSTGRES") else {
        return eprintln!("skipped: SOTTOVOCE_POSTGRES names no PostgreSQL server; `cargo xtask test` starts one");
    };
    let deaths = deaths();
    // Who can stop it says where to ask.
    let stops = if std::env::var_os(server::STOP).is_some() { deaths / 20 } else { 0 };
    judge("postgresql", &|name| Place::schema(&url, name), stops);
}

/// Three servers over one database, of which one is killed every five seconds (here sooner: there are fewer rounds) while all three do what is due.
#[test]
fn three_coordinators() {
    let Ok(url) = std::env::var("SOTTOVOCE_POSTGRES") else {
        return eprintln!("skipped: SOTTOVOCE_POSTGRES names no PostgreSQL server; `cargo xtask test` starts one");
    };
    let long = deaths() > FEW;
    let (rounds, every) = if long { (1200, Duration::from_secs(5)) } else { (12, Duration::from_millis(200)) };
    let peace = play(&Place::schema(&url, "one"), rounds, Deaths::none());
    let war = play(&Place::schema(&url, "three"), rounds, Deaths { beside: Some((3, every)), ..Deaths::none() });
    told("three_coordinators", "postgresql", rounds, &war, &peace);
    assert!(war.deaths > 0, "nobody died");
}

fn deaths() -> u64 {
    std::env::var("SOTTOVOCE_CRASHES").ok().and_then(|text| text.parse().ok()).unwrap_or(FEW)
}

/// The same rounds twice, over two empty stores: once in peace.
fn judge(store: &str, place: &dyn Fn(&str) -> Place, stops: u64) {
    let deaths = deaths();
    let rounds = (deaths / A_ROUND).max(2);
    let peace = play(&place("peace"), rounds, Deaths::none());
    let Outcome { lost, twice, unrecorded, .. } = peace;
    assert_eq!((lost, twice, unrecorded, peace.deaths), (0, 0, 0, 0), "in peace");
    let war = play(
        &place("war"),
        rounds,
        Deaths { kills: deaths, stops, peace: Some((peace.points, peace.seconds)), ..Deaths::none() },
    );
    told("crash", store, rounds, &war, &peace);
    // A moment that nobody chose may come when the rounds are over; on a busy machine that takes more of a few than of many.
    let least = if deaths > FEW { deaths * 9 / 10 } else { deaths / 2 };
    assert!(war.deaths >= least, "{} deaths of {deaths}", war.deaths);
}

/// Prints what came of it, and holds it against the same rounds in peace.
fn told(op: &str, store: &str, rounds: u64, war: &Outcome, peace: &Outcome) {
    let same = war.model == peace.model;
    let ledger = (war.log == peace.log, war.log.0 == rounds + 1);
    println!(
        r#"{{"op":"{op}","store":"{store}","rounds":{rounds},"deaths":{},"at_a_point":{},"database_stops":{},"acknowledged":{},"lost":{},"counted_twice":{},"unrecorded":{},"same_model":{same},"ready_median_ms":{:.0},"ready_max_ms":{:.0},"seconds":{:.0}}}"#,
        war.deaths,
        war.at_a_point,
        war.stops,
        war.acknowledged,
        war.lost,
        war.twice,
        war.unrecorded,
        war.ready(0.5),
        war.ready(1.0),
        war.seconds,
    );
    assert_eq!((war.lost, war.twice, war.unrecorded), (0, 0, 0));
    assert!(same, "the model is another one");
    assert_eq!(ledger, (true, true), "the log tells another ε, or has other versions: {:?}, {:?}", war.log, peace.log);
}
