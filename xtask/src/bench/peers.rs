//! The peers' packages, installed into the cache from lock files: nothing of them is part of the project.

use crate::run;
use crate::setup::npm;
use crate::stamp::Stamp;
use crate::workspace::{Workspace, make_folder};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where their sources and lock files stand.
fn sources(workspace: &Workspace) -> PathBuf {
    workspace.root.join("benches/device/peers")
}

/// onnxruntime-web and TensorFlow.js, ready to be served: the folder.
pub(super) fn pages(workspace: &Workspace) -> Result<PathBuf> {
    const LOCKED: [&str; 2] = ["package.json", "package-lock.json"];
    let (sources, home) = (sources(workspace), workspace.cache.join("peers/npm"));
    make_folder(&home)?;
    let locked = LOCKED.map(|name| sources.join(name));
    let place = home.to_string_lossy();
    let stamp = Stamp::of(workspace, "peers-npm", &locked, &[&place])?;
    if !stamp.holds(&[home.join("node_modules")]) {
        run::say("the peers: npm ci, into the cache");
        for name in LOCKED {
            std::fs::copy(sources.join(name), home.join(name)).with_context(|| format!("cannot copy {name}"))?;
        }
        run::run(npm(workspace).current_dir(&home).args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])).context(
            "the peers are missing; next: see whether the npm registry can be reached, or run the bench with --alone",
        )?;
        stamp.keep()?;
    }

    let site = workspace.scratch("peers");
    let stamp = Stamp::of(workspace, "peers-site", std::slice::from_ref(&sources), &[&place])?;
    if !stamp.holds(&[site.join("tfjs.js"), site.join("ort")]) {
        run::say("the peers: bundle and graphs");
        run::run(Command::new("node").current_dir(&home).arg(sources.join("build.mjs")).arg(&site))?;
        stamp.keep()?;
    }
    Ok(site)
}

/// Python with what a requirements file names, in a virtual environment of the cache.
pub(super) fn python(workspace: &Workspace, peer: &str, requirements: &Path) -> Result<PathBuf> {
    let home = workspace.cache.join("peers").join(peer);
    let program = if cfg!(windows) { home.join("Scripts/python.exe") } else { home.join("bin").join("python") };
    let name = format!("peers-{peer}");
    let stamp = Stamp::of(workspace, &name, &[requirements.to_owned()], &[&home.to_string_lossy()])?;
    if !stamp.holds(std::slice::from_ref(&program)) {
        run::say(&format!("the peers: a virtual environment with {peer}, in the cache"));
        run::run(Command::new(system_python()?).args(["-m", "venv"]).arg(&home))
            .context("no virtual environment; next: install python3-venv, or run the bench with --alone")?;
        run::run(Command::new(&program).args(["-m", "pip", "install", "--quiet", "--requirement"]).arg(requirements))
            .context("next: see whether PyPI can be reached, or run the bench with --alone")?;
        stamp.keep()?;
    }
    Ok(program)
}

/// Python with pyversity.
pub(super) fn pyversity(workspace: &Workspace) -> Result<PathBuf> {
    python(workspace, "pyversity", &sources(workspace).join("requirements.txt"))
}

/// Python with Flower, and the script that drives one round of its SecAgg+; none where the scripts beside the project are missing.
pub(super) fn flower(workspace: &Workspace) -> Result<Option<(PathBuf, PathBuf)>> {
    let script = workspace.root.join("../shared/peers/flower/flwr_round.py");
    if !script.exists() {
        run::say("the peers: the script that drives Flower is not beside the project; its lines are left out");
        return Ok(None);
    }
    let python = python(workspace, "flower", &workspace.root.join("benches/rounds/requirements.txt"))?;
    Ok(Some((python, script)))
}

fn system_python() -> Result<PathBuf> {
    let found = ["python3", "python"].iter().find_map(|name| run::find_on_path(name));
    found.context("no python on PATH; next: install python3 and python3-venv, or run the bench with --alone")
}

/// The script that runs pyversity's DPP.
pub(super) fn pyversity_script(workspace: &Workspace) -> PathBuf {
    sources(workspace).join("pyversity_dpp.py")
}

/// The folder that both halves of a native comparison share.
pub(super) fn shared(workspace: &Workspace) -> Result<PathBuf> {
    let folder: &Path = &workspace.scratch("beside");
    make_folder(folder)?;
    Ok(folder.to_owned())
}
