//! Sittings of many behaviours: steps attend to steps of their own sitting, sittings to sittings, and every behaviour has an interest of its own,
//! what was passed over among them.
//!
//! Sources: Feng et al., *Deep Session Interest Network*, IJCAI 2019, §3 (sittings by half an hour of quiet, attention within and between them);
//! Zhou et al., *ATRank*, AAAI 2018, §3 (behaviours in one space); Yuan et al., *Multi-Behavior Sequential Transformer Recommender*, SIGIR 2022
//! (one transformer over mixed behaviours); Xie et al., *Deep Feedback Network*, IJCAI 2020, §3 (what was disliked, held against what was liked).
//!
//! | papers | here | shape | meaning |
//! |---|---|---|---|
//! | `Q_s` | [`Sittings`] | B·S·L | the newest `S` sittings, `L` steps of each |
//! | `e_t` | item + behaviour + gap + sitting + place | B·S·L × k | a step, with DSIN's bias (eq. 1) |
//! | `I_s` | `within` | B·S·L × k | steps after attention to those before them in their sitting (DSIN, eqs. 3–5) |
//! | `L_aux` | [`Foretell`] | 1 × 1 | each of them foretells the next of its sitting (DIEN, eq. 7) |
//! | `H_s` | `between` | B·S × k | sittings after attention between them; DSIN has a Bi-LSTM there |
//! | `u_d` | `interests` | B × k a behaviour | what of each behaviour speaks for or against the candidate; and what of all of them together does, which knows how they stand to one another |
//! | `f_n` | `against` | B × k | negative steps beside the positive interest (DFN, external feedback) |
//!
//! Kept: a domain for each behaviour, positive and negative; a candidate activates steps and sittings. Left out: DFN's own wide and
//! FM halves.

use super::{Forward, Ranker};
use crate::batches::{Batch, Columns};
use crate::layers::{
    Bending, Beside, Cut, Fields, FieldsConfig, Foretell, History, LayerError, Mlp, MlpConfig, Pass, Sequences,
    Sittings, Transformer, TransformerConfig, Units, Weights,
};
use serde::{Deserialize, Serialize};
use sottovoce_algebra::{Algebra, Init, Parameters, Part};

/// Fields, past and layers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SessionsConfig {
    /// How fields are embedded.
    pub fields: FieldsConfig,
    /// The list of what was met; those named after it say what came of it, how long ago it was, and in which sitting.
    pub past: String,
    /// Behaviours that speak against, by name.
    pub negative: Vec<String>,
    /// Behaviours that are not read.
    pub leave_out: Vec<String>,
    /// `S`.
    pub sittings: usize,
    /// `L`.
    pub steps: usize,
    /// Weight of the loss by which a step foretells the next of its sitting; 0 leaves it out.
    pub auxiliary: f32,
    /// Within and between sittings; within them a step sees those before it.
    pub transformer: TransformerConfig,
    /// Hidden units of the attention's network.
    pub units: Vec<usize>,
    /// How the attention's weights count.
    pub weights: Weights,
    /// The layers above.
    pub layers: MlpConfig,
    /// What stands between them.
    pub bending: Bending,
}

impl Default for SessionsConfig {
    fn default() -> Self {
        Self {
            fields: FieldsConfig::default(),
            past: "recent".to_owned(),
            negative: Vec::new(),
            leave_out: Vec::new(),
            sittings: 3,
            steps: 16,
            auxiliary: 1.0,
            transformer: TransformerConfig::default(),
            units: vec![36],
            weights: Weights::default(),
            layers: MlpConfig::default(),
            bending: Bending::Dice,
        }
    }
}

/// The model.
#[derive(Clone, Debug)]
pub struct Sessions {
    fields: Fields,
    past: History,
    behaviour: Beside,
    gap: Beside,
    sitting: Beside,
    /// `L × k`: how many steps of the same sitting came after.
    place: Part,
    /// For each behaviour's number whether it is read, and whether it speaks against.
    read: Vec<bool>,
    negative: Vec<bool>,
    cut: Cut,
    foretell: Foretell,
    within: Transformer,
    between: Transformer,
    interests: Units,
    of_sittings: Units,
    against: Units,
    layers: Mlp,
}

impl Sessions {
    /// Over the columns of a training part.
    ///
    /// # Errors
    /// [`LayerError`] for lists and behaviours that there are not, and heads that do not divide an embedding.
    pub fn new(
        columns: &Columns,
        config: &SessionsConfig,
        parameters: &mut Parameters<f32>,
    ) -> Result<Self, LayerError> {
        let fields = Fields::new(columns, config.fields, parameters);
        let past = History::new(columns, &fields, Some(&config.past))?;
        let k = fields.dimension();
        let heads = config.transformer.heads;
        for (setting, expected, got, fits) in [
            (
                "model.transformer.heads",
                "a divisor of model.fields.dimension",
                heads,
                heads > 0 && k.is_multiple_of(heads),
            ),
            ("model.sittings", "at least 1", config.sittings, config.sittings > 0),
            ("model.steps", "at least 1", config.steps, config.steps > 0),
        ] {
            if !fits {
                return Err(LayerError::Setting { setting, expected, got });
            }
        }
        let mut beside = |what| Beside::new(columns, &format!("{}_{what}", config.past), k, parameters);
        let (behaviour, gap, sitting) = (beside("behaviour")?, beside("gap")?, beside("sitting")?);
        let place = parameters.add("place", config.steps, k, Init::Normal(0.01));
        let kinds = behaviour.names().len();
        if kinds == 0 {
            let (setting, expected) = (
                "the size of the list of behaviours beside model.past",
                "from 2 to 65: a name each, and one for the unknown",
            );
            return Err(LayerError::Setting { setting, expected, got: columns.lists[behaviour.list].size as usize });
        }
        let marked = |names: &[String]| -> Result<Vec<bool>, LayerError> {
            let mut marked = vec![false; kinds + 1];
            for name in names {
                marked[behaviour.number(name)? as usize] = true;
            }
            Ok(marked)
        };
        let negative = marked(&config.negative)?;
        let read: Vec<bool> = marked(&config.leave_out)?.iter().map(|left_out| !left_out).collect();
        let within = Transformer::new("within sittings", k, config.transformer, parameters).causal();
        let between = Transformer::new("between sittings", k, config.transformer, parameters);
        let interests = Units::of_many("interests", (k, 4 * k), &config.units, config.weights, kinds + 1, parameters);
        let of_sittings = Units::new("of sittings", k, &config.units, config.weights, parameters);
        let against = Units::new("against", k, &config.units, config.weights, parameters);
        let width = fields.width() + ((kinds + 1) * 4 + 2) * k;
        let layers = Mlp::bending("layers", width, &config.layers, config.bending, Some(1), parameters);
        let foretell = Foretell { weight: config.auxiliary, vocabulary: columns.lists[past.list()].size };
        let cut = Cut { sittings: config.sittings, steps: config.steps };
        Ok(Self {
            fields,
            past,
            behaviour,
            gap,
            sitting,
            place,
            read,
            negative,
            cut,
            foretell,
            within,
            between,
            interests,
            of_sittings,
            against,
            layers,
        })
    }

    /// Every behaviour's interest, that of the sittings, and what was passed over beside what was liked.
    fn past<A: Algebra>(&self, a: &mut A, batch: &Batch, pass: Pass) -> (Vec<A::Var>, Option<A::Var>) {
        let Cut { sittings, steps } = self.cut;
        let cut = Sittings::new(batch, self.sitting.list, self.cut);
        let behaviours = cut.entries(&batch.lists[self.behaviour.list]);
        let counts = |b: &u32| self.read.get(*b as usize).copied().unwrap_or(false);
        let mask: Vec<f32> =
            cut.mask.iter().zip(&behaviours).map(|(m, b)| m * f32::from(u8::from(counts(b)))).collect();
        let items = self.past.embed(a, &cut.entries(&batch.lists[self.past.list()]));
        let came = self.behaviour.embed(a, &behaviours);
        let ago = self.gap.embed(a, &cut.entries(&batch.lists[self.gap.list]));
        let which = self.sitting.embed(a, &cut.entries(&batch.lists[self.sitting.list]));
        let place = a.parameter(self.place);
        let place = a.gather(place, &cut.behind, 1);
        let mut e = items;
        for told in [came, ago, which, place] {
            e = a.add(e, told);
        }
        let within = self.within.forward(a, e, &mask, steps, pass);
        let auxiliary = match pass {
            Pass::Train { seed } => {
                self.foretell.loss(a, &self.past, (within, items), Sequences { steps, mask: &mask }, seed)
            }
            Pass::Serve => None,
        };
        let candidate = self.past.candidate(a, batch);
        let of = |keep: &dyn Fn(usize) -> bool| -> Vec<f32> {
            mask.iter().zip(&behaviours).map(|(m, b)| m * f32::from(u8::from(keep(*b as usize)))).collect()
        };
        let kinds = self.behaviour.names().len();
        let mut masks: Vec<Vec<f32>> = (1..=kinds).map(|kind| of(&|b| b == kind)).collect();
        masks.push(mask.clone());
        let whole = a.concat(&[within, came, ago, place]);
        let mut all = self.interests.attend_to_each(a, items, candidate, whole, &masks);
        let rows = a.mean_pool(within, &mask, steps);
        let distance = self.sitting.embed(a, &cut.distance);
        let rows = a.add(rows, distance);
        let held: Vec<f32> =
            mask.chunks_exact(steps).map(|m| f32::from(u8::from(m.iter().any(|m| *m > 0.0)))).collect();
        let rows = self.between.forward(a, rows, &held, sittings, pass);
        all.push(self.of_sittings.attend(a, rows, candidate, None, &held));
        let liked = a.mean_pool(within, &of(&|b| !self.negative[b]), sittings * steps);
        all.push(self.against.attend(a, within, liked, None, &of(&|b| self.negative[b])));
        (all, auxiliary)
    }
}

impl<A: Algebra> Ranker<A> for Sessions {
    fn forward(&self, a: &mut A, batch: &Batch, pass: Pass) -> Forward<A::Var> {
        let e = self.fields.embed(a, batch);
        let x = self.fields.with_reals(a, e, batch);
        let mut all = vec![x];
        let (past, auxiliary) = self.past(a, batch, pass);
        all.extend(past);
        let x = a.concat(&all);
        let mut watched = Vec::new();
        let logit = self.layers.watching(a, x, pass, &mut watched);
        Forward { auxiliary, watched, ..Forward::of(logit) }
    }

    fn lists(&self) -> Vec<usize> {
        let own = [self.past.list(), self.behaviour.list, self.gap.list, self.sitting.list];
        self.fields.lists().into_iter().chain(own).collect()
    }

    fn tables(&self) -> Vec<Part> {
        vec![self.fields.embeddings()]
    }
}
