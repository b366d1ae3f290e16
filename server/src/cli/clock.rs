//! What time it is, for whoever measures how long something takes.

use crate::runs::Times;
use std::path::Path;
use std::time::Instant;

/// Clocks that begin now.
pub(super) fn clock() -> impl Fn() -> Times + Send + Sync {
    let began = Instant::now();
    move || Times { wall: began.elapsed(), cpu: processor() }
}

#[cfg(unix)]
fn processor() -> Option<std::time::Duration> {
    use rustix::time::{ClockId, clock_gettime};
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Some(std::time::Duration::new(u64::try_from(time.tv_sec).ok()?, u32::try_from(time.tv_nsec).ok()?))
}

#[cfg(not(unix))]
fn processor() -> Option<std::time::Duration> {
    None
}

/// Which program this is: its version, and the start of the fingerprint of its own file, since two builds may bear one version.
pub(super) fn program() -> String {
    let version = env!("CARGO_PKG_VERSION");
    let own = std::env::current_exe().ok().and_then(|path| fingerprint(&path));
    own.map_or_else(|| version.to_owned(), |hash| format!("{version}+{hash}"))
}

fn fingerprint(path: &Path) -> Option<String> {
    use sha2::{Digest, Sha256};
    use std::io::Read;
    let (mut file, mut sha) = (std::fs::File::open(path).ok()?, Sha256::new());
    let mut piece = vec![0; 1 << 20];
    loop {
        match file.read(&mut piece).ok()? {
            0 => break,
            read => sha.update(&piece[..read]),
        }
    }
    Some(sha.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect())
}
