//! Texts by number.

use std::collections::HashMap;
use std::sync::Arc;

/// Texts, each once, by number.
#[derive(Clone, Debug, Default)]
pub struct Dictionary {
    names: Vec<String>,
    index: HashMap<String, u32>,
}

impl Dictionary {
    /// The number of a text, new or known.
    pub fn code(&mut self, text: &str) -> u32 {
        if let Some(code) = self.index.get(text) {
            return *code;
        }
        let code = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.names.push(text.to_owned());
        self.index.insert(text.to_owned(), code);
        code
    }

    /// The number of a text, if it has one.
    #[must_use]
    pub fn find(&self, text: &str) -> Option<u32> {
        self.index.get(text).copied()
    }

    /// The text of a number; empty where there is none.
    #[must_use]
    pub fn name(&self, code: u32) -> &str {
        self.names.get(code as usize).map_or("", String::as_str)
    }

    /// How many texts there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The texts, by number.
    #[must_use]
    pub fn into_names(self) -> Arc<Vec<String>> {
        Arc::new(self.names)
    }
}
