//! A look at all of it.

use super::*;
use redb::ReadableTable as _;

impl Index {
    /// Every row of every table, to compare one index with another.
    pub(in crate::packs) fn dump(&self) -> Vec<(&'static str, Vec<u8>, Vec<u8>)> {
        let tables = [
            ("records", RECORDS),
            ("by_pack", BY_PACK),
            ("pack_cameras", PACK_CAMERAS),
            ("tracks", TRACKS),
            ("spans", SPANS),
            ("policies", POLICIES),
        ];
        let db = self.db.read();
        let rows = db.as_ref().unwrap().read(|tx| {
            let mut rows = Vec::new();
            for (name, table) in tables {
                for row in tx.open_table(table)?.iter()? {
                    let (key, value) = row?;
                    rows.push((name, key.value().to_vec(), value.value().to_vec()));
                }
            }
            for row in tx.open_table(PACKS)?.iter()? {
                let (key, value) = row?;
                let value = format!("{:?}", value.value()).into_bytes();
                rows.push(("packs", key.value().to_be_bytes().to_vec(), value));
            }
            Ok(rows)
        });
        rows.unwrap()
    }
}
