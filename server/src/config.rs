//! What can be configured, as one TOML file. Each model defines its own part beside its code; this room only puts them
//! together and reads them.

use crate::embed::Song2VecConfig;
use crate::recall::{ItemCfConfig, MergeConfig, Song2VecRecallConfig, SpectralConfig};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Everything that recall can be told; what is left out has its default.
///
/// # Example
/// ```
/// use sottovoce_server::config::ChannelConfig;
/// let config = ChannelConfig::from_toml("[song2vec]\nepochs = 3\n").unwrap();
/// assert_eq!((config.song2vec.epochs, config.song2vec.dimension), (3, 64));
/// assert!(ChannelConfig::from_toml("[song2vec]\nepoch = 3\n").is_err());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChannelConfig {
    /// How embeddings are learned.
    pub song2vec: Song2VecConfig,
    /// How they are searched.
    pub song2vec_recall: Song2VecRecallConfig,
    /// Item-item neighbours.
    pub item_cf: ItemCfConfig,
    /// The graph filter.
    pub spectral: SpectralConfig,
    /// How the channels become one list.
    pub merge: MergeConfig,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {}: {source}; check the path", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not TOML, or names something that cannot be configured.
    #[error("the configuration {} is wrong: {source}", path.display())]
    Toml {
        /// Which file.
        path: PathBuf,
        /// Line, column, and what was expected.
        source: Box<toml::de::Error>,
    },
}

impl ChannelConfig {
    /// Reads a TOML file.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Io { path: path.to_owned(), source })?;
        Self::from_toml(&text).map_err(|source| ConfigError::Toml { path: path.to_owned(), source: Box::new(source) })
    }

    /// Reads TOML.
    ///
    /// # Errors
    /// What the parser says, with line and column.
    pub fn from_toml(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_is_read() {
        let config = ChannelConfig::default();
        assert_eq!(ChannelConfig::from_toml(&toml::to_string(&config).unwrap()).unwrap(), config);
        assert_eq!(ChannelConfig::from_toml("").unwrap(), config);
    }

    #[test]
    fn typos_are_told_with_what_was_expected() {
        let error = ChannelConfig::from_toml("[merge]\nfusion = \"rank\"\n").unwrap_err().to_string();
        assert!(error.contains("unknown variant `rank`") && error.contains("`ranks`"), "{error}");
        let error = ChannelConfig::from_toml("[item_fc]\n").unwrap_err().to_string();
        assert!(error.contains("item_fc") && error.contains("item_cf"), "{error}");
        assert!(matches!(ChannelConfig::load(Path::new("/nowhere/x.toml")), Err(ConfigError::Io { .. })));
    }
}
