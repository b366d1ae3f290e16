//! The wasm files there are.

use super::wasm::{Simd, Wasm};
use crate::workspace::Workspace;
use anyhow::{Context, Result};

/// The engine as most pages load it: all that music playing needs.
const ENGINE: Wasm = Wasm {
    name: "engine",
    out: "sottovoce",
    package: "sottovoce",
    arguments: &["--no-default-features"],
    simd: Simd::Fixed,
};

/// The same for browsers without simd128. The package starts both with one glue, and its build checks that they fit.
const SCALAR: Wasm = Wasm { name: "engine-scalar", simd: Simd::Scalar, ..ENGINE };

/// The same for pages that would rather have the fastest than the same bits everywhere; one glue, too.
const RELAXED: Wasm = Wasm { name: "engine-relaxed", simd: Simd::Relaxed, ..ENGINE };

/// With rounds (also those whose sum nobody can open: the features `full` and `secagg`), insight, other re-rankers and cells besides.
const FULL: Wasm = Wasm { name: "engine-full", arguments: &[], ..ENGINE };

/// Ranking only.
const SLIM: Wasm =
    Wasm { name: "engine-slim", arguments: &["--no-default-features", "--features", SLIM_FEATURE], ..ENGINE };
const SLIM_FEATURE: &str = "slim";

/// The kernels one by one, for `cargo xtask bench device`.
pub(super) const KERNELS: Wasm =
    Wasm { name: "kernels", out: "kernels", package: "sottovoce-bench-kernels", arguments: &[], simd: Simd::Fixed };

/// The same in relaxed SIMD, measured beside them.
pub(super) const KERNELS_RELAXED: Wasm =
    Wasm { name: "kernels-relaxed", out: "kernels-relaxed", simd: Simd::Relaxed, ..KERNELS };

/// Those that the npm package carries, and the folder of its sources where each goes. The slim one is there where the engine has
/// the feature.
pub(super) fn packaged(workspace: &Workspace) -> Result<Vec<(Wasm, &'static str)>> {
    let path = workspace.root.join("Cargo.toml");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut all = vec![
        (ENGINE, "generated"),
        (SCALAR, "generated-scalar"),
        (RELAXED, "generated-relaxed"),
        (FULL, "generated-full"),
    ];
    if has_feature(&text, SLIM_FEATURE) {
        all.push((SLIM, "generated-slim"));
    }
    Ok(all)
}

fn has_feature(manifest: &str, feature: &str) -> bool {
    let table: Option<toml::Table> = manifest.parse().ok();
    table.and_then(|t| t.get("features")?.get(feature).cloned()).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feature_is_seen_in_the_manifest() {
        assert!(has_feature("[features]\nslim = []", "slim"));
        assert!(!has_feature("[features]\nslimmer = []", "slim"));
        assert!(!has_feature("[package]\nname = \"slim\"", "slim"));
    }
}
