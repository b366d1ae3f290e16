//! The npm tarball, and the bytes a page downloads for it.

use crate::report::{Size, size_table};
use crate::workspace::{Workspace, make_folder};
use crate::{run, setup, web};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// An entry of the package that has to stay small: its module with what that imports before it runs, and its wasm.
struct Entry {
    name: &'static str,
    module: &'static str,
    wasm: &'static str,
    /// All of it together, brotli, in bytes.
    bar: u64,
}

const ENTRIES: [Entry; 2] = [
    Entry { name: ".", module: "index.js", wasm: "sottovoce.wasm", bar: 60_000 },
    Entry { name: "./slim", module: "slim.js", wasm: "sottovoce-slim.wasm", bar: 25_000 },
];

/// What a page downloads for an entry.
struct Download {
    entry: &'static Entry,
    files: Vec<Size>,
    total: Size,
}

impl Download {
    fn holds(&self) -> bool {
        self.total.brotli <= self.entry.bar
    }

    fn verdict(&self) -> String {
        let Entry { name, bar, .. } = self.entry;
        let holds = if self.holds() { "holds" } else { "MISSED" };
        format!("`{name}`: {} bytes of brotli together, bar {bar}: {holds}", self.total.brotli)
    }
}

/// What `package` takes.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask package\n  cargo xtask package --json\n\nExits 1 where an entry is over its bytes of brotli: 60000 for `.`, 25000 for `./slim`, wasm and JavaScript together."
)]
pub(crate) struct Arguments {
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

/// Builds, packs, measures.
pub(crate) fn package(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    let package = web::build_package(workspace)?;
    let tarball = pack(workspace)?;
    let downloads = measure(&package.join("dist"))?;
    for download in &downloads {
        if arguments.json {
            for size in &download.files {
                let mut line = size.json();
                line["entry"] = json!(download.entry.name);
                println!("{line}");
            }
            let mut line = download.total.json();
            line["entry"] = json!(download.entry.name);
            line["bar"] = json!(download.entry.bar);
            line["holds"] = json!(download.holds());
            line["tarball"] = json!(tarball.file_name().map(|n| n.to_string_lossy()));
            println!("{line}");
        } else {
            let mut sizes = download.files.clone();
            sizes.push(download.total.clone());
            println!("{}{}\n", size_table(&sizes), download.verdict());
        }
    }
    if !arguments.json {
        println!("{}", tarball.display());
    }
    Ok(if downloads.iter().all(Download::holds) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whether each entry is within its bytes; says how many there are.
pub(crate) fn verdicts(workspace: &Workspace) -> Result<Vec<bool>> {
    let package = web::build_package(workspace)?;
    let downloads = measure(&package.join("dist"))?;
    downloads.iter().for_each(|download| println!("{}", download.verdict()));
    Ok(downloads.iter().map(Download::holds).collect())
}

fn pack(workspace: &Workspace) -> Result<PathBuf> {
    let folder = workspace.target.join("package");
    make_folder(&folder)?;
    let mut npm = setup::npm(workspace);
    npm.args(["pack", "--json", "--workspace", "pkg-config", "--pack-destination"]).arg(&folder);
    let said = run::capture(&mut npm)?;
    let name = tarball_name(&said).context("npm pack named no tarball")?;
    Ok(folder.join(name))
}

/// `npm pack --json` prints an array of packages, newer npm an object keyed by package.
fn tarball_name(said: &str) -> Option<String> {
    let said: Value = serde_json::from_str(&said[said.find(['[', '{'])?..]).ok()?;
    let first = match &said {
        Value::Array(packages) => packages.first()?,
        Value::Object(packages) => packages.values().next()?,
        _ => return None,
    };
    Some(first.get("filename")?.as_str()?.to_owned())
}

/// What a page downloads for each entry that there is.
fn measure(dist: &Path) -> Result<Vec<Download>> {
    let entries: Vec<&'static Entry> = ENTRIES.iter().filter(|entry| dist.join(entry.module).exists()).collect();
    if entries.is_empty() {
        bail!("{} holds no {}; the package's build is incomplete", dist.display(), ENTRIES[0].module);
    }
    let said = run::capture(
        Command::new("node")
            .current_dir(dist)
            .args(["--input-type=module", "--eval", include_str!("sizes.mjs"), "--"])
            .args(entries.iter().map(|Entry { name, module, wasm, .. }| format!("{name}:{module}:{wasm}"))),
    )?;
    let mut sizes = Vec::new();
    for line in said.lines() {
        sizes.push(size_in(line).with_context(|| format!("not a size: {line}"))?);
    }
    Ok(entries
        .into_iter()
        .map(|entry| {
            let files: Vec<Size> = sizes.iter().filter(|(of, _)| of == entry.name).map(|(_, s)| s.clone()).collect();
            Download { entry, total: Size::sum("together", &files), files }
        })
        .collect())
}

/// The entry, and a file of it.
fn size_in(line: &str) -> Option<(String, Size)> {
    let value: Value = serde_json::from_str(line).ok()?;
    let number = |key: &str| value.get(key)?.as_u64();
    let word = |key: &str| Some(value.get(key)?.as_str()?.to_owned());
    let size = Size { file: word("file")?, raw: number("raw")?, gzip: number("gzip")?, brotli: number("brotli")? };
    Some((word("entry")?, size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_tarballs_name_from_old_and_new_npm() {
        assert_eq!(tarball_name(r#"[{"filename":"sottovoce-0.1.0.tgz"}]"#).as_deref(), Some("sottovoce-0.1.0.tgz"));
        assert_eq!(tarball_name("npm notice\n{\"sottovoce\":{\"filename\":\"a.tgz\"}}").as_deref(), Some("a.tgz"));
        assert_eq!(tarball_name("nothing"), None);
    }

    #[test]
    fn reads_a_size() {
        let size = size_in(r#"{"entry":".","file":"a.js","raw":3,"gzip":2,"brotli":1}"#);
        assert_eq!(size, Some((".".into(), Size { file: "a.js".into(), raw: 3, gzip: 2, brotli: 1 })));
        assert_eq!(size_in(r#"{"file":"a.js"}"#), None);
    }

    #[test]
    fn an_entry_is_judged_by_the_sum_of_its_files() {
        let file = |brotli| Size { file: "a".into(), raw: 0, gzip: 0, brotli };
        let download = |files: Vec<Size>| Download { entry: &ENTRIES[1], total: Size::sum("together", &files), files };
        assert!(download(vec![file(20_000), file(5_000)]).holds());
        assert!(!download(vec![file(20_000), file(5_001)]).holds());
    }
}
