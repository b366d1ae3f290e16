//! The names of the ranking models.

use crate::batches::Columns;
use crate::layers::LayerError;
use crate::rank::{
    AutoInt, AutoIntConfig, Bst, BstConfig, Cgc, CgcConfig, Dcn, DcnConfig, DeepFm, DeepFmConfig, DeepKfm,
    DeepKfmConfig, Dien, DienConfig, Din, DinConfig, Esmm, EsmmConfig, Fm, FmConfig, FtrlConfig, Lr, LrConfig, Mmoe,
    MmoeConfig, Nfm, NfmConfig, Recurrent, RecurrentConfig, Sessions, SessionsConfig, Trainable, TreesConfig, WideDeep,
    WideDeepConfig,
};
use serde::{Deserialize, Serialize};
use sottovoce_algebra::Parameters;

/// Which model, and its settings: `name = "deep_fm"`, then its own fields.
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
    /// Kernel factorisation machine; with `deep` DeepKFM, and what may stand on that.
    Kfm(DeepKfmConfig),
    /// AutoInt; with `deep` AutoInt+.
    AutoInt(AutoIntConfig),
    /// Deep interest network; by `reading` also a mean of the history, or none.
    Din(DinConfig),
    /// Deep interest evolution network.
    Dien(DienConfig),
    /// A GRU or LSTM over the history.
    Recurrent(RecurrentConfig),
    /// Behaviour sequence transformer.
    Bst(BstConfig),
    /// Sittings of many behaviours.
    Sessions(SessionsConfig),
    /// Entire space multi-task model.
    Esmm(EsmmConfig),
    /// Multi-gate mixture of experts; with one expert a shared bottom.
    Mmoe(MmoeConfig),
    /// Customized gate control; with more levels PLE.
    Cgc(CgcConfig),
    /// Logistic regression over hashes, by FTRL-Proximal; it fits itself.
    Ftrl(FtrlConfig),
    /// Gradient-boosted trees, or a random forest; they fit themselves.
    Trees(TreesConfig),
}

impl RankSpec {
    /// The model over the columns of a training part; its weights are the last of `parameters`.
    ///
    /// # Errors
    /// [`LayerError`]: the model asks for what the columns do not have, a setting means nothing, or the model [fits itself](Self::fits_itself).
    pub fn build(&self, columns: &Columns, parameters: &mut Parameters<f32>) -> Result<Box<Trainable>, LayerError> {
        Ok(match self {
            Self::Lr(config) => Box::new(Lr::new(columns, *config, parameters)),
            Self::Fm(config) => Box::new(Fm::new(columns, *config, parameters)),
            Self::Nfm(config) => Box::new(Nfm::new(columns, config, parameters)),
            Self::WideDeep(config) => Box::new(WideDeep::new(columns, config, parameters)),
            Self::DeepFm(config) => Box::new(DeepFm::new(columns, config, parameters)),
            Self::Dcn(config) => Box::new(Dcn::new(columns, config, parameters)),
            Self::Kfm(config) => Box::new(DeepKfm::new(columns, config, parameters)?),
            Self::AutoInt(config) => Box::new(AutoInt::new(columns, config, parameters)),
            Self::Din(config) => Box::new(Din::new(columns, config, parameters)?),
            Self::Dien(config) => Box::new(Dien::new(columns, config, parameters)?),
            Self::Recurrent(config) => Box::new(Recurrent::new(columns, config, parameters)?),
            Self::Bst(config) => Box::new(Bst::new(columns, config, parameters)?),
            Self::Sessions(config) => Box::new(Sessions::new(columns, config, parameters)?),
            Self::Esmm(config) => Box::new(Esmm::new(columns, config, parameters)),
            Self::Mmoe(config) => Box::new(Mmoe::new(columns, config, parameters)?),
            Self::Cgc(config) => Box::new(Cgc::new(columns, config, parameters)?),
            Self::Ftrl(_) => return Err(LayerError::FitsItself { model: "ftrl" }),
            Self::Trees(_) => return Err(LayerError::FitsItself { model: "trees" }),
        })
    }
}
