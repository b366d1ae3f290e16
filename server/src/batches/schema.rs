//! What features there are, as TOML says it.
//!
//! | kind | reads a column of | gives |
//! |---|---|---|
//! | `id` | names | a number from a vocabulary learned in training; 0 for what it has not |
//! | `hashed` | names | one of `buckets` numbers, by hash: no vocabulary, no overflow |
//! | `bucketised` | numbers | which bucket, between cuts that are given or quantiles of the training part |
//! | `multi` | lists | the first `max_len` of them, in no order |
//! | `sequence` | lists | the newest `max_len` of them, oldest first |
//! | `dense` | numbers | an `f32`, standardised by mean and deviation of the training part |
//! | `cross` | two features of one number each | a number for the pair |
//! | `odds` | names and a task | smoothed log-odds of the label, out of fold: see [`Odds`](super::Odds) |

use super::BatchError;
use super::table::listed;
use serde::{Deserialize, Serialize};

/// The features and tasks of a table of batches.
///
/// # Example
/// ```
/// use sottovoce_server::batches::Schema;
/// let schema = Schema::from_toml(
///     r#"
///     name = "plays"
///     tasks = ["complete"]
///     [[features]]
///     name = "song"
///     kind = "id"
///     min_count = 2
///     [[features]]
///     name = "history"
///     kind = "sequence"
///     max_len = 50
///     shares = "song"
///     [[features]]
///     name = "length"
///     column = "duration_ms"
///     kind = "bucketised"
///     cuts = { quantiles = 10 }
///     "#,
/// )?;
/// assert_eq!(schema.features.len(), 3);
/// assert!(Schema::from_toml("name = \"x\"\ntasks = []\ncoulmns = 3").is_err());
/// # Ok::<(), sottovoce_server::batches::BatchError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schema {
    /// Its name, for reports.
    pub name: String,
    /// What is foretold, by the table's names.
    pub tasks: Vec<String>,
    /// The features, in the order in which batches have them within their kind.
    #[serde(default)]
    pub features: Vec<Feature>,
}

/// A feature: its name, where it comes from, and its kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Feature {
    /// Its name, once in a schema.
    pub name: String,
    /// The raw column it reads; its own name where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// What is made of it.
    #[serde(flatten)]
    pub kind: Kind,
}

/// What is made of a column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Kind {
    /// A number from a vocabulary.
    Id(Admission),
    /// A number by hash.
    Hashed {
        /// How many numbers there are.
        buckets: u32,
        /// Two features hashed with different seeds collide in different places.
        #[serde(default)]
        seed: u64,
    },
    /// The bucket of a number.
    Bucketised {
        /// Where the buckets end.
        cuts: Cuts,
    },
    /// A set of names.
    Multi {
        /// The most that are kept.
        max_len: usize,
        /// Which names are admitted.
        #[serde(default)]
        admit: Admission,
    },
    /// Names in the order in which they came.
    Sequence {
        /// The most that are kept, the newest ones.
        max_len: usize,
        /// Which names are admitted, where the sequence has its own vocabulary.
        #[serde(default)]
        admit: Admission,
        /// The `id` feature whose vocabulary, and so whose embedding, it shares.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        shares: Option<String>,
        /// The sequence whose entries these describe, one each: what that one leaves out is left out here too.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        beside: Option<String>,
    },
    /// A number.
    Dense {
        /// `ln(1 + x)` first: for counts and durations, whose tails would rule the mean.
        #[serde(default)]
        log: bool,
        /// Less the mean, over the deviation, both of the training part.
        #[serde(default = "yes")]
        standardise: bool,
    },
    /// A number for each pair of two others' numbers.
    Cross {
        /// The two: `id`, `hashed` or `bucketised`.
        of: [String; 2],
        /// Hashed into so many, where given; a vocabulary of pairs otherwise.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        buckets: Option<u32>,
        /// Which pairs are admitted.
        #[serde(default)]
        admit: Admission,
    },
    /// Smoothed log-odds of a label, as a dense number.
    Odds {
        /// Of which task.
        task: String,
        /// Rows of the usual rate that every name is credited with.
        smoothing: f64,
        /// How a training row is kept from its own label.
        #[serde(default)]
        apart: Apart,
    },
}

/// Which names a vocabulary takes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Admission {
    /// Seen in so many training rows at least.
    pub min_count: u32,
    /// More than this is an error, not a silent cut.
    pub limit: u32,
}

impl Default for Admission {
    fn default() -> Self {
        Self { min_count: 1, limit: 1 << 22 }
    }
}

/// Where buckets end: a number equal to a cut is in the bucket above it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cuts {
    /// Here.
    Given(Vec<f64>),
    /// At quantiles of the training part, so many buckets; equal ones fall together.
    Quantiles(u32),
}

/// How the statistics that describe a training row are kept from that row's label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Apart {
    /// Counted on all folds but the row's own; folds are drawn by row number.
    Folds(u32),
    /// Counted on earlier rows only; rows of one moment do not know each other.
    Earlier,
}

impl Default for Apart {
    fn default() -> Self {
        Self::Folds(5)
    }
}

fn yes() -> bool {
    true
}

impl Feature {
    /// The raw column it reads.
    #[must_use]
    pub fn column(&self) -> &str {
        self.column.as_deref().unwrap_or(&self.name)
    }
}

impl Schema {
    /// Reads a schema and checks what can be checked without a table.
    ///
    /// # Errors
    /// [`BatchError::Schema`] for what is no schema, unknown keys and kinds among it; [`BatchError::TwoOfOneName`],
    /// [`BatchError::UnknownFeature`], [`BatchError::WrongKind`] and [`BatchError::Setting`] for what contradicts itself.
    pub fn from_toml(text: &str) -> Result<Self, BatchError> {
        let schema: Self = toml::from_str(text).map_err(|source| BatchError::Schema { source: Box::new(source) })?;
        schema.check()?;
        Ok(schema)
    }

    /// The feature of this name.
    #[must_use]
    pub fn feature(&self, name: &str) -> Option<&Feature> {
        self.features.iter().find(|feature| feature.name == name)
    }

    /// What [`Schema::from_toml`] checks, for a schema put together in code.
    ///
    /// # Errors
    /// As [`Schema::from_toml`].
    pub fn check(&self) -> Result<(), BatchError> {
        for (place, feature) in self.features.iter().enumerate() {
            if self.features[..place].iter().any(|other| other.name == feature.name) {
                return Err(BatchError::TwoOfOneName { feature: feature.name.clone() });
            }
            self.settings(feature)?;
            match &feature.kind {
                Kind::Cross { of, .. } => {
                    for other in of {
                        let single =
                            |kind: &Kind| matches!(kind, Kind::Id(_) | Kind::Hashed { .. } | Kind::Bucketised { .. });
                        self.refer(feature, other, "a feature of one number a row (id, hashed, bucketised)", single)?;
                    }
                }
                Kind::Sequence { shares, beside, max_len, .. } => {
                    if let Some(other) = shares {
                        self.refer(feature, other, "an id feature", |kind| matches!(kind, Kind::Id(_)))?;
                    }
                    if let Some(other) = beside {
                        let fits = |kind: &Kind| matches!(kind, Kind::Sequence { beside: None, max_len: own, .. } if own == max_len);
                        self.refer(feature, other, "a sequence of the same max_len that is beside no other", fits)?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn refer(
        &self,
        feature: &Feature,
        other: &str,
        expected: &'static str,
        fits: impl Fn(&Kind) -> bool,
    ) -> Result<(), BatchError> {
        let found = self.feature(other).ok_or_else(|| BatchError::UnknownFeature {
            feature: feature.name.clone(),
            other: other.to_owned(),
            known: listed(self.features.iter().map(|f| f.name.as_str())),
        })?;
        if fits(&found.kind) {
            return Ok(());
        }
        let (feature, column) = (feature.name.clone(), other.to_owned());
        Err(BatchError::WrongKind { feature, column, expected, got: found.kind.name() })
    }

    fn settings(&self, feature: &Feature) -> Result<(), BatchError> {
        let wrong = |setting, expected, got: String| {
            Err(BatchError::Setting { feature: feature.name.clone(), setting, expected, got })
        };
        match &feature.kind {
            Kind::Hashed { buckets: 0, .. } | Kind::Cross { buckets: Some(0), .. } => {
                wrong("buckets", "at least 1", "0".to_owned())
            }
            Kind::Multi { max_len: 0, .. } | Kind::Sequence { max_len: 0, .. } => {
                wrong("max_len", "at least 1", "0".to_owned())
            }
            Kind::Bucketised { cuts: Cuts::Quantiles(n) } if *n < 2 => wrong("quantiles", "at least 2", n.to_string()),
            Kind::Bucketised { cuts: Cuts::Given(cuts) }
                if cuts.is_empty() || !cuts.iter().all(|c| c.is_finite()) || !cuts.is_sorted_by(|a, b| a < b) =>
            {
                wrong("cuts", "finite numbers that rise", format!("{cuts:?}"))
            }
            Kind::Odds { smoothing, .. } if !(smoothing.is_finite() && *smoothing > 0.0) => {
                wrong("smoothing", "above 0", smoothing.to_string())
            }
            Kind::Odds { apart: Apart::Folds(n), .. } if *n < 2 => wrong("folds", "at least 2", n.to_string()),
            _ => Ok(()),
        }
    }
}

impl Kind {
    /// What an error calls it.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Id(_) => "an id feature",
            Self::Hashed { .. } => "a hashed feature",
            Self::Bucketised { .. } => "a bucketised feature",
            Self::Multi { .. } => "a multi feature",
            Self::Sequence { .. } => "a sequence",
            Self::Dense { .. } => "a dense feature",
            Self::Cross { .. } => "a cross",
            Self::Odds { .. } => "a statistic of labels",
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn schema(features: &str) -> Result<Schema, BatchError> {
        Schema::from_toml(&format!("name = \"t\"\ntasks = [\"y\"]\nfeatures = [{features}]"))
    }

    #[test]
    fn reads_back_what_it_writes() {
        let all = schema(
            r#"{ name = "a", kind = "id", min_count = 3, limit = 9 }, { name = "h", kind = "hashed", buckets = 8 },
            { name = "b", kind = "bucketised", cuts = { given = [1.0, 2.5] } },
            { name = "m", column = "tags", kind = "multi", max_len = 6 },
            { name = "s", kind = "sequence", max_len = 50, shares = "a" }, { name = "d", kind = "dense", log = true },
            { name = "x", kind = "cross", of = ["a", "b"], admit = { min_count = 2 } },
            { name = "o", column = "a", kind = "odds", task = "y", smoothing = 20.0, apart = "earlier" }"#,
        );
        let all = all.unwrap();
        assert_eq!(Schema::from_toml(&toml::to_string(&all).unwrap()).unwrap(), all);
        assert_eq!(all.feature("m").unwrap().column(), "tags");
    }

    #[test]
    fn a_schema_that_means_nothing_is_refused() {
        let message = |features: &str| schema(features).unwrap_err().to_string();
        let typo = message(r#"{ name = "a", kind = "id", mincount = 3 }"#);
        assert!(typo.contains("unknown field `mincount`") && typo.contains("min_count"), "{typo}");
        let kind = message(r#"{ name = "a", kind = "idd" }"#);
        assert!(kind.contains("unknown variant `idd`") && kind.contains("bucketised"), "{kind}");
        let missing = message(r#"{ name = "x", kind = "cross", of = ["a", "b"] }"#);
        assert!(missing.contains("\"a\"") && missing.contains("it has x"), "{missing}");
        let wrong = message(r#"{ name = "d", kind = "dense" }, { name = "x", kind = "cross", of = ["d", "d"] }"#);
        assert!(wrong.contains("a dense feature"), "{wrong}");
        for bad in [
            r#"{ name = "a", kind = "hashed", buckets = 0 }"#,
            r#"{ name = "a", kind = "sequence", max_len = 0 }"#,
            r#"{ name = "a", kind = "bucketised", cuts = { given = [2.0, 1.0] } }"#,
            r#"{ name = "a", kind = "bucketised", cuts = { quantiles = 1 } }"#,
            r#"{ name = "a", kind = "odds", task = "y", smoothing = 0.0 }"#,
            r#"{ name = "a", kind = "odds", task = "y", smoothing = 1.0, apart = { folds = 1 } }"#,
        ] {
            assert!(matches!(schema(bad), Err(BatchError::Setting { .. })), "{bad}");
        }
        assert!(matches!(
            schema(r#"{ name = "a", kind = "dense" }, { name = "a", kind = "dense" }"#),
            Err(BatchError::TwoOfOneName { .. })
        ));
    }
}
