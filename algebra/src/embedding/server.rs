//! Rows that many workers learn together: what a parameter server promises, and the one that lives in the same process.
//!
//! Synchronous: a step pulls rows for every share of a batch, and pushes every share's gradients at once. What several shares say of one
//! row is added in the order of shares, and the row takes one step. So a step's bits depend on how a batch is cut into shares, and not on
//! how many processes those are spread over.
//!
//! Source: Li et al., *Scaling Distributed Machine Learning with the Parameter Server*, OSDI 2014, §3 (range push and pull, bulk
//! synchronous tasks); Lian et al., *Persia*, KDD 2022, §4.2 (embedding servers with eviction).

use crate::embedding::bytes::Reader;
use crate::embedding::{EmbeddingTable, Rows, TableError};

/// Rows on loan, for one share of a batch.
pub trait Lent {
    /// For every id asked for, which row is its: what [`Algebra::gather`](crate::Algebra::gather) takes.
    fn places(&self) -> &[u32];
    /// The rows behind one another: what [`Algebra::leaf`](crate::Algebra::leaf) takes.
    fn rows(&self) -> &[f32];
}

impl Lent for Rows {
    fn places(&self) -> &[u32] {
        Rows::places(self)
    }

    fn rows(&self) -> &[f32] {
        Rows::rows(self)
    }
}

/// Lends rows and takes back what they learnt, a step at a time, exactly once.
///
/// Steps are numbered by the caller, from 1, and rise. Who restarts from a snapshot asks [`ParameterServer::step`] and goes on behind it:
/// steps up to there are refused, so that nothing is learnt twice, and what was learnt since is learnt again to the same bits.
pub trait ParameterServer {
    /// Rows on loan.
    type Lent: Lent;
    /// What can go wrong.
    type Error: core::error::Error;

    /// Numbers a row.
    fn columns(&self) -> usize;

    /// The last step that was pushed; 0 before the first.
    fn step(&self) -> u64;

    /// Lends the rows of each share's ids for a step, which is also the time at which the ids were seen.
    ///
    /// # Errors
    /// If the step was pushed before, or another one is open.
    fn pull(&mut self, step: u64, shares: &[&[u64]]) -> Result<Vec<Self::Lent>, Self::Error>;

    /// Takes back each share's gradients, of one row for each row lent, and ends the step.
    ///
    /// # Errors
    /// If this is not what was lent last.
    fn push(&mut self, lent: &[Self::Lent], gradients: &[&[f32]]) -> Result<(), Self::Error>;

    /// Forgets every id that was last seen before a step; how many rows went.
    ///
    /// # Errors
    /// If a step is open.
    fn evict(&mut self, before: u64) -> Result<usize, Self::Error>;

    /// Everything that is needed to go on behind the last step that was pushed.
    ///
    /// # Errors
    /// If a step is open: half of it would be in the snapshot.
    fn snapshot(&self) -> Result<Vec<u8>, Self::Error>;
}

/// A parameter server within the process: an [`EmbeddingTable`] whose shards are worked on by all threads.
///
/// # Example
/// ```
/// use sottovoce_algebra::{LocalServer, ParameterServer, RowOptimiser, TableConfig};
/// # fn main() -> Result<(), sottovoce_algebra::TableError> {
/// let mut server = LocalServer::new(TableConfig::new(2, RowOptimiser::adagrad(0.1)))?;
/// let lent = server.pull(1, &[&[7, 8], &[7]])?;
/// server.push(&lent, &[&[0.1, 0.1, 0.2, 0.2], &[0.3, 0.3]])?; // 7 takes one step, by the sum of both shares
/// assert!(server.pull(1, &[&[7]]).is_err(), "that step is done");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct LocalServer {
    table: EmbeddingTable,
    step: u64,
    open: Option<u64>,
}

const MAGIC: &[u8; 8] = b"svserver";
const VERSION: u16 = 1;

impl LocalServer {
    /// An empty one.
    ///
    /// # Errors
    /// [`TableError::Setting`].
    pub fn new(config: crate::TableConfig) -> Result<Self, TableError> {
        Ok(Self { table: EmbeddingTable::new(config)?, step: 0, open: None })
    }

    /// The rows.
    #[must_use]
    pub fn table(&self) -> &EmbeddingTable {
        &self.table
    }

    /// What wrote these bytes, behind the step that it had pushed last.
    ///
    /// # Errors
    /// A [`TableError`] that says what is wrong with them.
    pub fn restore(bytes: &[u8]) -> Result<Self, TableError> {
        let (mut reader, checksum) = Reader::open(bytes, MAGIC, VERSION)?;
        let step = reader.u64("the step")?;
        let table = EmbeddingTable::restore(reader.rest())?;
        reader.close(checksum)?;
        Ok(Self { table, step, open: None })
    }

    fn must_be_closed(&self) -> Result<(), TableError> {
        self.open.map_or(Ok(()), |step| Err(TableError::Open { step }))
    }
}

impl ParameterServer for LocalServer {
    type Lent = Rows;
    type Error = TableError;

    fn columns(&self) -> usize {
        self.table.config.columns
    }

    fn step(&self) -> u64 {
        self.step
    }

    fn pull(&mut self, step: u64, shares: &[&[u64]]) -> Result<Vec<Rows>, TableError> {
        self.must_be_closed()?;
        if step <= self.step {
            return Err(TableError::Done { step, last: self.step });
        }
        self.open = Some(step);
        Ok(shares.iter().map(|ids| self.table.pull(ids, step)).collect())
    }

    fn push(&mut self, lent: &[Rows], gradients: &[&[f32]]) -> Result<(), TableError> {
        let Some(step) = self.open else { return Err(TableError::Done { step: self.step, last: self.step }) };
        self.table.push_summed(lent, gradients)?;
        (self.step, self.open) = (step, None);
        Ok(())
    }

    fn evict(&mut self, before: u64) -> Result<usize, TableError> {
        self.must_be_closed()?;
        Ok(self.table.evict(before))
    }

    fn snapshot(&self) -> Result<Vec<u8>, TableError> {
        self.must_be_closed()?;
        let mut out = Vec::new();
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&self.step.to_le_bytes());
        out.extend(self.table.snapshot());
        let checksum = crc32fast::hash(&out);
        out.extend_from_slice(&checksum.to_le_bytes());
        Ok(out)
    }
}
