//! One way in for every verb that takes `--data`.

use super::import::{Format, ImportOptions};
use super::{DataError, Dataset, load_dataset};
use crate::state::State;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Reads a data set: a folder (or file) of any known format, or a state file. It blocks; call it from async code through
/// `spawn_blocking` where others wait for the thread.
///
/// Rows that cannot be read are left out and told to the log, up to the default limit of [`ImportOptions`].
///
/// # Errors
/// As [`Format::import`], and where the format is not known.
///
/// # Example
/// ```no_run
/// let data = sottovoce_server::data::open("../shared/data/lastfm-s3rec".as_ref())?;
/// assert_eq!(data.events.len(), 52_551);
/// # Ok::<(), sottovoce_server::data::DataError>(())
/// ```
pub fn open(path: &Path) -> Result<Dataset, DataError> {
    let io = |source| DataError::Io { path: path.to_owned(), source };
    let file = std::fs::metadata(path).map_err(io)?.is_file();
    if file && is_sqlite(path) {
        return load(path);
    }
    let format = Format::detect(path).ok_or_else(|| DataError::UnknownFormat { path: path.to_owned() })?;
    let (dataset, report) = format.import(path, &ImportOptions::default())?;
    if let Some(first) = report.bad.first() {
        tracing::warn!(bad = report.bad.len(), %first, "left out rows that could not be read");
    }
    Ok(dataset)
}

fn is_sqlite(path: &Path) -> bool {
    let mut magic = [0u8; 16];
    File::open(path).and_then(|mut file| file.read_exact(&mut magic)).is_ok() && magic == *b"SQLite format 3\0"
}

/// The connections of a state file live on a runtime. A thread of its own can have one whether or not the caller runs
/// inside another, where blocking would panic.
fn load(path: &Path) -> Result<Dataset, DataError> {
    let read = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|source| DataError::Io { path: path.to_owned(), source })?;
        runtime.block_on(async {
            let state = State::open_existing(path).await?;
            let data = load_dataset(&state).await;
            state.close().await;
            data
        })
    };
    std::thread::scope(|scope| match scope.spawn(read).join() {
        Ok(data) => data,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{SyntheticConfig, save_dataset, synthetic};
    use sottovoce::ids::Millis;

    #[tokio::test]
    async fn a_state_file_opens_like_a_folder_even_inside_a_runtime() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("world.db");
        let data = synthetic(&SyntheticConfig { listeners: 4, songs: 30, events: 60, ..SyntheticConfig::default() });
        let state = State::open(&path).await.unwrap();
        save_dataset(&state, &data, Millis(0), &crate::progress::quiet).await.unwrap();
        state.close().await;
        assert_eq!(open(&path).unwrap(), data);
    }

    #[test]
    fn what_cannot_be_opened_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(open(&folder.path().join("nowhere")), Err(DataError::Io { .. })));
        assert!(matches!(open(folder.path()), Err(DataError::UnknownFormat { .. })));
    }
}
