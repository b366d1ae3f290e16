//! Running child processes: what is run is printed, what goes wrong names the command and the next thing to type.

use anyhow::{Context, Result, bail};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Says which step begins. Progress goes to stderr; stdout belongs to results.
pub(crate) fn say(text: &str) {
    eprintln!("==> {text}");
}

/// Runs a command to its end. Its stdout joins stderr, so that `--json` keeps stdout clean.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    eprintln!("    $ {}", shown(command));
    let status = command.stdout(io::stderr()).status().with_context(|| cannot_start(command))?;
    if status.success() {
        return Ok(());
    }
    bail!("`{}` failed ({status}); its own words are above", shown(command))
}

/// Runs a command quietly and gives its stdout; where it fails, its stderr is in the error.
pub(crate) fn capture(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| cannot_start(command))?;
    if !output.status.success() {
        bail!("`{}` failed ({}): {}", shown(command), output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a command whose stdout is its result; what it says on stderr is passed on.
pub(crate) fn result_of(command: &mut Command) -> Result<String> {
    eprintln!("    $ {}", shown(command));
    let output = command.stderr(Stdio::inherit()).output().with_context(|| cannot_start(command))?;
    if !output.status.success() {
        bail!("`{}` failed ({}); its own words are above", shown(command), output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether a command can be started and exits with 0; its output is dropped.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|s| s.success())
}

/// The first executable of that name on PATH.
pub(crate) fn find_on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let name = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    std::env::split_paths(&path).map(|folder| folder.join(&name)).find(|candidate| is_executable(candidate))
}

/// PATH with these folders in front.
pub(crate) fn path_with(front: &[PathBuf]) -> Result<OsString> {
    let old = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(front.iter().cloned().chain(std::env::split_paths(&old)))
        .context("a folder's name cannot stand on PATH")
}

/// A command as one would type it.
pub(crate) fn shown(command: &Command) -> String {
    let word = |w: &std::ffi::OsStr| {
        let w = w.to_string_lossy();
        if w.is_empty() || w.contains(|c: char| c.is_whitespace() || "'\"$&;()<>|*?".contains(c)) {
            format!("'{w}'")
        } else {
            w.into_owned()
        }
    };
    std::iter::once(command.get_program()).chain(command.get_args()).map(word).collect::<Vec<_>>().join(" ")
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(path: &Path) -> bool {
    path.is_file()
}

fn cannot_start(command: &Command) -> String {
    format!("cannot start `{}`; next: install it, or put it on PATH", command.get_program().to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_shown_as_one_would_type_them() {
        assert_eq!(shown(Command::new("cargo").args(["test", "--", "a b"])), "cargo test -- 'a b'");
    }

    #[test]
    fn a_failing_command_is_named_in_the_error() {
        let error = capture(Command::new("cargo").arg("no-such-verb")).expect_err("cargo has no such verb");
        assert!(format!("{error:#}").contains("cargo no-such-verb"), "{error:#}");
    }

    #[test]
    fn a_missing_program_says_what_to_do() {
        let error = run(&mut Command::new("no-such-program-anywhere")).expect_err("there is no such program");
        assert!(format!("{error:#}").contains("install it"), "{error:#}");
    }
}
