//! Debian packages, where the machine has apt and this user may install.

use crate::run;
use anyhow::{Result, bail};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

static UPDATED: AtomicBool = AtomicBool::new(false);

/// Installs packages. `purpose` completes the sentence "… is needed".
pub(super) fn install(packages: &[&str], purpose: &str) -> Result<()> {
    let list = packages.join(" ");
    if run::find_on_path("apt-get").is_none() {
        bail!(
            "{purpose} needs {list}, and this machine has no apt-get; next: install them with this system's own package manager, then run the same command again"
        );
    }
    run::say(&format!("{purpose}: installing {list}"));
    if !UPDATED.load(Ordering::Relaxed) {
        run::run(as_root("apt-get", &["update", "-qq"], &list)?.env("DEBIAN_FRONTEND", "noninteractive"))?;
        UPDATED.store(true, Ordering::Relaxed);
    }
    let mut words = vec!["install", "-y", "-qq", "--no-install-recommends"];
    words.extend(packages);
    run::run(as_root("apt-get", &words, &list)?.env("DEBIAN_FRONTEND", "noninteractive"))
}

/// A command that may write to the system, directly as root or through a sudo that asks nothing.
pub(super) fn as_root(program: &str, words: &[&str], what: &str) -> Result<Command> {
    let is_root = run::capture(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    if is_root {
        let mut command = Command::new(program);
        command.args(words);
        return Ok(command);
    }
    if run::succeeds(Command::new("sudo").args(["-n", "true"])) {
        let mut command = Command::new("sudo");
        command.args(["-n", "DEBIAN_FRONTEND=noninteractive", program]).args(words);
        return Ok(command);
    }
    bail!("{what} has to be installed by root; next: sudo {program} {}", words.join(" "))
}
