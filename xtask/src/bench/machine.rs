//! What the figures were measured on.

use crate::run;
use crate::setup::Browser;
use serde_json::{Value, json};
use std::process::Command;

/// Processor, cores, browser, and how busy the machine was.
pub(super) fn machine(browser: Option<&Browser>) -> Value {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let mut machine = json!({ "cpu": cpu(), "cores": cores, "os": std::env::consts::OS });
    if let Some(browser) = browser {
        let said = run::capture(Command::new(&browser.chromium).arg("--version")).unwrap_or_default();
        machine["browser"] = json!(version_in(&said));
    }
    if let Some(load) = load() {
        machine["load"] = json!(load);
    }
    machine
}

/// In one line, for people.
pub(super) fn text(machine: &Value) -> String {
    let word = |key: &str| machine[key].as_str().unwrap_or("?").to_owned();
    let mut out = format!("on {}, {} cores", word("cpu"), machine["cores"]);
    if machine["browser"].is_string() {
        out += &format!(", {}", word("browser"));
    }
    if machine["load"].is_number() {
        out += &format!(", load {}", machine["load"]);
    }
    out
}

fn cpu() -> String {
    let linux = std::fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| model_in(&text));
    let mac = || run::capture(Command::new("sysctl").args(["-n", "machdep.cpu.brand_string"])).ok();
    linux.or_else(mac).map_or_else(|| std::env::consts::ARCH.to_owned(), |name| name.trim().to_owned())
}

/// The processor's name; where it has none worth the name, its numbers too.
fn model_in(cpuinfo: &str) -> Option<String> {
    let field = |name: &str| {
        let line = cpuinfo.lines().find(|l| l.split(':').next().is_some_and(|key| key.trim() == name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let name = field("model name")?;
    Some(match (field("cpu family"), field("model")) {
        (Some(family), Some(model)) => format!("{name} (family {family}, model {model})"),
        _ => name,
    })
}

fn load() -> Option<f64> {
    std::fs::read_to_string("/proc/loadavg").ok()?.split_whitespace().next()?.parse().ok()
}

/// `Chromium 142.0.7444.59 built on Debian GNU/Linux 12` → `Chromium 142.0.7444.59`.
fn version_in(said: &str) -> String {
    said.split_whitespace().take_while(|word| *word != "built").collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_processor_and_browser() {
        let text = "processor\t: 0\ncpu family\t: 6\nmodel\t\t: 167\nmodel name\t: Some(R) CPU\n";
        assert_eq!(model_in(text).as_deref(), Some("Some(R) CPU (family 6, model 167)"));
        assert_eq!(model_in("Hardware : thing"), None);
        assert_eq!(version_in("Chromium 142.0.1 built on Debian\n"), "Chromium 142.0.1");
    }
}
