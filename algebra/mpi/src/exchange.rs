//! Lists of numbers from every rank to every rank.

use mpi::datatype::{Equivalence, Partition, PartitionMut};
use mpi::traits::CommunicatorCollectives;
use sottovoce_algebra::TableError;

/// Why a step over several ranks fails. What one rank notices of all, all notice: nobody waits for an answer that does not come.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MpiError {
    /// What this rank's own rows refuse.
    #[error(transparent)]
    Table(#[from] TableError),
    /// Ranks that are not at the same step, or do not bring as many shares.
    #[error(
        "rank {rank} brings {got:?} (step, last step, shares, columns), this one {own:?}: restart all ranks from snapshots of one step"
    )]
    Apart {
        /// Which rank.
        rank: usize,
        /// What it brings.
        got: [u64; 4],
        /// What this one brings.
        own: [u64; 4],
    },
    /// More in one message than MPI counts.
    #[error("{count} numbers in one message, and MPI counts to 2³¹ − 1: cut the batch into more steps")]
    TooMuch {
        /// How many.
        count: usize,
    },
    /// Gradients that are not of what was lent.
    #[error("{got} numbers of gradients where {expected} were lent")]
    Shape {
        /// How many were lent.
        expected: usize,
        /// How many came back.
        got: usize,
    },
}

/// `lists[r]` goes to rank `r`; what comes back came from rank `r`.
pub(crate) fn exchange<T, C>(world: &C, lists: &[Vec<T>]) -> Result<Vec<Vec<T>>, MpiError>
where
    T: Equivalence + Copy + Default,
    C: CommunicatorCollectives,
{
    let count = |n: usize| i32::try_from(n).map_err(|_| MpiError::TooMuch { count: n });
    let sent = lists.iter().map(|list| count(list.len())).collect::<Result<Vec<i32>, _>>()?;
    let mut received = vec![0i32; lists.len()];
    world.all_to_all_into(&sent[..], &mut received[..]);
    let starts = |counts: &[i32]| {
        let mut next = 0usize;
        let starts = counts.iter().map(|n| {
            let start = count(next);
            next += usize::try_from(*n).unwrap_or(0);
            start
        });
        starts.collect::<Result<Vec<i32>, _>>().and_then(|starts| count(next).map(|_| (starts, next)))
    };
    let ((sent_at, _), (received_at, all)) = (starts(&sent)?, starts(&received)?);
    let flat = lists.concat();
    let mut back = vec![T::default(); all];
    world.all_to_all_varcount_into(
        &Partition::new(&flat[..], &sent[..], &sent_at[..]),
        &mut PartitionMut::new(&mut back[..], &received[..], &received_at[..]),
    );
    let mut rest = back.as_slice();
    let cut = |n: &i32| rest.split_off(..usize::try_from(*n).unwrap_or(0)).unwrap_or_default().to_vec();
    Ok(received.iter().map(cut).collect())
}
