//! How verbs talk: results on stdout, everything else on stderr.

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

/// Writes a result to stdout, with a line break.
pub(crate) fn say(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.write_all(b"\n")?;
    out.flush()?;
    Ok(())
}

/// Writes an error and its causes to stderr. A reader that left early (`… | head`) is no error.
pub(crate) fn complain(error: &anyhow::Error) -> ExitCode {
    let hung_up = |e: &std::io::Error| e.kind() == ErrorKind::BrokenPipe;
    if error.downcast_ref::<std::io::Error>().is_some_and(hung_up) {
        return ExitCode::SUCCESS;
    }
    let mut text = format!("error: {error}");
    let mut before = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        // Our own errors already say their cause in their first line.
        if !before.contains(&cause) {
            text.push_str(&format!("\n  because: {cause}"));
        }
        before = cause;
    }
    // stderr may be gone as well, and then nobody is left to tell.
    let _ = writeln!(std::io::stderr(), "{text}");
    ExitCode::FAILURE
}
