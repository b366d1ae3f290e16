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
            _ => return false,
        }
        true
    }

    /// Columns of the context table: 9 day parts, 8 weekdays, 8 devices, 17 locales.
    pub(crate) const COLUMNS: u32 = 9 + 8 + 8 + 17;

    /// The four columns this context selects. The first of each group stands for "not known".
    pub(crate) fn columns(self) -> [u32; 4] {
        let pick = |value: Option<u32>, count: u32| value.map_or(0, |v| 1 + v % count);
        [
            pick(self.hour.map(|h| u32::from(h) / 3), 8),
            9 + pick(self.weekday.map(u32::from), 7),
            17 + pick(self.device.map(u32::from), 7),
            25 + pick(self.locale.map(u32::from), 16),
        ]
    }
}

/// One song of the past.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Heard<'a> {
    /// The song's embedding, `d` numbers.
    pub song: &'a [f32],
    /// What the listener did with it.
    pub behaviour: Behaviour,
}

/// Everything the tower looks at: the past, oldest first, and the surroundings.
#[derive(Clone, Copy, Debug)]
pub struct TowerInput<'a> {
    /// At most [`TowerInput::HISTORY`] of it are used, the newest.
    pub history: &'a [Heard<'a>],
    /// The surroundings.
    pub context: Context,
}

impl TowerInput<'_> {
    /// `H`: how much of the past the tower looks at.
    pub const HISTORY: usize = 50;

    /// Columns of the recency table.
    pub(crate) const RECENCY: u32 = 8;

    /// The column for the event `age` places before the newest: 0, 1, 2–3, 4–7, … on a doubling scale.
    pub(crate) fn recency(age: usize) -> u32 {
        (usize::BITS - age.leading_zeros()).min(Self::RECENCY - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recency_doubles() {
        let columns: Vec<u32> = [0, 1, 2, 3, 4, 7, 8, 49, 10_000].map(TowerInput::recency).into();
        assert_eq!(columns, [0, 1, 2, 2, 3, 3, 4, 6, 7]);
    }

    #[test]
    fn every_context_selects_columns_of_its_own_groups() {
        for hour in (0..=255).map(Some).chain([None]) {
            let context = Context { hour, weekday: hour, device: hour, locale: hour.map(u16::from) };
            let [h, w, d, l] = context.columns();
            assert!(h < 9 && (9..17).contains(&w) && (17..25).contains(&d) && (25..Context::COLUMNS).contains(&l));
        }
    }
}
