//! A table as bytes: everything it knows, so that a run goes on from them as if it had not stopped.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `svtable\0` |
//! | 2 | version |
//! | 4 | columns |
//! | 1 + 16 | optimiser and its four numbers |
//! | 1 + 4 | what rows start as, and its number |
//! | 8 + 4 + 4 | seed, admission, shards |
//! | per shard | rows `n`, waiting `m` (8 each); ids (8n), counts (4n), last seen (8n), weights (4nk), state (4ns); waiting ids, counts, last seen |
//! | 4 | CRC-32 of all before |
//!
//! Little-endian throughout. Waiting ids are sorted, so that one table has one snapshot.

use crate::embedding::bytes::Reader;
use crate::embedding::shard::{Shard, Waiting};
use crate::embedding::{EmbeddingTable, RowOptimiser, TableConfig, TableError};
use crate::parameters::Init;

const MAGIC: &[u8; 8] = b"svtable\0";
const VERSION: u16 = 1;

impl EmbeddingTable {
    /// Everything the table knows.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let TableConfig { columns, optimiser, init, seed, admit_at, shards } = self.config;
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&whole(columns).to_le_bytes());
        let (tag, numbers) = match optimiser {
            RowOptimiser::Adagrad { rate, epsilon } => (0, [rate, epsilon, 0.0, 0.0]),
            RowOptimiser::RowAdagrad { rate, epsilon } => (1, [rate, epsilon, 0.0, 0.0]),
            RowOptimiser::Ftrl { alpha, beta, l1, l2 } => (2, [alpha, beta, l1, l2]),
            RowOptimiser::Adam { rate, beta1, beta2, epsilon } => (3, [rate, beta1, beta2, epsilon]),
        };
        out.push(tag);
        numbers.iter().for_each(|n| out.extend_from_slice(&n.to_le_bytes()));
        let (tag, number) = match init {
            Init::Constant(value) => (0, value),
            Init::Normal(deviation) => (1, deviation),
            Init::Glorot => (2, 0.0),
            Init::He => (3, 0.0),
        };
        out.push(tag);
        out.extend_from_slice(&number.to_le_bytes());
        out.extend_from_slice(&seed.to_le_bytes());
        out.extend_from_slice(&admit_at.to_le_bytes());
        out.extend_from_slice(&whole(shards).to_le_bytes());
        for shard in &self.shards {
            out.extend_from_slice(&(shard.ids.len() as u64).to_le_bytes());
            out.extend_from_slice(&(shard.waiting.len() as u64).to_le_bytes());
            let rows = || shard.ids.iter().map(|id| shard.rows.get(id).copied().unwrap_or_default());
            shard.ids.iter().for_each(|v| out.extend_from_slice(&v.to_le_bytes()));
            rows().for_each(|row| out.extend_from_slice(&row.count.to_le_bytes()));
            rows().for_each(|row| out.extend_from_slice(&row.seen.to_le_bytes()));
            shard.weights.iter().chain(&shard.state).for_each(|v| out.extend_from_slice(&v.to_le_bytes()));
            let mut waiting: Vec<(&u64, &Waiting)> = shard.waiting.iter().collect();
            waiting.sort_unstable_by_key(|(id, _)| **id);
            for (id, waiting) in waiting {
                out.extend_from_slice(&id.to_le_bytes());
                out.extend_from_slice(&waiting.count.to_le_bytes());
                out.extend_from_slice(&waiting.seen.to_le_bytes());
            }
        }
        let checksum = crc32fast::hash(&out);
        out.extend_from_slice(&checksum.to_le_bytes());
        out
    }

    /// The table that wrote these bytes.
    ///
    /// # Errors
    /// A [`TableError`] that says what is wrong with them; nothing larger than the bytes themselves is ever allocated for them.
    pub fn restore(bytes: &[u8]) -> Result<Self, TableError> {
        let (mut reader, checksum) = Reader::open(bytes, MAGIC, VERSION)?;
        let config = reader.config()?;
        let mut table = Self::new(config)?;
        for i in 0..config.shards {
            table.shards[i] = reader.shard(&table, i)?;
        }
        reader.close(checksum)?;
        Ok(table)
    }
}

/// Settings are checked to be small when a table is made.
fn whole(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

impl Reader<'_> {
    fn config(&mut self) -> Result<TableConfig, TableError> {
        let columns = self.u32("the columns")? as usize;
        let [tag] = self.array("the optimiser")?;
        let what = "the optimiser's numbers";
        let [a, b, c, d] = [self.f32(what)?, self.f32(what)?, self.f32(what)?, self.f32(what)?];
        let optimiser = match tag {
            0 => RowOptimiser::Adagrad { rate: a, epsilon: b },
            1 => RowOptimiser::RowAdagrad { rate: a, epsilon: b },
            2 => RowOptimiser::Ftrl { alpha: a, beta: b, l1: c, l2: d },
            3 => RowOptimiser::Adam { rate: a, beta1: b, beta2: c, epsilon: d },
            _ => return Err(TableError::Contradiction { what: "an optimiser that there is not" }),
        };
        let [tag] = self.array("what rows start as")?;
        let number = self.f32("what rows start as")?;
        let init = match tag {
            0 => Init::Constant(number),
            1 => Init::Normal(number),
            2 => Init::Glorot,
            3 => Init::He,
            _ => return Err(TableError::Contradiction { what: "a start that there is not" }),
        };
        let (seed, admit_at) = (self.u64("the seed")?, self.u32("the admission")?);
        let shards = self.u32("the shards")? as usize;
        let config = TableConfig { columns, optimiser, init, seed, admit_at, shards };
        config.check()?;
        Ok(config)
    }

    fn shard(&mut self, table: &EmbeddingTable, index: usize) -> Result<Shard, TableError> {
        let (k, s) = (table.config.columns, table.config.optimiser.state_len(table.config.columns));
        let what = "a shard's lengths";
        let too_many = TableError::Truncated { what, at: self.len() };
        let rows = usize::try_from(self.u64(what)?).map_err(|_| too_many.clone())?;
        let waiting = usize::try_from(self.u64(what)?).map_err(|_| too_many.clone())?;
        let ids = self.list(rows, "ids", u64::from_le_bytes)?;
        let counts = self.list(rows, "counts", u32::from_le_bytes)?;
        let seen = self.list(rows, "times", u64::from_le_bytes)?;
        let numbers = |per: usize| rows.checked_mul(per).ok_or(too_many.clone());
        let weights = self.list(numbers(k)?, "weights", f32::from_le_bytes)?;
        let state = self.list(numbers(s)?, "what rows remember", f32::from_le_bytes)?;
        let mut shard = Shard::default();
        for (row, id) in ids.iter().enumerate() {
            let (weights, state) = (&weights[row * k..][..k], &state[row * s..][..s]);
            if table.shard_of(*id) != index {
                return Err(TableError::Contradiction { what: "an id in another's shard" });
            }
            if !shard.take_in(*id, counts[row], seen[row], weights, state) {
                return Err(TableError::Contradiction { what: "an id with two rows" });
            }
        }
        for bytes in self.list(waiting, "waiting ids", |bytes: [u8; 20]| bytes)? {
            let mut fields = Reader::over(&bytes);
            let id = fields.u64("a waiting id")?;
            let waiting = Waiting { count: fields.u32("a waiting id")?, seen: fields.u64("a waiting id")? };
            if table.shard_of(id) != index
                || shard.rows.contains_key(&id)
                || shard.waiting.insert(id, waiting).is_some()
            {
                return Err(TableError::Contradiction { what: "an id that waits twice, or elsewhere" });
            }
        }
        Ok(shard)
    }
}
