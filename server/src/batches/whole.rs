//! Files that are whole or not there.

use std::fs::File;
use std::io;
use std::path::Path;

/// Writes into `beside`, which then takes the name of `path`; both are in one folder, since a rename across file systems is a copy. `io` makes
/// the caller's error of what was being done and what the system said.
///
/// # Errors
/// Whatever `write` and `io` say; `beside` is gone then, and `path` is as it was.
pub(crate) fn whole<E>(
    path: &Path,
    beside: &Path,
    write: impl FnOnce(&mut File) -> Result<(), E>,
    io: impl Fn(&'static str, io::Error) -> E,
) -> Result<(), E> {
    let written = (|| {
        let mut file = File::create(beside).map_err(|error| io("write", error))?;
        write(&mut file)?;
        // A rename may reach the disk before the bytes do: after a power cut the name would stand over nothing.
        file.sync_all().map_err(|error| io("write", error))?;
        std::fs::rename(beside, path).map_err(|error| io("put in place", error))
    })();
    if written.is_err() {
        let _ = std::fs::remove_file(beside);
        return written;
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    settle(folder).map_err(|error| io("put in place", error))
}

/// What a folder says of its files reaches the disk.
pub(crate) fn settle(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
