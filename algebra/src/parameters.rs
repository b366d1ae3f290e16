//! The dense weights of a model: named matrices behind one another in one vector.

use crate::noise;
use crate::real::Real;
use core::ops::Range;

/// One matrix among the parameters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Part {
    /// Its number, from 0 upwards.
    pub index: u32,
    /// Rows; for a linear map, the length of its input.
    pub rows: u32,
    /// Columns; for a linear map, the length of its output.
    pub columns: u32,
    start: usize,
}

impl Part {
    /// Where it lies in the flat vector.
    #[must_use]
    pub fn range(self) -> Range<usize> {
        self.start..self.start + self.rows as usize * self.columns as usize
    }
}

/// What weights are before the first step. Values are a function of the seed and their place.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Init {
    /// All the same: biases, gains.
    Constant(f32),
    /// Normal, with this deviation.
    Normal(f32),
    /// Uniform within `±√(6 / (rows + columns))` (Glorot & Bengio 2010, eq. 16).
    Glorot,
    /// Normal with deviation `√(2 / rows)`, for what goes through a relu (He et al. 2015, eq. 10).
    He,
}

/// All dense weights of a model.
///
/// # Example
/// ```
/// use sottovoce_algebra::{Init, Parameters};
/// let mut parameters = Parameters::<f32>::new(7);
/// let w = parameters.add("w", 3, 2, Init::Glorot);
/// let b = parameters.add("b", 1, 2, Init::Constant(0.5));
/// assert_eq!((parameters.len(), parameters.part(b)), (8, &[0.5, 0.5][..]));
/// assert_eq!(parameters.find("w"), Some(w));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Parameters<R> {
    seed: u64,
    values: Vec<R>,
    parts: Vec<(String, Part)>,
}

impl<R: Real> Parameters<R> {
    /// None yet.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed, values: Vec::new(), parts: Vec::new() }
    }

    /// Appends a matrix of `rows × columns`.
    ///
    /// # Panics
    /// If `rows` or `columns` do not fit 32 bits.
    pub fn add(&mut self, name: &str, rows: usize, columns: usize, init: Init) -> Part {
        let side = |n: usize| u32::try_from(n).unwrap_or_else(|_| panic!("{name} has a side of {n}"));
        let index = side(self.parts.len());
        let part = Part { index, rows: side(rows), columns: side(columns), start: self.values.len() };
        let seed = noise::bits(self.seed, u64::from(index));
        self.values.extend((0u64..).take(rows * columns).map(|i| {
            R::from_f32(match init {
                Init::Constant(value) => value,
                Init::Normal(deviation) => deviation * noise::normal(seed, i),
                Init::Glorot => (6.0 / (rows + columns) as f32).sqrt() * (2.0 * noise::uniform(seed, i) - 1.0),
                Init::He => (2.0 / rows as f32).sqrt() * noise::normal(seed, i),
            })
        }));
        self.parts.push((name.to_owned(), part));
        part
    }

    /// The numbers of one matrix, row by row.
    #[must_use]
    pub fn part(&self, part: Part) -> &[R] {
        &self.values[part.range()]
    }

    /// The same, to be changed.
    pub fn part_mut(&mut self, part: Part) -> &mut [R] {
        &mut self.values[part.range()]
    }

    /// The matrix of this name, if there is one.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Part> {
        self.parts.iter().find(|(known, _)| known == name).map(|(_, part)| *part)
    }

    /// Every matrix and its name, in the order in which they were added.
    pub fn parts(&self) -> impl Iterator<Item = (&str, Part)> {
        self.parts.iter().map(|(name, part)| (name.as_str(), *part))
    }

    /// All numbers behind one another.
    #[must_use]
    pub fn values(&self) -> &[R] {
        &self.values
    }

    /// The same, to be changed.
    pub fn values_mut(&mut self) -> &mut [R] {
        &mut self.values
    }

    /// How many numbers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The same weights in another precision.
    #[must_use]
    pub fn convert<S: Real>(&self) -> Parameters<S> {
        let values = self.values.iter().map(|v| S::from_f64(v.to_f64())).collect();
        Parameters { seed: self.seed, values, parts: self.parts.clone() }
    }
}
