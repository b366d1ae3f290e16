//! Where each id was put: a small table whose order never shows.

/// No place.
pub(super) const NONE: u32 = u32::MAX;

/// A table with open addressing, half empty. It knows places only; the ids themselves are compared by the caller.
pub(super) struct Places<'a> {
    table: &'a mut [u32],
    shift: u32,
}

impl<'a> Places<'a> {
    /// Room for so many ids in storage that is used again.
    pub(super) fn over(storage: &'a mut Vec<u32>, ids: usize) -> Self {
        let size = (2 * ids).next_power_of_two().max(2);
        storage.clear();
        storage.resize(size, NONE);
        Self { table: storage, shift: 32 - size.trailing_zeros().min(31) }
    }

    /// The place that `id` was put at before, as `same` knows it; `new` if there is none, which then becomes its place.
    /// With [`NONE`] for `new`, nothing is put.
    pub(super) fn find_or_put(&mut self, id: u32, new: u32, same: impl Fn(u32) -> bool) -> u32 {
        let mask = self.table.len() - 1;
        // Fibonacci hashing: dense ids spread over the table's upper bits.
        let mut at = (id.wrapping_mul(0x9e37_79b9) >> self.shift) as usize & mask;
        loop {
            match self.table[at] {
                NONE => {
                    self.table[at] = new;
                    return new;
                }
                place if same(place) => return place,
                _ => at = (at + 1) & mask,
            }
        }
    }
}
