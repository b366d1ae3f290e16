//! Rows sharded by id over ranks.
//!
//! An id's owner is a function of the id and of how many ranks there are. A step is four exchanges: ids to their owners; which rows they
//! have there, and the rows, back; gradients to the owners. An owner takes what came in the order of ranks, and within a rank in the
//! order of shares: the global order of shares, as if one process had taken them all.

use crate::exchange::{MpiError, exchange};
use mpi::traits::{Communicator, CommunicatorCollectives};
use sottovoce_algebra::{Lent, LocalServer, ParameterServer, Rows, TableConfig, noise};

/// Rows that owners lent, for one share.
#[derive(Clone, Debug)]
pub struct MpiRows {
    places: Vec<u32>,
    values: Vec<f32>,
    /// How many numbers each owner lent.
    of_owners: Vec<usize>,
}

impl Lent for MpiRows {
    fn places(&self) -> &[u32] {
        &self.places
    }

    fn rows(&self) -> &[f32] {
        &self.values
    }
}

/// One rank of the server: it owns its part of the rows, and asks the others for the rest. Every rank makes the same calls, with as many
/// shares each.
#[derive(Debug)]
pub struct MpiServer<C> {
    world: C,
    ranks: usize,
    own: LocalServer,
    /// What this rank lent: rank by rank, share by share.
    lent: Vec<Rows>,
}

impl<C: Communicator + CommunicatorCollectives> MpiServer<C> {
    /// An empty one; `config` is the same on every rank.
    ///
    /// # Errors
    /// [`MpiError::Table`].
    pub fn new(world: C, config: TableConfig) -> Result<Self, MpiError> {
        Ok(Self::over(world, LocalServer::new(config)?))
    }

    /// From what this rank's [`ParameterServer::snapshot`] wrote, with as many ranks as then.
    ///
    /// # Errors
    /// [`MpiError::Table`]. Whether all ranks are at the same step, their first pull says.
    pub fn restore(world: C, bytes: &[u8]) -> Result<Self, MpiError> {
        Ok(Self::over(world, LocalServer::restore(bytes)?))
    }

    fn over(world: C, own: LocalServer) -> Self {
        let ranks = usize::try_from(world.size()).unwrap_or(1);
        Self { world, ranks, own, lent: Vec::new() }
    }

    /// The rows that this rank owns.
    #[must_use]
    pub fn own(&self) -> &LocalServer {
        &self.own
    }

    fn owner(&self, id: u64) -> usize {
        // Other bits than those by which the table itself shards.
        usize::try_from(noise::bits(0x5eed, id) % self.ranks as u64).unwrap_or(0)
    }

    /// That all ranks are about to do the same.
    fn agree(&self, step: u64, shares: usize) -> Result<(), MpiError> {
        let own = [step, self.own.step(), shares as u64, self.own.columns() as u64];
        let mut all = vec![0u64; 4 * self.ranks];
        self.world.all_gather_into(&own[..], &mut all[..]);
        let all = all.as_chunks::<4>().0;
        // Every rank sees every pair, so every rank fails or none does.
        match all.iter().enumerate().find(|(_, got)| **got != all[0]) {
            None => Ok(()),
            Some((rank, got)) => Err(MpiError::Apart { rank, got: *got, own }),
        }
    }
}

impl<C: Communicator + CommunicatorCollectives> ParameterServer for MpiServer<C> {
    type Lent = MpiRows;
    type Error = MpiError;

    fn columns(&self) -> usize {
        self.own.columns()
    }

    fn step(&self) -> u64 {
        self.own.step()
    }

    fn pull(&mut self, step: u64, shares: &[&[u64]]) -> Result<Vec<MpiRows>, MpiError> {
        self.agree(step, shares.len())?;
        let (n, k) = (self.ranks, self.columns());
        // To each owner: the ids of each share, and how many they are.
        let (mut ids, mut counts) = (vec![Vec::new(); n], vec![vec![0u64; shares.len()]; n]);
        for (share, asked) in shares.iter().enumerate() {
            for id in *asked {
                let owner = self.owner(*id);
                ids[owner].push(*id);
                counts[owner][share] += 1;
            }
        }
        let (ids, counts) = (exchange(&self.world, &ids)?, exchange(&self.world, &counts)?);
        let mut asked = Vec::with_capacity(n * shares.len());
        for (ids, counts) in ids.iter().zip(&counts) {
            let mut rest = ids.as_slice();
            let cut = |count: &u64| rest.split_off(..usize::try_from(*count).unwrap_or(0)).unwrap_or_default();
            asked.extend(counts.iter().map(cut));
        }
        self.lent = self.own.pull(step, &asked)?;
        // Back to each rank: the places of its ids, the rows, and how many rows each of its shares has.
        let (mut places, mut values, mut rows) = (vec![vec![]; n], vec![vec![]; n], vec![vec![]; n]);
        for (i, lent) in self.lent.iter().enumerate() {
            let rank = i / shares.len().max(1);
            places[rank].extend_from_slice(lent.places());
            values[rank].extend_from_slice(lent.rows());
            rows[rank].push(lent.len() as u64);
        }
        let places = exchange(&self.world, &places)?;
        let (values, rows) = (exchange(&self.world, &values)?, exchange(&self.world, &rows)?);
        let (mut next_place, mut next_value) = (vec![0; n], vec![0; n]);
        let mut lent = Vec::with_capacity(shares.len());
        for (share, asked) in shares.iter().enumerate() {
            let mut given = MpiRows { places: Vec::with_capacity(asked.len()), values: vec![], of_owners: vec![] };
            let mut firsts = Vec::with_capacity(n);
            for owner in 0..n {
                firsts.push(u32::try_from(given.values.len() / k).unwrap_or(u32::MAX));
                let numbers = rows[owner].get(share).map_or(0, |rows| usize::try_from(*rows).unwrap_or(0) * k);
                given.values.extend_from_slice(&values[owner][next_value[owner]..][..numbers]);
                given.of_owners.push(numbers);
                next_value[owner] += numbers;
            }
            for id in *asked {
                let owner = self.owner(*id);
                given.places.push(firsts[owner] + places[owner][next_place[owner]]);
                next_place[owner] += 1;
            }
            lent.push(given);
        }
        Ok(lent)
    }

    fn push(&mut self, lent: &[MpiRows], gradients: &[&[f32]]) -> Result<(), MpiError> {
        let expected: usize = lent.iter().map(|lent| lent.values.len()).sum();
        let got: usize = gradients.iter().map(|gradient| gradient.len()).sum();
        let fits = lent.len() == gradients.len()
            && lent.iter().zip(gradients).all(|(lent, gradient)| lent.values.len() == gradient.len());
        // Said to all before anything is sent: a rank that kept back its part would leave the others waiting.
        let mut all = vec![0u64; self.ranks];
        self.world.all_gather_into(&[u64::from(fits)][..], &mut all[..]);
        if all.contains(&0) {
            return Err(MpiError::Shape { expected, got });
        }
        let mut to_owners = vec![Vec::new(); self.ranks];
        for (lent, gradient) in lent.iter().zip(gradients) {
            let mut rest = *gradient;
            for (owner, numbers) in lent.of_owners.iter().enumerate() {
                to_owners[owner].extend_from_slice(rest.split_off(..*numbers).unwrap_or_default());
            }
        }
        let received = exchange(&self.world, &to_owners)?;
        let (shares, k) = (self.lent.len() / self.ranks, self.columns());
        let mut gradients = Vec::with_capacity(self.lent.len());
        for (rank, numbers) in received.iter().enumerate() {
            let mut rest = numbers.as_slice();
            for lent in &self.lent[rank * shares..(rank + 1) * shares] {
                gradients.push(rest.split_off(..lent.len() * k).unwrap_or_default());
            }
        }
        self.own.push(&self.lent, &gradients)?;
        self.lent.clear();
        Ok(())
    }

    fn evict(&mut self, before: u64) -> Result<usize, MpiError> {
        let gone = self.own.evict(before)? as u64;
        let mut all = vec![0u64; self.ranks];
        self.world.all_gather_into(&[gone][..], &mut all[..]);
        Ok(usize::try_from(all.iter().sum::<u64>()).unwrap_or(usize::MAX))
    }

    /// Of this rank's rows only: each rank keeps its own.
    fn snapshot(&self) -> Result<Vec<u8>, MpiError> {
        Ok(self.own.snapshot()?)
    }
}
