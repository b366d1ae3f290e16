//! Zeros by the gigabyte, in large pages.
//!
//! A table of hashes is asked for anywhere. In pages of 4 KiB nearly every slot of a gigabyte costs a walk through the page table beside the memory
//! itself, and the system hands the pages out one by one; in pages of 2 MiB it does neither. Where the system has no such pages, it is
//! plain memory.

use bytemuck::Pod;
use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};
use memmap2::MmapMut;

/// A slice of so many zeros.
#[derive(Debug)]
pub(super) enum Huge<T> {
    /// Of the system's own.
    Mapped(MmapMut, PhantomData<T>),
    /// Of the allocator's, where the system gives none.
    Plain(Vec<T>),
}

impl<T: Pod> Huge<T> {
    /// Nothing: what stands in a field whose memory is lent.
    pub(super) fn none() -> Self {
        Self::Plain(Vec::new())
    }

    pub(super) fn zeroed(len: usize) -> Self {
        let mapped = MmapMut::map_anon(len.max(1) * size_of::<T>());
        let Ok(map) = mapped else { return Self::Plain(vec![T::zeroed(); len]) };
        // A wish: without it the same numbers come, later.
        #[cfg(target_os = "linux")]
        let _ = map.advise(memmap2::Advice::HugePage);
        Self::Mapped(map, PhantomData)
    }
}

impl<T: Pod> Deref for Huge<T> {
    type Target = [T];

    #[inline(always)]
    fn deref(&self) -> &[T] {
        match self {
            Self::Mapped(map, _) => bytemuck::cast_slice(map),
            Self::Plain(all) => all,
        }
    }
}

impl<T: Pod> DerefMut for Huge<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [T] {
        match self {
            Self::Mapped(map, _) => bytemuck::cast_slice_mut(map),
            Self::Plain(all) => all,
        }
    }
}

impl<T: Pod> Clone for Huge<T> {
    fn clone(&self) -> Self {
        let mut other = Self::zeroed(self.len());
        // Pages that nobody has touched stay untouched in the copy too.
        let page = (4096 / size_of::<T>().max(1)).max(1);
        for (to, from) in other.chunks_mut(page).zip(self.chunks(page)) {
            if bytemuck::cast_slice::<T, u8>(from).iter().any(|byte| *byte != 0) {
                to.copy_from_slice(from);
            }
        }
        other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_zero_until_written_and_a_copy_is_one() {
        let mut own = Huge::<[f32; 2]>::zeroed(100_003);
        assert_eq!(own.len(), 100_003);
        assert!(own.iter().flatten().all(|x| x.to_bits() == 0));
        (own[0], own[70_000], own[100_002]) = ([1.0, 2.0], [3.0, 4.0], [5.0, -0.0]);
        let copy = own.clone();
        own[0] = [9.0; 2];
        assert_eq!((copy[0], copy[70_000]), ([1.0, 2.0], [3.0, 4.0]));
        assert_eq!((copy[100_002][1].to_bits(), copy[1]), ((-0.0f32).to_bits(), [0.0; 2]));
    }
}
