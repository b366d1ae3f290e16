//! The tables of vertical rounds: item towers and blocks, both of one version of the weights. As in `tables`, nothing here decides.

use super::RoundError;
use super::items::{Items, Sealed};
use crate::store::{Link, Write};
use sottovoce::ids::WeightsVersion;
use sottovoce::secagg::Digest;

/// Neither database likes rows of a gigabyte.
const PART: usize = 1 << 24;

/// What follows from a version of the weights on the item side, ready to be written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Standing {
    pub(super) towers: Vec<Vec<u8>>,
    pub(super) blocks: Vec<Sealed>,
}

impl Standing {
    pub(super) fn of(items: &Items, version: WeightsVersion) -> Self {
        Self { towers: items.states(), blocks: items.blocks(version).iter().map(Sealed::of).collect() }
    }
}

/// Puts a version's towers and blocks in the place of all others.
pub(super) async fn keep(write: &mut Write, version: WeightsVersion, standing: &Standing) -> Result<(), RoundError> {
    write.execute("DELETE FROM item_towers", &[]).await?;
    write.execute("DELETE FROM blocks", &[]).await?;
    for (tower, scenario) in standing.towers.iter().zip(0u32..) {
        for (body, part) in tower.chunks(PART).zip(0u32..) {
            write
                .execute(
                    "INSERT INTO item_towers (version, scenario, part, body) VALUES ($1, $2, $3, $4)",
                    &[version.into(), scenario.into(), part.into(), body.into()],
                )
                .await?;
        }
    }
    for (block, place) in standing.blocks.iter().zip(0u32..) {
        write
            .execute(
                "INSERT INTO blocks (version, place, digest, numbers, body) VALUES ($1, $2, $3, $4, $5)",
                &[version.into(), place.into(), (&block.digest.0).into(), block.numbers.into(), (&block.bytes).into()],
            )
            .await?;
    }
    Ok(())
}

/// The towers of a version; none where another has taken its place.
pub(super) async fn towers(link: &mut Link, version: WeightsVersion) -> Result<Vec<Vec<u8>>, RoundError> {
    let sql = "SELECT scenario, body FROM item_towers WHERE version = $1 ORDER BY scenario, part";
    let mut towers: Vec<Vec<u8>> = Vec::new();
    for row in link.rows(sql, &[version.into()]).await? {
        let scenario: usize = row.number("scenario")?;
        if scenario > towers.len() {
            return Err(RoundError::Damaged { what: "an item tower is missing" });
        }
        if scenario == towers.len() {
            towers.push(Vec::new());
        }
        towers[scenario].extend_from_slice(row.get("body")?);
    }
    Ok(towers)
}

/// What the blocks of a version are called, and how many numbers an update holds about each; none in a horizontal round.
pub(super) async fn names(link: &mut Link, version: WeightsVersion) -> Result<Vec<(Digest, u32)>, RoundError> {
    let rows =
        link.rows("SELECT digest, numbers FROM blocks WHERE version = $1 ORDER BY place", &[version.into()]).await?;
    let of = |row: &crate::store::Row| {
        let digest: &[u8] = row.get("digest")?;
        let digest = digest.try_into().map_err(|_| RoundError::Damaged { what: "a block's name" })?;
        Ok((Digest(digest), row.number("numbers")?))
    };
    rows.iter().map(of).collect()
}

/// The blocks of a version, as they travel.
pub(super) async fn blocks(link: &mut Link, version: WeightsVersion) -> Result<Vec<Vec<u8>>, RoundError> {
    let rows = link.rows("SELECT body FROM blocks WHERE version = $1 ORDER BY place", &[version.into()]).await?;
    rows.iter().map(|row| Ok(row.get("body")?)).collect()
}
