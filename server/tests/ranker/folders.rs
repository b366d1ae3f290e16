//! What a run leaves, and who may write over it.

use crate::world::{World, content, error, lines, text};
use serde_json::Value;

#[test]
fn a_run_leaves_all_it_takes_to_read_and_repeat_it() {
    let world = World::mlc(30);
    let said = lines(&world.train("runs/one", &["--json"]));
    let run = world.path("runs/one");
    let names: Vec<String> = content(&run).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["metrics.jsonl", "model.bin", "report.html", "run.toml"]);

    // One object an epoch, one a seed, one for all.
    let epochs: Vec<&Value> = said.iter().filter(|line| line.get("validation").is_some()).collect();
    let [seed, all] = &said[epochs.len()..] else { panic!("{said:?}") };
    assert_eq!((&seed["epochs"], &seed["run"]), (&Value::from(epochs.len()), &Value::from("runs/one")));
    assert_eq!((&all["task"], &all["test_auc"]), (&Value::from("click"), &seed["test_auc"][0]));
    let metrics = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    let kept: Vec<Value> = metrics.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(kept.len(), epochs.len() + 1);
    for (place, (kept, said)) in kept.iter().zip(&epochs).enumerate() {
        assert_eq!(kept, *said);
        assert_eq!(kept["epoch"], place + 1);
        assert!(kept["examples_per_s"].as_f64().unwrap() > 0.0 && kept["loss"].as_f64().unwrap() > 0.0);
        let task = &kept["validation"][0];
        assert!(["auc", "gauc", "log_loss"].iter().all(|figure| task[figure].is_f64()), "{task}");
        #[cfg(unix)]
        assert!(kept["cpu_s"].as_f64().unwrap() > 0.0);
    }
    let test = &kept.last().unwrap()["test"][0];
    assert!(test["calibration"]["bins"].as_array().unwrap().len() > 3, "{test}");
    // Likes follow a rule, and what is learned of it holds on rows that nobody trained on.
    assert!(test["auc"].as_f64().unwrap() > 0.6, "{test}");

    // Settings that the file left out are in the record, and the record is a file of settings' worth of truth.
    let record: toml::Table = std::fs::read_to_string(run.join("run.toml")).unwrap().parse().unwrap();
    assert_eq!(record["config"]["train"]["patience"].as_integer(), Some(2));
    assert_eq!((record["seed"].as_integer(), record["table_hash"].as_str().map(str::len)), (Some(2020), Some(64)));
    assert!(record["code"].as_str().unwrap().starts_with(env!("CARGO_PKG_VERSION")));

    // The page needs nothing but itself.
    let page = std::fs::read_to_string(run.join("report.html")).unwrap();
    for outside in ["http:", "https:", "src=", "href=", "@import", "url(", "<script"] {
        assert!(!page.contains(outside), "{outside}");
    }
    for part in ["prefers-color-scheme", "width=device-width", "items, head", "items, tail", "listeners, cold", "AUC"] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("NaN"));
}

/// Trees and hashes have no steps; what they leave is read, compared and taken apart like any other run.
#[test]
fn models_that_fit_themselves_leave_the_same() {
    // Some songs are liked by most, some by few: what a tree finds, and a weight.
    let world = World::rated(30, |rng, _, item| if rng.below(30) < item { 4 + rng.below(2) } else { 2 });
    let trees = "name = \"trees\"\ntrees = 40\nleaves = 8\nleaf_rows = 5.0\n";
    let ftrl = "name = \"ftrl\"\nbits = 12\nl1 = 0.1\npasses = 5\ncrosses = [[\"user\", \"item\"]]\n";
    for (name, model, more) in [("trees", trees, "What its answers are made of"), ("ftrl", ftrl, "How long it took")] {
        world.settings("settings.toml", &format!("table = \"mlc\"\n[model]\n{model}[train]\ntasks = [\"click\"]\n"));
        let run = format!("runs/{name}");
        let said = lines(&world.train(&run, &["--json"]));
        let [fit, seed, _] = &said[..] else { panic!("{said:?}") };
        assert!(fit["validation"][0]["auc"].is_f64() && fit["wall_s"].as_f64().unwrap() > 0.0, "{fit}");
        let auc = seed["test_auc"][0].as_f64().unwrap();
        assert!(
            auc > 0.55 && seed["weights"].as_u64().unwrap() > 0 && seed["best"].as_u64() <= seed["epochs"].as_u64()
        );
        let names: Vec<String> = content(&world.path(&run)).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["metrics.jsonl", "model.bin", "report.html", "run.toml"]);
        let page = std::fs::read_to_string(world.path(&format!("{run}/report.html"))).unwrap();
        assert!(page.contains(more) && page.contains("items, tail") && !page.contains("NaN"), "{page}");
        // What the file says is what was measured.
        let asked =
            lines(&world.type_in(&["eval", "run", "--run", &run, "--against", &run, "--draws", "10", "--json"]));
        assert_eq!(asked[0]["of_run"]["value"], auc);
        let parts = lines(&world.type_in(&["explain", "--run", &run, "--row", "0", "--json"]));
        let probability = parts[0]["probability"].as_f64().unwrap();
        assert!((0.0..=1.0).contains(&probability) && parts[0]["parts"][0]["part"].as_f64() != Some(0.0), "{parts:?}");
    }
    // Of the same seed the same model.
    let before = std::fs::read(world.path("runs/ftrl/model.bin")).unwrap();
    assert!(world.train("runs/ftrl", &["--again"]).status.success());
    assert_eq!(std::fs::read(world.path("runs/ftrl/model.bin")).unwrap(), before);
}

#[test]
fn a_run_is_not_lost_by_accident() {
    let world = World::mlc(12);
    let first = world.train("runs/one", &[]);
    assert!(first.status.success(), "{}", text(&first.stderr));
    assert!(text(&first.stdout).contains("runs/one/report.html"), "{}", text(&first.stdout));
    let before = content(&world.path("runs/one"));
    let refused = error(&world.train("runs/one", &[]));
    assert!(refused.contains("runs/one holds a finished run") && refused.contains("--again"), "{refused}");
    let refused = error(&world.train("runs/one", &["--resume"]));
    assert!(refused.contains("no stopped run"), "{refused}");
    assert_eq!(content(&world.path("runs/one")), before);

    // The same seed again is the same model, byte for byte.
    assert!(world.train("runs/one", &["--again"]).status.success());
    let model = |files: &[(String, Vec<u8>)]| files.iter().find(|(name, _)| name == "model.bin").unwrap().1.clone();
    assert_eq!(model(&content(&world.path("runs/one"))), model(&before));

    // A stopped one is no free place either.
    std::fs::write(world.path("runs/one/checkpoint.bin"), b"left behind").unwrap();
    let refused = error(&world.train("runs/one", &[]));
    assert!(refused.contains("stopped") && refused.contains("--resume"), "{refused}");
}

#[test]
fn seeds_have_folders_of_their_own() {
    let world = World::mlc(12);
    let arguments =
        ["train", "ranker", "--config", "settings.toml", "--data", "data", "--seeds", "2", "--seed", "5", "--json"];
    let said = lines(&world.type_in(&arguments));
    let runs: Vec<&str> = said.iter().filter_map(|line| line["run"].as_str()).collect();
    assert_eq!(runs, ["runs/settings-5", "runs/settings-6"]);
    assert!(runs.iter().all(|run| world.path(run).join("model.bin").is_file()));
    let last = said.last().unwrap();
    assert!(last["sd"].as_f64().is_some() && last["seeds"] == 2, "{last}");
}
