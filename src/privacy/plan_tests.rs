use super::*;
use crate::privacy::accountant::{Account, Budget};
use crate::privacy::{Gradient, NoiseKey};

fn noise(seed: u8) -> Noise {
    Noise::new(NoiseKey::new([seed; 32]))
}

fn charged(plan: NoisePlan) -> Charged {
    let pending = Account::new(Budget::new(f64::INFINITY, 1e-6).unwrap()).charge(plan).unwrap();
    let stored = pending.bytes().to_vec();
    pending.recorded(&stored).unwrap()
}

fn grid(steps: u32) -> Grid {
    Grid::new(steps).unwrap()
}

#[test]
fn the_sum_of_n_min_clients_has_the_noise_that_was_planned() {
    let (n, d) = (20, 6000);
    let plan = NoisePlan::new(1.5, 1.0, n, grid(256), d).unwrap();
    let x: Vec<f32> = (0..d).map(|i| if i % 2 == 0 { 0.01 } else { -0.01 }).collect();
    let mut sum = vec![0i64; d];
    for client in 0..n {
        let mut noise = noise(client as u8);
        let quantized = Gradient::new(x.clone()).clip(1.0).quantized(1.0, plan.grid(), &mut noise);
        let noised = quantized.noised(charged(plan), &mut noise).unwrap();
        sum.iter_mut().zip(noised.into_values()).for_each(|(s, v)| *s += i64::from(v));
    }
    let mean = plan.grid().mean(&sum, n);
    let planned = plan.noise_multiplier() * plan.sensitivity().norm() / (256.0 * f64::from(n));
    let (mut bias, mut squares) = (0.0, 0.0);
    for (m, x) in mean.iter().zip(&x) {
        bias += f64::from(m - x) / d as f64;
        squares += f64::from(m - x).powi(2) / d as f64;
    }
    // Rounding adds at most ¼ a client to the variance.
    let most = (planned.powi(2) + 0.25 / f64::from(n) / 65_536.0).sqrt();
    assert!(bias.abs() < 4.5 * planned / (d as f64).sqrt(), "{bias}");
    assert!(squares.sqrt() > 0.96 * planned && squares.sqrt() < 1.04 * most, "{} for {planned}", squares.sqrt());
}

#[test]
fn n_min_shares_are_no_less_than_what_was_asked() {
    for (z, c, n, steps, d) in [(1.0, 1.0, 100, 1024, 100_000), (0.3, 0.1, 7, 4096, 100), (8.0, 2.0, 1000, 64, 5)] {
        let plan = NoisePlan::new(z, c, n, grid(steps), d).unwrap();
        let sum = plan.per_client().unwrap().variance() * f64::from(n);
        let asked = (z * plan.sensitivity().norm()).powi(2);
        assert!(sum >= asked && sum < asked * (1.0 + 1e-4), "{sum} for {asked}");
    }
}

#[test]
fn what_was_not_charged_for_is_refused() {
    let plan = NoisePlan::new(1.0, 1.0, 10, grid(64), 8).unwrap();
    let quantized =
        |c: f32, steps: u32, d: usize| Gradient::new(vec![0.1; d]).clip(c).quantized(c, grid(steps), &mut noise(1));
    for (vector, expected) in [
        (quantized(1.0, 64, 9), "dimension"),
        (quantized(1.1, 64, 8), "squared sensitivity"),
        (quantized(1.0, 128, 8), "squared sensitivity"),
    ] {
        let Err(Error::NotAsCharged { what, .. }) = vector.noised(charged(plan), &mut noise(2)) else {
            panic!("{expected}")
        };
        assert_eq!(what, expected);
    }
    assert!(quantized(0.9, 64, 8).noised(charged(plan), &mut noise(2)).is_ok(), "shorter is as good");
}

#[test]
fn without_noise_the_rounded_vector_goes_on_as_it_is() {
    let plan = NoisePlan::new(0.0, 1.0, 10, grid(1 << 10), 3).unwrap();
    let quantized = Gradient::new(vec![0.5, -0.25, 0.125]).clip(1.0).quantized(1.0, plan.grid(), &mut noise(1));
    assert_eq!(quantized.noised(charged(plan), &mut noise(2)).unwrap().into_values(), [512, -256, 128]);
    assert_eq!((plan.per_client(), plan.tau()), (None, 0.0));
}

#[test]
fn the_ring_holds_the_worst_sum_and_no_bit_more() {
    let plan = NoisePlan::new(1.0, 1.0, 100, grid(1 << 10), 100_000).unwrap();
    let sigma = plan.per_client().unwrap().variance().sqrt();
    // 130 vectors with all of their norm on one coordinate, and noise of 9 standard deviations.
    let reach = 130.0 * 1024.0 + 130f64.sqrt() * sigma * (2.0 * (2e5f64 * 2f64.powi(40)).ln()).sqrt();
    let r = plan.ring_bits(130);
    assert!(2f64.powi(r as i32 - 1) > reach && 2f64.powi(r as i32 - 2) <= reach, "{r}, {reach}");
    assert!(plan.ring_bits(1) < r && plan.ring_bits(10_000) > r);
    // In earnest: small enough to try the same bound with a probability that can be seen.
    let small = NoisePlan::new(1.0, 1.0, 4, grid(16), 64).unwrap();
    let half = 1i64 << (small.ring_bits(4) - 1);
    for round in 0..200u8 {
        let mut sum = [0i64; 64];
        for client in 0..4 {
            let mut noise = Noise::new(NoiseKey::new([client * 50 + round % 50; 32]));
            let mut x = vec![0.0; 64];
            x[usize::from(round % 64)] = 1.0;
            let noised = Gradient::new(x)
                .clip(1.0)
                .quantized(1.0, small.grid(), &mut noise)
                .noised(charged(small), &mut noise)
                .unwrap();
            sum.iter_mut().zip(noised.into_values()).for_each(|(s, v)| *s += i64::from(v));
        }
        assert!(sum.iter().all(|s| s.abs() < half), "{sum:?} in ±{half}");
    }
}

#[test]
fn tau_is_the_sum_and_vanishes_with_a_few_steps_of_noise() {
    let by_hand = 10.0 * ((-core::f64::consts::PI.powi(2)).exp() + (-4.0 / 3.0 * core::f64::consts::PI.powi(2)).exp());
    assert!((tau(1.0, 3) / by_hand - 1.0).abs() < 1e-12);
    assert!(tau(6.25, 1_000_000) < 1e-20 * 1e6 && tau(81.0, 1000) < f64::MIN_POSITIVE);
}

#[test]
fn numbers_outside_their_range_are_refused() {
    let g = grid(1024);
    for (z, c, n, d) in [
        (-1.0, 1.0, 10, 10),
        (f64::NAN, 1.0, 10, 10),
        (1.0, 0.0, 10, 10),
        (1.0, f32::NAN, 10, 10),
        (1.0, 1e9, 10, 10),
        (1.0, 1.0, 0, 10),
        (1.0, 1.0, 10, 0),
    ] {
        assert!(matches!(NoisePlan::new(z, c, n, g, d), Err(Error::OutOfRange { .. })), "{z} {c} {n} {d}");
    }
    assert!(matches!(NoisePlan::new(1.0, 1.0, 1, grid(1 << 20), 10), Err(Error::NoiseWidth { hint: "fewer", .. })));
    assert!(matches!(NoisePlan::new(1.0, 1.0, 10_000, grid(8), 10), Err(Error::NoiseWidth { hint: "more", .. })));
}

#[test]
fn secrets_do_not_print() {
    let plan = NoisePlan::new(0.0, 1.0, 10, grid(1 << 10), 1).unwrap();
    let clipped = Gradient::new(vec![0.625]).clip(1.0);
    let text = format!("{clipped:?}");
    let quantized = clipped.quantized(1.0, plan.grid(), &mut noise(1));
    let text = format!("{text} {quantized:?} {:?}", quantized.clone().noised(charged(plan), &mut noise(2)));
    assert!(!text.contains("640") && !text.contains("625"), "{text}");
}

#[test]
fn no_sum_of_clients_that_keep_to_the_plan_is_too_long_and_one_that_does_not_makes_it_so() {
    let (n, d) = (20, 400);
    for z in [0.0, 0.05, 1.0] {
        let plan = NoisePlan::new(z, 0.5, n, grid(256), d).unwrap();
        // All pull the same way with all they have: nothing honest is longer.
        let mut sum = vec![0i64; d];
        for client in 0..n {
            let mut noise = noise(client as u8);
            let quantized = Gradient::new(vec![1.0; d]).clip(0.5).quantized(0.5, plan.grid(), &mut noise);
            let noised = quantized.noised(charged(plan), &mut noise).unwrap();
            sum.iter_mut().zip(noised.into_values()).for_each(|(s, v)| *s += i64::from(v));
        }
        let norm = |sum: &[i64]| sum.iter().map(|s| (*s as f64).powi(2)).sum::<f64>().sqrt();
        assert!(norm(&sum) <= plan.longest(n), "{z}: {} of {}", norm(&sum), plan.longest(n));
        assert!(plan.longest(n) < plan.longest(n + 1));
        // As much as the ring takes of one device, in every number.
        let most = (1i64 << (plan.ring_bits(n) - 1)) - 1;
        let lie: Vec<i64> = sum.iter().map(|s| s / 2 + most / 2).collect();
        assert!(norm(&lie) > plan.longest(n), "{z}: {} of {}", norm(&lie), plan.longest(n));
    }
}
