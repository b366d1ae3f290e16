//! The page about a run: what it is worth at a glance, how it came to that, for whom, and what to type to have it again. One file, no script.

use super::metrics::{EpochLine, Fusion, TestLine};
use super::record::short;
use super::{RunRecord, SegmentLine};
use crate::eval::{Chart, Curve, Tile, details, page, paragraph, row, table, tiles};
use crate::train::Figures;

/// The page; `sizes` are the rows of the training, validation and test part.
#[must_use]
pub fn report(record: &RunRecord, epochs: &[EpochLine], test: &TestLine, sizes: [usize; 3]) -> String {
    let model = model_name(record);
    let round = record.config.model.round();
    let title = format!("{model} on {}, seed {}", record.config.table.name(), record.seed);
    let mut parts = vec![paragraph(&format!(
        "Of {} {}{} the validation part chose {}. Learned from {} rows, chosen on {}, measured on {}; {} {}.",
        test.epochs,
        round,
        if test.epochs == 1 {
            ""
        } else if round == "pass" {
            "es"
        } else {
            "s"
        },
        match round {
            "tree" => format!("the first {}", test.best),
            _ => format!("{round} {}", test.best),
        },
        grouped(sizes[0]),
        grouped(sizes[1]),
        grouped(sizes[2]),
        grouped(test.weights),
        if round == "tree" { "nodes" } else { "weights" },
    ))];
    parts.extend(test.test.iter().map(glance));
    parts.extend(test.fusion.as_ref().map(|fusion| fused(fusion, &test.test)));
    if epochs.len() > 1 {
        parts.push(row("How it learned", &curves(epochs, test)));
    }
    if !test.importance.is_empty() {
        parts.push("<h2>What its answers are made of</h2>\n".to_owned());
        parts.push(paragraph("Each column's share of what all splits brought."));
        parts.push(importance(&test.importance));
    }
    let mut calibrations: Vec<String> = test.test.iter().map(calibration).collect();
    calibrations.push(paragraph(
        "Bins of about as many rows each. On the broken line, of what is said to happen three times in ten, three in ten happen; below it too much is promised.",
    ));
    parts.push(row("Whether its probabilities are true", &calibrations));
    parts.push("<h2>For whom it is good</h2>\n".to_owned());
    parts.push(segments(&test.segments));
    parts.push(details(if epochs.len() > 1 { "Epoch by epoch" } else { "How long it took" }, &timings(epochs)));
    parts.push(details("Settings, as they were understood", &settings(record)));
    parts.push(paragraph(&format!("Table {}, program {}.", short(&record.table_hash), record.code)));
    page(&title, &parts)
}

/// The model's name in a file of settings.
pub(super) fn model_name(record: &RunRecord) -> String {
    let value = serde_json::to_value(&record.config.model).unwrap_or_default();
    value.get("name").and_then(|name| name.as_str()).unwrap_or("a model").to_owned()
}

fn glance(figures: &Figures) -> String {
    let tile = |name: &str, value: String, note: String| Tile { name: name.to_owned(), value, note };
    let Figures { task, rows, auc, gauc, log_loss, calibration, rmse, .. } = figures;
    let all = [
        tile("AUC", format!("{auc:.4}"), format!("over {} rows", grouped(*rows))),
        tile("GAUC", format!("{:.4}", gauc.value), format!("{} listeners, {} skipped", gauc.listeners, gauc.skipped)),
        tile("log loss", format!("{log_loss:.4}"), format!("RMSE {rmse:.4}")),
        tile(
            "calibration error",
            format!("{:.4}", calibration.ece),
            format!("predicted ÷ observed {:.3}", calibration.ratio),
        ),
    ];
    tiles(&format!("On the test part: {task}"), &all)
}

/// What one score of all tasks is worth beside each alone.
fn fused(fusion: &Fusion, tasks: &[Figures]) -> String {
    let tile = |name: String, value: f64, note: String| Tile { name, value: format!("{value:.4}"), note };
    let power = |(task, w): (&Figures, &f64)| format!("{}^{w:.2}", task.task);
    let formula: Vec<String> = tasks.iter().zip(&fusion.utility.weights).map(power).collect();
    let mut all = vec![tile("as one score".to_owned(), fusion.value_at_10, formula.join(" · "))];
    let alone = tasks.iter().zip(&fusion.alone);
    all.extend(alone.map(|(task, value)| tile(format!("by {} alone", task.task), *value, String::new())));
    tiles("Value of a listener's first ten, over the best ten; weights tuned on the validation part", &all)
}

fn curves(epochs: &[EpochLine], test: &TestLine) -> Vec<String> {
    let at = |line: &EpochLine| f64::from(u32::try_from(line.epoch).unwrap_or(u32::MAX));
    let best = || {
        Some((
            f64::from(u32::try_from(test.best).unwrap_or(0)),
            format!("the line marks epoch {}, the best", test.best),
        ))
    };
    let chart = |title: &str, curves| {
        Chart { title: title.into(), across: "epoch".into(), curves, mark: best(), counted: true }.html()
    };
    let mut loss =
        vec![Curve { name: "training".into(), points: epochs.iter().map(|l| (at(l), l.loss)).collect(), faint: false }];
    let (mut areas, mut within) = (Vec::new(), Vec::new());
    for (place, task) in test.test.iter().enumerate() {
        let curve = |name: String, of: &dyn Fn(&super::metrics::TaskLine) -> f64| {
            let point = |l: &EpochLine| l.validation.get(place).map(|task| (at(l), of(task)));
            Curve { name, points: epochs.iter().filter_map(point).collect(), faint: false }
        };
        loss.push(curve(format!("validation, {}", task.task), &|t| t.log_loss));
        areas.push(curve(format!("AUC, {}", task.task), &|t| t.auc));
        within.push(curve(format!("GAUC, {}", task.task), &|t| t.gauc));
    }
    areas.extend(within);
    vec![chart("Loss", loss), chart("Area under the curve, validation part", areas)]
}

fn calibration(figures: &Figures) -> String {
    let bins = &figures.calibration.bins;
    let most = bins.iter().map(|bin| bin.predicted.max(bin.observed)).fold(0.0, f64::max);
    let least = bins.iter().map(|bin| bin.predicted.min(bin.observed)).fold(1.0, f64::min);
    let curves = vec![
        Curve {
            name: figures.task.clone(),
            points: bins.iter().map(|b| (b.predicted, b.observed)).collect(),
            faint: false,
        },
        Curve { name: "true".into(), points: vec![(least, least), (most, most)], faint: true },
    ];
    let title = format!("{}: observed rate over predicted probability", figures.task);
    Chart { title, across: "predicted probability".into(), curves, mark: None, counted: false }.html()
}

fn segments(lines: &[SegmentLine]) -> String {
    let cell = |line: &SegmentLine, of: &dyn Fn(&Figures) -> f64, digits: usize| {
        line.figures.as_ref().map_or_else(|| "–".to_owned(), |figures| format!("{:.digits$}", of(figures)))
    };
    let row = |line: &SegmentLine| {
        vec![
            format!("{}, {}", line.of, line.name),
            line.task.clone(),
            grouped(line.rows),
            cell(line, &|f| f.auc, 4),
            cell(line, &|f| f.gauc.value, 4),
            cell(line, &|f| f.log_loss, 4),
            cell(line, &|f| f.calibration.ratio, 3),
            line.meaning.clone(),
        ]
    };
    let head = ["who", "task", "rows", "AUC", "GAUC", "log loss", "predicted ÷ observed", "that is"];
    table(&head, &lines.iter().map(row).collect::<Vec<_>>())
}

/// The first fifteen, and what the rest come to.
fn importance(all: &[(String, f64)]) -> String {
    const SHOWN: usize = 15;
    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
    let mut rows: Vec<Vec<String>> =
        all.iter().take(SHOWN).map(|(name, share)| vec![name.clone(), percent(*share)]).collect();
    if all.len() > SHOWN {
        let rest: f64 = all[SHOWN..].iter().map(|(_, share)| share).sum();
        rows.push(vec![format!("{} more", all.len() - SHOWN), percent(rest)]);
    }
    table(&["column", "share"], &rows)
}

fn timings(epochs: &[EpochLine]) -> String {
    let row = |line: &EpochLine| {
        let over = |of: &dyn Fn(&super::metrics::TaskLine) -> f64| {
            line.validation.iter().map(|task| format!("{:.4}", of(task))).collect::<Vec<_>>().join(" / ")
        };
        vec![
            line.epoch.to_string(),
            format!("{:.4}", line.loss),
            over(&|t| t.auc),
            over(&|t| t.gauc),
            over(&|t| t.log_loss),
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rows a second")]
            grouped(line.examples_per_s as usize),
            format!("{:.2}", line.wall_s),
            line.cpu_s.map_or_else(|| "–".to_owned(), |cpu| format!("{cpu:.2}")),
        ]
    };
    let head = ["epoch", "loss", "AUC", "GAUC", "log loss", "rows a second", "seconds", "processor seconds"];
    table(&head, &epochs.iter().map(row).collect::<Vec<_>>())
}

fn settings(record: &RunRecord) -> String {
    let text = record.to_toml("run.toml".as_ref()).unwrap_or_default();
    crate::eval::preformatted(&text)
}

/// `12,345`.
pub(super) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut shown = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}
