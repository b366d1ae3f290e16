//! Seconds of processor that finished child processes took: what a runner costs on any machine, however busy that is.

/// Linux counts in hundredths of a second, whatever the kernel was built for.
const TICKS: f64 = 100.0;

/// Of all children so far, and theirs; none where the system does not tell in a file.
pub(super) fn of_children() -> Option<f64> {
    children_in(&std::fs::read_to_string("/proc/self/stat").ok()?)
}

/// `cutime` and `cstime`, the 16th and 17th field. The 2nd, the program's name, may hold blanks and brackets.
fn children_in(stat: &str) -> Option<f64> {
    let after_name = stat.rsplit_once(") ")?.1;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks = |field: usize| fields.get(field - 3)?.parse::<f64>().ok();
    Some((ticks(16)? + ticks(17)?) / TICKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_system_seconds_of_children_are_added() {
        let stat = "4242 (a (b) c) S 1 4242 4242 0 -1 4194304 10 20 0 0 7 8 1250 250 20 0 1 0 1 2 3";
        assert_eq!(children_in(stat), Some(15.0));
        assert_eq!(children_in("4242 (a) S 1"), None);
    }
}
