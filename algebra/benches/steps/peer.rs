//! What `torch_steps.py gen` wrote: weights, batches, and its own first loss and gradients, as bare little-endian numbers.

use sottovoce_algebra::{Gradients, Parameters};
use std::error::Error;
use std::path::Path;

/// How far ours are from the peer's.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Same {
    loss: f32,
    gradient: f32,
    /// The largest number of the peer's gradient: what the difference is to be seen beside.
    largest: f32,
}

impl Same {
    /// Of the loss.
    pub(crate) fn new(ours: f32, theirs: f32) -> Self {
        Self { loss: (ours - theirs).abs(), ..Self::default() }
    }

    /// Takes another gradient in.
    pub(crate) fn with(self, ours: &[f32], theirs: &[f32]) -> Result<Self, Box<dyn Error + Send + Sync>> {
        if ours.len() != theirs.len() {
            return Err(format!("a gradient of {} numbers, the peer's has {}", ours.len(), theirs.len()).into());
        }
        let apart = ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(self.gradient, f32::max);
        let largest = theirs.iter().map(|g| g.abs()).fold(self.largest, f32::max);
        Ok(Self { gradient: apart, largest, ..self })
    }

    /// Takes in the gradients of all parameters, whose names are the peer's.
    pub(crate) fn with_all(
        mut self,
        folder: &Path,
        prefix: &str,
        parameters: &Parameters<f32>,
        gradients: &Gradients<f32>,
    ) -> Result<Self, Box<dyn Error + Send + Sync>> {
        for (name, part) in parameters.parts() {
            let ours = gradients.part(part).ok_or_else(|| format!("nothing moves {name}"))?;
            self = self.with(ours, &named(folder, prefix, name, ours.len())?)?;
        }
        Ok(self)
    }

    pub(crate) fn json(self) -> String {
        let Self { loss, gradient, largest } = self;
        format!("{{\"loss_apart\":{loss:e},\"gradient_apart\":{gradient:e},\"largest_gradient\":{largest:e}}}")
    }
}

/// Fills every parameter with the peer's.
pub(crate) fn load(
    folder: &Path,
    prefix: &str,
    parameters: &mut Parameters<f32>,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let parts: Vec<_> = parameters.parts().map(|(name, part)| (name.to_owned(), part)).collect();
    for (name, part) in parts {
        let to = parameters.part_mut(part);
        to.copy_from_slice(&named(folder, prefix, &name, to.len())?);
    }
    Ok(())
}

/// `cw.1` is the second row of `cw`.
fn named(folder: &Path, prefix: &str, name: &str, len: usize) -> Result<Vec<f32>, Box<dyn Error + Send + Sync>> {
    let (file, row) = name.split_once('.').map_or(Ok((name, 0)), |(file, row)| row.parse().map(|row| (file, row)))?;
    let all = numbers(folder, &format!("{prefix}{file}"))?;
    let own = all.get(row * len..(row + 1) * len).ok_or_else(|| format!("{prefix}{file}.bin is too short"))?;
    Ok(own.to_vec())
}

/// All numbers of a file.
pub(crate) fn numbers(folder: &Path, name: &str) -> Result<Vec<f32>, Box<dyn Error + Send + Sync>> {
    words(folder, name, f32::from_le_bytes)
}

/// All ids of a file.
pub(crate) fn ids(folder: &Path, name: &str) -> Result<Vec<u32>, Box<dyn Error + Send + Sync>> {
    words(folder, name, u32::from_le_bytes)
}

fn words<T>(folder: &Path, name: &str, read: impl Fn([u8; 4]) -> T) -> Result<Vec<T>, Box<dyn Error + Send + Sync>> {
    let path = folder.join(format!("{name}.bin"));
    let bytes = std::fs::read(&path)
        .map_err(|error| format!("{}: {error}; next: PEER_DATA=DIR python torch_steps.py gen 1", path.display()))?;
    Ok(bytes.as_chunks::<4>().0.iter().map(|word| read(*word)).collect())
}
