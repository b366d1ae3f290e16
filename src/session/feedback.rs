//! What a listener did with a song, and what that says about it (rows W4, T6).

/// A share between 0 and 1, both included; never NaN.
#[derive(Clone, Copy, PartialEq, PartialOrd, Debug, Default)]
pub struct Fraction(f32);

impl Fraction {
    /// Clamps to `[0, 1]`; NaN becomes 0.
    ///
    /// # Example
    /// ```
    /// use sottovoce::session::Fraction;
    /// assert_eq!(Fraction::new(1.7).get(), 1.0);
    /// assert_eq!(Fraction::new(f32::NAN).get(), 0.0);
    /// ```
    #[must_use]
    pub fn new(value: f32) -> Self {
        Self(if value.is_nan() { 0.0 } else { value.clamp(0.0, 1.0) })
    }

    /// The share itself.
    #[must_use]
    pub fn get(self) -> f32 {
        self.0
    }
}

/// What a listener did with a song.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub enum Feedback {
    /// Went on to another song after hearing the share `heard` of this one.
    Skip {
        /// The share of the song that was heard.
        heard: Fraction,
    },
    /// Heard the song to its end.
    Complete,
    /// Asked for more like this: heart, collect, download.
    Like,
    /// Asked never to hear this again.
    Dislike,
    /// Was shown it, and played something else.
    Ignore,
}

/// The five kinds of [`Feedback`], for tables indexed by kind.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Behaviour {
    /// [`Feedback::Skip`]
    Skip = 0,
    /// [`Feedback::Complete`]
    Complete = 1,
    /// [`Feedback::Like`]
    Like = 2,
    /// [`Feedback::Dislike`]
    Dislike = 3,
    /// [`Feedback::Ignore`]
    Ignore = 4,
}

impl Behaviour {
    /// How many kinds there are.
    pub const COUNT: usize = 5;

    /// All of them, by number.
    pub const ALL: [Self; Self::COUNT] = [Self::Skip, Self::Complete, Self::Like, Self::Dislike, Self::Ignore];

    /// Whether the listener wanted the song.
    #[must_use]
    pub fn wanted(self) -> bool {
        matches!(self, Self::Complete | Self::Like)
    }

    /// The kind with this number, if there is one.
    #[must_use]
    pub fn from_u8(value: u8) -> Option<Self> {
        Self::ALL.get(usize::from(value)).copied()
    }

    /// The feedback of this kind; `heard` matters to a skip only.
    #[must_use]
    pub fn feedback(self, heard: Fraction) -> Feedback {
        match self {
            Self::Skip => Feedback::Skip { heard },
            Self::Complete => Feedback::Complete,
            Self::Like => Feedback::Like,
            Self::Dislike => Feedback::Dislike,
            Self::Ignore => Feedback::Ignore,
        }
    }
}

impl Feedback {
    /// Which kind this is.
    #[must_use]
    pub fn behaviour(self) -> Behaviour {
        match self {
            Feedback::Skip { .. } => Behaviour::Skip,
            Feedback::Complete => Behaviour::Complete,
            Feedback::Like => Behaviour::Like,
            Feedback::Dislike => Behaviour::Dislike,
            Feedback::Ignore => Behaviour::Ignore,
        }
    }

    /// The reward in `[-1, 1]`: a complete play is 0.6 and a like 1; a skip runs from −0.6 (at once) to 0 (at the very
    /// end), because a song left near its end was mostly heard; a dislike is −1, and passing over a song that was only shown −0.1.
    ///
    /// # Example
    /// ```
    /// use sottovoce::session::{Feedback, Fraction};
    /// let early = Feedback::Skip { heard: Fraction::new(0.05) }.reward();
    /// let late = Feedback::Skip { heard: Fraction::new(0.9) }.reward();
    /// assert!(early < late && late < Feedback::Complete.reward());
    /// ```
    #[must_use]
    pub fn reward(self) -> f32 {
        match self {
            Feedback::Skip { heard } => -0.6 * (1.0 - heard.get()),
            Feedback::Complete => 0.6,
            Feedback::Like => 1.0,
            Feedback::Dislike => -1.0,
            Feedback::Ignore => -0.1,
        }
    }
}
