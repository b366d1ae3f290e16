//! Times of a log, as text.

use chrono::DateTime;

/// The last moment of the year 9999: a later one is no time of a log but another unit.
pub(super) const LATEST_MS: u64 = 253_402_300_799_999;

/// What a time may look like, for the complaint.
pub(super) const EXPECTED: &str = "milliseconds since 1970 or a time as 2026-11-22T10:00:00Z";

/// Milliseconds since 1970, or RFC 3339.
pub(super) fn parse(text: &str) -> Option<u64> {
    let ms = match text.parse::<u64>() {
        Ok(ms) => ms,
        Err(_) => u64::try_from(DateTime::parse_from_rfc3339(text).ok()?.timestamp_millis()).ok()?,
    };
    (ms <= LATEST_MS).then_some(ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_writing_agree() {
        assert_eq!(parse("1795341600000"), Some(1_795_341_600_000));
        assert_eq!(parse("2026-11-22T10:00:00Z"), Some(1_795_341_600_000));
        assert_eq!(parse("2026-11-22T11:00:00.250+01:00"), Some(1_795_341_600_250));
        for wrong in ["", "yesterday", "-5", "1e12", "2026-11-22", "99999999999999999", "1969-12-31T23:59:59Z"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
