//! The algebra of ranking papers as a trait: a model is written once over it, and runs on whatever implements it.
//!
//! Matrices are row-major and have a row for each example. What has a third side lies in the same memory: `F` fields of `k` numbers
//! are `B × F·k`, or `B·F × k` after [`Algebra::reshape`], which costs nothing; a sequence of `T` steps is `B·T × d`. Data comes in as
//! f32, ids as u32. Masks hold 1 where something is and 0 where nothing is.
//!
//! A shape that does not fit is a mistake in the model, not in its data, and panics with both shapes.

use crate::parameters::Part;
use core::fmt::Debug;

/// Self-attention or attention between two sequences; see [`Algebra::attention`].
#[derive(Clone, Copy, Debug)]
pub struct Attention<'a, V> {
    /// Steps of a sequence of queries, `Q`.
    pub queries: usize,
    /// Steps of a sequence of keys and values, `T`.
    pub keys: usize,
    /// Heads `h`; they divide the columns among themselves.
    pub heads: usize,
    /// What inner products are multiplied by; `1/√(d/h)` where absent.
    pub scale: Option<f32>,
    /// Whether a query sees only keys up to its own step.
    pub causal: bool,
    /// `B·T`: 0 where there is no key. A query that sees none gets zeros.
    pub mask: Option<&'a [f32]>,
    /// What is added to inner products for the time between two steps.
    pub bias: Option<TimeBias<'a, V>>,
}

impl<V> Attention<'_, V> {
    /// Of sequences with themselves: no mask, no bias.
    #[must_use]
    pub fn over(steps: usize, heads: usize) -> Self {
        Self { queries: steps, keys: steps, heads, scale: None, causal: false, mask: None, bias: None }
    }
}

/// A learned number for each bucket of time and each head, added before the softmax.
///
/// Source: Zhai et al., *Actions Speak Louder than Words*, ICML 2024, §3.3 (`rab^{p,t}`).
#[derive(Clone, Copy, Debug)]
pub struct TimeBias<'a, V> {
    /// `buckets × h`.
    pub table: V,
    /// `B·Q·T`: the bucket between a query and a key.
    pub buckets: &'a [u32],
}

/// The maps of AutoInt's interacting layer; see [`Algebra::field_attention`].
#[derive(Clone, Copy, Debug)]
pub struct FieldWeights<V> {
    /// `W_Query`, `k × d`.
    pub query: V,
    /// `W_Key`, `k × d`.
    pub key: V,
    /// `W_Value`, `k × d`.
    pub value: V,
    /// `W_Res`, `k × d`, where the layer has one.
    pub residual: Option<V>,
}

/// The maps of a gated recurrent unit, gates in the order update, reset, candidate; see [`Algebra::gru`].
#[derive(Clone, Copy, Debug)]
pub struct GruWeights<V> {
    /// `[W^u | W^r | W^h]`, `d × 3h`.
    pub input: V,
    /// `[U^u | U^r | U^h]`, `h × 3h`.
    pub state: V,
    /// `[b^u | b^r | b^h]`, `1 × 3h`.
    pub bias: V,
}

/// The maps of a long short-term memory, gates in the order input, forget, candidate, output; see [`Algebra::lstm`].
#[derive(Clone, Copy, Debug)]
pub struct LstmWeights<V> {
    /// `[W^i | W^f | W^g | W^o]`, `d × 4h`.
    pub input: V,
    /// `[U^i | U^f | U^g | U^o]`, `h × 4h`.
    pub state: V,
    /// `[b^i | b^f | b^g | b^o]`, `1 × 4h`.
    pub bias: V,
}

/// What [`Algebra::nearest`] found: for each example so many steps, in their order, with 0 behind where there are fewer.
#[derive(Clone, Debug, PartialEq)]
pub struct Nearest {
    /// `B·keep`: which steps of the example's own.
    pub places: Vec<u32>,
    /// `B·keep`: 1 where a step is.
    pub mask: Vec<f32>,
}

/// What stands between two linear maps.
#[derive(Clone, Copy, Debug)]
pub enum Activation<V> {
    /// `max(x, 0)`.
    Relu,
    /// `σ(x)`.
    Sigmoid,
    /// [`Algebra::prelu`] with these slopes.
    Prelu(V),
    /// [`Algebra::dice`] with these slopes, over the batch's own moments.
    Dice(V),
}

/// Mean and variance of every column of a batch, as Dice takes them when it serves.
#[derive(Clone, Copy, Debug)]
pub struct Moments<'a> {
    /// `E[s]`.
    pub mean: &'a [f32],
    /// `Var[s]`.
    pub variance: &'a [f32],
}

/// What a softmax over sampled items is corrected by.
#[derive(Clone, Copy, Debug)]
pub struct Samples<'a> {
    /// Which row of the candidates is each example's own.
    pub targets: &'a [u32],
    /// `ln Q` of every candidate: how probable it was to be drawn.
    pub log_q: &'a [f32],
    /// What every candidate is; one that equals an example's own, drawn once more by accident, does not count against it.
    pub ids: &'a [u32],
}

/// Operations over matrices, named as papers name them.
///
/// # Panics
/// Every operation panics if shapes do not fit.
///
/// # Example
/// A factorisation machine with a linear part, written once:
/// ```
/// use sottovoce_algebra::{Algebra, Init, Parameters, Part, Pool, Tape};
///
/// fn machine<A: Algebra>(a: &mut A, table: Part, weights: Part, ids: &[u32], labels: &[f32]) -> A::Var {
///     let (table, weights) = (a.parameter(table), a.parameter(weights));
///     let fields = a.gather(table, ids, 3);
///     let pairs = a.fm(fields, 3);
///     let singles = a.gather(weights, ids, 3);
///     let singles = a.sum_columns(singles);
///     let logits = a.add(pairs, singles);
///     a.binary_cross_entropy(logits, labels, None)
/// }
///
/// let mut parameters = Parameters::<f32>::new(1);
/// let (table, weights) = (parameters.add("v", 9, 4, Init::Normal(0.1)), parameters.add("w", 9, 1, Init::Constant(0.0)));
/// let pool = Pool::default();
/// let mut tape = Tape::new(&parameters, &pool);
/// let loss = machine(&mut tape, table, weights, &[0, 3, 6, 1, 3, 8], &[1.0, 0.0]);
/// let gradients = tape.grad(loss);
/// assert!(gradients.part(table).is_some_and(|g| g.iter().any(|g| *g != 0.0)));
/// ```
pub trait Algebra {
    /// A matrix that was read or computed.
    type Var: Copy + Debug;
    /// Derivatives of one number with respect to several matrices.
    type Gradients;

    /// Rows and columns.
    fn shape(&self, x: Self::Var) -> (usize, usize);
    /// The numbers of a matrix, row by row.
    fn values(&self, x: Self::Var) -> Vec<f32>;

    // What comes in.

    /// Weights. Asked for twice, it is the same matrix.
    fn parameter(&mut self, part: Part) -> Self::Var;
    /// Data, which is not differentiated.
    fn input(&mut self, columns: usize, values: &[f32]) -> Self::Var;
    /// Data that is differentiated: rows that an embedding table lent.
    fn leaf(&mut self, columns: usize, values: &[f32]) -> Self::Var;
    /// Rows of `table` (`n × k`) by their numbers, `per_row` side by side: `B × per_row·k`.
    ///
    /// # Panics
    /// If there is no such row.
    fn gather(&mut self, table: Self::Var, rows: &[u32], per_row: usize) -> Self::Var;

    // Shapes.

    /// The same numbers in rows of another length; nothing is moved.
    fn reshape(&mut self, x: Self::Var, columns: usize) -> Self::Var;
    /// Side by side: `[x₁ | x₂ | …]`, all of as many rows.
    fn concat(&mut self, parts: &[Self::Var]) -> Self::Var;
    /// `count` columns from `first` on.
    fn slice(&mut self, x: Self::Var, first: usize, count: usize) -> Self::Var;
    /// Every row `times` times, one below the other: an example's row for each step of its sequence.
    fn repeat(&mut self, x: Self::Var, times: usize) -> Self::Var;

    // Linear maps.

    /// `x·W + b` with `x: B × n`, `W: n × m`, `b: 1 × m`.
    fn linear(&mut self, x: Self::Var, w: Self::Var, b: Option<Self::Var>) -> Self::Var;
    /// `a·bᵀ`: every row of `a` with every row of `b`.
    fn scores(&mut self, a: Self::Var, b: Self::Var) -> Self::Var;
    /// `⟨aᵢ, bᵢ⟩` for every row: `B × 1`.
    fn row_dot(&mut self, a: Self::Var, b: Self::Var) -> Self::Var;

    // Arithmetic.

    /// `a + b`.
    fn add(&mut self, a: Self::Var, b: Self::Var) -> Self::Var;
    /// `a − b`.
    fn subtract(&mut self, a: Self::Var, b: Self::Var) -> Self::Var;
    /// `a ⊙ b`.
    fn multiply(&mut self, a: Self::Var, b: Self::Var) -> Self::Var;
    /// `scale·x + shift`.
    fn affine(&mut self, x: Self::Var, scale: f32, shift: f32) -> Self::Var;
    /// `row` (`1 × d`) added to every row of `x`.
    fn add_row(&mut self, x: Self::Var, row: Self::Var) -> Self::Var;
    /// `x` repeated over a period of rows: row `i` of `x` plus row `i mod n` of `rows` (`n × d`); positions of a sequence.
    fn add_period(&mut self, x: Self::Var, rows: Self::Var) -> Self::Var;
    /// Every row of `x` times its own number in `column` (`B × 1`).
    fn multiply_column(&mut self, x: Self::Var, column: Self::Var) -> Self::Var;
    /// Every row times a given number; where it is 0, nothing flows back either.
    fn mask_rows(&mut self, x: Self::Var, mask: &[f32]) -> Self::Var;

    // Sums.

    /// The sum of all numbers: `1 × 1`.
    fn sum(&mut self, x: Self::Var) -> Self::Var;
    /// The mean of all numbers: `1 × 1`.
    fn mean(&mut self, x: Self::Var) -> Self::Var {
        let (rows, columns) = self.shape(x);
        let sum = self.sum(x);
        self.affine(sum, 1.0 / (rows * columns).max(1) as f32, 0.0)
    }
    /// The sum of every row: `B × 1`.
    fn sum_columns(&mut self, x: Self::Var) -> Self::Var;
    /// The sum of the `F` fields of every row: `B × F·k` to `B × k`.
    fn sum_fields(&mut self, x: Self::Var, fields: usize) -> Self::Var;
    /// The mean over the steps that the mask keeps: `B·T × d` to `B × d`; zeros where it keeps none.
    fn mean_pool(&mut self, x: Self::Var, mask: &[f32], steps: usize) -> Self::Var;

    // Activations.

    /// `max(x, 0)`.
    fn relu(&mut self, x: Self::Var) -> Self::Var;
    /// `1 / (1 + e⁻ˣ)`.
    fn sigmoid(&mut self, x: Self::Var) -> Self::Var;
    /// `tanh x`.
    fn tanh(&mut self, x: Self::Var) -> Self::Var;
    /// `softmax` of every row, over the numbers that the mask (`B × n`) keeps; zeros elsewhere.
    fn softmax(&mut self, x: Self::Var, mask: Option<&[f32]>) -> Self::Var;
    /// `max(x, 0) + a ⊙ min(x, 0)` with a slope `a` (`1 × d`) for each column.
    ///
    /// Source: He et al., *Delving Deep into Rectifiers*, ICCV 2015, eq. 1.
    fn prelu(&mut self, x: Self::Var, slope: Self::Var) -> Self::Var;
    /// `p(s)·s + (1 − p(s))·a·s` with `p(s) = σ((s − E[s]) / √(Var[s] + 10⁻⁸))`; the moments are the batch's own, and gradients flow
    /// through them, or those of training when the model serves.
    ///
    /// Source: Zhou et al., *Deep Interest Network*, KDD 2018, eq. 8.
    fn dice(&mut self, x: Self::Var, slope: Self::Var, moments: Option<Moments<'_>>) -> Self::Var;
    /// Each number is 0 with probability `rate`, or divided by `1 − rate`: which ones, the seed says.
    ///
    /// Source: Srivastava et al., *Dropout*, JMLR 15, 2014, §4 (scaled in training, so that serving leaves it out).
    ///
    /// # Panics
    /// If `rate` is not within `[0, 1)`.
    fn dropout(&mut self, x: Self::Var, rate: f32, seed: u64) -> Self::Var;
    /// One of the above.
    fn activate(&mut self, x: Self::Var, with: Activation<Self::Var>) -> Self::Var {
        match with {
            Activation::Relu => self.relu(x),
            Activation::Sigmoid => self.sigmoid(x),
            Activation::Prelu(slope) => self.prelu(x, slope),
            Activation::Dice(slope) => self.dice(x, slope, None),
        }
    }
    /// Every row with mean 0 and variance 1, then `⊙ gain + bias` (both `1 × d`); 10⁻⁵ is added to the variance.
    ///
    /// Source: Ba, Kiros & Hinton, *Layer Normalization*, 2016, eq. 4.
    fn layer_norm(&mut self, x: Self::Var, gain: Self::Var, bias: Self::Var) -> Self::Var;
    /// Every row divided by its length; a row of zeros stays one.
    fn normalize(&mut self, x: Self::Var) -> Self::Var;

    // Feature interactions.

    /// `x₀·(xᵀw) + b + x` with `w`, `b` of `1 × d`.
    ///
    /// Source: Wang et al., *Deep & Cross Network*, ADKDD 2017, eq. 3.
    fn cross(&mut self, x0: Self::Var, x: Self::Var, w: Self::Var, b: Self::Var) -> Self::Var;
    /// `x₀ ⊙ (x·W + b) + x` with `W: d × d`.
    ///
    /// Source: Wang et al., *DCN V2*, WWW 2021, eq. 1.
    fn cross_matrix(&mut self, x0: Self::Var, x: Self::Var, w: Self::Var, b: Self::Var) -> Self::Var {
        let mapped = self.linear(x, w, Some(b));
        let crossed = self.multiply(x0, mapped);
        self.add(crossed, x)
    }
    /// `Σ_{i<j} ⟨vᵢ, vⱼ⟩ = ½ Σ_f ((Σᵢ v_{if})² − Σᵢ v_{if}²)` over `F` fields: `B × 1`.
    ///
    /// Source: Rendle, *Factorization Machines*, ICDM 2010, lemma 3.1.
    fn fm(&mut self, v: Self::Var, fields: usize) -> Self::Var;
    /// `½ ((Σᵢ vᵢ)² − Σᵢ vᵢ²)`, before the sum over `f`: `B × k`.
    ///
    /// Source: He & Chua, *Neural Factorization Machines*, SIGIR 2017, eq. 4.
    fn bi_interaction(&mut self, v: Self::Var, fields: usize) -> Self::Var;
    /// `Σ_{i<j} xᵢᵀ φᵢⱼ xⱼ` with a matrix `φᵢⱼ` (`k × k`) for each pair of the `F` fields: `B × 1`. `phi` is `k × F(F−1)/2·k`, pairs side by
    /// side in the order (0,1), (0,2), …, (1,2), ….
    ///
    /// Source: Sun et al., *FM²: Field-matrixed Factorization Machines*, WWW 2021, eq. 4.
    fn kernel_fm(&mut self, x: Self::Var, fields: usize, phi: Self::Var) -> Self::Var;

    /// Between values at points that lie evenly from −1 to 1 (`values: B × points`), read at `q` (`B × M`) on straight lines: `B × M`. Beyond
    /// the ends it is the end's.
    fn interpolate(&mut self, q: Self::Var, values: Self::Var) -> Self::Var;

    // Attention.

    /// `softmax(scale·Q·Kᵀ + bias)·V` in each head, with `q: B·Q × d` and `k`, `v`: `B·T × d`; see [`Attention`].
    ///
    /// Source: Vaswani et al., *Attention Is All You Need*, NIPS 2017, eq. 1.
    fn attention(&mut self, q: Self::Var, k: Self::Var, v: Self::Var, with: Attention<'_, Self::Var>) -> Self::Var;
    /// Fields attend to fields: `ReLU([ẽ⁽¹⁾ | … | ẽ⁽ʰ⁾] + W_Res·e)` with `e: B × F·k`, in heads without scaling: `B × F·d`.
    ///
    /// Source: Song et al., *AutoInt*, CIKM 2019, eqs. 5–8.
    fn field_attention(
        &mut self,
        e: Self::Var,
        fields: usize,
        heads: usize,
        weights: FieldWeights<Self::Var>,
    ) -> Self::Var {
        let (_, columns) = self.shape(e);
        let e = self.reshape(e, columns / fields.max(1));
        let (q, k) = (self.linear(e, weights.query, None), self.linear(e, weights.key, None));
        let v = self.linear(e, weights.value, None);
        let (_, d) = self.shape(v);
        let mut mixed = self.attention(q, k, v, Attention { scale: Some(1.0), ..Attention::over(fields, heads) });
        if let Some(w) = weights.residual {
            let residual = self.linear(e, w, None);
            mixed = self.add(mixed, residual);
        }
        let y = self.relu(mixed);
        self.reshape(y, fields * d)
    }
    /// `[e, v, e − v, e ⊙ v]` for every step: `e: B·T × d`, its example's `v: B × d`, to `B·T × 4d`.
    fn compare(&mut self, e: Self::Var, v: Self::Var) -> Self::Var;
    /// `Σ_t w_t·e_t` with a weight a step: `w: B × T`, `e: B·T × d`, to `B × d`.
    fn mix(&mut self, w: Self::Var, e: Self::Var) -> Self::Var;
    /// Units of a history attend to a candidate `v`: `Σ_t a(e_t, v)·e_t` with `a = MLP([e, v, e − v, e ⊙ v])`, whose layers are `(W, b)`,
    /// the last one wide, `with` between them. The mask is `B·T`. Weights are not normalised, as in the paper.
    ///
    /// Source: Zhou et al., *Deep Interest Network*, KDD 2018, eq. 3 and §4.3.
    fn unit_attention(
        &mut self,
        e: Self::Var,
        v: Self::Var,
        mask: &[f32],
        layers: &[(Self::Var, Self::Var)],
        with: &[Activation<Self::Var>],
    ) -> Self::Var {
        assert_eq!(layers.len(), with.len() + 1, "an activation between two layers each");
        let (examples, _) = self.shape(v);
        let mut h = self.compare(e, v);
        for (i, (w, b)) in layers.iter().enumerate() {
            h = self.linear(h, *w, Some(*b));
            if let Some(with) = with.get(i) {
                h = self.activate(h, *with);
            }
        }
        let weights = self.mask_rows(h, mask);
        let weights = self.reshape(weights, mask.len() / examples.max(1));
        self.mix(weights, e)
    }

    // Sequences.

    /// Every state of a gated recurrent unit over `T` steps: `x: B·T × d` to `B·T × h`, from a state of zeros; where the mask is 0 the state
    /// stays. `u = σ(W^u x + U^u h + b^u)`, `r = σ(W^r x + U^r h + b^r)`, `h̃ = tanh(W^h x + r ⊙ U^h h + b^h)`, `h' = (1−u) ⊙ h + u ⊙ h̃`.
    ///
    /// Source: Zhou et al., *Deep Interest Evolution Network*, AAAI 2019, eqs. 2–5.
    fn gru(&mut self, x: Self::Var, weights: GruWeights<Self::Var>, mask: &[f32], steps: usize) -> Self::Var;
    /// The same with attention `a` (`B × T`) on the update gate: `ũ = a·u`.
    ///
    /// Source: ibid., eqs. 14–15.
    fn augru(
        &mut self,
        x: Self::Var,
        a: Self::Var,
        weights: GruWeights<Self::Var>,
        mask: &[f32],
        steps: usize,
    ) -> Self::Var;
    /// Every state of a long short-term memory over `T` steps: `x: B·T × d` to `B·T × h`, state and cell from zeros; where the mask is 0 both
    /// stay. `i, f, o = σ(W x + U h + b)`, `g = tanh(W^g x + U^g h + b^g)`, `c' = f ⊙ c + i ⊙ g`, `h' = o ⊙ tanh(c')`.
    ///
    /// Source: Gers, Schmidhuber & Cummins, *Learning to Forget*, Neural Computation 12(10), 2000, §3.
    fn lstm(&mut self, x: Self::Var, weights: LstmWeights<Self::Var>, mask: &[f32], steps: usize) -> Self::Var;
    /// Of each example's `T` rows of `table` (`n × k`; `rows`, `mask`: `B·T`) the `keep` that have the largest inner product with its `query`
    /// (`B × k`). Nothing flows back through the choice.
    ///
    /// Source: Pi et al., *Search-based Interest Model*, CIKM 2020, eq. 1 (soft search).
    fn nearest(&self, table: Self::Var, rows: &[u32], mask: &[f32], query: Self::Var, keep: usize) -> Nearest;
    /// The last step of every sequence: `B·T × h` to `B × h`.
    fn last(&mut self, x: Self::Var, steps: usize) -> Self::Var {
        let (_, columns) = self.shape(x);
        let whole = self.reshape(x, steps * columns);
        self.slice(whole, (steps - 1) * columns, columns)
    }
    /// `K` interest capsules out of behaviour capsules `x` (`B·T × d`, mapped already), by `iterations` of dynamic routing: coupling
    /// `w = softmax_K(b)`, `z = Σ_t w_t x_t`, `u = squash(z)`, `b += ⟨u, x⟩`. Logits start at `start` (`B·T × K`, not learned). Gradients
    /// flow through every iteration. `B·K × d`.
    ///
    /// Source: Li et al., *Multi-Interest Network with Dynamic Routing*, CIKM 2019, algorithm 1.
    fn capsules(&mut self, x: Self::Var, start: &[f32], mask: &[f32], steps: usize, iterations: usize) -> Self::Var;

    // Experts.

    /// `Σ_k softmax(gate)_k · expert_k` with `gate: B × n` and `n` experts of `B × d`.
    ///
    /// Source: Ma et al., *Multi-gate Mixture-of-Experts*, KDD 2018, eqs. 5–6.
    fn mixture(&mut self, gate: Self::Var, experts: &[Self::Var]) -> Self::Var;

    // Losses: `1 × 1`, weighted means over the examples. A weight is 1 where none is given.

    /// `−y ln σ(z) − (1−y) ln(1−σ(z))` for logits of `B × 1` and labels within `[0, 1]`.
    fn binary_cross_entropy(&mut self, logits: Self::Var, labels: &[f32], weights: Option<&[f32]>) -> Self::Var;
    /// Cross-entropy of `σ(a)·σ(b)`: what clicks and is then liked, over all impressions.
    ///
    /// Source: Ma et al., *Entire Space Multi-Task Model*, SIGIR 2018, eq. 3.
    fn joint_cross_entropy(&mut self, a: Self::Var, b: Self::Var, labels: &[f32], weights: Option<&[f32]>)
    -> Self::Var;
    /// `(x − y)²`.
    fn squared_error(&mut self, x: Self::Var, targets: &[f32], weights: Option<&[f32]>) -> Self::Var;
    /// `−ln softmax(x·Eᵀ)_target` over all rows of `items` (`n × d`). The logits are never written down: blocks of them are computed, in the
    /// gradient once more. Examples of weight 0 cost nothing.
    fn softmax_cross_entropy(
        &mut self,
        x: Self::Var,
        items: Self::Var,
        targets: &[u32],
        weights: Option<&[f32]>,
    ) -> Self::Var;
    /// The same over sampled candidates (`c × d`), each logit less `ln Q`.
    ///
    /// Source: Yi et al., *Sampling-Bias-Corrected Neural Modeling*, RecSys 2019, eq. 3; Bengio & Senécal 2008.
    fn sampled_softmax(
        &mut self,
        x: Self::Var,
        candidates: Self::Var,
        samples: Samples<'_>,
        weights: Option<&[f32]>,
    ) -> Self::Var;
    /// `−ln σ(p − n)` for scores of what was chosen and what was not, both `B × 1`.
    ///
    /// Source: Rendle et al., *BPR*, UAI 2009, §4.1.
    fn pairwise(&mut self, positive: Self::Var, negative: Self::Var, weights: Option<&[f32]>) -> Self::Var;
    /// `max(0, margin − p + n)`.
    fn hinge(&mut self, positive: Self::Var, negative: Self::Var, margin: f32, weights: Option<&[f32]>) -> Self::Var;
    /// `−T² Σ softmax(t/T) ln softmax(s/T)` over rows of two columns and more, `σ` in place of `softmax` for one; nothing flows back into
    /// the teacher.
    ///
    /// Source: Hinton, Vinyals & Dean, *Distilling the Knowledge in a Neural Network*, 2015, §2.
    fn distillation(&mut self, student: Self::Var, teacher: Self::Var, temperature: f32) -> Self::Var;

    // Derivatives.

    /// Derivatives of `loss` (`1 × 1`) with respect to every parameter and leaf. May be asked for as often as there are losses.
    fn grad(&self, loss: Self::Var) -> Self::Gradients;
    /// Derivatives with respect to these matrices alone; nothing behind them is computed, so the gradients of several tasks can stop at
    /// the trunk that they share.
    fn grad_at(&self, loss: Self::Var, at: &[Self::Var]) -> Self::Gradients;
    /// Derivatives of `⟨seed, x⟩` with respect to every parameter and leaf: on from the trunk, with what several tasks agreed on.
    fn grad_from(&self, x: Self::Var, seed: &[f32]) -> Self::Gradients;
}
