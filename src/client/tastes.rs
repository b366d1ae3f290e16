//! What the listener said about their own interests: less of some. Stays on the device.

use crate::tower::Embedding;

/// An interest that the listener wants to hear less of.
#[derive(Clone, PartialEq, Debug)]
pub struct Muted {
    /// Its direction among the songs, of length 1.
    pub vector: Vec<f32>,
}

/// All of them, oldest first.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Tastes {
    muted: Vec<Muted>,
}

impl Tastes {
    /// How many interests can be muted at once; the oldest gives way.
    pub const MOST: usize = 16;

    pub(super) fn from_parts(muted: Vec<Muted>) -> Self {
        Self { muted }
    }

    /// Mutes a direction; one without length changes nothing.
    pub fn mute(&mut self, mut vector: Vec<f32>) {
        if crate::math::normalize(&mut vector) {
            self.muted.push(Muted { vector });
            if self.muted.len() > Self::MOST {
                self.muted.remove(0);
            }
        }
    }

    /// Takes a mute back; false where there is none.
    pub fn unmute(&mut self, index: usize) -> bool {
        let there = index < self.muted.len();
        if there {
            self.muted.remove(index);
        }
        there
    }

    /// What is muted, oldest first.
    #[must_use]
    pub fn muted(&self) -> &[Muted] {
        &self.muted
    }

    /// How much a song loses for lying all the way in a muted direction: as much as the strongest interest gives.
    pub(super) fn weight(&self, user: &Embedding) -> f32 {
        let d = self.muted.first().map_or(1, |m| m.vector.len()).max(1);
        user.queries.chunks_exact(d).map(crate::math::norm).fold(0.0, f32::max)
    }
}
