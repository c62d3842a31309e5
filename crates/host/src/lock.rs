//! Locks that know no poisoning, for what the tasks of one party share in memory.
//!
//! A standard lock answers an error for ever after a panic under it, and nobody who meets that
//! error can do better than go on: the runtime has already ended the one task that panicked. So
//! these locks simply open again. That is right under one rule, which every use keeps: **what is
//! done under a lock is one insert, removal or replacement, or is built beside it and put in at the
//! end**, so that a step which stops half-way leaves nothing half changed. State for which that
//! cannot be promised poisons itself: a database does ([`crate::db`]).
//!
//! No lock is held across an `.await`: the guards are not `Send`, so that a spawned task which
//! tried would not compile.

pub use parking_lot::{MappedMutexGuard, Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_under_a_lock_leaves_it_usable_for_everybody_else() {
        let (one, many) = (Mutex::new(1), RwLock::new(1));
        let panicked = std::thread::scope(|scope| {
            let held = scope.spawn(|| {
                let (_one, _many) = (one.lock(), many.write());
                panic!("under two locks");
            });
            held.join()
        });
        assert!(panicked.is_err());
        assert_eq!((*one.lock(), *many.read()), (1, 1));
    }
}
