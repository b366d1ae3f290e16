//! The server as a process: it says where it listens, survives SIGKILL in the middle of traffic, and ends well on SIGTERM.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test")]

use sottovoce::ids::{Millis, RoundId};
use sottovoce::privacy::Gradient;
use sottovoce::protocol::{MEDIA_TYPE, RoundOffer, TowerWeights, WeightUpdate, decode, send};
use sottovoce_server::data::{SyntheticConfig, save_dataset, synthetic};
use sottovoce_server::federated::{Mean, ServerOptimiser};
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
    fn start(state: &Path, cohort: u32) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_sottovoce-server"))
            .args(["serve", "--port", "0", "--round-seconds", "3600", "--state"])
            .arg(state)
            .args(["--cohort", &cohort.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").expect(&line).to_owned();
        Self { child, address }
    }

    fn request(&self, method: &str, path: &str, body: &[u8]) -> std::io::Result<(u16, Vec<u8>)> {
        let mut stream = TcpStream::connect(&self.address)?;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: {MEDIA_TYPE}\r\nContent-Length: {}\r\n\r\n",
            self.address,
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
    save_dataset(&state, &synthetic(&config), Millis(0), &indicatif::ProgressBar::hidden()).await.unwrap();
    state.close().await;
}

fn update(offer: &RoundOffer, parameters: usize, i: u8) -> WeightUpdate {
    let values = (0..parameters).map(|p| f32::from(i) * if p % 3 == 0 { 1e-3 } else { -1e-3 }).collect();
    WeightUpdate::new(offer.round, offer.weights, Gradient::new(values).clip(offer.plan.clip_norm))
}

#[tokio::test]
async fn sigkill_anywhere_loses_nothing_that_was_acknowledged() {
    const COHORT: u8 = 12;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    world(&path).await;

    let mut server = Server::start(&path, COHORT.into());
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
            server = Server::start(&path, COHORT.into());
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
    let mut server = Server::start(&path, COHORT.into());
    assert!(decode::<TowerWeights>(&server.get("/v1/tower/weights")).unwrap() == after);
    Command::new("kill").args(["-TERM", &server.child.id().to_string()]).status().unwrap();
    assert!(server.child.wait().unwrap().success());
}
