//! Skipping a step whose inputs are what they were: a stamp is a digest of files and words, kept once the step is done.

use crate::workspace::{Workspace, make_folder};
use anyhow::{Context, Result};
use std::hash::{DefaultHasher, Hasher};
use std::path::{Path, PathBuf};

/// The digest of one step's inputs. A newer compiler may hash differently; then the step runs once more, no harm done.
#[derive(Debug)]
pub(crate) struct Stamp {
    file: PathBuf,
    digest: String,
}

impl Stamp {
    /// Digests files, folders (all files below them, build outputs excepted) and words such as versions and flags.
    pub(crate) fn of(workspace: &Workspace, step: &str, inputs: &[PathBuf], words: &[&str]) -> Result<Self> {
        Ok(Self { file: workspace.scratch("stamps").join(step), digest: digest(inputs, words)? })
    }

    /// Whether the step ran with these inputs and its outputs are still there.
    pub(crate) fn holds(&self, outputs: &[PathBuf]) -> bool {
        outputs.iter().all(|o| o.exists()) && std::fs::read_to_string(&self.file).is_ok_and(|kept| kept == self.digest)
    }

    /// Remembers that the step is done.
    pub(crate) fn keep(&self) -> Result<()> {
        make_folder(self.file.parent().unwrap_or(Path::new(".")))?;
        std::fs::write(&self.file, &self.digest).with_context(|| format!("cannot write {}", self.file.display()))
    }
}

fn digest(inputs: &[PathBuf], words: &[&str]) -> Result<String> {
    let mut hasher = DefaultHasher::new();
    for word in words {
        hasher.write(word.as_bytes());
        hasher.write_u8(0xff);
    }
    for input in inputs {
        add(&mut hasher, input)?;
    }
    Ok(format!("{:016x}", hasher.finish()))
}

fn add(hasher: &mut DefaultHasher, path: &Path) -> Result<()> {
    const OUTPUTS: [&str; 3] = ["node_modules", "dist", ".git"];
    if path.is_dir() {
        let mut below: Vec<PathBuf> = std::fs::read_dir(path)
            .and_then(|entries| entries.map(|e| e.map(|e| e.path())).collect())
            .with_context(|| format!("cannot list {}", path.display()))?;
        below.retain(|p| !OUTPUTS.iter().any(|name| p.ends_with(name)));
        below.sort();
        return below.iter().try_for_each(|p| add(hasher, p));
    }
    hasher.write(path.as_os_str().as_encoded_bytes());
    hasher.write(&std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?);
    hasher.write_u8(0xff);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_holds_until_an_input_a_word_or_an_output_changes() -> Result<()> {
        let root = std::env::temp_dir().join(format!("sottovoce-stamp-{}", std::process::id()));
        let workspace = Workspace { root: root.clone(), target: root.join("target"), cache: root.join("cache") };
        let (folder, output) = (root.join("in"), root.join("out"));
        make_folder(&folder)?;
        std::fs::write(folder.join("a"), "1")?;
        std::fs::write(&output, "done")?;
        let stamp = |word: &str| Stamp::of(&workspace, "step", std::slice::from_ref(&folder), &[word]);

        assert!(!stamp("v1")?.holds(std::slice::from_ref(&output)), "nothing was kept yet");
        stamp("v1")?.keep()?;
        assert!(stamp("v1")?.holds(std::slice::from_ref(&output)));
        assert!(!stamp("v2")?.holds(std::slice::from_ref(&output)), "a word changed");
        std::fs::write(folder.join("a"), "2")?;
        assert!(!stamp("v1")?.holds(std::slice::from_ref(&output)), "a file changed");
        stamp("v1")?.keep()?;
        std::fs::remove_file(&output)?;
        assert!(!stamp("v1")?.holds(&[output]), "the output is gone");
        std::fs::remove_dir_all(&root)?;
        Ok(())
    }
}
