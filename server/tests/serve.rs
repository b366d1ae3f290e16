//! The server as a process: it says where it listens, survives SIGKILL in the middle of traffic, and ends well on SIGTERM.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test")]

use sottovoce::ids::{Millis, RoundId};
use sottovoce::privacy::Gradient;
use sottovoce::protocol::{MEDIA_TYPE, RoundOffer, TowerWeights, WeightUpdate, decode, send};
use sottovoce_server::data::{SyntheticConfig, save_dataset, synthetic};
use sottovoce_server::federated::{Mean, ServerOptimiser};
use sottovoce_server::progress::quiet;
use sottovoce_server::state::State;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(state: &Path, cohort: u32, more: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_sottovoce-server"))
            .args(["serve", "--port", "0", "--round-seconds", "3600", "--open-rounds", "--state"])
            .arg(state)
            .args(["--cohort", &cohort.to_string()])
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").and_then(|url| url.split("//").nth(1)).expect(&line);
        let address = address.to_owned();
        Self { child, address }
    }

    fn request(&self, method: &str, path: &str, body: &[u8]) -> std::io::Result<(u16, Vec<u8>)> {
        Self::over(TcpStream::connect(&self.address)?, method, path, "", body)
    }

    fn over(
        mut stream: impl Read + Write,
        method: &str,
        path: &str,
        headers: &str,
        body: &[u8],
    ) -> std::io::Result<(u16, Vec<u8>)> {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}Content-Type: {MEDIA_TYPE}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes())?;
        stream.write_all(body)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let cut = answer.windows(4).position(|w| w == b"\r\n\r\n").ok_or(std::io::ErrorKind::UnexpectedEof)?;
        let status = String::from_utf8_lossy(&answer[9..12]).parse().map_err(|_| std::io::ErrorKind::InvalidData)?;
        Ok((status, answer[cut + 4..].to_vec()))
    }

    fn get(&self, path: &str) -> Vec<u8> {
        let (status, body) = self.request("GET", path, &[]).unwrap();
        assert_eq!(status, 200, "{path}");
        body
    }

    fn kill(mut self) {
        self.child.kill().unwrap(); // SIGKILL
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill(); // ended already where the test went well
        let _ = self.child.wait();
    }
}

async fn world(path: &Path) {
    let state = State::open(path).await.unwrap();
    let config = SyntheticConfig { listeners: 12, songs: 60, events: 1500, ..SyntheticConfig::default() };
    save_dataset(&state, &synthetic(&config), Millis(0), &quiet).await.unwrap();
    state.close().await;
}

fn update(offer: &RoundOffer, parameters: usize, i: u8) -> WeightUpdate {
    let values = (0..parameters).map(|p| f32::from(i) * if p % 3 == 0 { 1e-3 } else { -1e-3 }).collect();
    WeightUpdate::new(offer.round, offer.weights, Gradient::new(values).clip(offer.plan.clip_norm))
}

#[tokio::test]
async fn sigkill_anywhere_loses_nothing_that_was_acknowledged() {
    sigkill(&[]).await;
}

/// A schema of its own in the server that `cargo xtask test` starts; none, with a message, without one.
async fn schema() -> Option<String> {
    let Ok(url) = std::env::var("SOTTOVOCE_POSTGRES") else {
        eprintln!("skipped: SOTTOVOCE_POSTGRES names no PostgreSQL server; `cargo xtask test` starts one");
        return None;
    };
    let name = format!("s{}", std::process::id());
    let pool = sqlx::PgPool::connect(&url).await.expect("SOTTOVOCE_POSTGRES must answer where it is set");
    sqlx::query(sqlx::AssertSqlSafe(format!("CREATE SCHEMA {name}"))).execute(&pool).await.unwrap();
    pool.close().await;
    Some(format!("{url}?options[search_path]={name}"))
}

#[tokio::test]
async fn sigkill_anywhere_loses_nothing_that_was_acknowledged_by_postgresql() {
    if let Some(url) = schema().await {
        sigkill(&["--rounds", &url]).await;
    }
}

/// A certificate of this very test, a key, and an operator.
#[tokio::test]
async fn serves_by_tls_and_only_by_tls() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    world(&path).await;
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let write = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (certificate, key) = (write("a.crt", made.cert.pem()), write("a.key", made.signing_key.serialize_pem()));
    let token = "operator-".repeat(5);
    let tokens = write("tokens", format!("{token}\n"));
    let log = write("log.key", "0b".repeat(32));
    let tls = ["--tls-cert", &certificate, "--tls-key", &key];
    let server = Server::start(&path, 3, &[&tls[..], &["--admin-token-file", &tokens, "--signing-key", &log]].concat());

    let mut trusted = rustls::RootCertStore::empty();
    trusted.add(made.cert.der().clone()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let client = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let client = std::sync::Arc::new(client.with_root_certificates(trusted).with_no_client_auth());
    let get = |path: &str, headers: &str| {
        let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
        let session = rustls::ClientConnection::new(std::sync::Arc::clone(&client), name).unwrap();
        let stream = TcpStream::connect(&server.address).unwrap();
        Server::over(rustls::StreamOwned::new(session, stream), "GET", path, headers, &[]).unwrap()
    };
    assert_eq!(get("/health", "").0, 200);
    let (status, body) = get("/v1/log/key", "");
    let public = ed25519_dalek::SigningKey::from_bytes(&[0x0b; 32]).verifying_key();
    let public: String = public.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(status == 200 && String::from_utf8_lossy(&body).contains(&public), "the key of --signing-key");
    assert_eq!(get("/v1/admin/settings", "").0, 401);
    assert_eq!(get("/v1/admin/settings", &format!("Authorization: Bearer {token}\r\n")).0, 200);
    assert!(!matches!(server.request("GET", "/health", &[]), Ok((200, _))), "no plain HTTP beside it");
    server.kill();
}

async fn sigkill(more: &[&str]) {
    const COHORT: u8 = 12;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    world(&path).await;

    let mut server = Server::start(&path, COHORT.into(), more);
    let before: TowerWeights = decode(&server.get("/v1/tower/weights")).unwrap();
    let offer: RoundOffer = decode(&server.get("/v1/rounds/next")).unwrap();
    assert_eq!((offer.round, offer.cohort), (RoundId(1), COHORT.into()));
    let put = |server: &Server, i: u8| {
        let body = send(&update(&offer, before.values.len(), i));
        server.request("PUT", &format!("/v1/rounds/1/updates/{i:032x}"), &body).map(|(status, _)| status)
    };
    let mut acknowledged: Vec<u8> = Vec::new();
    for i in 0..COHORT {
        if i % 4 == 2 {
            // Killed while this update is on its way: it may be counted or not, and the device knows neither.
            let address = server.address.clone();
            std::thread::scope(|scope| {
                let on_its_way = scope.spawn(|| put(&server, i));
                std::thread::sleep(std::time::Duration::from_micros(u64::from(i) * 400));
                Command::new("kill").args(["-KILL", &server.child.id().to_string()]).status().unwrap();
                let _ = on_its_way.join().unwrap(); // a receipt or a broken connection
            });
            assert!(TcpStream::connect(&address).is_err() || server.child.wait().is_ok());
            server.kill();
            server = Server::start(&path, COHORT.into(), more);
            for known in &acknowledged {
                assert_eq!(put(&server, *known).unwrap(), 200, "update {known} was acknowledged before the kill");
            }
        }
        let status = put(&server, i).unwrap();
        assert!([200, 201].contains(&status), "update {i}: {status}");
        acknowledged.push(i);
    }

    let after: TowerWeights = decode(&server.get("/v1/tower/weights")).unwrap();
    let mut mean = Mean::new(before.values.len());
    (0..COHORT).for_each(|i| mean.add(update(&offer, before.values.len(), i).values().iter().copied()).unwrap());
    let (mut expected, optimiser) = (before.values.clone(), ServerOptimiser::default());
    optimiser.step(&mut expected, &mut optimiser.initial(before.values.len()), &mean.finish().unwrap()).unwrap();
    assert_eq!(after.version.0, before.version.0 + 1);
    assert!(after.values == expected, "the weights are not those of an uninterrupted round");

    // The state is kept, and a polite end is a success.
    server.kill();
    let mut server = Server::start(&path, COHORT.into(), more);
    assert!(decode::<TowerWeights>(&server.get("/v1/tower/weights")).unwrap() == after);
    Command::new("kill").args(["-TERM", &server.child.id().to_string()]).status().unwrap();
    assert!(server.child.wait().unwrap().success());
}
