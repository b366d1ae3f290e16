//! A training that is killed where it stands, again and again, ends with the bytes of one that was left alone.

use crate::world::{World, content, error, text};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

fn last_line(run: &Path) -> String {
    std::fs::read_to_string(run.join("metrics.jsonl")).unwrap().lines().last().unwrap().to_owned()
}

#[test]
fn kills_cost_nothing() {
    let world = World::mlc(120);
    let settings = crate::world::SETTINGS.replace("batch = 64", "batch = 16").replace("hidden = [8]", "hidden = [64]");
    world.settings("settings.toml", &settings);
    assert!(world.train("runs/whole", &[]).status.success());
    let (whole, cut) = (world.path("runs/whole"), world.path("runs/cut"));
    let checkpoint = cut.join("checkpoint.bin");
    let usual = ["train", "ranker", "--config", "settings.toml", "--data", "data", "--run", "runs/cut"];
    let mut kills = 0;
    for way in 0..8 {
        // Every 320 rows of 3840: most kills fall inside an epoch.
        let mut more = vec!["--checkpoint-every", "320"];
        if checkpoint.exists() {
            more.push("--resume");
        }
        let before = std::fs::read(&checkpoint).ok();
        let mut child =
            world.command(&[&usual[..], &more].concat()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let began = Instant::now();
        // Until it is further than it was, and then a little, not the same each time.
        while child.try_wait().unwrap().is_none() && std::fs::read(&checkpoint).ok() == before {
            assert!(began.elapsed() < Duration::from_secs(120), "no checkpoint");
            std::thread::sleep(Duration::from_millis(2));
        }
        std::thread::sleep(Duration::from_millis(3 * way));
        if child.try_wait().unwrap().is_none() {
            child.kill().unwrap(); // SIGKILL
            kills += 1;
        }
        child.wait().unwrap();
        if cut.join("model.bin").exists() && !checkpoint.exists() {
            break;
        }
    }
    assert!(kills >= 2, "{kills} kills");
    if checkpoint.exists() {
        let ended = world.train("runs/cut", &["--checkpoint-every", "320", "--resume"]);
        assert!(ended.status.success(), "{}", text(&ended.stderr));
    }
    assert_eq!(std::fs::read(whole.join("model.bin")).unwrap(), std::fs::read(cut.join("model.bin")).unwrap());
    assert_eq!(last_line(&whole), last_line(&cut));
    assert!(!checkpoint.exists());
    let epochs = |run: &Path| std::fs::read_to_string(run.join("metrics.jsonl")).unwrap().lines().count();
    assert_eq!(epochs(&whole), epochs(&cut), "no epoch is told twice");
}

/// A run that was stopped in its second epoch.
fn stopped(world: &World) -> std::path::PathBuf {
    let usual = ["train", "ranker", "--config", "settings.toml", "--data", "data", "--run", "runs/cut"];
    let mut child = world
        .command(&[&usual[..], &["--checkpoint-every", "64"]].concat())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let run = world.path("runs/cut");
    let began = Instant::now();
    while !run.join("metrics.jsonl").exists() {
        assert!(began.elapsed() < Duration::from_secs(120) && child.try_wait().unwrap().is_none(), "no epoch");
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    run
}

#[test]
fn a_damaged_checkpoint_says_so_and_is_left_alone() {
    let world = World::mlc(60);
    world.settings("settings.toml", &crate::world::SETTINGS.replace("epochs = 4", "epochs = 400\npatience = 400"));
    let run = stopped(&world);
    let checkpoint = run.join("checkpoint.bin");
    let whole = std::fs::read(&checkpoint).unwrap();
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0x10;
    for (bytes, what) in [
        (&whole[..whole.len() / 3], "cut short"),
        (&whole[..5], "cut short"),
        (&[][..], "cut short"),
        (&flipped[..], "a byte was changed"),
        (b"something else, and long enough to be a head of one", "no checkpoint"),
    ] {
        std::fs::write(&checkpoint, bytes).unwrap();
        let before = content(&run);
        let refused = error(&world.train("runs/cut", &["--resume"]));
        assert!(refused.contains("checkpoint.bin") && refused.contains(what), "{refused}");
        assert!(refused.contains("--again"), "{refused}");
        assert_eq!(content(&run), before, "nothing is half-written");
    }
    // Other settings are another run.
    std::fs::write(&checkpoint, &whole).unwrap();
    world.settings("settings.toml", &crate::world::SETTINGS.replace("0.01", "0.02"));
    let refused = error(&world.train("runs/cut", &["--resume"]));
    assert!(refused.contains("another file of settings") && refused.contains("--again"), "{refused}");
}
