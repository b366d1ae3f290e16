//! The account of everything that crossed the wire, which the listener can read.

use crate::ids::Millis;

/// Which way a message went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// Left the device.
    Up,
    /// Came to the device.
    Down,
}

/// One message that crossed the wire.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LedgerEntry {
    /// When.
    pub at: Millis,
    /// Which way.
    pub direction: Direction,
    /// The message's name.
    pub message: String,
    /// Bytes of its body.
    pub bytes: u32,
    /// What it means, in a sentence for the listener.
    pub meaning: String,
}

/// Totals for ever, and the newest entries in full.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ledger {
    entries: Vec<LedgerEntry>,
    sent_messages: u64,
    sent_bytes: u64,
}

impl Ledger {
    /// So many entries are kept in full; older ones live on in the totals.
    pub const KEEP: usize = 500;

    /// Rebuilds a ledger from its parts (the device's store).
    #[must_use]
    pub fn from_parts(mut entries: Vec<LedgerEntry>, sent_messages: u64, sent_bytes: u64) -> Self {
        let surplus = entries.len().saturating_sub(Self::KEEP);
        entries.drain(..surplus);
        Self { entries, sent_messages, sent_bytes }
    }

    /// Adds an entry.
    pub fn record(&mut self, entry: LedgerEntry) {
        if entry.direction == Direction::Up {
            self.count(entry.bytes);
        }
        if self.entries.len() == Self::KEEP {
            self.entries.remove(0);
        }
        self.entries.push(entry);
    }

    /// Counts a message that left and that says no more than one in the list already: a sign of life every few seconds.
    pub fn count(&mut self, bytes: u32) {
        self.sent_messages += 1;
        self.sent_bytes += u64::from(bytes);
    }

    /// The newest entries, oldest first.
    #[must_use]
    pub fn entries(&self) -> &[LedgerEntry] {
        &self.entries
    }

    /// How many messages ever left.
    #[must_use]
    pub fn sent_messages(&self) -> u64 {
        self.sent_messages
    }

    /// How many bytes ever left.
    #[must_use]
    pub fn sent_bytes(&self) -> u64 {
        self.sent_bytes
    }
}
