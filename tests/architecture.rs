//! The house itself: ARCHITECTURE.md names every room, every room it names exists, and imports run one way.

#![cfg(not(target_arch = "wasm32"))]
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The paths of the fenced block with this info string, in order: the first word of each line.
fn tree(name: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let fence = format!("```{name}\n");
    let block = text.split(&fence).nth(1).unwrap_or_else(|| panic!("ARCHITECTURE.md has no `{name}` block"));
    let block = block.split("```").next().unwrap();
    let paths = block.lines().filter_map(|l| l.split_whitespace().next());
    paths.map(|path| path.trim_end_matches('/').to_owned()).collect()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// `server/src/recall/item_cf.rs` → `recall`; `src/ids.rs` → `ids`.
fn room_of(path: &str, folder: &str) -> String {
    let inside = path.strip_prefix(folder).unwrap_or(path).trim_start_matches('/');
    inside.split('/').next().unwrap().trim_end_matches(".rs").to_owned()
}

const CRATES: [(&str, &str); 2] = [("device", "src"), ("server", "server/src")];

#[test]
fn every_path_in_the_map_exists() {
    for block in ["house", "device", "server"] {
        for path in tree(block) {
            assert!(root().join(&path).exists(), "ARCHITECTURE.md names {path}, which is not there");
        }
    }
}

#[test]
fn every_room_is_in_the_map() {
    for (block, folder) in CRATES {
        let named = tree(block);
        for entry in fs::read_dir(root().join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let path = format!("{folder}/{name}");
            let is_root = ["lib.rs", "main.rs"].contains(&name.as_str());
            assert!(is_root || named.contains(&path), "{path} is not in the `{block}` tree of ARCHITECTURE.md");
        }
    }
    let named = tree("house");
    // What builds leave behind, and hidden files.
    let left_behind = ["target", "node_modules", "webdriver.json", "pkg", "runs"];
    for entry in fs::read_dir(root()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let expected = !name.starts_with('.') && !left_behind.contains(&name.as_str()) && !name.contains(".db");
        assert!(!expected || named.contains(&name), "{name} is not in the `house` tree of ARCHITECTURE.md");
    }
}

/// A room may import only rooms above it in the map: what keeps the device small and the house readable from the top.
#[test]
fn imports_run_one_way() {
    for (block, folder) in CRATES {
        let rooms = tree(block);
        let order: BTreeMap<String, usize> = rooms.iter().enumerate().map(|(i, p)| (room_of(p, folder), i)).collect();
        for file in rust_files(&root().join(folder)) {
            let inside = file.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
            let Some(mine) = order.get(&room_of(&inside, folder)) else { continue };
            for (number, line) in fs::read_to_string(&file).unwrap().lines().enumerate() {
                let code = line.split("//").next().unwrap_or_default();
                for used in code.split("crate::").skip(1) {
                    let used: String = used.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                    let Some(theirs) = order.get(&used) else { continue };
                    let place = number + 1;
                    assert!(
                        theirs <= mine,
                        "{inside}:{place} imports `{used}`, which stands below it in ARCHITECTURE.md"
                    );
                }
            }
        }
    }
}

#[test]
fn the_dependency_runs_from_server_to_device() {
    for file in rust_files(&root().join("src")) {
        assert!(!fs::read_to_string(&file).unwrap().contains("sottovoce_server"), "{}", file.display());
    }
}

/// A folder's `mod.rs` is the sign on its door: prose and names, no logic.
#[test]
fn signs_on_doors_hold_no_logic() {
    for (_, folder) in CRATES {
        for file in rust_files(&root().join(folder)).into_iter().filter(|f| f.ends_with("mod.rs")) {
            let text = fs::read_to_string(&file).unwrap();
            assert!(text.starts_with("//!"), "{} does not say what its room is for", file.display());
            let logic = text.lines().find(|l| ["fn ", "pub fn ", "impl "].iter().any(|start| l.starts_with(start)));
            assert_eq!(logic, None, "{} holds logic", file.display());
        }
    }
}

/// Where a file grows past this, there is a second idea inside.
#[test]
fn files_stay_readable() {
    for folder in ["src", "server/src", "xtask/src"] {
        for file in rust_files(&root().join(folder)) {
            let lines = fs::read_to_string(&file).unwrap().lines().count();
            assert!(lines <= 500, "{} has {lines} lines", file.display());
        }
    }
}
