//! What happened on this device. These types have no wire encoder, on purpose: see [`crate::protocol`].

use super::Feedback;
use crate::ids::{Millis, SongId};

/// A song that was shown or played to the listener.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Impression {
    /// Which song.
    pub song: SongId,
    /// Its place in the slate, from 0.
    pub slot: u16,
    /// When it was shown.
    pub at: Millis,
}

/// What the listener did with an impression. Stays on the device.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ListenEvent {
    /// What was shown.
    pub impression: Impression,
    /// What came of it.
    pub feedback: Feedback,
    /// When it came.
    pub at: Millis,
}
