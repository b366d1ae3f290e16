//! A hashed model as bytes: every slot that was met, with what it remembers.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `svftrl\0\0` |
//! | 2 | version |
//! | 16 + 4 | `α, β, λ₁, λ₂`; bits |
//! | 8 + 8 | rows learnt; the bias's `z` and `n` |
//! | 8 + 12m | how many slots `m`; of each its number, `z` and `n`, in rising order |
//! | 4 | CRC-32 of all before |
//!
//! Little-endian throughout.

use crate::embedding::bytes::Reader;
use crate::embedding::{HashedFtrl, HashedFtrlConfig, TableError};

const MAGIC: &[u8; 8] = b"svftrl\0\0";
const VERSION: u16 = 1;

impl HashedFtrl {
    /// Everything it knows.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        let config = self.config();
        let mut out = Vec::new();
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        [config.alpha, config.beta, config.l1, config.l2].iter().for_each(|v| out.extend_from_slice(&v.to_le_bytes()));
        out.extend_from_slice(&config.bits.to_le_bytes());
        out.extend_from_slice(&self.rows().to_le_bytes());
        self.bias().iter().for_each(|v| out.extend_from_slice(&v.to_le_bytes()));
        let count_at = out.len();
        out.extend_from_slice(&[0; 8]);
        let mut met = 0u64;
        for (slot, [z, n]) in self.state() {
            met += 1;
            out.extend_from_slice(&slot.to_le_bytes());
            out.extend_from_slice(&z.to_le_bytes());
            out.extend_from_slice(&n.to_le_bytes());
        }
        out[count_at..count_at + 8].copy_from_slice(&met.to_le_bytes());
        let checksum = crc32fast::hash(&out);
        out.extend_from_slice(&checksum.to_le_bytes());
        out
    }

    /// The model that wrote these bytes; it goes on to the same bits.
    ///
    /// # Errors
    /// A [`TableError`] that says what is wrong with them. The table is made only once the checksum holds.
    pub fn restore(bytes: &[u8]) -> Result<Self, TableError> {
        let (mut reader, checksum) = Reader::open(bytes, MAGIC, VERSION)?;
        let what = "the settings";
        let [alpha, beta, l1, l2] = [reader.f32(what)?, reader.f32(what)?, reader.f32(what)?, reader.f32(what)?];
        let config = HashedFtrlConfig { alpha, beta, l1, l2, bits: reader.u32(what)? };
        let rows = reader.u64("the rows")?;
        let bias = [reader.f32("the bias")?, reader.f32("the bias")?];
        let met = usize::try_from(reader.u64("the slots")?).unwrap_or(usize::MAX);
        let slots = reader.list(met, "the slots", |bytes: [u8; 12]| bytes)?;
        reader.close(checksum)?;
        let mut model = Self::new(config)?;
        model.set_rows(rows);
        let mut fits = model.put(None, bias);
        let mut last = None;
        for bytes in slots {
            let mut fields = Reader::over(&bytes);
            let slot = fields.u32("a slot")?;
            fits &= last.is_none_or(|last| last < slot);
            fits &= model.put(Some(slot), [fields.f32("a slot")?, fields.f32("a slot")?]);
            last = Some(slot);
        }
        if fits { Ok(model) } else { Err(TableError::Contradiction { what: "a slot that there is not, or twice" }) }
    }
}
