//! What must hold, by operation and peer.

use super::line::Bar;

const RATIOS: [(&str, &str, f64); 27] = [
    ("forward", "js", 7.0),
    ("forward", "ort", 25.0),
    ("forward", "tfjs", 40.0),
    ("score_10k_32", "js", 7.0),
    ("score_10k_32", "ort", 3.0),
    ("train_32", "js", 10.0),
    ("train_32", "ort", 6.0),
    ("train_32", "tfjs", 15.0),
    ("dpp_500_64_30", "js", 8.0),
    ("dpp_500_64_30", "ort", 25.0),
    ("dpp_500_64_30", "tfjs", 100.0),
    ("dpp_500_64_30", "pyversity", 3.0),
    ("cold_start", "ort", 10.0),
    ("cold_start", "tfjs", 4.0),
    ("client", "flower", 7.0),
    ("server", "flower", 50.0),
    // At most .42 of its bytes, and within 1.5 times of its time.
    ("upload", "flower", 1.0 / 0.42),
    ("expand", "openssl", 1.0 / 1.5),
    // Counts only at an area that is equal or better (`ranking/models`).
    ("deepfm", "deepctr-torch", 20.0),
    ("dcn", "deepctr-torch", 20.0),
    ("autoint", "deepctr-torch", 20.0),
    ("din", "deepctr-torch", 20.0),
    ("esmm", "deepctr-torch", 20.0),
    ("mmoe", "deepctr-torch", 20.0),
    ("ctr_step", "torch", 1.3),
    ("sasrec_full", "torch", 2.0),
    ("tiny_mlp", "torch", 5.0),
];

const OWN: [(&str, Bar); 13] = [
    // The scan alone, as a share of what it is bound by: memory or arithmetic.
    ("score_kernel_share", Bar::Least(0.55)),
    ("dpp_1000_64_20_native", Bar::Median(0.15)),
    // The listener must not wait.
    ("requeue", Bar::P95(1.0)),
    ("requeue_hour", Bar::Median(0.0)),
    ("private_recall", Bar::Median(1.5)),
    ("private_recall_1m", Bar::Median(4.0)),
    // 24 bits of each of 100,000 numbers, and 5 KB.
    ("upload", Bar::Median(300_000.0 + 5_000.0)),
    ("complete_graph_100", Bar::Median(0.5)),
    ("k100_n1000", Bar::Median(10.0)),
    ("durable_reports", Bar::Least(1000.0)),
    ("round_10k", Bar::Median(15.0)),
    // A second of one core.
    ("embedding_updates", Bar::Least(1_000_000.0)),
    ("ftrl", Bar::Least(1_600_000.0)),
];

/// Milliseconds from a killed server's end to the next one's first answer, at worst.
pub(super) const READY_AGAIN: Bar = Bar::Median(2000.0);

/// From the noised vector to the signed report; `client` natively is judged beside its peer.
pub(super) const CLIENT_IN_CHROMIUM: Bar = Bar::Median(12.0);

/// Of the songs that an exact search in f32 finds, how many private recall must find.
pub(super) const LEAST_RECALL: f64 = 0.985;

/// The bar for an operation: beside a peer, or by itself.
pub(super) fn bar(op: &str, peer: Option<&str>) -> Option<Bar> {
    match peer {
        Some(peer) => RATIOS.iter().find(|(o, p, _)| *o == op && *p == peer).map(|(.., bar)| Bar::Ratio(*bar)),
        None => OWN.iter().find(|(o, _)| *o == op).map(|(_, bar)| *bar),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_found_by_operation_and_peer() {
        assert_eq!(bar("forward", Some("tfjs")), Some(Bar::Ratio(40.0)));
        assert_eq!(bar("score_10k_32", Some("tfjs")), None);
        assert_eq!(bar("requeue", None), Some(Bar::P95(1.0)));
        assert_eq!(bar("forward", None), None);
    }
}
