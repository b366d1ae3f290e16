//! Small tables in the formats of the real ones, and the binary.

use serde_json::Value;
use sottovoce::math::Rng;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// A folder with data and a file of settings.
pub(crate) struct World {
    pub(crate) folder: TempDir,
}

pub(crate) const SETTINGS: &str = "table = \"mlc\"\n[model]\nname = \"deep_fm\"\n[model.fields]\ndimension = 4\n[model.layers]\n\
     hidden = [8]\n[train]\ntasks = [\"click\"]\nbatch = 64\nepochs = 4\nlearning_rate = 0.01\n";

impl World {
    /// So many users with 40 ratings each, in the format of MovieLens; whoever's number goes with a film's likes it.
    pub(crate) fn mlc(users: u32) -> Self {
        Self::rated(users, |rng, user, item| {
            let likes = rng.uniform() < if (user + item).is_multiple_of(2) { 0.75 } else { 0.25 };
            if likes { 4 + rng.below(2) } else { 1 + rng.below(3) }
        })
    }

    pub(crate) fn rated(users: u32, mut stars: impl FnMut(&mut Rng, u32, u32) -> u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        std::fs::create_dir(&data).unwrap();
        let mut rng = Rng::new(7).split("ratings");
        let mut inter = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n".to_owned();
        let mut user_side = "user_id:token\tage:token\tgender:token\toccupation:token\tzip_code:token\n".to_owned();
        let mut item_side = "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n".to_owned();
        for user in 1..=users {
            writeln!(user_side, "{user}\t{}\t{}\tsinger\t0", 20 + user % 5, ["F", "M"][user as usize % 2]).unwrap();
            for at in 0..40 {
                let item = 1 + rng.below(30);
                let stars = stars(&mut rng, user, item);
                writeln!(inter, "{user}\t{item}\t{stars}\t{}", 880_000_000 + at * 60).unwrap();
            }
        }
        for item in 1..=30 {
            writeln!(item_side, "{item}\tA Song\t{}\t{}", 1960 + item, ["Folk", "Rock Folk", "Jazz"][item % 3])
                .unwrap();
        }
        for (ending, text) in [("inter", inter), ("user", user_side), ("item", item_side)] {
            std::fs::write(data.join(format!("ml-100k.{ending}")), text).unwrap();
        }
        let world = Self { folder };
        world.settings("settings.toml", SETTINGS);
        world
    }

    pub(crate) fn settings(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sottovoce-server"));
        command.args(arguments).current_dir(self.folder.path()).env_remove("RUST_LOG");
        command
    }

    pub(crate) fn type_in(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// `train ranker` with the usual settings into this folder, and more.
    pub(crate) fn train(&self, run: &str, more: &[&str]) -> Output {
        let usual = ["train", "ranker", "--config", "settings.toml", "--data", "data", "--run", run];
        self.type_in(&[&usual, more].concat())
    }
}

pub(crate) fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// What was said on stdout, a JSON object a line.
pub(crate) fn lines(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "", "--json says nothing on stderr");
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// An error's text; there is no panic behind it, and nothing on stdout.
pub(crate) fn error(output: &Output) -> String {
    let said = text(&output.stderr).to_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.starts_with("error: ") && !said.contains("panicked"), "{said}");
    said
}

/// What is in a folder: names and bytes, locks left out.
pub(crate) fn content(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let Ok(entries) = std::fs::read_dir(folder) else { return vec![] };
    let mut all: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| !path.ends_with(".lock"))
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap()))
        .collect();
    all.sort();
    all
}
