//! The fault table: every write of a commit, failed, failed but persisted, disk full, crashed
//! before and after, with every kind of power cut. The reference is the list of entries alone.

use super::*;
use crate::storage::tests::{Fault, Faulty, PowerCut};
use std::sync::{Arc, Mutex};
use tlog::checkpoint::BodyError;
use tlog::merkle::{leaf_hash, root_of};

/// Signs in plain text, and remembers every head that it signed.
#[derive(Debug, Clone, Default)]
struct Recorder(Arc<Mutex<Vec<(u64, Hash)>>>);

impl Heads for Recorder {
    fn sign(&self, size: u64, root: &Hash) -> Vec<u8> {
        self.0.lock().unwrap().push((size, *root));
        let root: String = root.0.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("signed {size} {root}").into_bytes()
    }

    fn recognise(&self, signed: &[u8]) -> Result<(u64, Hash), CheckpointError> {
        let text = std::str::from_utf8(signed).map_err(|_| BodyError::Lines)?;
        let mut words = text.split(' ').skip(1);
        let size = words.next().and_then(|size| size.parse().ok()).ok_or(BodyError::BadSize)?;
        let root = words.next().and_then(|root| hex::decode(root).ok()).ok_or(BodyError::BadRoot)?;
        Ok((size, Hash(root.try_into().map_err(|_| BodyError::BadRoot)?)))
    }
}

fn entry(n: usize) -> Vec<u8> {
    format!("entry {n}").into_bytes()
}

fn entries(range: std::ops::Range<usize>) -> Vec<Vec<u8>> {
    range.map(entry).collect()
}

fn root_at(entries: &[Vec<u8>]) -> Hash {
    root_of(&entries.iter().map(|entry| leaf_hash(entry)).collect::<Vec<_>>())
}

fn fresh(disk: &Faulty, heads: &Recorder) -> Tree<Faulty, Recorder> {
    Tree::create(disk, heads).unwrap();
    Tree::open(disk.clone(), heads.clone()).unwrap()
}

fn commit(tree: &mut Tree<Faulty, Recorder>, batch: &[Vec<u8>]) -> Result<(), TreeError> {
    tree.commit(batch.iter().map(Vec::as_slice))
}

#[test]
fn a_tree_grows_and_opens_again_at_every_size() {
    let (disk, heads) = (Faulty::default(), Recorder::default());
    let mut tree = fresh(&disk, &heads);
    let mut all = Vec::new();
    for batch in [1, 1, 2, 100, 151, 1, 1, 255, 256, 257, 1000] {
        let added = entries(all.len()..all.len() + batch);
        commit(&mut tree, &added).unwrap();
        all.extend(added);
        assert_eq!((tree.size(), tree.root()), (all.len() as u64, root_at(&all)));
        let opened = Tree::open(disk.clone(), heads.clone()).unwrap();
        assert_eq!((opened.edge, opened.signed), (tree.edge.clone(), tree.signed.clone()));
    }
}

/// Runs a commit with a fault at every one of its writes, lets `recover` bring the tree back, and
/// checks that what was signed stayed one history.
fn fault_table(
    fault: Fault,
    recover: impl Fn(&Faulty, &Recorder, Tree<Faulty, Recorder>) -> Tree<Faulty, Recorder>,
) {
    // A batch that finishes a tile and begins the next: every kind of file is written.
    for (before, batch) in [(0, 3), (250, 10), (255, 600)] {
        let mut faults = 0;
        for nth in 0.. {
            let (disk, heads) = (Faulty::default(), Recorder::default());
            let mut tree = fresh(&disk, &heads);
            let mut all = entries(0..before);
            if before > 0 {
                commit(&mut tree, &all).unwrap();
            }
            disk.fail_at(nth, fault);
            let added = entries(before..before + batch);
            let outcome = commit(&mut tree, &added);
            if !disk.struck() {
                outcome.unwrap();
                break;
            }
            faults += 1;
            let error = outcome.unwrap_err();
            assert!(
                fault != Fault::DiskFull
                    || matches!(error, TreeError::Storage(DurableError::DiskFull { .. }))
            );
            // Until it was opened again a broken tree takes nothing more.
            assert!(matches!(commit(&mut tree, &added), Err(TreeError::Broken)));

            let mut tree = recover(&disk, &heads, tree);
            // All or nothing.
            if tree.size() > before as u64 {
                all.extend(added);
            }
            assert_eq!(
                (tree.size(), tree.root()),
                (all.len() as u64, root_at(&all)),
                "{fault:?} at write {nth}"
            );
            // The next batch holds OTHER entries than the one that failed, and goes in.
            let next: Vec<_> = (0..batch + 2).map(|n| format!("other {n}").into_bytes()).collect();
            commit(&mut tree, &next).unwrap();
            all.extend(next);
            assert_eq!(tree.root(), root_at(&all));
            let tree = Tree::open(disk.clone(), heads.clone()).unwrap();
            assert_eq!((tree.size(), tree.root()), (all.len() as u64, root_at(&all)));
            // Heads that reached the state are prefixes of this history. A head signed in memory
            // and lost is not: nobody ever saw it.
            let state = heads.recognise(tree.signed()).unwrap();
            assert_eq!(state, (all.len() as u64, root_at(&all)));
        }
        assert!(faults >= 4, "the table has {faults} rows for {before} + {batch}");
    }
}

#[test]
fn every_write_failed() {
    for fault in [Fault::Failed, Fault::FailedButPersisted, Fault::DiskFull] {
        fault_table(fault, |_, _, mut tree| {
            tree.reopen().unwrap();
            tree
        });
    }
}

#[test]
fn a_crash_at_every_write_and_every_kind_of_power_cut() {
    for fault in [Fault::Crash, Fault::CrashAfter] {
        for cut in [PowerCut::LosesUnsynced, PowerCut::KeepsUnsynced, PowerCut::KeepsSome] {
            fault_table(fault, |disk, heads, tree| {
                drop(tree);
                disk.power_cut(cut);
                Tree::open(disk.clone(), heads.clone()).unwrap()
            });
        }
    }
}

#[test]
fn a_crash_while_recovering_from_a_crash() {
    fault_table(Fault::Crash, |disk, heads, tree| {
        drop(tree);
        disk.power_cut(PowerCut::KeepsUnsynced);
        for nth in 0.. {
            disk.fail_at(nth, Fault::CrashAfter);
            let opened = Tree::open(disk.clone(), heads.clone());
            if !disk.struck() {
                disk.power_cut(PowerCut::KeepsUnsynced);
                return opened.unwrap();
            }
            assert!(opened.is_err());
            disk.power_cut(PowerCut::KeepsUnsynced);
        }
        unreachable!()
    });
}

#[test]
fn a_head_reaches_the_state_only_after_its_tiles_are_durable() {
    let (disk, heads) = (Faulty::default(), Recorder::default());
    let mut tree = fresh(&disk, &heads);
    for size in 1..40 {
        commit(&mut tree, &[entry(size)]).unwrap();
        // Whatever was linked and not fsynced is lost now; the signed state must still open.
        disk.power_cut(PowerCut::LosesUnsynced);
        assert_eq!(Tree::open(disk.clone(), heads.clone()).unwrap().size(), size as u64);
    }
}

#[test]
fn nothing_is_created_or_overwritten_implicitly() {
    let (disk, heads) = (Faulty::default(), Recorder::default());
    assert!(matches!(Tree::open(disk.clone(), heads.clone()), Err(TreeError::NoState)));
    drop(fresh(&disk, &heads));
    assert!(matches!(Tree::create(&disk, &heads), Err(TreeError::Exists)));
    disk.delete(STATE);
    assert!(matches!(Tree::open(disk, heads), Err(TreeError::NoState)));
}

#[test]
fn damage_is_named_and_the_log_does_not_start() {
    type Damage = fn(&mut Vec<u8>);
    type Check = fn(&TreeError) -> bool;
    let cases: [(&str, Damage, Check); 7] = [
        (STATE, |bytes| bytes.truncate(8), |error| matches!(error, TreeError::BadState { name: STATE, .. })),
        (STATE, |bytes| bytes.clear(), |error| matches!(error, TreeError::BadState { .. })),
        (
            STATE,
            |bytes| *bytes = b"signed 299 00".to_vec(),
            |error| matches!(error, TreeError::BadState { .. }),
        ),
        (
            "public/tile/0/001.p/44",
            |bytes| bytes.truncate(100),
            |error| matches!(error, TreeError::BadTile { .. }),
        ),
        (
            "public/tile/0/001.p/44",
            |bytes| bytes[40] ^= 1,
            |error| matches!(error, TreeError::BadTile { .. }),
        ),
        (
            "public/tile/1/000.p/1",
            |bytes| bytes[0] ^= 0x80,
            |error| matches!(error, TreeError::OtherRoot { size: 300 }),
        ),
        (
            "public/tile/entries/001.p/44",
            |bytes| bytes[9] ^= 1,
            |error| matches!(error, TreeError::BadTile { .. }),
        ),
    ];
    for (name, damage, expected) in cases {
        let (disk, heads) = (Faulty::default(), Recorder::default());
        commit(&mut fresh(&disk, &heads), &entries(0..300)).unwrap();
        disk.tamper(name, damage);
        let error = Tree::open(disk, heads).unwrap_err();
        assert!(expected(&error), "{name}: {error}");
    }
    for name in ["public/tile/0/001.p/44", "public/tile/1/000.p/1", "public/tile/entries/001.p/44"] {
        let (disk, heads) = (Faulty::default(), Recorder::default());
        commit(&mut fresh(&disk, &heads), &entries(0..300)).unwrap();
        disk.delete(name);
        let error = Tree::open(disk, heads).unwrap_err();
        assert!(matches!(error, TreeError::BadTile { .. }), "{name}: {error}");
    }
}

#[test]
fn a_state_rolled_back_behind_what_was_published_is_refused() {
    let (disk, heads) = (Faulty::default(), Recorder::default());
    let mut tree = fresh(&disk, &heads);
    commit(&mut tree, &entries(0..5)).unwrap();
    let old = tree.signed().to_vec();
    commit(&mut tree, &entries(5..9)).unwrap();
    tree.publish(tree.signed()).unwrap();
    disk.tamper(STATE, |bytes| *bytes = old);
    let error = Tree::open(disk, heads).unwrap_err();
    assert!(matches!(error, TreeError::RolledBack { published: 9, signed: 5 }), "{error}");
}

#[test]
fn a_second_writer_stops_the_first() {
    let (disk, heads) = (Faulty::default(), Recorder::default());
    let mut first = fresh(&disk, &heads);
    let mut second = Tree::open(disk.clone(), heads.clone()).unwrap();
    commit(&mut second, &entries(0..300)).unwrap();
    // Same size, so the tiles differ; and another size, so that only the state tells.
    assert!(matches!(commit(&mut first, &[b"other".to_vec()]), Err(TreeError::OtherWriter)));
    assert!(first.is_broken());
    let (disk, heads) = (Faulty::default(), Recorder::default());
    let mut first = fresh(&disk, &heads);
    let mut second = Tree::open(disk.clone(), heads.clone()).unwrap();
    commit(&mut second, &entries(0..3)).unwrap();
    let error = commit(&mut first, &[entry(7), entry(8), entry(9)]).unwrap_err();
    assert!(matches!(error, TreeError::Storage(DurableError::Different { .. })), "{error}");
}
