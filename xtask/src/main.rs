//! `cargo xtask`: the only part of the project that knows the machine. Every verb brings what it needs by itself.

mod bench;
mod demo;
mod fuzz;
mod package;
mod postgres;
mod report;
mod run;
mod server;
mod setup;
mod stamp;
mod test;
mod web;
mod workspace;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::process::ExitCode;
use workspace::Workspace;

/// Sets up, builds, shows, tests and measures sottovoce.
#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    after_help = "Examples:\n  cargo xtask demo            play in the browser, with the made-up world\n  cargo xtask test            everything that must hold before a change lands\n\nTools are kept in $SOTTOVOCE_CACHE (default ~/.cache/sottovoce), builds in cargo's target directory."
)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Brings the tools: the wasm32 target, wasm-bindgen, wasm-pack, npm packages, a browser
    #[command(
        after_help = "Example:\n  cargo xtask setup      the other verbs do this by themselves; this only does it ahead"
    )]
    Setup,
    /// Builds the engine for the page, the npm package and the player
    #[command(subcommand, after_help = "Example:\n  cargo xtask build web")]
    Build(Build),
    /// Makes the npm tarball and prints what a page downloads
    Package(package::Arguments),
    /// Starts the server with the player, or checks the whole loop in a headless browser
    Demo(demo::Arguments),
    /// Runs every test, of every kind
    Test(test::Arguments),
    /// Measures; `cargo xtask bench --list` names the benchmarks
    Bench(bench::Arguments),
    /// Feeds hostile bytes to every door of the device, for a stated time
    Fuzz(fuzz::Arguments),
}

#[derive(Subcommand)]
enum Build {
    /// wasm, JavaScript glue, npm package, player; unchanged steps are skipped
    Web,
}

fn main() -> ExitCode {
    match act(Arguments::parse().verb) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn act(verb: Verb) -> Result<ExitCode> {
    let workspace = Workspace::open()?;
    match verb {
        Verb::Setup => {
            setup::WasmToolchain::ready(&workspace)?;
            setup::wasm_bindgen(&workspace)?;
            setup::wasm_pack(&workspace)?;
            setup::npm_packages(&workspace)?;
            setup::Browser::ready(&workspace)?;
            run::say("everything is here; next: cargo xtask demo");
        }
        Verb::Build(Build::Web) => {
            let player = web::build(&workspace)?;
            run::say(&format!("the player is in {}", player.display()));
        }
        Verb::Package(arguments) => return package::package(&workspace, &arguments),
        Verb::Demo(arguments) => return demo::demo(&workspace, &arguments),
        Verb::Test(arguments) => return test::test(&workspace, &arguments),
        Verb::Bench(arguments) => return bench::bench(&workspace, &arguments),
        Verb::Fuzz(arguments) => return fuzz::fuzz(&workspace, &arguments),
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_holds_together_and_every_verb_shows_an_example() {
        let command = Arguments::command();
        command.clone().debug_assert();
        for verb in command.get_subcommands() {
            let help = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("cargo xtask "), "`cargo xtask {} --help` shows no example", verb.get_name());
        }
    }
}
