//! Bad input: each error says what, where, and what to type; nothing is left behind.

use crate::world::{SETTINGS, World, content, error, text};
use std::fmt::Write as _;

/// What comes of a file of settings; no folder comes of it.
fn refused(world: &World, settings: &str) -> String {
    world.settings("settings.toml", settings);
    let said = error(&world.train("runs/bad", &[]));
    assert!(content(&world.path("runs/bad")).is_empty(), "something is left behind");
    assert!(!world.path("runs").exists(), "a folder is left behind");
    said
}

fn has(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "no {part:?} in: {said}");
    }
}

#[test]
fn settings_that_are_none() {
    let world = World::mlc(6);
    let with = |from: &str, to: &str| refused(&world, &SETTINGS.replace(from, to));
    has(&with("batch = 64", "bacth = 64"), &["settings.toml", "unknown field `bacth`", "`batch`", "line"]);
    has(&with("dimension = 4", "dimensoin = 4"), &["settings.toml", "dimensoin", "dimension"]);
    has(&with("\"deep_fm\"", "\"deepfm\""), &["settings.toml", "unknown variant `deepfm`", "`deep_fm`"]);
    has(&with("\"mlc\"", "\"mlz\""), &["settings.toml", "unknown variant `mlz`", "`mlc`", "`kuairand`"]);
    has(&with("epochs = 4", "epochs = \"four\""), &["settings.toml", "invalid type", "\"four\""]);
    has(&with("\"click\"", "\"clack\""), &["no task \"clack\"", "click, conv", "train.tasks"]);
    has(&with("[\"click\"]", "[\"click\", \"conv\"]"), &["answers 1 task", "train.tasks has 2", "another model"]);
    has(&with("[\"click\"]", "[]"), &["train.tasks", "one task at least"]);
    has(&with("batch = 64", "batch = 0"), &["train.batch", "at least 1", "not 0"]);
    has(&with("learning_rate = 0.01", "learning_rate = nan"), &["train.learning_rate", "NaN"]);
    has(&with("[train]", "[train"), &["settings.toml", "line"]);
    let fits = |model: &str, tasks: &str| {
        refused(&world, &format!("table = \"mlc\"\n[model]\n{model}\n[train]\ntasks = {tasks}\n"))
    };
    has(&fits("name = \"trees\"", "[\"click\", \"conv\"]"), &["train.tasks", "one task", "conv"]);
    has(&fits("name = \"trees\"", "[\"clack\"]"), &["no task \"clack\"", "click, conv"]);
    has(&fits("name = \"trees\"\nleaves = 1", "[\"click\"]"), &["leaves is 1", "at least 2"]);
    has(&fits("name = \"trees\"\nleafs = 9", "[\"click\"]"), &["unknown field `leafs`", "leaves"]);
    has(&fits("name = \"ftrl\"\nbits = 99", "[\"click\"]"), &["bits", "99"]);
    has(&fits("name = \"ftrl\"\ncrosses = [[\"user\", \"singer\"]]", "[\"click\"]"), &["singer", "occupation"]);
    let overflow = format!(
        "{SETTINGS}[schema]\nname = \"s\"\ntasks = [\"click\"]\n[[schema.features]]\nname = \"item\"\nkind = \"id\"\nlimit = 3\n"
    );
    has(&refused(&world, &overflow), &["\"item\"", "limit is 3", "raise limit or min_count"]);
    let real = overflow.replace("kind = \"id\"\nlimit = 3", "kind = \"odds\"\ntask = \"click\"\nsmoothing = 5.0");
    has(&refused(&world, &real), &["schema.features", "one field among them", "not item"]);
    let column = overflow.replace("name = \"item\"\nkind", "name = \"singer\"\nkind");
    has(&refused(&world, &column), &["\"singer\"", "the table has", "item"]);
}

#[test]
fn data_that_are_not_there_or_say_nothing() {
    let world = World::mlc(6);
    let missing = error(&world.type_in(&[
        "train",
        "ranker",
        "--config",
        "settings.toml",
        "--data",
        "nowhere",
        "--run",
        "runs/x",
    ]));
    has(&missing, &["no folder nowhere", "--data DIR"]);
    let missing = error(&world.type_in(&["train", "ranker", "--config", "none.toml", "--data", "data"]));
    has(&missing, &["cannot read none.toml", "check the path"]);
    std::fs::create_dir(world.path("empty")).unwrap();
    let empty = error(&world.type_in(&["train", "ranker", "--config", "settings.toml", "--data", "empty"]));
    has(&empty, &["empty has no ml-100k.", "data formats"]);
    assert!(!world.path("runs").exists());

    // Everybody likes everything.
    let world = World::rated(6, |_, _, _| 5);
    has(&refused(&world, SETTINGS), &["training part", "\"click\"", "nothing to learn", "move the cuts"]);
    // Of the validation part alone: the last ratings before the test's.
    let mut shown = 0;
    let world = World::rated(6, |rng, _, _| {
        shown += 1;
        if shown % 40 > 31 { 5 } else { 1 + rng.below(5) }
    });
    has(&refused(&world, SETTINGS), &["validation part", "\"click\""]);
    // One rating each: all of it is the test part's.
    let world = World::mlc(3);
    let inter = std::fs::read_to_string(world.path("data/ml-100k.inter")).unwrap();
    let few: Vec<&str> = inter.lines().step_by(40).collect();
    std::fs::write(world.path("data/ml-100k.inter"), [&few[..1], &few[1..]].concat().join("\n")).unwrap();
    has(&refused(&world, SETTINGS), &["training part holds no rows", "move the cuts"]);
}

#[test]
fn a_feature_that_is_no_number() {
    let world = World::mlc(1);
    let user = "user_active_degree,is_lowactive_period,is_live_streamer,is_video_author,follow_user_num_range,fans_user_num_range,\
                friend_user_num_range,register_days_range";
    let hot: Vec<String> = (0..18).map(|i| format!("onehot_feat{i}")).collect();
    let mut users = format!("user_id,{user},{}\n", hot.join(","));
    let mut log =
        "user_id,video_id,date,hourmin,time_ms,is_click,is_like,is_follow,is_comment,is_forward,is_hate,long_view,\
                   play_time_ms,duration_ms,tab\n"
            .to_owned();
    for user in 0..4 {
        writeln!(users, "{user},{}", vec!["0"; 26].join(",")).unwrap();
        for row in 0..30 {
            let date = [20_220_429, 20_220_501, 20_220_502][row % 3];
            let duration = if (user, row) == (2, 0) { "NaN" } else { "60000" };
            let click = (user + row / 3) % 2;
            let at = 1_650_000_000_000u64 + date as u64 * 1000 + row as u64;
            writeln!(log, "{user},{},{date},1200,{at},{click},0,0,0,0,0,{click},500,{duration},1", row % 7).unwrap();
        }
    }
    let mut videos = "video_id,author_id,video_type,upload_dt,upload_type,music_id,tag\n".to_owned();
    (0..7).for_each(|video| writeln!(videos, "{video},1,NORMAL,2022-04-10,Import,1,39").unwrap());
    std::fs::create_dir(world.path("late")).unwrap();
    for (name, text) in
        [("log_standard.csv", &log), ("user_features_pure.csv", &users), ("video_features_basic_pure.csv", &videos)]
    {
        std::fs::write(world.path("late").join(name), text).unwrap();
    }
    world.settings(
        "late.toml",
        "table = \"kuairand\"\n[model]\nname = \"lr\"\n[train]\nepochs = 1\n[schema]\nname = \"s\"\ntasks = [\"click\"]\n\
         [[schema.features]]\nname = \"length\"\ncolumn = \"duration_ms\"\nkind = \"dense\"\n\
         [[schema.features]]\nname = \"video\"\nkind = \"id\"\n",
    );
    let arguments = ["train", "ranker", "--config", "late.toml", "--data", "late", "--run", "runs/late"];
    let said = error(&world.type_in(&arguments));
    has(&said, &["\"duration_ms\"", "NaN is no finite number", "row ", "mend the row or leave the column out"]);
    assert!(!world.path("runs").exists());
    // The row mended, it trains.
    std::fs::write(world.path("late/log_standard.csv"), log.replace("NaN", "61000")).unwrap();
    let mended = world.type_in(&arguments);
    assert!(mended.status.success(), "{}", text(&mended.stderr));
}
