//! The funnel: a query goes in at the top, a short list comes out below, and a trace says what happened to the rest. Knows no
//! channel by name.

use crate::recall::{Merge, Merged};
use crate::stage::{Query, Recall};
use serde::Serialize;
use std::fmt;

/// The steps of the funnel, in order. Today: recall by every channel, then merge.
pub struct Funnel<'a> {
    recall: Vec<&'a dyn Recall>,
    merge: &'a Merge,
}

impl fmt::Debug for Funnel<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.recall.iter().map(|channel| channel.name()).collect();
        f.debug_struct("Funnel").field("recall", &names).field("merge", self.merge).finish()
    }
}

/// How many songs went into a step and came out of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StepTrace {
    /// The step: `recall/item_cf`, `merge`.
    pub step: String,
    /// Songs that went in.
    pub into: usize,
    /// Songs that came out.
    pub out: usize,
    /// Why the others did not.
    pub dropped: Vec<(&'static str, usize)>,
}

/// What happened at each step of one request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Trace {
    /// In the funnel's order.
    pub steps: Vec<StepTrace>,
}

impl<'a> Funnel<'a> {
    /// A funnel of these channels and this merge.
    #[must_use]
    pub fn new(recall: Vec<&'a dyn Recall>, merge: &'a Merge) -> Self {
        Self { recall, merge }
    }

    /// The best `query.k` songs for a query, with what happened on the way.
    #[must_use]
    pub fn run(&self, query: &Query) -> (Vec<Merged>, Trace) {
        let mut trace = Trace::default();
        let mut lists = Vec::with_capacity(self.recall.len());
        for channel in &self.recall {
            let asked = Query { k: self.merge.depth(channel.name(), query.k), ..query.clone() };
            let list = if asked.k == 0 { Vec::new() } else { channel.recall(&asked) };
            trace.steps.push(StepTrace {
                step: format!("recall/{}", channel.name()),
                into: asked.k,
                out: list.len(),
                dropped: vec![("nothing more to propose", asked.k - list.len())],
            });
            lists.push((channel.name(), list));
        }
        let proposed: usize = lists.iter().map(|(_, list)| list.len()).sum();
        let (slate, different) = self.merge.merge(&lists, query.k);
        trace.steps.push(StepTrace {
            step: "merge".into(),
            into: proposed,
            out: slate.len(),
            dropped: vec![
                ("proposed by several channels", proposed - different),
                ("below the last place", different - slate.len()),
            ],
        });
        (slate, trace)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::recall::{ChannelShare, Fusion, MergeConfig};
    use crate::stage::Candidate;
    use sottovoce::ids::SongId;

    struct Fixed(&'static str, Vec<u32>);

    impl Recall for Fixed {
        fn name(&self) -> &'static str {
            self.0
        }

        fn recall(&self, query: &Query) -> Vec<Candidate> {
            let left = self.1.iter().filter(|song| !query.exclude.contains(&SongId(**song)));
            left.take(query.k).map(|song| Candidate { song: SongId(*song), score: 1.0 }).collect()
        }
    }

    #[test]
    fn the_trace_counts_every_song() {
        let (a, b, c) = (Fixed("a", vec![1, 2, 3]), Fixed("b", vec![2, 3, 4]), Fixed("c", vec![9]));
        let share = ChannelShare { weight: 1.0, quota: 0.0 };
        let channels = [("a".to_owned(), share), ("b".to_owned(), share)].into();
        let merge = Merge::new(MergeConfig { fusion: Fusion::Ranks, depth: 5, channels }, &["a", "b", "c"]).unwrap();
        let funnel = Funnel::new(vec![&a, &b, &c], &merge);
        let (slate, trace) = funnel.run(&Query { seeds: vec![], exclude: vec![SongId(3)], k: 2 });
        assert_eq!(slate.iter().map(|m| m.song.0).collect::<Vec<_>>(), [2, 1]);
        let counts: Vec<_> = trace.steps.iter().map(|s| (s.step.as_str(), s.into, s.out)).collect();
        assert_eq!(counts, [("recall/a", 5, 2), ("recall/b", 5, 2), ("recall/c", 0, 0), ("merge", 4, 2)]);
        assert_eq!(trace.steps[3].dropped, [("proposed by several channels", 1), ("below the last place", 1)]);
        for step in &trace.steps {
            assert_eq!(step.into, step.out + step.dropped.iter().map(|(_, n)| n).sum::<usize>());
        }
        assert!(format!("{funnel:?}").contains("\"c\""));
    }
}
