//! Leases: who does a piece of work that all could do. A lease spares work, it guards nothing: the one whose lease has expired
//! may still be at it, so the effects of the work are compare-and-swaps all the same. Name the work in full (which round): who comes too
//! late takes a lease on work that is done, and that must not keep anybody from the next.

use super::{StoreError, Write};
use sottovoce::ids::Millis;

/// A process among those that share a store, by 128 random bits drawn at its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner([u8; 16]);

impl Owner {
    /// Draws one.
    ///
    /// # Errors
    /// [`StoreError::Query`], where the system gives no randomness.
    pub fn random() -> Result<Self, StoreError> {
        let mut id = [0; 16];
        getrandom::fill(&mut id).map_err(|error| StoreError::Query(sqlx::Error::Configuration(Box::new(error))))?;
        Ok(Self(id))
    }
}

impl Write {
    /// Takes the lease on `work` until `until`, or keeps it for longer. False while another owner's has not expired at `now`.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn take_lease(
        &mut self,
        work: &str,
        owner: Owner,
        now: Millis,
        until: Millis,
    ) -> Result<bool, StoreError> {
        let taken = self
            .execute(
                "INSERT INTO leases (work, owner, expires_at) VALUES ($1, $2, $3)
             ON CONFLICT (work) DO UPDATE SET owner = excluded.owner, expires_at = excluded.expires_at
             WHERE leases.expires_at <= $4 OR leases.owner = excluded.owner",
                &[work.into(), (&owner.0).into(), until.into(), now.into()],
            )
            .await?;
        Ok(taken == 1)
    }

    /// The work is done, whoever has the lease by now. Other leases that have expired at `now` go with it: they are as good as none.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn end_lease(&mut self, work: &str, now: Millis) -> Result<(), StoreError> {
        self.execute("DELETE FROM leases WHERE work = $1 OR expires_at <= $2", &[work.into(), now.into()]).await?;
        Ok(())
    }
}
