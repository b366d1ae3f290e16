//! The npm tarball, and the bytes a page downloads for it.

use crate::report::{Size, size_table};
use crate::workspace::{Workspace, make_folder};
use crate::{run, setup, web};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// wasm and JavaScript together, brotli, in bytes.
const BAR: u64 = 60_000;

/// What `package` takes.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask package\n  cargo xtask package --json\n\nExits 1 where wasm and JavaScript together are over 60000 bytes of brotli."
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
    let mut sizes = measure(&package.join("dist"))?;
    let total = Size::sum("together", &sizes);
    let holds = total.brotli <= BAR;
    if arguments.json {
        sizes.iter().for_each(|size| println!("{}", size.json()));
        let mut line = total.json();
        line["bar"] = json!(BAR);
        line["holds"] = json!(holds);
        line["tarball"] = json!(tarball.file_name().map(|n| n.to_string_lossy()));
        println!("{line}");
    } else {
        sizes.push(total.clone());
        print!("{}", size_table(&sizes));
        println!("{} bytes of brotli together, bar {BAR}: {}", total.brotli, if holds { "holds" } else { "missed" });
        println!("{}", tarball.display());
    }
    Ok(if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whether wasm and JavaScript are within their bytes; says how many there are.
pub(crate) fn holds(workspace: &Workspace) -> Result<bool> {
    let package = web::build_package(workspace)?;
    let total = Size::sum("together", &measure(&package.join("dist"))?);
    println!("{} bytes of brotli, at most {BAR}", total.brotli);
    Ok(total.brotli <= BAR)
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

fn measure(dist: &Path) -> Result<Vec<Size>> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(dist)
        .with_context(|| format!("cannot list {}", dist.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "wasm" || e == "js" || e == "mjs"))
        .collect();
    files.sort();
    if !files.iter().any(|f| f.extension().is_some_and(|e| e == "wasm")) {
        bail!("{} holds no wasm; the package's build is incomplete", dist.display());
    }
    let said = run::capture(
        Command::new("node")
            .current_dir(dist)
            .args(["--input-type=module", "--eval", include_str!("sizes.mjs"), "--"])
            .args(files.iter().filter_map(|f| f.file_name())),
    )?;
    said.lines().map(|line| size_in(line).with_context(|| format!("not a size: {line}"))).collect()
}

fn size_in(line: &str) -> Option<Size> {
    let value: Value = serde_json::from_str(line).ok()?;
    let number = |key: &str| value.get(key)?.as_u64();
    Some(Size {
        file: value.get("file")?.as_str()?.to_owned(),
        raw: number("raw")?,
        gzip: number("gzip")?,
        brotli: number("brotli")?,
    })
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
        let size = size_in(r#"{"file":"a.js","raw":3,"gzip":2,"brotli":1}"#);
        assert_eq!(size, Some(Size { file: "a.js".into(), raw: 3, gzip: 2, brotli: 1 }));
        assert_eq!(size_in(r#"{"file":"a.js"}"#), None);
    }
}
