//! Eight mechanisms with what `dp-accounting` 0.4 (Google, PyPI) says of them, typed in; and the file they come from, where it is.

/// `T` rounds of Poisson-sampled Gaussian noise.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) z: f64,
    pub(super) q: f64,
    pub(super) rounds: u32,
    pub(super) delta: f64,
    /// By Rényi divergence, and at which order.
    pub(super) rdp: f64,
    pub(super) order: f64,
    /// By privacy loss distribution on a grid of 10⁻⁴.
    pub(super) pld: f64,
}

#[rustfmt::skip]
pub(super) const ROWS: [Row; 8] = [
    Row { z: 1.0, q: 0.01, rounds: 1000, delta: 1e-5, rdp: 2.101366525420273, order: 7.8, pld: 1.8282436455855091 },
    Row { z: 1.1, q: 0.004, rounds: 10_000, delta: 1e-5, rdp: 2.013059446324756, order: 9.8, pld: 1.8410369151727397 },
    Row { z: 0.8, q: 0.02, rounds: 200, delta: 1e-6, rdp: 4.609861086630472, order: 4.4, pld: 3.92488863357145 },
    Row { z: 2.0, q: 0.1, rounds: 500, delta: 1e-6, rdp: 6.67929276443042, order: 4.7, pld: 6.216700009970011 },
    Row { z: 4.0, q: 1.0, rounds: 100, delta: 1e-6, rdp: 15.32798402653992, order: 3.0, pld: 14.450776968552242 },
    Row { z: 1.0, q: 1.0, rounds: 1, delta: 1e-5, rdp: 4.728507067217623, order: 5.4, pld: 4.37717810002493 },
    Row { z: 0.5, q: 0.001, rounds: 2000, delta: 1e-7, rdp: 6.744271682923858, order: 3.4, pld: 5.609429887619936 },
    Row { z: 8.0, q: 0.5, rounds: 1000, delta: 1e-8, rdp: 13.310917007648658, order: 4.0, pld: 12.665438668941533 },
];

/// The numbers above are those of the file, but for the last bit of reading them.
#[test]
fn the_rows_are_those_of_the_file() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/peers/flower/dp_reference.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("skipped: no {}", path.display());
        return;
    };
    let rows: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(rows.len(), ROWS.len());
    for (row, there) in ROWS.iter().zip(&rows) {
        let same = |name: &str, here: f64| {
            assert!((there[name].as_f64().unwrap() / here - 1.0).abs() < 1e-15, "{name} of {row:?}")
        };
        for (name, here) in [("sigma", row.z), ("q", row.q), ("T", f64::from(row.rounds)), ("delta", row.delta)] {
            same(name, here);
        }
        for (name, here) in [("eps_rdp", row.rdp), ("order", row.order), ("eps_pld", row.pld)] {
            same(name, here);
        }
    }
}
