//! Gradient-boosted trees and random forests, over numbers that [`TreeTable`] makes of columns.
//!
//! Sources: Friedman, *Greedy Function Approximation*, Annals of Statistics 29(5), 2001; Chen & Guestrin, *XGBoost*, KDD 2016, eq. 6
//! and 7 (second order); Ke et al., *LightGBM*, NeurIPS 2017 (histograms, leaf-wise growth); Breiman, *Random Forests*, Machine Learning
//! 45, 2001.
//!
//! | paper | here | meaning |
//! |---|---|---|
//! | `w* = −G/(H + λ)` | leaf | of XGBoost's eq. 5 |
//! | `½[G_L²/(H_L+λ) + G_R²/(H_R+λ) − G²/(H+λ)] − γ` | | what a split brings; `γ` = 0 here |
//! | `p = σ(b + Σ_t f_t)` | [`Trees::score`] of boosted trees | each tree learns what those before left over |
//! | `p = 1/T Σ_t p_t` | of a forest | each tree learns alone, from its own rows and columns |
//!
//! Grown by `forust-ml`: Rust only, the same trees on any number of threads, and on MovieLens it ranks as LightGBM does; a tree takes it
//! about a fifth longer (docs/ranking.md). Its one loop boosts; a forest is grown with a step so small (10⁻⁶) that every tree finds the same gradients,
//! those at the rate `m` of all rows. There `G = Σ(m − y)` and `H = n·m(1 − m)`, so with `λ = 0` a leaf is `(ȳ − m)/(m(1 − m))`, the gain
//! is that of Gini's impurity, and the mean over trees, times `m(1 − m)`, plus `m`, is the mean of the leaves' rates. Left out of Breiman:
//! columns are drawn for a tree (Ho 1998), not for a split; rows are drawn without being put back, 63 % as a bootstrap has distinct ones.

use super::RankError;
use super::ftrl::task_of;
use super::trees_table::{Statistics, TreeTable};
use crate::batches::Columns;
use crate::progress::{Progress, Report};
use forust_ml::gradientbooster::GrowPolicy;
use forust_ml::metric::Metric;
use forust_ml::objective::ObjectiveType;
use forust_ml::sampler::SampleMethod;
use forust_ml::{GradientBooster, Matrix};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// A forest's step.
const STILL: f32 = 1e-6;

/// Which trees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Growth {
    /// One after the other, each on what is left over.
    #[default]
    Boosted,
    /// Each for itself.
    Forest,
}

/// How trees are grown. The defaults are of boosted trees; [`TreesConfig::forest`] has those of a forest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TreesConfig {
    /// Boosted, or a forest.
    pub growth: Growth,
    /// The most trees there are. LightGBM's default: 100; the peers: 1000, forests 200.
    pub trees: usize,
    /// Shrinkage `ν` (Friedman, §5; he finds ≤ 0.1 best). A forest has none.
    pub learning_rate: f32,
    /// The most leaves a tree has. LightGBM's default: 31; the peers: 63.
    pub leaves: usize,
    /// So many rows a leaf has at least, of the usual rate: a bound on its hessian. LightGBM's default: 20; the peers: 50.
    pub leaf_rows: f32,
    /// The share of rows drawn for a tree (Friedman, *Stochastic Gradient Boosting*, 2002: 0.5 to 0.8).
    pub rows: f32,
    /// The share of columns drawn for a tree.
    pub columns: f64,
    /// `λ` of XGBoost's eq. 2. A forest has none.
    pub l2: f32,
    /// Bins of a column's histogram; LightGBM's default: 255.
    pub bins: u16,
    /// Boosting ends when the validation part's AUC has not risen for so many trees; 0: never. A forest has no use for it.
    pub patience: usize,
    /// What decides which rows and columns are drawn.
    pub seed: u64,
    /// Threads; 0: one a processor. They change no bit.
    pub threads: usize,
    /// Statistics of labels among the columns.
    pub statistics: Statistics,
}

impl Default for TreesConfig {
    fn default() -> Self {
        Self {
            growth: Growth::Boosted,
            trees: 1000,
            learning_rate: 0.05,
            leaves: 63,
            leaf_rows: 50.0,
            rows: 0.8,
            columns: 0.8,
            l2: 0.0,
            bins: 255,
            patience: 30,
            seed: 2020,
            threads: 0,
            statistics: Statistics::default(),
        }
    }
}

impl TreesConfig {
    /// A random forest: deep trees, few columns each.
    #[must_use]
    pub fn forest() -> Self {
        Self {
            growth: Growth::Forest,
            trees: 200,
            leaves: 1 << 20,
            leaf_rows: 10.0,
            rows: 0.632,
            columns: 0.6,
            bins: 64,
            ..Self::default()
        }
    }

    fn check(&self) -> Result<(), RankError> {
        let setting = |setting, expected, got: String| Err(RankError::Setting { setting, expected, got });
        let positive = |x: f32| x.is_finite() && x > 0.0;
        match self {
            c if c.trees == 0 => setting("trees", "at least 1", "0".to_owned()),
            c if c.leaves < 2 => setting("leaves", "at least 2", c.leaves.to_string()),
            c if !positive(c.learning_rate) => setting("learning_rate", "it is above 0", c.learning_rate.to_string()),
            c if !positive(c.leaf_rows) => setting("leaf_rows", "it is above 0", c.leaf_rows.to_string()),
            c if !(c.l2.is_finite() && c.l2 >= 0.0) => setting("l2", "it is 0 or above", c.l2.to_string()),
            c if !(positive(c.rows) && c.rows <= 1.0) => setting("rows", "it is a share above 0", c.rows.to_string()),
            c if !(c.columns > 0.0 && c.columns <= 1.0) => {
                setting("columns", "it is a share above 0", c.columns.to_string())
            }
            c if !(2..=60_000).contains(&c.bins) => setting("bins", "from 2 to 60000", c.bins.to_string()),
            _ => Ok(()),
        }
    }
}

/// What growing came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TreesFit {
    /// Trees that are kept: up to the best on the validation part.
    pub trees: usize,
    /// Trees that were grown.
    pub grown: usize,
    /// The validation part's AUC at the best; `None` for a forest.
    pub validation_auc: Option<f64>,
    /// Columns of the table.
    pub columns: usize,
}

/// A node: a leaf where `left` is 0, which no node's child is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Node {
    column: u32,
    /// Below it to the left; a leaf's weight.
    value: f64,
    left: u32,
    right: u32,
    gain: f32,
}

/// The model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trees {
    growth: Growth,
    table: TreeTable,
    base: f64,
    trees: Vec<Vec<Node>>,
}

impl Trees {
    /// Grows trees on a training part; boosted ones as many as the validation part likes best. The report says when it begins and when it
    /// ends: the library says nothing in between.
    ///
    /// # Errors
    /// [`RankError::Setting`], [`RankError::Task`], [`RankError::Feature`]; [`RankError::Library`] for what the library refuses.
    pub fn fit(
        train: &Columns,
        validation: &Columns,
        task: &str,
        config: &TreesConfig,
        report: Report<'_>,
    ) -> Result<(Self, TreesFit), RankError> {
        config.check()?;
        let table = TreeTable::fit(train, task, &config.statistics)?;
        let (mean, width) = (table.mean(), table.width());
        let total = config.trees as u64;
        report(Progress { step: "trees", done: 0, total });
        let [own, other] = [train, validation].map(|columns| Labelled::new(&table, columns, task));
        let (own, other) = (own?, other?);
        let forest = config.growth == Growth::Forest;
        let base = libm::log(mean / (1.0 - mean));
        #[allow(clippy::cast_possible_truncation, reason = "a bound need not be exact")]
        let least = config.leaf_rows * (mean * (1.0 - mean)) as f32;
        let mut booster = GradientBooster::default()
            .set_objective_type(ObjectiveType::LogLoss)
            .set_initialize_base_score(false)
            .set_base_score(base)
            .set_iterations(config.trees)
            .set_learning_rate(if forest { STILL } else { config.learning_rate })
            .set_max_leaves(config.leaves)
            .set_max_depth(usize::MAX)
            .set_min_leaf_weight(least)
            .set_l2(if forest { 0.0 } else { config.l2 })
            .set_subsample(config.rows)
            .set_sample_method(if config.rows < 1.0 { SampleMethod::Random } else { SampleMethod::None })
            .set_colsample_bytree(config.columns)
            .set_nbins(config.bins)
            .set_seed(config.seed)
            .set_num_threads(Some(config.threads).filter(|threads| *threads > 0))
            .set_tiled_histograms(true)
            .set_evaluation_metric(Some(Metric::AUC))
            .set_early_stopping_rounds(Some(config.patience).filter(|rounds| *rounds > 0 && !forest));
        booster.grow_policy = GrowPolicy::LossGuide;
        let evaluated = (!forest).then(|| vec![other.evaluation(width)]);
        let library = |error: forust_ml::errors::ForustError| RankError::Library { message: error.to_string() };
        booster.fit(&own.matrix(width), &own.labels, &own.weights, evaluated).map_err(library)?;
        let grown = booster.trees.len();
        let best = booster.best_iteration.filter(|_| !forest);
        let kept = best.map_or(grown, |best| best + 1);
        let validation_auc = best.zip(booster.evaluation_history.as_ref()).map(|(best, history)| *history.get(best, 0));
        // A forest's leaves as if it had not stood still.
        let scale = if forest { 1.0 / f64::from(STILL) } else { 1.0 };
        let trees = booster.trees.iter().take(kept).map(|tree| nodes(tree, scale)).collect();
        let model = Self { growth: config.growth, table, base, trees };
        model.check().map_err(|what| RankError::Library { message: what.to_owned() })?;
        report(Progress { step: "trees", done: total, total });
        Ok((model, TreesFit { trees: kept, grown, validation_auc, columns: width }))
    }

    /// How probable each row is.
    ///
    /// # Errors
    /// [`RankError::Feature`] if the columns lack a feature.
    pub fn score(&self, columns: &Columns) -> Result<Vec<f64>, RankError> {
        let (table, rows) = (self.table.of(columns)?, columns.len());
        let mean = self.table.mean();
        let one = |row: usize| {
            let sum: f64 = self.trees.iter().map(|tree| leaf(tree, |column| table[column * rows + row])).sum();
            match self.growth {
                Growth::Boosted => 1.0 / (1.0 + libm::exp(-self.base - sum)),
                Growth::Forest => (mean + mean * (1.0 - mean) * sum / self.trees.len() as f64).clamp(0.0, 1.0),
            }
        };
        Ok((0..rows).into_par_iter().map(one).collect())
    }

    /// The columns that splits are made by, with their share of what all splits brought, from the largest on.
    #[must_use]
    pub fn importance(&self) -> Vec<(String, f64)> {
        let mut gains = vec![0.0; self.table.width()];
        for node in self.trees.iter().flatten().filter(|node| node.left > 0) {
            gains[node.column as usize] += f64::from(node.gain);
        }
        let all: f64 = gains.iter().sum();
        let mut shares: Vec<(String, f64)> = gains
            .iter()
            .enumerate()
            .filter(|(_, gain)| **gain > 0.0)
            .map(|(column, gain)| (self.table.name(column), gain / all))
            .collect();
        shares.sort_by(|a, b| b.1.total_cmp(&a.1));
        shares
    }

    /// Whether a list of this name is among what it reads.
    #[must_use]
    pub fn reads(&self, list: &str) -> bool {
        self.table.reads(list)
    }

    /// Nodes of all trees.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.trees.iter().map(Vec::len).sum()
    }

    /// How many trees there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.trees.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.trees.is_empty()
    }

    /// The model as JSON.
    ///
    /// # Errors
    /// [`RankError::Json`].
    pub fn to_json(&self) -> Result<String, RankError> {
        serde_json::to_string(self).map_err(|source| RankError::Json { source })
    }

    /// Reads what [`Trees::to_json`] wrote, to the same bits.
    ///
    /// # Errors
    /// [`RankError::Json`]; [`RankError::Library`] for trees that do not hold together.
    pub fn from_json(text: &str) -> Result<Self, RankError> {
        let model: Self = serde_json::from_str(text).map_err(|source| RankError::Json { source })?;
        model.check().map_err(|what| RankError::Library { message: what.to_owned() })?;
        Ok(model)
    }

    /// That every walk ends at a leaf: children stand behind their parents, columns are those of the table.
    fn check(&self) -> Result<(), &'static str> {
        self.table.check()?;
        for tree in &self.trees {
            let sound = |(at, node): (usize, &Node)| {
                let child = |child: u32| child as usize > at && (child as usize) < tree.len();
                let split = child(node.left) && child(node.right) && (node.column as usize) < self.table.width();
                node.value.is_finite() && (node.left == 0 || split)
            };
            if tree.is_empty() || !tree.iter().enumerate().all(sound) {
                return Err("a tree whose walks do not end");
            }
        }
        if !self.base.is_finite() || self.trees.is_empty() {
            return Err("no trees, or none that begin anywhere");
        }
        Ok(())
    }
}

fn leaf(tree: &[Node], value: impl Fn(usize) -> f64) -> f64 {
    let mut node = tree[0];
    while node.left > 0 {
        node = tree[if value(node.column as usize) < node.value { node.left } else { node.right } as usize];
    }
    node.value
}

/// The library's tree as ours.
fn nodes(tree: &forust_ml::tree::Tree, scale: f64) -> Vec<Node> {
    let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    tree.nodes
        .iter()
        .map(|node| match node.is_leaf {
            true => Node { column: 0, value: f64::from(node.weight_value) * scale, left: 0, right: 0, gain: 0.0 },
            false => Node {
                column: small(node.split_feature),
                value: node.split_value,
                left: small(node.left_child),
                right: small(node.right_child),
                gain: node.split_gain,
            },
        })
        .collect()
}

/// The rows of a part that have a label, as the library reads them.
struct Labelled {
    table: Vec<f64>,
    labels: Vec<f64>,
    weights: Vec<f64>,
}

impl Labelled {
    fn new(table: &TreeTable, columns: &Columns, task: &str) -> Result<Self, RankError> {
        let task = task_of(columns, task)?;
        let mut values = table.of(columns)?;
        if task.weights.contains(&0.0) {
            let rows = columns.len();
            let kept = |place: usize| task.weights[place % rows] > 0.0;
            let all = std::mem::take(&mut values);
            values = all.into_iter().enumerate().filter(|(place, _)| kept(*place)).map(|(_, value)| value).collect();
        }
        let labelled = task.labels.iter().zip(&task.weights).filter(|(_, weight)| **weight > 0.0);
        let (labels, weights) = labelled.map(|(y, w)| (f64::from(*y), f64::from(*w))).unzip();
        Ok(Self { table: values, labels, weights })
    }

    fn matrix(&self, width: usize) -> Matrix<'_, f64> {
        Matrix::new(&self.table, self.labels.len(), width)
    }

    fn evaluation(&self, width: usize) -> (Matrix<'_, f64>, &[f64], &[f64]) {
        (self.matrix(width), &self.labels, &self.weights)
    }
}
