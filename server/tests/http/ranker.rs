//! A ranking model in service: what it is asked and what it refuses, and that nobody notices when another takes its place.

use crate::world::*;
use crate::{NeverEnding, Seen, note};
use axum::Router;
use axum::body::Body;
use serde_json::{Value, json};
use sottovoce::math::Rng;
use sottovoce_server::batches::{Encoder, LogTable, Part, Ragged, RawColumn, RawTask, Schema, Split, Values};
use sottovoce_server::http::{App, HttpConfig, LimitConfig, router};
use sottovoce_server::runs::{
    Begin, LiveRanker, RunConfig, RunData, RunFolder, RunRecord, SavedModel, Times, Told, train,
};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

const ROUTE: &str = "/v1/ranker/scores";
const SCHEMA: &str = "name = \"plays\"\ntasks = [\"done\"]\nfeatures = [{ name = \"song\", kind = \"id\" }, { name = \"who\", kind = \"id\" },\n\
     { name = \"tags\", kind = \"multi\", max_len = 3 }, { name = \"length\", kind = \"dense\", log = true }]";

/// Who heard what to its end.
fn data() -> RunData {
    let mut rng = Rng::new(11);
    let (mut songs, mut who, mut labels, mut lengths, mut listeners) = (vec![], vec![], vec![], vec![], vec![]);
    let mut tags = Ragged::default();
    for _ in 0..600 {
        let (song, listener) = (rng.below(12), rng.below(9));
        songs.push(format!("song {song}"));
        who.push(format!("listener {listener}"));
        listeners.push(listener);
        tags.push(&[song % 3]);
        lengths.push(f64::from(100 + rng.below(200)));
        let done = rng.uniform() < if (song + listener).is_multiple_of(2) { 0.8 } else { 0.2 };
        labels.push(f32::from(u8::from(done)));
    }
    let names = Arc::new(["folk", "rock", "jazz"].map(str::to_owned).to_vec());
    let columns = vec![
        RawColumn::known_before("song", Values::names(songs)),
        RawColumn::known_before("who", Values::names(who)),
        RawColumn::known_before("tags", Values::Lists { names, codes: tags, latest: None }),
        RawColumn::known_before("length", Values::Numbers(lengths)),
    ];
    let task = RawTask { name: "done".into(), labels, weights: vec![] };
    let table = LogTable::new("plays", listeners, (0..600).collect(), columns, vec![task]).unwrap();
    let split = Split::by_time(&table, 400, 500);
    let encoder = Encoder::fit(Schema::from_toml(SCHEMA).unwrap(), split.training(&table).unwrap()).unwrap();
    let part = |part| encoder.encode(&table, &split, part).unwrap();
    let (learned, validation, test) = (part(Part::Train), part(Part::Valid), part(Part::Test));
    RunData { train: learned, validation, test, table, split, encoder }
}

/// Trains a model of this seed into the folder, over the one that is there.
fn run(folder: &Path, data: &RunData, seed: u64) {
    run_of("name = \"deep_fm\"\n[model.fields]\ndimension = 4\n[model.layers]\nhidden = [8]", folder, data, seed);
}

fn run_of(model: &str, folder: &Path, data: &RunData, seed: u64) {
    let train_settings = "[train]\ntasks = [\"done\"]\nbatch = 64\nepochs = 2\nlearning_rate = 0.02";
    let text = format!("table = \"mlc\"\n[model]\n{model}\n{train_settings}");
    let mut config = RunConfig::from_toml(&text, "text".as_ref()).unwrap();
    config.train.seed = seed;
    let (code, table_hash) = ("test".to_owned(), data.table.hash().to_string());
    let record = RunRecord { code, data: "none".into(), table_hash, seed, config };
    let mut deaf = |_: Told<'_>| Ok(());
    train(folder, &record, data, (Begin::Again, 1000), &Times::default, &mut deaf).unwrap();
}

fn question() -> Value {
    let row = |song: &str, who: &str| json!({ "song": song, "who": who, "tags": ["folk", "polka"], "length": 180 });
    json!({ "rows": [row("song 1", "listener 2"), row("song 2", "listener 2"), row("never heard", "listener 3")] })
}

fn routed(app: &App, ranker: Arc<LiveRanker>) -> Router {
    router(app.clone().ranking(ranker), &HttpConfig::default()).unwrap()
}

async fn ask(router: &Router, body: impl Into<Body>) -> Answer {
    post(router, ROUTE, &[("content-type", JSON)], body).await
}

pub(crate) async fn every_status_of_the_ranker(seen: &mut Seen) {
    let folder = tempfile::tempdir().unwrap();
    let data = data();
    run(folder.path(), &data, 1);
    let w = world(rules(2), HttpConfig::default()).await;
    let none = ask(&w.router, question().to_string()).await;
    note(seen, "post", ROUTE, &none, 404);
    let router = routed(&w.app, Arc::new(LiveRanker::open(folder.path()).unwrap()));
    let scored = ask(&router, question().to_string()).await;
    note(seen, "post", ROUTE, &scored, 200);
    let answer = scored.json();
    let rows: Vec<f64> = answer["rows"].as_array().unwrap().iter().map(|row| row["done"].as_f64().unwrap()).collect();
    assert!(rows.iter().all(|p| (0.0..=1.0).contains(p)) && (rows[0] - rows[1]).abs() > 1e-6, "{rows:?}");
    note(seen, "post", ROUTE, &post(&router, ROUTE, &[("accept", "text/html")], question().to_string()).await, 406);
    note(seen, "post", ROUTE, &ask(&router, vec![b' '; (4 << 20) + 1]).await, 413);
    for body in ["", "{", "[]", "{\"rows\": 3}", "{\"rows\": [3]}", "{\"rows\": [], \"more\": 1}", "\u{0}\u{1}"] {
        note(seen, "post", ROUTE, &ask(&router, body).await, 400);
    }
    let with = |field: &str, value: Value| {
        let mut question = question();
        question["rows"][1][field] = value;
        question.to_string()
    };
    let mut lacking = question();
    lacking["rows"][2].as_object_mut().unwrap().remove("who");
    for (body, kind, says) in [
        (with("colour", json!("red")), "unknown-field", "row 1 has a field \"colour\""),
        (with("song", json!(7)), "wrong-field-type", "row 1, field \"song\": expected a text, got a number"),
        (with("length", json!("long")), "wrong-field-type", "expected a number, got a text"),
        (with("length", json!(null)), "wrong-field-type", "got nothing"),
        (with("tags", json!("folk")), "wrong-field-type", "expected a list of texts"),
        (with("tags", json!(["folk", 3])), "wrong-field-type", "a list with something else in it"),
        (with("length", json!(-5)), "no-number", "no finite number"),
        (lacking.to_string(), "missing-field", "row 2 has no field \"who\", which is a text"),
        (json!({ "rows": [] }).to_string(), "row-count", "this one has 0"),
        (json!({ "rows": vec![question()["rows"][0].clone(); 1001] }).to_string(), "row-count", "1001"),
    ] {
        let refused = ask(&router, body).await;
        note(seen, "post", ROUTE, &refused, 422);
        let problem = refused.json();
        assert_eq!(problem["type"], format!("urn:sottovoce:problem:{kind}"), "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(says), "{problem}");
    }
    assert_eq!(ask(&router, question().to_string()).await.json(), answer, "as if nobody had asked anything else");

    let live = || Arc::new(LiveRanker::open(folder.path()).unwrap());
    let often = LimitConfig { address_per_second: 1, address_burst: 1, ..LimitConfig::default() };
    let w = world(rules(2), HttpConfig { limits: often, ..HttpConfig::default() }).await;
    let router = routed(&w.app, live());
    assert_eq!(ask(&router, question().to_string()).await.status, 200);
    note(seen, "post", ROUTE, &ask(&router, question().to_string()).await, 429);
    let limits = LimitConfig { timeout: Duration::from_millis(50), ..LimitConfig::default() };
    let http = HttpConfig { limits, ..HttpConfig::default() };
    let slow = world(rules(2), http.clone()).await;
    let router = sottovoce_server::http::router(slow.app.clone().ranking(live()), &http).unwrap();
    note(seen, "post", ROUTE, &ask(&router, Body::from_stream(NeverEnding)).await, 408);
}

/// Questions without end while models are trained into the folder and put in place: each is answered, and wholly by one of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_model_takes_anothers_place_and_nobody_notices() {
    const MODELS: u64 = 5;
    let folder = tempfile::tempdir().unwrap();
    let data = data();
    run(folder.path(), &data, 1);
    let ranker = Arc::new(LiveRanker::open(folder.path()).unwrap());
    let limits = LimitConfig { address_per_second: 1_000_000, address_burst: 1_000_000, ..LimitConfig::default() };
    let w = world(rules(2), HttpConfig { limits, ..HttpConfig::default() }).await;
    let router = routed(&w.app, Arc::clone(&ranker));
    let (done, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let clients: Vec<_> = (0..3)
        .map(|_| {
            let (router, done, asked) = (router.clone(), Arc::clone(&done), Arc::clone(&asked));
            tokio::spawn(async move {
                let mut answers = std::collections::BTreeMap::<String, Value>::new();
                while !done.load(Ordering::Acquire) {
                    let answer = ask(&router, question().to_string()).await;
                    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
                    let answer = answer.json();
                    let version = answer["model"].as_str().unwrap().to_owned();
                    let held = answers.entry(version).or_insert_with(|| answer["rows"].clone());
                    assert_eq!(*held, answer["rows"], "one model answers one question in one way");
                    asked.fetch_add(1, Ordering::AcqRel);
                }
                answers
            })
        })
        .collect();
    let (mut versions, mut alone) = (vec![ranker.serving().version.clone()], vec![]);
    let mut told = |ranker: &LiveRanker| {
        let rows = ranker.serving().score(question().to_string().as_bytes()).unwrap().rows;
        alone.push((ranker.serving().version.clone(), rows));
    };
    told(&ranker);
    for seed in 2..=MODELS {
        run(folder.path(), &data, seed);
        assert!(ranker.refresh().unwrap(), "another seed, another model");
        assert!(!ranker.refresh().unwrap());
        versions.push(ranker.serving().version.clone());
        told(&ranker);
        let from = asked.load(Ordering::Acquire);
        while asked.load(Ordering::Acquire) < from + 20 {
            tokio::task::yield_now().await;
        }
    }
    // What is no model does not take a model's place.
    let path = folder.path().join(RunFolder::MODEL);
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() - 9]).unwrap();
    let error = ranker.refresh().unwrap_err().to_string();
    assert!(error.contains("cut short") && error.contains("goes on being served"), "{error}");
    assert!(!ranker.refresh().unwrap(), "and is not tried again");
    assert_eq!(ranker.serving().version, versions[versions.len() - 1]);
    assert_eq!(ask(&router, question().to_string()).await.status, 200);

    done.store(true, Ordering::Release);
    let mut seen = std::collections::BTreeSet::new();
    for client in clients {
        for (version, rows) in client.await.unwrap() {
            let (_, want) = alone.iter().find(|(known, _)| *known == version).expect("one of the models");
            let got: Vec<Vec<f64>> =
                rows.as_array().unwrap().iter().map(|row| vec![row["done"].as_f64().unwrap()]).collect();
            assert_eq!(got, *want);
            seen.insert(version);
        }
    }
    assert_eq!(seen.len() as u64, MODELS, "every model was asked");
}

/// What is served scores as what was measured: the test part's rows, asked by their names.
#[test]
fn serving_and_measuring_agree_to_the_bit() {
    let trees = "name = \"trees\"\ntrees = 20\nleaves = 8\nleaf_rows = 3.0\nstatistics = { of = [\"song\", \"who\"] }";
    let ftrl = "name = \"ftrl\"\nbits = 10\nl1 = 0.1\ncrosses = [[\"who\", \"tags\"]]";
    for model in ["name = \"deep_fm\"\n[model.fields]\ndimension = 4", trees, ftrl] {
        served_as_measured(model);
    }
}

fn served_as_measured(model: &str) {
    let folder = tempfile::tempdir().unwrap();
    let data = data();
    run_of(model, folder.path(), &data, 3);
    let measured = SavedModel::load(folder.path()).unwrap().scores(&data.test).unwrap();
    let text = |column: &str, row: u32| match &data.table.column(column).unwrap().values {
        Values::Names { names, codes } => json!(names[codes[row as usize] as usize]),
        Values::Lists { names, codes, .. } => {
            json!(codes.get(row as usize).iter().map(|code| &names[*code as usize]).collect::<Vec<_>>())
        }
        Values::Numbers(numbers) => json!(numbers[row as usize]),
    };
    let row = |row: &u32| json!({ "song": text("song", *row), "who": text("who", *row), "tags": text("tags", *row), "length": text("length", *row) });
    let question = json!({ "rows": data.test.rows.iter().map(row).collect::<Vec<_>>() });
    let served = LiveRanker::open(folder.path()).unwrap().serving().score(question.to_string().as_bytes()).unwrap();
    let column: Vec<f64> = served.rows.iter().map(|row| row[0]).collect();
    assert_eq!(column, measured[0], "{model}");
}
