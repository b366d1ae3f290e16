//! Rows weighed by what a listener did beside the label (row X3): more of what is valued at the top, hardly any label lost.

use sottovoce::math::Rng;
use sottovoce_server::batches::{
    Batch, Batches, BehaviourWeights, Columns, Encoder, LogTable, Part, RawColumn, RawTask, Schema, Split, Values,
};
use sottovoce_server::eval::auc;

const ROWS: usize = 60_000;

/// Four features of a live show; the first two make people come in, the second also makes them give.
fn table(seed: u64) -> LogTable {
    let mut rng = Rng::new(seed);
    let (mut features, mut labels, mut gifts) = (vec![vec![]; 4], vec![], vec![]);
    for _ in 0..ROWS {
        let x: Vec<f64> = (0..4).map(|_| f64::from(rng.normal())).collect();
        let clicked = rng.uniform_f64() < 1.0 / (1.0 + (1.5 - 1.2 * x[0] - 0.8 * x[1]).exp());
        let mean = 0.5 * (0.9 * x[1]).exp();
        let given = (0..8).filter(|_| rng.uniform_f64() < (mean / 8.0).min(1.0)).count();
        features.iter_mut().zip(&x).for_each(|(column, x)| column.push(*x));
        labels.push(f32::from(u8::from(clicked)));
        gifts.push(if clicked { given as f64 } else { 0.0 });
    }
    let named = features.into_iter().enumerate();
    let mut columns: Vec<RawColumn> =
        named.map(|(i, column)| RawColumn::known_before(&format!("x{i}"), Values::Numbers(column))).collect();
    columns.push(RawColumn::known_after("gifts", Values::Numbers(gifts)));
    let task = RawTask { name: "click".to_owned(), labels, weights: vec![] };
    LogTable::new("live", vec![0; ROWS], (0..ROWS as u64).collect(), columns, vec![task]).unwrap()
}

/// Weighted logistic regression over batches.
fn fit(columns: &Columns) -> Vec<f64> {
    let width = columns.dense.len();
    let mut weights = vec![0.0; width + 1];
    let mut batches = Batches::shuffled(columns, 64, 7).unwrap();
    let mut batch = Batch::default();
    for epoch in 0..8 {
        while batches.next_into(&mut batch) {
            let mut gradient = vec![0.0; width + 1];
            for (row, x) in batch.dense.chunks_exact(width).enumerate() {
                let error = f64::from(batch.tasks[0].labels[row]) - 1.0 / (1.0 + (-score(&weights, x)).exp());
                let error = error * f64::from(batch.tasks[0].weights[row]);
                for (gradient, x) in gradient.iter_mut().zip(x.iter().chain([&1.0])) {
                    *gradient += error * f64::from(*x);
                }
            }
            let rate = 0.5 / (batch.len() as f64 * f64::from(1 + epoch));
            weights.iter_mut().zip(gradient).for_each(|(weight, gradient)| *weight += rate * gradient);
        }
    }
    weights
}

fn score(weights: &[f64], x: &[f32]) -> f64 {
    weights.iter().zip(x.iter().chain([&1.0])).map(|(w, x)| w * f64::from(*x)).sum()
}

#[test]
fn weighed_rows_bring_more_value_to_the_top_ten_for_hardly_any_area() {
    let schema = Schema::from_toml(
        "name = \"live\"\ntasks = [\"click\"]\nfeatures = [{ name = \"x0\", kind = \"dense\" }, { name = \"x1\", kind = \"dense\" },
        { name = \"x2\", kind = \"dense\" }, { name = \"x3\", kind = \"dense\" }]",
    )
    .unwrap();
    let by_gifts: BehaviourWeights =
        toml::from_str("behaviours = [{ column = \"gifts\", weight = 0.15 }]\nmost = 3.0").unwrap();
    for seed in 1..=3 {
        let table = table(seed);
        let split = Split::by_time(&table, 30_000, 30_000);
        let encoder = Encoder::fit(schema.clone(), split.training(&table).unwrap()).unwrap();
        let train = encoder.encode(&table, &split, Part::Train).unwrap();
        let test = encoder.encode(&table, &split, Part::Test).unwrap();
        let mut weighed = train.clone();
        weighed.weigh("click", &by_gifts.of(&table, "click", &train.rows).unwrap()).unwrap();
        let Values::Numbers(gifts) = &table.column("gifts").unwrap().values else { unreachable!() };
        let labels: Vec<bool> = test.tasks[0].labels.iter().map(|label| *label > 0.5).collect();
        let measure = |columns: &Columns| {
            let weights = fit(columns);
            let row = |i: usize| test.dense.iter().map(|column| column.values[i]).collect::<Vec<f32>>();
            let scores: Vec<f64> = (0..test.len()).map(|i| score(&weights, &row(i))).collect();
            // Slates of a hundred; what was given for the ten that stand on top.
            let mut value = 0.0;
            for slate in (0..test.len()).collect::<Vec<_>>().chunks_mut(100) {
                slate.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
                value += slate[..10].iter().map(|i| gifts[test.rows[*i] as usize]).sum::<f64>();
            }
            (auc(&scores, &labels).unwrap(), value)
        };
        let (plain, valued) = (measure(&train), measure(&weighed));
        println!("seed {seed}: plain {plain:?}, weighed {valued:?} (AUC, gifts in the top ten)");
        assert!(valued.1 > plain.1, "{valued:?} for {plain:?}");
        assert!(valued.0 > plain.0 - 0.002, "{valued:?} for {plain:?}");
    }
}
