//! Reading the whole tree again, in the background: logs have died of flipped bits that nobody read
//! for months.

use crate::alarms::Alarms;
use crate::edge::WIDTH;
use crate::storage::Storage;
use crate::tree::{TreeError, bad_tile, known_tile, read_bundle};
use host::shutdown::Shutdown;
use tlog::merkle::{Frontier, root_of};
use tlog::tile::{Kind, TilePath, tile_at};

/// Checks every bundle and tile of the tree of `size` leaves against each other, from the entries
/// up: each bundle's leaf hashes are its level-0 tile, each full tile's root is its place in the
/// tile above. Returns how many entries were read; fewer than `size` when shutdown came first.
fn scrub<S: Storage>(storage: &S, size: u64, shutdown: &Shutdown) -> Result<u64, TreeError> {
    let mut tree = Frontier::new();
    for index in 0..size.div_ceil(WIDTH as u64) {
        if shutdown.is_requested() {
            return Ok(tree.size());
        }
        let path = at(Kind::Entries, index, size)?;
        let leaves = read_bundle(storage, &path, size)?.leaf_hashes();
        leaves.iter().for_each(|leaf| tree.push(*leaf));
        check(storage, at(Kind::Hashes(0), index, size)?, &leaves, size)?;
    }
    for level in 1..=7u8 {
        let hashes = size >> (8 * u32::from(level));
        for index in 0..hashes.div_ceil(WIDTH as u64) {
            let path = at(Kind::Hashes(level), index, size)?;
            let below = (0..u64::from(path.width())).map(|slot| {
                let below = at(Kind::Hashes(level - 1), index * WIDTH as u64 + slot, size)?;
                Ok(root_of(&known_tile(storage, &below, size)?.hashes))
            });
            check(storage, path, &below.collect::<Result<Vec<_>, TreeError>>()?, size)?;
        }
    }
    Ok(size)
}

/// The same with a word in the telemetry, and an alarm for what is damaged.
pub(crate) fn scrub_and_tell<S: Storage>(storage: &S, size: u64, shutdown: &Shutdown, alarms: &Alarms) {
    match scrub(storage, size, shutdown) {
        Ok(read) => tracing::info!(read, "every tile was read again and is whole"),
        Err(error) => alarms.raise(
            &format!("damaged-tile-{size}"),
            &format!("the tree on disk is damaged: {error}"),
            b"",
        ),
    }
}

fn at(kind: Kind, index: u64, size: u64) -> Result<TilePath, TreeError> {
    tile_at(kind, index, size).ok_or(TreeError::OutOfTree)
}

fn check<S: Storage>(
    storage: &S,
    path: TilePath,
    expected: &[tlog::Hash],
    size: u64,
) -> Result<(), TreeError> {
    let tile = known_tile(storage, &path, size)?;
    if tile.hashes == expected { Ok(()) } else { Err(bad_tile(&path, size)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::Edge;
    use crate::storage::tests::Faulty;
    use crate::storage::tile_file;

    #[test]
    fn any_flipped_bit_is_found_wherever_it_is() {
        const SIZE: u64 = 600;
        let (disk, mut edge, mut files) = (Faulty::default(), Edge::default(), Vec::new());
        (0..SIZE).for_each(|n| {
            edge.push(&n.to_be_bytes(), &mut files);
        });
        files.extend(edge.unfinished());
        for file in &files {
            disk.link(&tile_file(&file.path), &file.bytes).unwrap();
            disk.sync(&[crate::storage::folder_of(&tile_file(&file.path)).to_owned()]).unwrap();
        }
        let running = Shutdown::new();
        assert_eq!(scrub(&disk, SIZE, &running).unwrap(), SIZE);
        assert!(files.len() > 6);
        for file in &files {
            let name = tile_file(&file.path);
            for place in [0, file.bytes.len() / 2, file.bytes.len() - 1] {
                disk.tamper(&name, |bytes| bytes[place] ^= 0x10);
                assert!(
                    matches!(scrub(&disk, SIZE, &running), Err(TreeError::BadTile { .. })),
                    "{name} at {place}"
                );
                disk.tamper(&name, |bytes| bytes[place] ^= 0x10);
            }
        }
        running.request();
        assert_eq!(scrub(&disk, SIZE, &running).unwrap(), 0);
    }
}
