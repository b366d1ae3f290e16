"""Writes ranking_metrics.json: what scikit-learn and numpy say of synthetic predictions, ties and weights among them.

    python server/tests/golden/ranking_metrics.py > server/tests/golden/ranking_metrics.json

Everything is drawn from one seed. scikit-learn 1.x, numpy 2.x.
"""

import json

import numpy as np
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, log_loss, mean_squared_error, roc_auc_score

BINS = 7


def gauc(scores, labels, weights, listeners):
    """Per-listener AUC, each counted by the weight of the listener's rows; those with one class are left out."""
    total, weight, counted, skipped = 0.0, 0.0, 0, 0
    for listener in np.unique(listeners):
        of = listeners == listener
        if len(np.unique(labels[of & (weights > 0)])) < 2:
            skipped += 1
            continue
        w = weights[of].sum()
        total += w * roc_auc_score(labels[of], scores[of], sample_weight=weights[of])
        weight += w
        counted += 1
    return total / weight, counted, skipped


def case(name, rows, distinct, weighted, rng):
    listeners = np.sort(rng.integers(0, max(3, rows // 9), rows))
    scores = rng.beta(1.2, 2.5, rows)
    if distinct:
        scores = np.round(scores * distinct) / distinct
    labels = (rng.uniform(size=rows) < 0.15 + 0.7 * scores).astype(int)
    # Listeners of one class: the first ones like everything, the last ones nothing.
    labels[listeners == listeners[0]] = 1
    labels[listeners == listeners[-1]] = 0
    weights = rng.integers(0, 4, rows) * 0.5 if weighted else np.ones(rows)
    within, counted, skipped = gauc(scores, labels, weights, listeners)
    # What counts for nothing has no label, and shifts no bin.
    counts = weights > 0
    edges = np.percentile(scores[counts], np.linspace(0, 1, BINS + 1) * 100)
    place = np.searchsorted(edges[1:-1], scores)
    bins = []
    for b in range(BINS):
        of = (place == b) & counts
        if of.any():
            mean = np.average(scores[of], weights=weights[of])
            rate = np.average(labels[of], weights=weights[of])
            bins.append([float(mean), float(rate), int(of.sum()), float(weights[of].sum())])
    if not weighted:
        # The same, by scikit-learn's own.
        rate, mean = calibration_curve(labels, scores, n_bins=BINS, strategy="quantile")
        assert np.allclose([[m, r] for m, r, _, _ in bins], np.stack([mean, rate], 1), atol=1e-12)
    ece = sum(w * abs(m - r) for m, r, _, w in bins) / weights.sum()
    squared = float(mean_squared_error(labels, scores, sample_weight=weights))
    brier = float(brier_score_loss(labels, scores, sample_weight=weights))
    return {
        "name": name,
        "scores": scores.tolist(),
        "labels": labels.tolist(),
        "weights": weights.tolist(),
        "listeners": listeners.tolist(),
        "auc": float(roc_auc_score(labels, scores, sample_weight=weights)),
        "gauc": [float(within), counted, skipped],
        "log_loss": float(log_loss(labels, scores, sample_weight=weights)),
        "rmse": squared**0.5,
        "brier": brier,
        "bins": bins,
        "ece": float(ece),
        "ratio": float(np.dot(weights, scores) / np.dot(weights, labels)),
    }


rng = np.random.default_rng(2020)
cases = [
    case("all different", 101, None, False, rng),
    case("many ties", 120, 6, False, rng),
    case("two scores, and the ends of the scale", 90, 1, False, rng),
    case("weights, some of them zero", 115, None, True, rng),
    case("ties and weights", 130, 8, True, rng),
]
print(json.dumps({"bins": BINS, "cases": cases}))
