//! What gradients are held against: central differences in f64, and the fast f32 kernels against the slow f64 loops.

use sottovoce_algebra::Parameters;

/// Loss and its derivatives with respect to all parameters, behind one another.
pub type Outcome = (f64, Vec<f64>);

/// Holds the tape's derivatives against central differences, and those of f32 against those of f64.
pub fn hold(
    parameters: &Parameters<f64>,
    double: &dyn Fn(&Parameters<f64>) -> Outcome,
    single: &dyn Fn(&Parameters<f32>) -> Outcome,
) {
    let (here, gradient) = double(parameters);
    assert!(here.is_finite() && gradient.iter().any(|g| g.abs() > 1e-9), "nothing flows back: {here} {gradient:?}");
    let at = |i: usize, by: f64| {
        let mut moved = parameters.clone();
        moved.values_mut()[i] += by;
        double(&moved).0
    };
    let step = 1e-5;
    for (i, tape) in gradient.iter().enumerate() {
        let (up, down) = (at(i, step), at(i, -step));
        let numeric = (up - down) / (2.0 * step);
        if (numeric - tape).abs() > 1e-7 * (1.0 + numeric.abs()) {
            // A kink between the two points makes the difference, not the derivative, wrong: then one side agrees.
            let sides = [(up - here) / step, (here - down) / step];
            let kink = (sides[0] - sides[1]).abs() > 1e-3;
            assert!(
                kink && sides.iter().any(|s| (s - tape).abs() < 1e-4 * (1.0 + s.abs())),
                "parameter {i}: tape {tape}, differences {numeric}, sides {sides:?}"
            );
        }
    }
    let rounded = parameters.convert::<f32>();
    let (exact, exact_gradient) = double(&rounded.convert());
    let (loss, gradient) = single(&rounded);
    assert!((loss - exact).abs() < 2e-5 * (1.0 + exact.abs()), "f32 {loss}, f64 {exact}");
    for (i, (f32, f64)) in gradient.iter().zip(&exact_gradient).enumerate() {
        // A relu that is on in one precision and off in the other moves a derivative; near 0 it may.
        assert!((f32 - f64).abs() < 1e-4 * (1.0 + f64.abs()), "parameter {i}: f32 {f32}, f64 {f64}");
    }
}

/// A property test of one model's derivatives: its name, the shapes of its parameters, the model over any algebra.
macro_rules! gradients {
    ($($name:ident: $shapes:expr, |$a:ident, $p:ident| $body:block)*) => {$(
        #[test]
        fn $name() {
            fn model<A: Algebra>($a: &mut A, $p: &[A::Var]) -> A::Var $body
            fn run<R: sottovoce_algebra::Real>(parameters: &sottovoce_algebra::Parameters<R>) -> oracle::Outcome
            where
                for<'p> Tape<'p, R>: Algebra<Var = Var, Gradients = Gradients<R>>,
            {
                let pool = sottovoce_algebra::Pool::default();
                let mut tape = Tape::new(parameters, &pool);
                let parts: Vec<_> = parameters.parts().map(|(_, part)| part).collect();
                let vars: Vec<_> = parts.iter().map(|part| tape.parameter(*part)).collect();
                let loss = model(&mut tape, &vars);
                let gradients = tape.grad(loss);
                let mut flat = vec![0.0; parameters.len()];
                for (part, gradient) in gradients.parts() {
                    flat[part.range()].iter_mut().zip(gradient).for_each(|(to, g)| *to = g.to_f64());
                }
                (tape.value(loss)[0].to_f64(), flat)
            }
            proptest::proptest!(proptest::prelude::ProptestConfig::with_cases(12), |(seed in proptest::prelude::any::<u64>())| {
                oracle::hold(&operations::random(&$shapes, seed), &run::<f64>, &run::<f32>);
            });
        }
    )*};
}
pub(crate) use gradients;
