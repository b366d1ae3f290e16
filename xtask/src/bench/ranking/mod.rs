//! Ranking models and what they learn with, beside the Python packages that do the same: a step of training beside PyTorch (`steps`), a model on
//! MovieLens beside deepctr-torch, scikit-learn and LightGBM (`models`), three tasks of KuaiRand (`models`), the ladder of models (`ladder`).
//! Each sample of ours stands beside one of the peer's, taken right after it; processor time counts, not the clock on the wall. `child` is a
//! process and what it cost, `scripts` where the peers' halves are, `sample` mean, deviation and interval.

mod child;
mod ladder;
mod models;
mod run;
mod sample;
mod scripts;
mod steps;

pub(super) use run::run;
