//! The user tower: several interests from sequences of several behaviours, and experts whose mixture serves every task.
//!
//! Sources: interests, [`super::interests`]; item fields and sequences per behaviour after Feng et al., *DSIN*, IJCAI 2019, and Zhou et
//! al., *ATRank*, AAAI 2018 (row T5); positive and negative feedback apart, the negative asked with the positive in mind, after Xie
//! et al., *Deep Feedback Network*, IJCAI 2020, §3.3 (row T6); additive attention of Bahdanau et al., ICLR 2015, eq. (5); experts and
//! gates of Ma et al., *MMoE*, KDD 2018, eq. (6)–(7) (row Y2).
//!
//! | here | shape | meaning |
//! |---|---|---|
//! | `v_j` | d | embedding of the song heard `j`-th, from the server, not trained here |
//! | `x_j = v_j + Σ columns` | d | with behaviour, recency, gap, duration, scene, style, language, artist and album added |
//! | `h_j = tanh(W x_j + b)` | a | its key |
//! | `z_b = Σ softmax_j(⟨q_b, h_j⟩) v_j` | d | the sequence of one behaviour; for skips, ignored and disliked songs the question is `q_b + F z_complete` |
//! | `Z = interests(V⁺, H⁺)` | K′ × d | over what was finished or liked |
//! | `u_k = g·[Z_k; z_complete; z_like; v_last] − g⁻·[z_skip; z_ignore; z_dislike] + δ` | d | an interest; `δ` is personal |
//! | `f = [z_complete; z_like; v_last; z_skip; z_ignore; z_dislike; c]` | 7d | what the experts see; `c = Σ C_k` are the surroundings |
//! | `e_i = relu(W_i f + b_i)`, `π_t = softmax(G_t f + b)` | h, E | experts, and task `t`'s choice among them |
//! | `o_t = W_t Σ π_ti e_i + b_t` | d | the task's offset |
//! | `logit_t(i) = e^{τ_t}(γ_t ⟨u_k, v_i⟩ + ⟨o_t, v_i⟩) + p_t·pop_i + c_t` | 1 | `k` is the interest nearest to the song |
//!
//! Kept: attention without a target (the song is not known when the past is read), one sequence a behaviour, one tower for three
//! tasks. Left out: DFN's attention over the target, DSIN's recurrent layer between sessions (the gap column tells where one ends).
//! Output maps start at zero, so that an untrained tower is a mixture of the liked past, not noise.

use super::features::{Heard, TowerInput};
use super::interests::{Routing, extract};
use super::layout::Path;
use super::{Task, TowerLayout};
use crate::learn::{Number, Part, Tape, Var};
use crate::session::Behaviour;

/// What the tower made of a past, on a tape.
pub(super) struct Forward {
    /// `u_k`, `K′ × d`.
    pub(super) interests: Var,
    /// `o_t`, one row each.
    pub(super) offsets: [Var; Task::COUNT],
}

/// Equation by equation as in the table above.
pub(super) fn forward<R: Number>(
    layout: &TowerLayout,
    t: &mut Tape<'_, R>,
    input: &TowerInput<'_>,
    routing: &mut Routing<R>,
) -> Forward {
    let d = layout.dimension();
    let past = arrange(input.heard);
    let songs = t.rows(d, past.order().map(|(i, _)| &input.songs[i * d..(i + 1) * d]));
    read(layout, t, input, &past, songs, routing)
}

/// As [`forward`], over `songs` that are on the tape already, in the order of `past`.
pub(super) fn read<R: Number>(
    layout: &TowerLayout,
    t: &mut Tape<'_, R>,
    input: &TowerInput<'_>,
    past: &Arranged,
    songs: Var,
    routing: &mut Routing<R>,
) -> Forward {
    let nothing = t.zeros(layout.dimension());
    let x = t.lookup(
        songs,
        past.order()
            .enumerate()
            .flat_map(|(row, (i, age))| layout.entries(&input.heard[i], age).map(move |entry| (row, entry))),
    );
    let keys = t.linear(layout.score, Some(layout.score_bias), x);
    let keys = t.tanh(keys);
    let questions = t.parameter(layout.ask);

    let attend = |t: &mut Tape<'_, R>, behaviour: Behaviour, hint: Option<Var>| {
        let rows = past.of(behaviour);
        if rows.is_empty() {
            return nothing;
        }
        let mut question = questions.row(behaviour as usize);
        if let Some(hint) = hint {
            let hint = t.linear(layout.feedback, None, hint);
            question = t.add(question, hint);
        }
        let scores = t.scores(question, keys.slice(rows.clone()));
        let attention = t.softmax(scores);
        t.mix(attention, songs.slice(rows))
    };
    let complete = attend(t, Behaviour::Complete, None);
    let like = attend(t, Behaviour::Like, None);
    let skip = attend(t, Behaviour::Skip, Some(complete));
    let ignore = attend(t, Behaviour::Ignore, Some(complete));
    let dislike = attend(t, Behaviour::Dislike, Some(complete));
    let last = past.last.map_or(nothing, |row| songs.row(row));

    let gates = t.parameter(layout.gates);
    let wanted = past.wanted();
    let mut interests = if wanted.is_empty() {
        nothing
    } else {
        let interests = extract(layout, t, songs.slice(wanted.clone()), keys.slice(wanted), routing);
        t.scale(gates.row(Path::Interest as usize), interests)
    };
    let mut shift = t.parameter(layout.personal);
    for (path, through) in [
        (Path::Complete, complete),
        (Path::Like, like),
        (Path::Last, last),
        (Path::Skip, skip),
        (Path::Ignore, ignore),
        (Path::Dislike, dislike),
    ] {
        let through = t.scale(gates.row(path as usize), through);
        shift = t.add(shift, through);
    }
    interests = t.add_row(interests, shift);

    let mut context = nothing;
    for column in input.context.columns() {
        let entry = t.parameter(layout.context.column(column));
        context = t.add(context, entry);
    }
    let facets = t.concat(&[complete, like, last, skip, ignore, dislike, context]);
    Forward { interests, offsets: offsets(layout, t, facets) }
}

/// `o_t` of every task.
fn offsets<R: Number>(layout: &TowerLayout, t: &mut Tape<'_, R>, facets: Var) -> [Var; Task::COUNT] {
    let experts = t.linear(layout.experts, Some(layout.experts_bias), facets);
    let experts = t.relu(experts).reshape(layout.shape.hidden as usize);
    let choice = t.linear(layout.choice, Some(layout.choice_bias), facets);
    let choice = t.softmax(choice.reshape(layout.shape.experts as usize));
    let mixtures = t.product(choice, experts);
    let biases = t.parameter(layout.out_bias);
    core::array::from_fn(|task| {
        let offset = t.linear(layout.out[task], None, mixtures.row(task));
        t.add(offset, biases.row(task))
    })
}

/// A song to learn from: what a logit needs of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    /// The songs, `n × d`.
    pub(super) songs: Var,
    /// Their popularity, one row of `n`.
    pub(super) popularity: Var,
}

/// `logit_t` of every song, one row, with the interest nearest to the first of them.
pub(super) fn logits<R: Number>(
    layout: &TowerLayout,
    t: &mut Tape<'_, R>,
    forward: &Forward,
    nearest: usize,
    target: Target,
    task: Task,
) -> Var {
    let scalar = |t: &mut Tape<'_, R>, part: Part| t.parameter(part.column(task as u32));
    let taste = scalar(t, layout.taste);
    let user = t.scale(taste, forward.interests.row(nearest));
    let user = t.add(user, forward.offsets[task as usize]);
    let dots = t.scores(user, target.songs);
    let sharpness = scalar(t, layout.sharpness);
    let sharpness = t.exp(sharpness);
    let dots = t.scale(sharpness, dots);
    let weight = scalar(t, layout.popularity);
    let crowd = t.scale(weight, target.popularity);
    t.add(dots, crowd)
}

/// The interest whose inner product with a song is largest (ComiRec eq. 6).
pub(super) fn nearest<R: Number>(t: &Tape<'_, R>, interests: Var, song: Var) -> usize {
    let product = |k: usize| R::dot(t.value(interests.row(k)), t.value(song));
    (1..interests.rows()).fold(0, |best, k| if product(k) > product(best) { k } else { best })
}

/// The past, one behaviour after the other, each oldest first: so every sequence is a run of rows.
pub(super) struct Arranged {
    /// The place of each among what was heard, and how many events lie between it and the newest.
    rows: [(u8, u8); TowerInput::MOST],
    ends: [usize; Behaviour::COUNT],
    /// The row of the newest song that was wanted.
    last: Option<usize>,
}

/// Wanted behaviours first, so that their union is a run too.
const ORDER: [Behaviour; Behaviour::COUNT] =
    [Behaviour::Complete, Behaviour::Like, Behaviour::Skip, Behaviour::Ignore, Behaviour::Dislike];

#[allow(clippy::cast_possible_truncation, reason = "of the newest 120")]
pub(super) fn arrange(heard: &[Heard]) -> Arranged {
    let (mut rows, mut len) = ([(0u8, 0u8); TowerInput::MOST], 0);
    let first = heard.len().saturating_sub(TowerInput::HISTORY);
    let mut ends = [0; Behaviour::COUNT];
    for (behaviour, end) in ORDER.into_iter().zip(&mut ends) {
        let start = len;
        let newest_first = heard[first..].iter().enumerate().rev().filter(|(_, h)| h.behaviour == behaviour);
        for (i, _) in newest_first.take(TowerInput::at_most(behaviour)) {
            rows[len] = (i as u8, (heard.len() - first - 1 - i) as u8);
            len += 1;
        }
        rows[start..len].reverse();
        *end = len;
    }
    let last = (0..ends[1]).min_by_key(|&row| rows[row].1);
    Arranged { rows, ends, last }
}

impl Arranged {
    /// Row by row, the place among the newest [`TowerInput::HISTORY`], and the age.
    pub(super) fn order(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.rows[..self.ends[Behaviour::COUNT - 1]].iter().map(|(i, age)| (usize::from(*i), usize::from(*age)))
    }

    fn of(&self, behaviour: Behaviour) -> core::ops::Range<usize> {
        let place = ORDER.iter().position(|b| *b == behaviour).unwrap_or(0);
        let start = if place == 0 { 0 } else { self.ends[place - 1] };
        start..self.ends[place]
    }

    fn wanted(&self) -> core::ops::Range<usize> {
        0..self.ends[1]
    }
}
