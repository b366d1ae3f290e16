//! `eval leakage --model vertical`: the attacks against what this project's own rounds send.

use super::bar::Bar;
use super::leakage::{Args, TELLS, view};
use super::output::say;
use super::towers::{name, world};
use crate::eval::Interval;
use crate::progress::Progress;
use crate::simulate::attack::{ATTACKS, Asked, OwnConfig, Told, View, own_trial};
use crate::simulate::{Cohorts, Part, cohort_rounds};
use serde_json::json;

pub(super) fn work(args: &Args) -> anyhow::Result<()> {
    let bar = Bar::new(args.json);
    let data = name(args.source.data.as_ref());
    let (world, _) = world(args.source.data.as_deref(), Part::Test, args.seed)?;
    let mut server = args.towers.server(&world, 0.0, args.seed)?;
    let cohorts = Cohorts { clients: args.cohort as usize, rounds: args.rounds, seed: args.seed };
    cohort_rounds(&mut server, &world, &cohorts, |done, _, _| {
        bar.show(Progress { step: "rounds", done: done.into(), total: args.rounds.into() });
        Ok(())
    })?;
    let config = OwnConfig { cohort: args.cohort as usize, seed: args.seed, ..OwnConfig::default() };
    let noised = args.sigma.iter().map(|sigma| View::NoisedSum { sigma: *sigma });
    let views: Vec<View> = [View::Update, View::Sum].into_iter().chain(noised).chain([View::Masked]).collect();
    let found = own_trial(&mut server, &world, &views, &config)?;
    drop(bar);
    if args.json {
        for told in &found {
            let mut line = serde_json::to_value(told)?;
            line["model"] = json!("vertical");
            line["data"] = json!(data);
            line["seed"] = json!(args.seed);
            line["rounds"] = json!(args.rounds);
            line["cohort"] = json!(args.cohort);
            line["best_attack"] = json!(ATTACKS[told.best()]);
            say(&line.to_string())?;
        }
        return Ok(());
    }
    say(&format!("{data}: {} vertical rounds, cohorts of {}, areas under the ROC curve", args.rounds, args.cohort))?;
    for asked in [Asked::Membership, Asked::Outcome] {
        let of: Vec<&Told> = found.iter().filter(|told| told.asked == asked).collect();
        let Some(first) = of.first() else {
            say("outcome: nobody skipped anything here; nothing to ask")?;
            continue;
        };
        let called = if asked == Asked::Membership { "membership" } else { "outcome" };
        say(&format!("{called}: {} songs of {} listeners, each with either answer", first.questions, first.listeners))?;
        let head: String = ATTACKS.iter().map(|attack| format!("{attack:>20}")).collect();
        say(&format!("{:<22}{head}{:>34}{:>24}", "what is seen", "best of them", "within listeners"))?;
        for told in of {
            let cells: String = told.areas.iter().map(|area| format!("{:>20.3}", area.value)).collect();
            let best = told.best();
            let verdict = if told.areas[best].value > TELLS { "  tells" } else { "" };
            let of = |interval: &Interval| format!("{:.3} [{:.3}, {:.3}]", interval.value, interval.low, interval.high);
            let (over, within) = (of(&told.areas[best]), of(&told.within[best]));
            say(&format!("{:<22}{cells}{over:>34}{within:>24}{verdict}", view(told.view)))?;
        }
    }
    say(&format!("Tells: the best attack is above {TELLS}. In brackets: 95 % over listeners drawn anew."))
}
