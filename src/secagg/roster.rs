//! Who takes part: the closed list, its root, and what one device needs of it to know its neighbours.

use super::hash::bind;
use super::merkle::{Tree, holds};
use super::terms::distinct;
use super::{Digest, Error, Graph, Identity, Join, Policy, PublicKey, Report, Signature, SignedTerms, Split};

/// What a roster holds of a device: public keys and hashes. The order of a roster is that of its identities.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Who signs for this round.
    pub identity: PublicKey,
    /// Agrees with neighbours on masks; its secret is shared among the committee.
    pub mask_key: PublicKey,
    /// Agrees with members on the keys that seal shares; its secret is never shared.
    pub seal_key: PublicKey,
    /// Hash of the seed of its own mask.
    pub commitment: Digest,
    /// Hash of its sealed shares.
    pub shares: Digest,
    /// Over all of the above and the terms.
    pub signature: Signature,
}

impl Entry {
    pub(super) fn digest(&self, context: Digest) -> Digest {
        let Self { identity, mask_key, seal_key, commitment, shares, .. } = self;
        bind("join", &[&context.0, &identity.0, &mask_key.0, &seal_key.0, &commitment.0, &shares.0])
    }

    pub(super) fn verify(&self, context: Digest) -> Result<(), Error> {
        self.identity.verify("a device", "join", &[&self.digest(context).0], &self.signature)
    }

    fn leaf(&self, context: Digest) -> Digest {
        bind("roster leaf", &[&self.digest(context).0, &self.signature.0])
    }
}

/// A closed roster.
#[derive(Clone, Debug)]
pub struct Roster {
    context: Digest,
    entries: Vec<Entry>,
    tree: Tree,
    beacon: Digest,
    graph: Graph,
    name: Digest,
}

/// What one device is given of a roster.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RosterView {
    /// `n`.
    pub count: u32,
    /// Of the tree over all entries.
    pub root: Digest,
    /// What nobody knew before the roster closed.
    pub beacon: Digest,
    /// The server's, over the roster's name: two different ones for one round are proof of foul play.
    pub signature: Signature,
    /// The device's own place.
    pub index: u32,
    /// That it stands there.
    pub proof: Vec<Digest>,
    /// Its neighbours.
    pub neighbours: Vec<Neighbour>,
}

/// An entry, its place, and the proof of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Neighbour {
    /// Its place.
    pub index: u32,
    /// The entry.
    pub entry: Entry,
    /// That it stands there.
    pub proof: Vec<Digest>,
}

/// The name of a roster: what masks, reports and splits are bound to.
fn name(context: Digest, count: usize, root: Digest, beacon: Digest) -> Digest {
    bind("roster", &[&context.0, &(count as u64).to_le_bytes(), &root.0, &beacon.0])
}

impl Roster {
    /// Closes a roster over those who joined.
    ///
    /// # Errors
    /// [`Error::TooFew`] under `n_min`, [`Error::Twice`] where a device or a key stands there twice.
    pub fn close(terms: &SignedTerms, mut entries: Vec<Entry>, beacon: Digest) -> Result<Self, Error> {
        let (context, least) = (terms.terms.context(), terms.terms.least);
        let got = u32::try_from(entries.len()).unwrap_or(u32::MAX);
        if got < least {
            return Err(Error::TooFew { what: "joined", got, least });
        }
        entries.sort_unstable_by_key(|entry| entry.identity);
        distinct("a device", entries.iter().map(|entry| entry.identity))?;
        distinct("a mask key", entries.iter().map(|entry| entry.mask_key))?;
        distinct("a sealing key", entries.iter().map(|entry| entry.seal_key))?;
        let tree = Tree::new(entries.iter().map(|entry| entry.leaf(context)).collect());
        let name = name(context, entries.len(), tree.root(), beacon);
        let graph = Graph::new(entries.len(), terms.terms.degree as usize, name);
        Ok(Self { context, entries, tree, beacon, graph, name })
    }

    /// The roster's name.
    #[must_use]
    pub fn name(&self) -> Digest {
        self.name
    }

    /// The root of its tree, for the public log.
    #[must_use]
    pub fn root(&self) -> Digest {
        self.tree.root()
    }

    /// The beacon it was closed with.
    #[must_use]
    pub fn beacon(&self) -> Digest {
        self.beacon
    }

    /// The hash of the terms it was closed under.
    #[must_use]
    pub fn context(&self) -> Digest {
        self.context
    }

    /// All entries, in order.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Who is whose neighbour.
    #[must_use]
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Where a device stands.
    #[must_use]
    pub fn index_of(&self, identity: PublicKey) -> Option<u32> {
        let found = self.entries.binary_search_by_key(&identity, |entry| entry.identity).ok()?;
        u32::try_from(found).ok()
    }

    /// What the device at `index` is given; `None` beyond the end.
    #[must_use]
    pub fn view(&self, index: u32, server: &Identity) -> Option<RosterView> {
        self.entries.get(index as usize)?;
        let neighbour = |i: u32| {
            let entry = *self.entries.get(i as usize)?;
            Some(Neighbour { index: i, entry, proof: self.tree.proof(i as usize) })
        };
        Some(RosterView {
            count: u32::try_from(self.entries.len()).ok()?,
            root: self.tree.root(),
            beacon: self.beacon,
            signature: server.sign("roster", &[&self.name.0]),
            index,
            proof: self.tree.proof(index as usize),
            neighbours: self.graph.neighbours(index).filter_map(neighbour).collect(),
        })
    }

    /// Checks a report: from whom it is, and that it is meant for this roster. Returns its place.
    ///
    /// # Errors
    /// [`Error::Stranger`], [`Error::Other`], [`Error::Length`], [`Error::Signature`].
    pub fn accept(&self, terms: &SignedTerms, report: &Report) -> Result<u32, Error> {
        let index = self.index_of(report.identity).ok_or(Error::Stranger { what: "the device" })?;
        if report.roster != self.name {
            return Err(Error::Other { what: "the roster" });
        }
        let expected = terms.terms.ring.packed_len(terms.terms.dimension as usize);
        if report.body.len() != expected {
            return Err(Error::Length { what: "a report's body", expected, got: report.body.len() });
        }
        report.verify()?;
        Ok(index)
    }

    /// Cuts the roster into those whose report is there and those whose is not.
    ///
    /// # Errors
    /// [`Error::TooFew`] under `n_min`, [`Error::Length`].
    pub fn split(&self, terms: &SignedTerms, reported: &[bool]) -> Result<Split, Error> {
        let split = Split::new(self.name, reported);
        split.check(self.entries.len(), terms.terms.least)?;
        Ok(split)
    }
}

impl RosterView {
    /// What a device checks: its own place, enough company, the neighbours that root and beacon give, and each one's place and signature.
    /// Returns the roster's name.
    pub(super) fn check(&self, terms: &SignedTerms, policy: &Policy, own: &Entry) -> Result<Digest, Error> {
        let (context, n) = (terms.terms.context(), self.count as usize);
        let name = name(context, n, self.root, self.beacon);
        policy.server.verify("the server", "roster", &[&name.0], &self.signature)?;
        let least = terms.terms.least;
        if self.count < least {
            return Err(Error::TooFew { what: "the roster", got: self.count, least });
        }
        terms.check_degree(policy, n)?;
        if !holds(self.root, n, self.index as usize, own.leaf(context), &self.proof) {
            return Err(Error::Proof { what: "this device" });
        }
        let mut expected: Vec<u32> = Graph::new(n, terms.terms.degree as usize, name).neighbours(self.index).collect();
        let mut got: Vec<u32> = self.neighbours.iter().map(|neighbour| neighbour.index).collect();
        expected.sort_unstable();
        got.sort_unstable();
        if expected != got {
            return Err(Error::Neighbours);
        }
        distinct("a mask key", self.neighbours.iter().map(|neighbour| neighbour.entry.mask_key))?;
        for Neighbour { index, entry, proof } in &self.neighbours {
            if !holds(self.root, n, *index as usize, entry.leaf(context), proof) {
                return Err(Error::Proof { what: "a neighbour" });
            }
            entry.verify(context)?;
        }
        Ok(name)
    }
}

impl SignedTerms {
    /// Checks a joining device's message and returns its entry. Whether the device or its keys stand there already is seen when the
    /// roster closes, and by whoever stores it.
    ///
    /// # Errors
    /// [`Error::Other`] for another round, [`Error::Length`] of the shares, [`Error::Signature`], [`Error::Key`].
    pub fn admit(&self, join: &Join) -> Result<Entry, Error> {
        let context = self.terms.context();
        if join.context != context {
            return Err(Error::Other { what: "the round's terms" });
        }
        let (expected, got) = (self.terms.seats.len(), join.shares.len());
        if expected != got {
            return Err(Error::Length { what: "sealed shares", expected, got });
        }
        let entry = join.entry();
        entry.verify(context)?;
        Ok(entry)
    }
}
