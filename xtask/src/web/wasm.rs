//! One wasm file: cargo, wasm-bindgen, wasm-opt. Which ones there are stands in `variants`.

use crate::run;
use crate::setup::{self, TARGET, WasmToolchain};
use crate::stamp::Stamp;
use crate::workspace::{Workspace, make_folder};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

/// wasm-opt may use what every browser since 2021 has, which is also what rustc emits by default, and strips what only tools read.
const WASM_OPT: [&str; 13] = [
    "-O1", // what LLVM left to do; more makes the file larger once it is packed
    "--enable-bulk-memory",
    "--enable-bulk-memory-opt",
    "--enable-nontrapping-float-to-int",
    "--enable-sign-ext",
    "--enable-mutable-globals",
    "--enable-reference-types",
    "--enable-multivalue",
    "--enable-call-indirect-overlong",
    "--strip-debug",
    "--strip-dwarf",
    "--strip-producers",
    "--strip-target-features",
];

/// What to build, and what to call it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wasm {
    /// What it is called here.
    pub(super) name: &'static str,
    /// Files are called `{out}.js`, `{out}.d.ts` and `{out}_bg.wasm`.
    pub(super) out: &'static str,
    /// Cargo's package, whose library is built.
    pub(super) package: &'static str,
    /// Features, as one would type them.
    pub(super) arguments: &'static [&'static str],
    /// Which vectors it computes in.
    pub(super) simd: Simd,
}

/// The vectors of a build.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Simd {
    /// None.
    Scalar,
    /// simd128, as nearly every browser has it: the same bits as everywhere.
    Fixed,
    /// simd128 and its relaxed operations: other bits on other processors.
    Relaxed,
}

impl Simd {
    /// What the compiler is told.
    fn features(self) -> &'static str {
        match self {
            Simd::Scalar => "-simd128",
            Simd::Fixed => "+simd128",
            Simd::Relaxed => "+simd128,+relaxed-simd",
        }
    }

    /// What wasm-opt may leave in.
    fn enabled(self) -> &'static [&'static str] {
        match self {
            Simd::Scalar => &[],
            Simd::Fixed => &["--enable-simd"],
            Simd::Relaxed => &["--enable-simd", "--enable-relaxed-simd"],
        }
    }

    /// The folder where cargo builds it: other flags are another std, and in one folder they would push each other out.
    fn folder(self) -> &'static str {
        match self {
            Simd::Scalar => "page-scalar",
            Simd::Fixed => "page",
            Simd::Relaxed => "page-relaxed",
        }
    }
}

impl Wasm {
    /// Builds it where an input changed; leaves [`Wasm::files`] in `folder`.
    pub(super) fn make(
        &self,
        workspace: &Workspace,
        toolchain: &WasmToolchain,
        bindgen: &Path,
        folder: &Path,
    ) -> Result<()> {
        let wasm = self.compile(workspace, toolchain)?;
        self.glue(workspace, bindgen, &wasm, folder)
    }

    /// The names of the three files.
    pub(super) fn files(&self) -> [String; 3] {
        [format!("{}.js", self.out), format!("{}.d.ts", self.out), format!("{}_bg.wasm", self.out)]
    }

    /// Builds the package together with its standard library, where the library's sources are at hand: a std that aborts at once,
    /// instead of formatting a message nobody reads, is a third of the page's bytes. The two settings are not stable yet, which is
    /// why the compiler is told to take them from a stable release; without sources the installed std serves, and the page is
    /// larger.
    fn compile(&self, workspace: &Workspace, toolchain: &WasmToolchain) -> Result<PathBuf> {
        let small = toolchain.has_std_sources()?;
        // Variants of one package leave a file of one name, so that cargo takes each for stale after another was built. What they are made of
        // is known.
        let kept = workspace.scratch("wasm").join(format!("{}.wasm", self.name));
        let inputs =
            ["Cargo.toml", "Cargo.lock", "src", "lanes", "benches/device/kernels"].map(|i| workspace.root.join(i));
        let rustc = run::capture(toolchain.command("rustc", &[])?.arg("-vV"))?;
        let root = workspace.root.display().to_string();
        let flags = self.flags(small);
        let mut words = vec![self.package, &rustc, &root, &flags];
        words.extend(self.arguments);
        let stamp = Stamp::of(workspace, &format!("wasm-{}", self.name), &inputs, &words)?;
        if stamp.holds(std::slice::from_ref(&kept)) {
            return Ok(kept);
        }
        let mut cargo = toolchain.command("cargo", &[])?;
        cargo.current_dir(&workspace.root).args(["build", "--package", self.package, "--lib", "--profile", "wasm"]);
        cargo.args(["--target", TARGET]).args(self.arguments);
        let target = toolchain.target.join(self.simd.folder());
        cargo.env("CARGO_TARGET_DIR", &target);
        let with = if small {
            cargo.args(["-Z", "build-std=std,panic_abort", "-Z", "build-std-features=optimize_for_size"]);
            cargo.args(["--config", "profile.wasm.lto='fat'"]);
            cargo.env("RUSTC_BOOTSTRAP", "1");
            "with its own std"
        } else {
            "larger than it need be: no std sources here"
        };
        cargo.env("RUSTFLAGS", &flags);
        run::say(&format!("{} for the page: cargo build, profile wasm, {with}", self.name));
        run::run(&mut cargo)?;
        let built = target.join(TARGET).join("wasm").join(format!("{}.wasm", self.package.replace('-', "_")));
        make_folder(&workspace.scratch("wasm"))?;
        std::fs::copy(&built, &kept).with_context(|| format!("cargo left no {}", built.display()))?;
        stamp.keep()?;
        Ok(kept)
    }

    /// What the compiler is told, of everything from std on.
    fn flags(&self, small: bool) -> String {
        let features = format!("-Ctarget-feature={}", self.simd.features());
        // Nobody reads where in the sources something went wrong, and the paths would be this machine's.
        let silent = "-Zunstable-options -Cpanic=immediate-abort -Zlocation-detail=none";
        if small { format!("{features} {silent}") } else { features }
    }

    /// wasm-bindgen, then wasm-opt.
    fn glue(&self, workspace: &Workspace, bindgen: &Path, wasm: &Path, folder: &Path) -> Result<()> {
        let version = workspace.locked("wasm-bindgen")?;
        let mut words = WASM_OPT.to_vec();
        words.extend(self.simd.enabled());
        let flags = words.clone();
        words.push(&version);
        let inputs = [wasm.to_path_buf(), workspace.root.join("package-lock.json")];
        let stamp = Stamp::of(workspace, &format!("glue-{}", self.name), &inputs, &words)?;
        let [script, types, module] = self.files();
        if stamp.holds(&[&script, &types, &module].map(|name| folder.join(name))) {
            return Ok(());
        }
        run::say(&format!("the glue of {}: wasm-bindgen, wasm-opt", self.name));
        let raw = workspace.scratch("bindgen").join(self.name);
        make_folder(&raw)?;
        make_folder(folder)?;
        let mut wasm_bindgen = Command::new(bindgen.join("wasm-bindgen"));
        wasm_bindgen.arg(wasm).args(["--target", "web", "--out-name", self.out, "--out-dir"]).arg(&raw);
        run::run(&mut wasm_bindgen)?;

        let mut wasm_opt = setup::node_program(workspace, "binaryen", "wasm-opt")?;
        wasm_opt.arg(raw.join(&module)).args(flags).arg("-o").arg(folder.join(&module));
        run::run(&mut wasm_opt)?;
        for name in [&script, &types] {
            std::fs::copy(raw.join(name), folder.join(name)).with_context(|| format!("wasm-bindgen made no {name}"))?;
        }
        stamp.keep()
    }
}
