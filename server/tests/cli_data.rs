//! The verbs of `data`, as a person types them.

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

fn data(arguments: &[&str], folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sottovoce-server"))
        .arg("data")
        .args(arguments)
        .current_dir(folder)
        .env_remove("RUST_LOG")
        .output()
        .expect("the binary runs")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("text")
}

fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "", "--json says nothing on stderr");
    serde_json::from_slice(&output.stdout).expect("one JSON object")
}

const EVENTS: &str = "listener,song,feedback\na,1,complete\na,2,loved\nb,1,skip\n";

#[test]
fn an_import_is_checked_kept_described_and_guarded() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    std::fs::create_dir(here.join("log")).unwrap();
    std::fs::write(here.join("log/events.csv"), EVENTS).unwrap();

    let checked = data(&["import", "auto", "log"], here);
    assert!(checked.status.success());
    assert_eq!(
        text(&checked.stdout),
        "bad row: log/events.csv:3, column feedback: expected skip, complete, like, dislike or nothing, got \"loved\"\n\
         log: 2 events of 2 listeners on 1 songs, 1 bad rows\nonly checked; add --into FILE.db to keep it (format csv)\n"
    );
    let kept = json(&data(&["import", "csv", "log", "--into", "a.db", "--json"], here));
    assert_eq!((kept["kept"].as_str(), kept["taken"].as_u64()), (Some("written"), Some(2)));
    assert_eq!(kept["bad"][0]["line"], 3);
    let again = json(&data(&["import", "csv", "log", "--into", "a.db", "--json"], here));
    assert_eq!((&again["kept"], &again["hash"]), (&Value::from("already-there"), &kept["hash"]));

    for way in [["--state", "a.db"], ["--data", "a.db"], ["--data", "log"]] {
        let output = data(&["describe", way[0], way[1], "--json"], here);
        let description: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&description["events"], &description["hash"]), (&Value::from(2), &kept["hash"]), "{way:?}");
    }

    let other = data(&["synthetic", "--listeners", "3", "--songs", "40", "--events", "50", "--into", "a.db"], here);
    assert_eq!(other.status.code(), Some(1));
    assert_eq!(
        text(&other.stderr),
        "error: a.db holds the data set \"log\" already; add --replace, or name another file\n"
    );
    let arguments =
        ["synthetic", "--listeners", "3", "--songs", "40", "--events", "50", "--into", "a.db", "--replace", "--json"];
    assert_eq!(json(&data(&arguments, here))["kept"], "written");
    assert_eq!(json(&data(&["describe", "--state", "a.db", "--json"], here))["name"], "synthetic");
}

#[test]
fn strict_stops_and_keeps_nothing() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("events.csv"), EVENTS).unwrap();
    let output = data(&["import", "csv", ".", "--strict", "--into", "a.db"], folder.path());
    assert_eq!(output.status.code(), Some(1));
    let error = text(&output.stderr);
    assert!(
        error.starts_with("error: ./events.csv:3, column feedback: expected") && error.contains("--strict"),
        "{error}"
    );
    assert!(!folder.path().join("a.db").exists());
}

#[test]
fn errors_say_what_to_type_next_and_usage_is_code_two() {
    let folder = tempfile::tempdir().unwrap();
    let unknown = data(&["import", "hetrek", "."], folder.path());
    assert_eq!(unknown.status.code(), Some(1));
    assert!(text(&unknown.stderr).contains("expected one of hetrec, s3rec, sessions"));
    let nothing = data(&["import", "auto", "."], folder.path());
    assert!(text(&nothing.stderr).contains("data formats"));
    assert_eq!(data(&["imprt"], folder.path()).status.code(), Some(2));
    assert_eq!(data(&["describe", "--data", "a", "--state", "b"], folder.path()).status.code(), Some(2));
    for verb in ["import", "synthetic", "describe", "formats"] {
        let help = data(&[verb, "--help"], folder.path());
        assert!(help.status.success() && text(&help.stdout).contains("Example"), "{verb}");
    }
    assert_eq!(text(&data(&["formats", "--json"], folder.path()).stdout).lines().count(), 8);
}
