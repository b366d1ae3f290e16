//! The roster's tree: one root for `n` entries, and a proof of `⌈log₂ n⌉` hashes that an entry stands where it says. The shape is that of
//! RFC 6962 §2.1 (a full left half, leaves and nodes hashed apart), so no entry can pass for a node.

use super::Digest;
use super::hash::bind;

fn node(left: Digest, right: Digest) -> Digest {
    bind("roster node", &[&left.0, &right.0])
}

/// The largest power of two below `n`, `n > 1`.
fn half(n: usize) -> usize {
    n.next_power_of_two() / 2
}

/// All levels of the tree over `leaves`, the leaves first. An odd one out rises as it is, which is RFC 6962's shape.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    levels: Vec<Vec<Digest>>,
}

impl Tree {
    pub(super) fn new(leaves: Vec<Digest>) -> Self {
        let mut levels = vec![leaves];
        while let Some(last) = levels.last().filter(|level| level.len() > 1) {
            let next = last.chunks(2).map(|pair| if let [l, r] = pair { node(*l, *r) } else { pair[0] }).collect();
            levels.push(next);
        }
        Self { levels }
    }

    /// Of no leaves: the hash of nothing.
    pub(super) fn root(&self) -> Digest {
        self.levels.last().and_then(|level| level.first()).copied().unwrap_or_else(|| bind("roster of nobody", &[]))
    }

    /// From the leaf upwards.
    pub(super) fn proof(&self, index: usize) -> Vec<Digest> {
        let siblings = self.levels.iter().enumerate().map(|(height, level)| level.get((index >> height) ^ 1));
        siblings.flatten().copied().collect()
    }
}

/// Whether `leaf` stands at `index` of `n` under `root`.
pub(super) fn holds(root: Digest, n: usize, index: usize, leaf: Digest, proof: &[Digest]) -> bool {
    index < n && root_of(n, index, leaf, proof) == Some(root)
}

fn root_of(n: usize, index: usize, leaf: Digest, proof: &[Digest]) -> Option<Digest> {
    if n == 1 {
        return proof.is_empty().then_some(leaf);
    }
    let (top, below) = proof.split_last()?;
    let k = half(n);
    Some(if index < k {
        node(root_of(k, index, leaf, below)?, *top)
    } else {
        node(*top, root_of(n - k, index - k, leaf, below)?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(n: usize) -> Vec<Digest> {
        (0..n).map(|i| Digest::of(&i.to_le_bytes())).collect()
    }

    #[test]
    fn every_leaf_of_every_size_has_its_proof_and_no_other() {
        for n in 1..40 {
            let leaves = leaves(n);
            let tree = Tree::new(leaves.clone());
            for (i, &leaf) in leaves.iter().enumerate() {
                let proof = tree.proof(i);
                let stands = |at, leaf, proof: &[Digest]| holds(tree.root(), n, at, leaf, proof);
                assert!(stands(i, leaf, &proof), "{i} of {n}");
                assert!(!stands(i, Digest([0; 32]), &proof));
                assert!((0..=n).all(|j| j == i || !stands(j, leaf, &proof)), "{i} of {n} stands elsewhere too");
                let longer: Vec<Digest> = proof.iter().copied().chain([Digest([7; 32])]).collect();
                assert!(!stands(i, leaf, &longer));
                assert!(proof.split_last().is_none_or(|(_, shorter)| !stands(i, leaf, shorter)));
            }
        }
    }

    #[test]
    fn roots_of_different_rosters_differ() {
        let roots: Vec<Digest> = (0..20).map(|n| Tree::new(leaves(n)).root()).collect();
        for (i, root) in roots.iter().enumerate() {
            assert!(!roots[i + 1..].contains(root));
        }
    }
}
