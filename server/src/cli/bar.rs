//! Draws the progress that long work reports: on stderr, and only where somebody watches.

use crate::progress::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A progress bar, one step after the other.
#[derive(Debug)]
pub(crate) struct Bar(ProgressBar);

impl Bar {
    /// A bar; hidden with `--json`, and where stderr is no terminal.
    pub(crate) fn new(json: bool) -> Self {
        let target = if json { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(Some(0), target);
        if let Ok(style) = ProgressStyle::with_template("{msg:>12} {wide_bar} {percent:>3} %  {eta:>4} left") {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// Takes a report; give `&|progress| bar.show(progress)` to what works.
    pub(crate) fn show(&self, progress: Progress) {
        if self.0.message() != progress.step {
            self.0.set_message(progress.step);
            self.0.reset_eta();
        }
        self.0.set_length(progress.total);
        self.0.set_position(progress.done);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
