//! The names of the ranking models.

use crate::batches::Columns;
use crate::rank::{
    AutoInt, AutoIntConfig, Dcn, DcnConfig, DeepFm, DeepFmConfig, DeepKfm, DeepKfmConfig, Fm, FmConfig, Lr, LrConfig,
    Nfm, NfmConfig, Trainable, WideDeep, WideDeepConfig,
};
use serde::{Deserialize, Serialize};
use sottovoce_algebra::Parameters;

/// Which model, and its settings: `model = "deepfm"`, then its own fields.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum RankSpec {
    /// Logistic regression.
    Lr(LrConfig),
    /// Factorisation machine.
    Fm(FmConfig),
    /// Neural factorisation machine; with `deep` DeepNFM.
    Nfm(NfmConfig),
    /// Wide & Deep.
    WideDeep(WideDeepConfig),
    /// DeepFM.
    DeepFm(DeepFmConfig),
    /// Deep & cross network, version 1 or 2.
    Dcn(DcnConfig),
    /// Kernel factorisation machine; with `deep` DeepKFM.
    Kfm(DeepKfmConfig),
    /// AutoInt; with `deep` AutoInt+.
    AutoInt(AutoIntConfig),
}

impl RankSpec {
    /// The model over the columns of a training part; its weights are the last of `parameters`.
    #[must_use]
    pub fn build(&self, columns: &Columns, parameters: &mut Parameters<f32>) -> Box<Trainable> {
        match self {
            Self::Lr(config) => Box::new(Lr::new(columns, *config, parameters)),
            Self::Fm(config) => Box::new(Fm::new(columns, *config, parameters)),
            Self::Nfm(config) => Box::new(Nfm::new(columns, config, parameters)),
            Self::WideDeep(config) => Box::new(WideDeep::new(columns, config, parameters)),
            Self::DeepFm(config) => Box::new(DeepFm::new(columns, config, parameters)),
            Self::Dcn(config) => Box::new(Dcn::new(columns, config, parameters)),
            Self::Kfm(config) => Box::new(DeepKfm::new(columns, config, parameters)),
            Self::AutoInt(config) => Box::new(AutoInt::new(columns, config, parameters)),
        }
    }
}
