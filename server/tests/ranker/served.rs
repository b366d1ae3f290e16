//! `serve --ranker`: a model that is trained again while it is served takes its own place.

use crate::world::{World, text};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

struct Server(Child, String);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Server {
    /// Over a log of two listeners: the ranker needs none of it.
    fn start(world: &World) -> Self {
        std::fs::create_dir(world.path("log")).unwrap();
        let mut events = "listener,song,feedback\n".to_owned();
        (0..60).for_each(|i| events.push_str(&format!("{},{},complete\n", i % 6, (i * 7) % 11)));
        std::fs::write(world.path("log/events.csv"), events).unwrap();
        let mut child = world
            .command(&["serve", "--data", "log", "--port", "0", "--ranker", "runs/one", "--json"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let told: Value = serde_json::from_str(&line).unwrap();
        let address = told["listening"].as_str().unwrap().trim_start_matches("http://").to_owned();
        Self(child, address)
    }

    fn ask(&self, question: &Value) -> (u16, Value) {
        let body = question.to_string();
        let mut stream = TcpStream::connect(&self.1).unwrap();
        write!(
            stream,
            "POST /v1/ranker/scores HTTP/1.1\r\nHost: here\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        let body = answer.split_once("\r\n\r\n").unwrap().1;
        (status, serde_json::from_str(body).unwrap())
    }
}

#[test]
fn a_model_trained_again_is_served_without_a_word() {
    let world = World::mlc(20);
    assert!(world.train("runs/one", &[]).status.success());
    let server = Server::start(&world);
    let row = json!({
        "user": "3", "item": "4", "age": "23", "gender": "M", "occupation": "singer", "year": "1964",
        "genres": ["Rock", "Folk"], "history": ["1", "2"],
    });
    let question = json!({ "rows": [row] });
    let (status, first) = server.ask(&question);
    assert_eq!(status, 200, "{first}");
    let (status, wrong) = server.ask(&json!({ "rows": [{ "user": 3 }] }));
    assert_eq!((status, wrong["type"].as_str()), (422, Some("urn:sottovoce:problem:wrong-field-type")), "{wrong}");

    // While it is trained again, and after, nobody is turned away.
    let mut training = world
        .command(&[
            "train",
            "ranker",
            "--config",
            "settings.toml",
            "--data",
            "data",
            "--run",
            "runs/one",
            "--again",
            "--seed",
            "9",
        ])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (began, mut answers) = (Instant::now(), vec![first.clone()]);
    while answers.iter().all(|answer| answer["model"] == first["model"]) {
        assert!(began.elapsed() < Duration::from_secs(60), "the new model is not served");
        let (status, answer) = server.ask(&question);
        assert_eq!(status, 200, "{answer}");
        answers.push(answer);
        std::thread::sleep(Duration::from_millis(30));
    }
    let ended = training.wait().unwrap();
    assert!(ended.success());
    answers.dedup();
    assert_eq!(answers.len(), 2, "one model, then the other: {answers:?}");
    assert_ne!(answers[0]["rows"], answers[1]["rows"]);
}

#[test]
fn a_folder_without_a_model_is_refused_at_once() {
    let world = World::mlc(2);
    let refused = world.type_in(&["serve", "--port", "0", "--ranker", "runs/none"]);
    let said = text(&refused.stderr);
    assert!(!refused.status.success() && said.contains("runs/none holds no finished run"), "{said}");
}
