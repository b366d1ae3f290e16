//! What one tower serves at once.

/// What is predicted about a song.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Task {
    /// That it is heard to its end, rather than others.
    Complete = 0,
    /// That it is liked or collected.
    Like = 1,
    /// That it is skipped.
    Skip = 2,
}

impl Task {
    /// How many there are.
    pub const COUNT: usize = 3;

    /// All of them, by number.
    pub const ALL: [Self; Self::COUNT] = [Self::Complete, Self::Like, Self::Skip];
}

/// How much each task counts when songs are ranked; a likely skip counts against a song.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Utility {
    /// Weight of hearing it to its end.
    pub complete: f32,
    /// Weight of liking it.
    pub like: f32,
    /// Weight against skipping it.
    pub skip: f32,
}

impl Default for Utility {
    fn default() -> Self {
        Self { complete: 1.0, like: 0.2, skip: 0.3 }
    }
}

impl Utility {
    /// By task, with the sign it enters a score with.
    #[must_use]
    pub fn weights(self) -> [f32; Task::COUNT] {
        [self.complete, self.like, -self.skip]
    }
}
