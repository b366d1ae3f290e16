//! The names that both ends use for the same things. All are plain integers of a fixed width, so that no `usize` ever
//! reaches the wire, and each is its own type, so that a song can never be taken for an artist.

use core::fmt;

macro_rules! id {
    ($(#[$meta:meta])* $name:ident($inner:ty)) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl From<$inner> for $name {
            fn from(value: $inner) -> Self {
                Self(value)
            }
        }
    };
}

id! {
    /// A song of the catalogue; dense, from 0, stable for the life of a catalogue.
    SongId(u32)
}
id! {
    /// An artist of the catalogue; dense, from 0.
    ArtistId(u32)
}
id! {
    /// A federated round; grows by one with every round of a coordinator.
    RoundId(u64)
}
id! {
    /// A published version of the shared user-tower weights; version 0 is the initial one.
    WeightsVersion(u64)
}
id! {
    /// Milliseconds since the Unix epoch, as the caller's clock tells them: nothing in this crate reads a clock.
    Millis(u64)
}

impl Millis {
    /// Milliseconds from `earlier` to `self`; 0 where the clock went backwards.
    #[must_use]
    pub fn since(self, earlier: Millis) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}
