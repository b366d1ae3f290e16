//! Where things are: the checkout, cargo's build folder, and the cache that outlives both.

use crate::run;
use anyhow::{Context, Result, anyhow};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folders every step works in.
#[derive(Clone, Debug)]
pub(crate) struct Workspace {
    /// The checkout.
    pub(crate) root: PathBuf,
    /// Cargo's target directory, wherever the user's settings put it.
    pub(crate) target: PathBuf,
    /// Tools and downloads: `$SOTTOVOCE_CACHE`, else `sottovoce` in the user's cache folder.
    pub(crate) cache: PathBuf,
}

impl Workspace {
    /// Asks cargo.
    pub(crate) fn open() -> Result<Self> {
        let text = run::capture(Command::new("cargo").args(["metadata", "--no-deps", "--format-version", "1"]))?;
        let metadata: serde_json::Value = serde_json::from_str(&text).context("cargo metadata printed no JSON")?;
        let folder = |key: &str| {
            metadata[key]
                .as_str()
                .map(PathBuf::from)
                .ok_or_else(|| anyhow!("cargo metadata names no {key}; is cargo older than 1.95?"))
        };
        let (root, target) = (folder("workspace_root")?, folder("target_directory")?);
        Ok(Self { root, target, cache: cache_folder()? })
    }

    /// A folder below the target directory for what this program makes.
    pub(crate) fn scratch(&self, name: &str) -> PathBuf {
        self.target.join("xtask").join(name)
    }

    /// The version of `package` in Cargo.lock.
    pub(crate) fn locked(&self, package: &str) -> Result<String> {
        let path = self.root.join("Cargo.lock");
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        locked_version(&text, package).with_context(|| format!("{} names no package {package}", path.display()))
    }
}

fn cache_folder() -> Result<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    set("SOTTOVOCE_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|p| p.join("sottovoce")))
        .or_else(|| set("HOME").map(|p| p.join(".cache/sottovoce")))
        .or_else(|| set("LOCALAPPDATA").map(|p| p.join("sottovoce")))
        .ok_or_else(|| anyhow!("no HOME is set; next: export SOTTOVOCE_CACHE=/some/folder"))
}

/// Makes a folder with its parents, and says which one where that fails.
pub(crate) fn make_folder(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path).with_context(|| format!("cannot make the folder {}", path.display()))
}

fn locked_version(lock: &str, package: &str) -> Option<String> {
    let table: toml::Table = lock.parse().ok()?;
    table["package"]
        .as_array()?
        .iter()
        .find(|p| p.get("name").and_then(toml::Value::as_str) == Some(package))?
        .get("version")?
        .as_str()
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = r#"
version = 4

[[package]]
name = "wasm-bindgen-macro"
version = "0.2.1"

[[package]]
name = "wasm-bindgen"
version = "0.2.130"
dependencies = ["wasm-bindgen-macro"]
"#;

    #[test]
    fn finds_the_exact_package_in_a_lock_file() {
        assert_eq!(locked_version(LOCK, "wasm-bindgen").as_deref(), Some("0.2.130"));
        assert_eq!(locked_version(LOCK, "wasm"), None);
        assert_eq!(locked_version("not toml [", "wasm"), None);
    }
}
