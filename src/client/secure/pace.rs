//! When to ask again: pauses that grow, with jitter, so that devices that were turned away together do not come back together.

use crate::ids::Millis;

/// The shortest and the longest pause, ms.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Pauses {
    pub(super) first: u64,
    pub(super) most: u64,
}

/// While a round is under way and somebody waits for this device or it for them.
pub(super) const SOON: Pauses = Pauses { first: 500, most: 5_000 };
/// Between rounds.
pub(super) const IDLE: Pauses = Pauses { first: 1_000, most: 10_000 };
/// A server that is out of reach, or says that it has too much to do.
pub(super) const TROUBLE: Pauses = Pauses { first: 1_000, most: 300_000 };
/// A server whose answer is of no use to this device: it will hardly change soon.
pub(super) const REFUSED: Pauses = Pauses { first: 60_000, most: 600_000 };
/// A member's sign of life.
pub(super) const BEAT: Pauses = Pauses { first: 20_000, most: 20_000 };

/// One thing that is asked for again and again.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Pace {
    /// Not before.
    pub(super) due: Millis,
    tries: u32,
}

impl Pace {
    /// The next pause, twice as long as the one before. `jitter` is evenly random: the pause is between a half of it and the whole.
    pub(super) fn wait(&mut self, now: Millis, pauses: Pauses, jitter: u32) {
        let whole = pauses.first.saturating_mul(1 << self.tries.min(20)).min(pauses.most);
        let half = whole / 2;
        let drawn = (u64::from(jitter) * (half + 1)) >> 32;
        self.due = Millis(now.0.saturating_add(whole - half + drawn));
        self.tries = self.tries.saturating_add(1);
    }

    /// Now, and with short pauses again.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_the_longest_and_keep_within_a_half() {
        let mut pace = Pace::default();
        for jitter in [0, 1 << 31, u32::MAX] {
            pace.reset();
            let mut whole = SOON.first;
            for _ in 0..40 {
                pace.wait(Millis(7), SOON, jitter);
                let pause = pace.due.since(Millis(7));
                assert!(pause >= whole / 2 && pause <= whole, "{pause} of {whole}");
                whole = (2 * whole).min(SOON.most);
            }
        }
        pace.wait(Millis(u64::MAX), TROUBLE, 3);
        assert_eq!(pace.due, Millis(u64::MAX));
    }
}
