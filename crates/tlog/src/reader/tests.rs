use super::*;
use crate::merkle::{Tree, leaf_hash, verify_inclusion};
use alloc::vec;
use alloc::vec::Vec;

/// A log's files, computed on demand from a tree of `size` leaves.
struct Files {
    tree: Tree,
    entry: fn(u64) -> Vec<u8>,
}

fn entry(n: u64) -> Vec<u8> {
    n.to_be_bytes().to_vec()
}

fn other_from_300(n: u64) -> Vec<u8> {
    if n == 300 { b"another".to_vec() } else { entry(n) }
}

impl Files {
    fn new(size: u64, entry: fn(u64) -> Vec<u8>) -> Self {
        let mut tree = Tree::new();
        (0..size).for_each(|n| tree.push(leaf_hash(&entry(n))));
        Self { tree, entry }
    }

    fn head(&self, size: u64) -> Head {
        Head { size, root: self.tree.root_at(size).unwrap() }
    }

    fn get(&self, path: &TilePath) -> Vec<u8> {
        let first = path.index() << 8;
        let range = first..first + u64::from(path.width());
        match path.kind() {
            Kind::Entries => Bundle { entries: range.map(self.entry).collect() }.encode(),
            Kind::Hashes(level) => range
                .flat_map(|index| self.tree.node(NodeId { level: 8 * level, index }).unwrap().0)
                .collect(),
        }
    }

    /// Reads from `from` to `to`, tampering with each file by `tamper`.
    fn read(
        &self,
        from: Head,
        to: Head,
        mut tamper: impl FnMut(&TilePath, &mut Vec<u8>),
    ) -> Result<u64, ReadError> {
        let mut reader = Reader::towards(from, to)?;
        let mut next = from.size;
        while !reader.is_complete() {
            for path in reader.wanted() {
                let mut bytes = self.get(&path);
                tamper(&path, &mut bytes);
                reader.feed(&path, &bytes)?;
            }
            while let Some(read) = reader.next_entry() {
                assert_eq!((read.index(), read.bytes()), (next, (self.entry)(next).as_slice()));
                let leaf = leaf_hash(read.bytes());
                assert_eq!(verify_inclusion(&leaf, next, to.size, &to.root, read.inclusion()), Ok(()));
                assert_eq!(*read.inclusion(), self.tree.prove_inclusion(next, to.size).unwrap());
                next += 1;
            }
        }
        assert_eq!(next, to.size);
        Ok(next)
    }
}

const SIZES: [u64; 15] = [0, 1, 2, 3, 100, 255, 256, 257, 300, 511, 512, 513, 700, 1024, 1100];

#[test]
fn every_step_between_two_sizes_is_followed_entry_by_entry() {
    let files = Files::new(1100, entry);
    for (at, from) in SIZES.into_iter().enumerate() {
        for to in SIZES.into_iter().skip(at) {
            assert_eq!(files.read(files.head(from), files.head(to), |_, _| {}), Ok(to), "{from} to {to}");
        }
    }
}

#[test]
fn a_tree_with_a_third_level_of_tiles_is_followed() {
    let files = Files::new(66_100, entry);
    for (from, to) in [
        (65_000, 65_536),
        (65_535, 65_537),
        (65_536, 66_100),
        (300, 66_100),
        (66_099, 66_100),
        (65_000, 66_000),
    ] {
        let from = if to - from > 2000 { to - 1200 } else { from };
        assert_eq!(files.read(files.head(from), files.head(to), |_, _| {}), Ok(to), "{from} to {to}");
    }
}

#[test]
fn every_changed_file_is_noticed() {
    let files = Files::new(1100, entry);
    for (from, to) in [(0, 1100), (300, 1100), (257, 700), (512, 1024), (3, 100)] {
        let mut seen = Vec::new();
        files.read(files.head(from), files.head(to), |path, _| seen.push(*path)).unwrap();
        for victim in seen {
            // The first byte of a bundle is a length; the last bytes are always content.
            for at_end in [1, 9] {
                let result = files.read(files.head(from), files.head(to), |path, bytes| {
                    if *path == victim {
                        let at = bytes.len() - at_end.min(bytes.len());
                        bytes[at] ^= 1;
                    }
                });
                assert!(result.is_err(), "{victim} changed between {from} and {to}");
            }
            let short = files.read(files.head(from), files.head(to), |path, bytes| {
                if *path == victim {
                    bytes.pop();
                }
            });
            assert!(matches!(short, Err(ReadError::Tile(_))), "{victim}: {short:?}");
        }
    }
}

#[test]
fn a_fork_and_a_rollback_are_named() {
    let (honest, forked) = (Files::new(1100, entry), Files::new(1100, other_from_300));
    for from in [301, 512, 700] {
        let result = forked.read(honest.head(from), forked.head(1024), |_, _| {});
        assert_eq!(result, Err(ReadError::Forked { size: from }));
    }
    assert_eq!(forked.read(honest.head(300), forked.head(1024), |_, _| {}), Ok(1024));
    assert_eq!(
        forked.read(honest.head(700), forked.head(700), |_, _| {}),
        Err(ReadError::Forked { size: 700 })
    );
    let shrunk = honest.read(honest.head(700), honest.head(699), |_, _| {});
    assert_eq!(shrunk, Err(ReadError::Shrunk { old: 700, new: 699 }));
    // Tiles of the honest tree under the forked head.
    let result = honest.read(honest.head(256), forked.head(1024), |_, _| {});
    assert_eq!(result, Err(ReadError::UnreproducibleHead { size: 1024 }));
}

#[test]
fn a_full_tile_serves_where_the_partial_one_is_gone() {
    let files = Files::new(1100, entry);
    let result = files.read(files.head(300), files.head(700), |path, bytes| {
        if let Some(full) = tile_at(path.kind(), path.index(), 1024).filter(|full| full.width() == 256) {
            *bytes = files.get(&full);
        }
    });
    assert_eq!(result, Ok(700));
}

#[test]
fn what_was_not_wanted_is_refused() {
    let files = Files::new(700, entry);
    let mut reader = Reader::towards(Head::EMPTY, files.head(700)).unwrap();
    for path in ["tile/0/000", "tile/entries/000", "tile/0/002.p/1", "tile/7/000.p/1"] {
        let refused = reader.feed(&path.parse().unwrap(), &vec![0; 8192]);
        assert_eq!(refused, Err(ReadError::Unwanted(path.into())));
    }
    assert!(!reader.is_complete());
    assert_eq!(reader.next_entry(), None);
    assert!(!reader.is_complete());
    // Whatever size a head states, only its few edge tiles are wanted first.
    let huge =
        Reader::towards(files.head(700), Head { size: crate::checkpoint::SIZE_MAX, root: Head::EMPTY.root });
    assert!(huge.unwrap().wanted().len() <= 16);
}

#[test]
fn the_empty_head_is_the_root_of_nothing() {
    assert_eq!(Head::EMPTY.root, crate::merkle::root_of(&[]));
    let nothing = Reader::towards(Head::EMPTY, Head::EMPTY).unwrap();
    assert!(nothing.is_complete() && nothing.wanted().is_empty());
    let odd = Head { size: 0, root: leaf_hash(b"") };
    assert_eq!(Reader::towards(Head::EMPTY, odd).unwrap_err(), ReadError::Forked { size: 0 });
}
