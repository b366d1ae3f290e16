//! What finished runs are asked: which is better, and why a row has its score.

use crate::world::{World, error, lines, text};
use serde_json::Value;

fn two_runs() -> World {
    let world = World::mlc(40);
    assert!(world.train("runs/deep", &[]).status.success());
    world.settings("settings.toml", "table = \"mlc\"\n[model]\nname = \"lr\"\n[train]\nepochs = 1\nbatch = 64\n");
    assert!(world.train("runs/lr", &[]).status.success());
    world
}

#[test]
fn runs_are_compared_on_the_same_draws() {
    let world = two_runs();
    let compare = |a: &str, b: &str, more: &[&str]| {
        world.type_in(&[&["eval", "run", "--run", a, "--against", b, "--draws", "200"], more].concat())
    };
    let said = lines(&compare("runs/deep", "runs/lr", &["--json", "--html", "page.html"]));
    let figures: Vec<&str> = said.iter().map(|line| line["figure"].as_str().unwrap()).collect();
    assert_eq!(figures, ["auc", "gauc", "log_loss"]);
    for line in &said {
        let [low, value, high] = ["low", "value", "high"].map(|of| line["difference"][of].as_f64().unwrap());
        assert!(low <= value && value <= high, "{line}");
        let apart = line["of_run"]["value"].as_f64().unwrap() - line["of_against"]["value"].as_f64().unwrap();
        assert!((apart - value).abs() < 2e-4, "{line}");
    }
    // What a run says of itself is what it is found to be.
    let kept = std::fs::read_to_string(world.path("runs/deep/metrics.jsonl")).unwrap();
    let test: Value = serde_json::from_str(kept.lines().last().unwrap()).unwrap();
    for (line, of) in
        said.iter().zip([&test["test"][0]["auc"], &test["test"][0]["gauc"]["value"], &test["test"][0]["log_loss"]])
    {
        assert!((line["of_run"]["value"].as_f64().unwrap() - of.as_f64().unwrap()).abs() < 1e-4, "{line} {of}");
    }
    assert!(std::fs::read_to_string(world.path("page.html")).unwrap().contains("deep_fm against lr"));
    assert_eq!(lines(&compare("runs/deep", "runs/lr", &["--json"])), said, "the same draws again");

    // A run against itself: no difference, however it is drawn.
    for line in lines(&compare("runs/lr", "runs/lr", &["--json"])) {
        assert_eq!((line["difference"]["low"].as_f64(), line["difference"]["high"].as_f64()), (Some(0.0), Some(0.0)));
        assert_eq!(line["verdict"], "no difference");
    }
    assert!(text(&compare("runs/deep", "runs/lr", &[]).stdout).contains("auc, click"));
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let world = two_runs();
    let compare = |more: &[&str]| error(&world.type_in(&[&["eval", "run", "--run", "runs/deep"], more].concat()));
    let none = compare(&["--against", "runs/none"]);
    assert!(none.contains("runs/none holds no finished run") && none.contains("train ranker"), "{none}");
    world.settings("settings.toml", &crate::world::SETTINGS.replace("\"click\"", "\"conv\""));
    assert!(world.train("runs/conv", &[]).status.success());
    let task = compare(&["--against", "runs/conv"]);
    assert!(task.contains("one has click, the other conv"), "{task}");
    // A model that was changed is no model.
    let path = world.path("runs/lr/model.bin");
    let mut model = std::fs::read(&path).unwrap();
    let whole = model.clone();
    *model.last_mut().unwrap() ^= 1;
    std::fs::write(&path, &model).unwrap();
    let changed = compare(&["--against", "runs/lr"]);
    assert!(changed.contains("runs/lr/model.bin") && changed.contains("a byte was changed"), "{changed}");
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    assert!(compare(&["--against", "runs/lr"]).contains("cut short"));
    std::fs::write(&path, &whole).unwrap();
    // The data have changed since.
    let inter = std::fs::read_to_string(world.path("data/ml-100k.inter")).unwrap();
    let (shorter, _) = inter.trim_end().rsplit_once('\n').unwrap();
    std::fs::write(world.path("data/ml-100k.inter"), shorter).unwrap();
    let other = compare(&["--against", "runs/lr"]);
    assert!(other.contains("and the run is of") && other.contains("--data DIR"), "{other}");
}

#[test]
fn a_score_is_taken_apart() {
    let world = two_runs();
    let explain =
        |run: &str, row: &str, more: &[&str]| world.type_in(&[&["explain", "--run", run, "--row", row], more].concat());
    let [explanation] = &lines(&explain("runs/lr", "3", &["--json"]))[..] else { panic!("one task") };
    let parts = explanation["parts"].as_array().unwrap();
    let names: Vec<&str> = parts.iter().map(|part| part["feature"].as_str().unwrap()).collect();
    for feature in ["user", "item", "genres", "history"] {
        assert!(names.contains(&feature), "{names:?}");
    }
    let number = |value: &Value| value.as_f64().unwrap();
    let sizes: Vec<f64> = parts.iter().map(|part| number(&part["part"]).abs()).collect();
    assert!(sizes.windows(2).all(|pair| pair[0] >= pair[1]), "{sizes:?}");
    let whole = number(&explanation["probability"]);
    // A linear model's logit is a sum: its parts, as logits, add up to the whole beside the baseline.
    let logit = |p: f64| (p / (1.0 - p)).ln();
    let sum: f64 = parts.iter().map(|part| logit(whole) - logit(number(&part["without"]))).sum();
    let apart = logit(whole) - logit(number(&explanation["baseline"]));
    assert!((sum - apart).abs() < 1e-4, "{sum} {apart}");
    // Histories are no field of this model, and so have no part.
    let history = parts.iter().find(|part| part["feature"] == "history").unwrap();
    assert!(number(&history["part"]).abs() < 1e-12, "{history}");
    assert!(text(&explain("runs/deep", "0", &[]).stdout).contains("when nothing is known"));
    let none = error(&explain("runs/lr", "100000", &[]));
    assert!(none.contains("no row 100000") && none.contains("rows 0 to"), "{none}");
}
