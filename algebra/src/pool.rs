//! Memory that is lent and comes back: after the first step of a training run, the next ones allocate nothing large.

use core::fmt;
use core::ops::{Deref, DerefMut};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where buffers come from and return to; a clone is the same pool.
///
/// # Example
/// ```
/// use sottovoce_algebra::Pool;
/// let pool = Pool::<f32>::default();
/// drop(pool.zeros(1000));
/// let again = pool.zeros(990); // the same memory
/// assert_eq!((again.len(), pool.kept()), (990, 0));
/// ```
#[derive(Clone, Default)]
pub struct Pool<R> {
    shelves: Arc<Mutex<HashMap<usize, Vec<Vec<R>>>>>,
}

impl<R> fmt::Debug for Pool<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pool({} numbers kept)", self.kept())
    }
}

impl<R> Pool<R> {
    /// How many numbers lie unused.
    #[must_use]
    pub fn kept(&self) -> usize {
        self.open().iter().map(|(size, shelf)| size * shelf.len()).sum()
    }

    // A thread that panicked while it held the lock left whole vectors behind, in whatever order: nothing to mistrust.
    fn open(&self) -> MutexGuard<'_, HashMap<usize, Vec<Vec<R>>>> {
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<R: Copy + Default> Pool<R> {
    /// A buffer with anything in it, for those who write every number.
    pub(crate) fn take(&self, len: usize) -> Buffer<R> {
        let size = size_for(len);
        let kept = self.open().get_mut(&size).and_then(Vec::pop);
        Buffer { numbers: kept.unwrap_or_else(|| vec![R::default(); size]), len, home: self.clone() }
    }

    /// A buffer of zeros.
    #[must_use]
    pub fn zeros(&self, len: usize) -> Buffer<R> {
        let mut buffer = self.take(len);
        buffer.fill(R::default());
        buffer
    }
}

/// Sizes a quarter of an octave apart: batches that differ a little share memory, and at most a fifth of it lies idle.
fn size_for(len: usize) -> usize {
    let step = (len.max(256).next_power_of_two() / 8).max(1);
    len.max(256).div_ceil(step) * step
}

/// Lent numbers; they return to their pool when dropped.
pub struct Buffer<R> {
    numbers: Vec<R>,
    len: usize,
    home: Pool<R>,
}

impl<R> Deref for Buffer<R> {
    type Target = [R];

    #[inline(always)]
    fn deref(&self) -> &[R] {
        &self.numbers[..self.len]
    }
}

impl<R> DerefMut for Buffer<R> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [R] {
        &mut self.numbers[..self.len]
    }
}

impl<R> Drop for Buffer<R> {
    fn drop(&mut self) {
        let numbers = core::mem::take(&mut self.numbers);
        self.home.open().entry(numbers.len()).or_default().push(numbers);
    }
}

impl<R> fmt::Debug for Buffer<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({})", self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_waste_little_and_grow_with_the_length() {
        for len in [1, 255, 256, 257, 1000, 1025, 4096, 5000, 1_000_000] {
            let size = size_for(len);
            assert!(size >= len && size <= (len.max(256) * 5).div_ceil(4), "{len} {size}");
        }
    }

    #[test]
    fn what_was_dirty_comes_back_as_zeros() {
        let pool = Pool::<f64>::default();
        pool.take(300).fill(7.0);
        assert!(pool.zeros(310).iter().all(|x| x.abs() < 1e-300));
    }
}
