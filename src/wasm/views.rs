//! The engine's values as JavaScript sees them.

use super::view::{View, count, list, number};
use crate::client::{Received, Recommender};
use crate::privacy::{Direction, Ledger};
use crate::protocol::ReceiptStatus;
use crate::rerank::{RuleNote, Slate, Why};
use crate::session::Feedback;

pub(super) fn received(received: Received) -> View<'static> {
    View::Record(match received {
        Received::Weights(version) => vec![("kind", View::Text("weights")), ("version", count(version.0))],
        // Without rounds nothing else comes down.
        _ if !cfg!(feature = "full") => vec![],
        Received::Offer(offer) => vec![
            ("kind", View::Text("offer")),
            ("round", count(offer.round.0)),
            ("weights", count(offer.weights.0)),
            ("cohort", count(offer.cohort.into())),
            ("closesAt", count(offer.closes_at.0)),
            ("clipNorm", number(offer.plan.clip_norm)),
        ],
        #[cfg(feature = "full")]
        Received::Block(blocks) => vec![("kind", View::Text("block")), ("blocks", count(blocks as u64))],
        Received::Receipt(receipt) => vec![
            ("kind", View::Text("receipt")),
            ("round", count(receipt.round.0)),
            (
                "status",
                View::Text(match receipt.status {
                    ReceiptStatus::Accepted => "accepted",
                    ReceiptStatus::AlreadyCounted => "already-counted",
                    ReceiptStatus::RoundClosed => "round-closed",
                }),
            ),
        ],
    })
}

pub(super) fn ledger(ledger: &Ledger) -> View<'_> {
    View::Record(vec![
        ("sentMessages", count(ledger.sent_messages())),
        ("sentBytes", count(ledger.sent_bytes())),
        (
            "entries",
            list(ledger.entries(), |e| {
                View::Record(vec![
                    ("at", count(e.at.0)),
                    ("direction", View::Text(if e.direction == Direction::Up { "up" } else { "down" })),
                    ("message", View::Text(&e.message)),
                    ("bytes", count(e.bytes.into())),
                    ("meaning", View::Text(&e.meaning)),
                ])
            }),
        ),
    ])
}

/// The remembered events, oldest first, for the listener's own eyes.
pub(super) fn history(engine: &Recommender) -> View<'_> {
    let maybe = |value: Option<u8>| value.map_or(View::Absent, |v| count(v.into()));
    list(engine.history(), |r| {
        View::Record(vec![
            ("song", count(r.event.impression.song.0.into())),
            ("slot", count(r.event.impression.slot.into())),
            ("shownAt", count(r.event.impression.at.0)),
            ("at", count(r.event.at.0)),
            ("behaviour", count(r.event.feedback.behaviour() as u64)),
            ("heard", if let Feedback::Skip { heard } = r.event.feedback { number(heard.get()) } else { View::Absent }),
            ("hour", maybe(r.context.hour)),
            ("weekday", maybe(r.context.weekday)),
            ("device", maybe(r.context.device)),
            ("scene", maybe(r.context.scene)),
            ("locale", r.context.locale.map_or(View::Absent, |v| count(v.into()))),
        ])
    })
}

/// Everything the engine knows of the listener.
pub(super) fn export(engine: &Recommender) -> View<'_> {
    View::Record(vec![
        ("format", count(2)),
        ("consent", View::Flag(engine.consent())),
        ("heard", count(engine.heard())),
        ("history", history(engine)),
        (
            "library",
            list(engine.library().songs(), |(song, tally)| {
                View::Record(vec![
                    ("song", count(song.0.into())),
                    ("plays", count(tally.plays.into())),
                    ("skips", count(tally.skips.into())),
                    ("liked", View::Flag(tally.liked)),
                    ("blocked", View::Flag(tally.blocked)),
                    ("last", count(tally.last.0)),
                ])
            }),
        ),
        ("weightsVersion", engine.weights_version().map_or(View::Absent, |v| count(v.0))),
        ("personalWeights", list(engine.tower().map_or(&[][..], |t| t.personal()), |w| number(*w))),
        ("ledger", ledger(engine.ledger())),
    ])
}

/// Why each song of the slate is there.
pub(super) fn explain(slate: &Slate) -> View<'_> {
    list(slate.placements(), |p| {
        let why = match p.why {
            Why::Taste => "taste",
            Why::ThisSession => "session",
            Why::Fresh => "fresh",
            Why::Popular => "popular",
            Why::Variety => "variety",
            Why::Boosted => "boosted",
        };
        let rule = p.rule.map_or(View::Absent, |rule| {
            View::Text(match rule {
                RuleNote::PassedOver { .. } => "passed-over",
                RuleNote::GapRelaxed { .. } => "gap-relaxed",
            })
        });
        View::Record(vec![
            ("song", count(p.song.0.into())),
            ("slot", count(p.slot.into())),
            ("relevance", number(p.relevance)),
            ("session", number(p.session)),
            ("popularity", number(p.popularity)),
            ("explore", number(p.explore)),
            ("weight", number(p.weight)),
            ("forgone", number(p.forgone)),
            ("diversity", number(p.diversity)),
            ("why", View::Text(why)),
            ("text", View::Text(p.reason().headline())),
            ("rule", rule),
        ])
    })
}
