//! One, two and four ranks give the loss curve of one process, bit for bit.

#![cfg(feature = "openmpi")]
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

use std::process::Command;

fn curve(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn ranks_change_no_bit() {
    let program = env!("CARGO_BIN_EXE_mpi-fm");
    let alone = curve(Command::new(program).arg("--local"));
    let losses: Vec<f32> = alone.lines().map(|line| line.split(' ').nth(1).unwrap().parse().unwrap()).collect();
    assert_eq!(losses.len(), 60);
    let mean = |losses: &[f32]| losses.iter().sum::<f32>() / losses.len() as f32;
    assert!(mean(&losses[50..]) < mean(&losses[..10]) - 0.1, "it learns: {losses:?}");
    if Command::new("mpirun").arg("--version").output().is_err() {
        println!("skipped: no mpirun (apt-get install openmpi-bin)");
        return;
    }
    for ranks in ["1", "2", "4"] {
        let mut command = Command::new("mpirun");
        command.args(["--allow-run-as-root", "--oversubscribe", "-n", ranks, program]);
        assert_eq!(curve(&mut command), alone, "{ranks} ranks");
    }
}
