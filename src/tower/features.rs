//! What the tower looks at. All of it is private: it never leaves the device.

use crate::session::Behaviour;

/// The listener's surroundings, as far as the page is allowed to know them. `None` is "not known" and has a weight of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Context {
    /// Local hour, 0 to 23.
    pub hour: Option<u8>,
    /// Day of the week, 0 = Monday to 6.
    pub weekday: Option<u8>,
    /// Kind of device, 0 to 6, as the page numbers them (phone, tablet, desktop, car, …).
    pub device: Option<u8>,
    /// A hash of the locale; only its lowest four bits are used.
    pub locale: Option<u16>,
    /// Where in the player the song was met, 0 to 7, as the page numbers them (queue, radio, daily list, search, album, …).
    pub scene: Option<u8>,
}

impl Context {
    /// Sets one field by name; false, and nothing changed, if there is no such field or the value is out of its range.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "ranges are checked first")]
    pub fn set(&mut self, name: &str, value: f64) -> bool {
        let within = |high: f64| (0.0..=high).contains(&value);
        match name {
            "hour" if within(23.0) => self.hour = Some(value as u8),
            "weekday" if within(6.0) => self.weekday = Some(value as u8),
            "device" if within(6.0) => self.device = Some(value as u8),
            "locale" if within(65_535.0) => self.locale = Some(value as u16),
            "scene" if within(7.0) => self.scene = Some(value as u8),
            _ => return false,
        }
        true
    }

    /// Columns of the context table: 9 day parts, 8 weekdays, 8 devices, 17 locales, 9 scenes.
    pub(crate) const COLUMNS: u32 = 9 + 8 + 8 + 17 + 9;

    /// The five columns this context selects. The first of each group stands for "not known".
    pub(crate) fn columns(self) -> [u32; 5] {
        [
            pick(self.hour.map(|h| u32::from(h) / 3), 8),
            9 + pick(self.weekday.map(u32::from), 7),
            17 + pick(self.device.map(u32::from), 7),
            25 + pick(self.locale.map(u32::from), 16),
            42 + pick(self.scene.map(u32::from), 8),
        ]
    }
}

/// 0 for what is not known, else 1 to `count`.
fn pick(value: Option<u32>, count: u32) -> u32 {
    value.map_or(0, |v| 1 + v % count)
}

/// What the catalogue says about a song besides its embedding; 0 is "not known".
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Fields {
    /// Style, as the catalogue numbers them.
    pub style: u16,
    /// Language, as the catalogue numbers them.
    pub language: u16,
    /// Artist, counted from 1.
    pub artist: u32,
    /// Album, as the catalogue numbers them.
    pub album: u32,
}

/// One song of the past, without its embedding.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Heard {
    /// What the listener did with it.
    pub behaviour: Behaviour,
    /// What the catalogue says about it.
    pub fields: Fields,
    /// Seconds since the event before it; a long gap begins another session.
    pub gap: u32,
    /// Seconds between its being shown and what came of it.
    pub lasted: u32,
    /// Where in the player it was met.
    pub scene: Option<u8>,
}

/// The groups of columns that are added to a song of the past, and where each begins.
pub(crate) struct Table;

impl Table {
    #[allow(clippy::cast_possible_truncation, reason = "five")]
    const RECENCY: u32 = Behaviour::COUNT as u32;
    const GAP: u32 = Self::RECENCY + 8;
    const LASTED: u32 = Self::GAP + 8;
    const SCENE: u32 = Self::LASTED + 8;
    const STYLE: u32 = Self::SCENE + 9;
    const LANGUAGE: u32 = Self::STYLE + 32;
    const ARTIST: u32 = Self::LANGUAGE + 16;
    const ALBUM: u32 = Self::ARTIST + 64;
    /// All columns.
    pub(crate) const COLUMNS: u32 = Self::ALBUM + 64;
}

impl Heard {
    /// A song of which only the behaviour is known.
    #[must_use]
    pub fn new(behaviour: Behaviour) -> Self {
        Self { behaviour, fields: Fields::default(), gap: 0, lasted: 0, scene: None }
    }

    /// One column of each group. Ids beyond a group's columns share them (the hashing trick).
    pub(crate) fn columns(&self, age: usize) -> [u32; 9] {
        let Fields { style, language, artist, album } = self.fields;
        let known = |id: u32, columns: u32| if id == 0 { 0 } else { 1 + scatter(id) % (columns - 1) };
        [
            self.behaviour as u32,
            Table::RECENCY + doubling(u32::try_from(age).unwrap_or(u32::MAX)),
            // Half a minute between songs is one session; half an hour is not.
            Table::GAP + doubling(self.gap / 30),
            Table::LASTED + doubling(self.lasted / 4),
            Table::SCENE + pick(self.scene.map(u32::from), 8),
            Table::STYLE + known(style.into(), 32),
            Table::LANGUAGE + known(language.into(), 16),
            Table::ARTIST + known(artist, 64),
            Table::ALBUM + known(album, 64),
        ]
    }
}

/// 0, 1, 2–3, 4–7, … as 0 to 7.
fn doubling(value: u32) -> u32 {
    (u32::BITS - value.leading_zeros()).min(7)
}

/// Spreads consecutive ids (Knuth's multiplicative hash).
fn scatter(id: u32) -> u32 {
    id.wrapping_mul(2_654_435_761) >> 16
}

/// Everything the tower looks at: the past, oldest first, and the surroundings.
#[derive(Clone, Copy, Debug)]
pub struct TowerInput<'a> {
    /// Of each behaviour the newest are used, as many as [`TowerInput::at_most`] says, of the newest [`TowerInput::HISTORY`].
    pub heard: &'a [Heard],
    /// Their embeddings, `d` numbers each, one after the other.
    pub songs: &'a [f32],
    /// The surroundings.
    pub context: Context,
}

impl TowerInput<'_> {
    /// How many events are worth handing over: of more, the oldest are not looked at.
    pub const HISTORY: usize = 120;

    /// How many songs are looked at, at most.
    pub(super) const MOST: usize = 100;

    /// How many of the newest songs of a behaviour the tower looks at.
    #[must_use]
    pub fn at_most(behaviour: Behaviour) -> usize {
        match behaviour {
            Behaviour::Complete => 40,
            Behaviour::Like | Behaviour::Skip => 20,
            Behaviour::Ignore | Behaviour::Dislike => 10,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_double() {
        let columns: Vec<u32> = [0, 1, 2, 3, 4, 7, 8, 63, 64, 10_000].map(doubling).into();
        assert_eq!(columns, [0, 1, 2, 2, 3, 3, 4, 6, 7, 7]);
    }

    #[test]
    fn every_context_selects_columns_of_its_own_groups() {
        for hour in (0..=255).map(Some).chain([None]) {
            let context = Context { hour, weekday: hour, device: hour, locale: hour.map(u16::from), scene: hour };
            let [h, w, d, l, s] = context.columns();
            assert!(h < 9 && (9..17).contains(&w) && (17..25).contains(&d) && (25..42).contains(&l));
            assert!((42..Context::COLUMNS).contains(&s));
        }
    }

    #[test]
    fn every_song_selects_one_column_of_each_group() {
        let bounds = [
            0,
            Table::RECENCY,
            Table::GAP,
            Table::LASTED,
            Table::SCENE,
            Table::STYLE,
            Table::LANGUAGE,
            Table::ARTIST,
            Table::ALBUM,
            Table::COLUMNS,
        ];
        for short in 0..5000u16 {
            let i = u32::from(short);
            let fields = Fields { style: short, language: short.wrapping_mul(7), artist: i * 31, album: u32::MAX - i };
            let heard =
                Heard { fields, gap: i * i, lasted: i, scene: u8::try_from(i).ok(), ..Heard::new(Behaviour::Skip) };
            for (column, group) in heard.columns(i as usize).iter().zip(bounds.windows(2)) {
                assert!((group[0]..group[1]).contains(column), "{column} of {group:?}");
            }
        }
        let unknown = Heard::new(Behaviour::Complete).columns(0);
        assert_eq!(unknown[5..], [Table::STYLE, Table::LANGUAGE, Table::ARTIST, Table::ALBUM]);
    }
}
