//! A disk for tests that fails at a chosen step, can be full, and can be held up.

use crate::packs::disk::{Disk, Local};
use host::durable::DurableError;
use std::fs::File;
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex};

/// What happens at the chosen step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::packs) enum Fault {
    /// An error, and nothing was done.
    Failed,
    /// An error, although it was done.
    FailedButPersisted,
    /// No space left; of a write the first half was done.
    DiskFull,
}

#[derive(Debug, Default)]
struct State {
    steps: usize,
    faults: Vec<(usize, Fault)>,
    struck: Option<&'static str>,
    free: Option<u64>,
    syncs: usize,
    held: bool,
    looks: usize,
    failing_looks: Option<usize>,
    /// The commit that is under way is to be told as failed.
    in_doubt: bool,
}

#[derive(Debug, Default)]
pub(in crate::packs) struct Faulty {
    state: Mutex<State>,
    released: Condvar,
}

impl Faulty {
    /// Fails at the `nth` step from now (0 is the next one), besides the steps chosen before.
    pub(in crate::packs) fn fail_at(&self, nth: usize, fault: Fault) {
        let mut state = self.state.lock().unwrap();
        let at = state.steps + nth;
        state.faults.push((at, fault));
    }

    /// The step at which a fault struck last, if one did.
    pub(in crate::packs) fn struck(&self) -> Option<&'static str> {
        self.state.lock().unwrap().struck
    }

    /// Says that so many bytes are free; `None` for what the machine says.
    pub(in crate::packs) fn set_free(&self, bytes: Option<u64>) {
        self.state.lock().unwrap().free = bytes;
    }

    pub(in crate::packs) fn syncs(&self) -> usize {
        self.state.lock().unwrap().syncs
    }

    /// Holds up every fsync until it is let go.
    pub(in crate::packs) fn hold(&self, held: bool) {
        self.state.lock().unwrap().held = held;
        self.released.notify_all();
    }

    /// Fails everything that only looks, from the `nth` look from now on. Looks are no steps: they
    /// change nothing.
    pub(in crate::packs) fn fail_looks_from(&self, nth: Option<usize>) {
        let mut state = self.state.lock().unwrap();
        state.failing_looks = nth.map(|nth| state.looks + nth);
    }

    fn look<T>(&self, look: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let mut state = self.state.lock().unwrap();
        state.looks += 1;
        if state.failing_looks.is_some_and(|from| state.looks > from) {
            return Err(io::Error::other("looking fails"));
        }
        drop(state);
        look()
    }

    fn step<T>(
        &self,
        name: &'static str,
        done: impl FnOnce(Option<Fault>) -> io::Result<T>,
    ) -> io::Result<T> {
        let fault = {
            let mut state = self.state.lock().unwrap();
            let step = state.steps;
            let fault = state.faults.iter().find(|(at, _)| *at == step).map(|(_, fault)| *fault);
            state.steps += 1;
            if fault.is_some() {
                state.struck = Some(name);
            }
            fault
        };
        match fault {
            None => done(None),
            Some(Fault::Failed) => Err(io::ErrorKind::Other.into()),
            Some(Fault::FailedButPersisted) => {
                done(None)?;
                Err(io::ErrorKind::Other.into())
            }
            Some(Fault::DiskFull) => {
                if name == "write" {
                    done(fault)?;
                }
                Err(io::ErrorKind::StorageFull.into())
            }
        }
    }
}

impl Disk for Faulty {
    fn list(&self, dir: &Path) -> io::Result<Vec<(PathBuf, u64)>> {
        self.look(|| Local.list(dir))
    }

    fn read(&self, path: &Path, limit: u64) -> Result<Option<Vec<u8>>, DurableError> {
        let read = self.look(|| Local.read(path, limit).map_err(io::Error::other));
        read.map_err(|error| DurableError::at(path, error))
    }

    fn open(&self, path: &Path) -> io::Result<File> {
        self.look(|| Local.open(path))
    }

    fn read_at(&self, file: &File, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.look(|| Local.read_at(file, offset, bytes))
    }

    fn create(&self, path: &Path) -> Result<File, DurableError> {
        let made = self.step("create", |_| Local.create(path).map_err(io::Error::other));
        made.map_err(|error| DurableError::at(path, error))
    }

    fn write_at(&self, file: &File, offset: u64, pieces: &mut [IoSlice<'_>]) -> io::Result<()> {
        self.step("write", |fault| {
            if fault.is_none() {
                return Local.write_at(file, offset, pieces);
            }
            let whole = pieces.iter().flat_map(|piece| piece.iter().copied()).collect::<Vec<_>>();
            Local.write_at(file, offset, &mut [IoSlice::new(&whole[..whole.len() / 2])])
        })
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        let mut state = self.state.lock().unwrap();
        state.syncs += 1;
        drop(self.released.wait_while(state, |state| state.held).unwrap());
        self.step("sync", |_| Local.sync(file))
    }

    fn cut(&self, file: &File, length: u64) -> io::Result<()> {
        self.step("cut", |_| Local.cut(file, length))
    }

    fn replace(&self, path: &Path, bytes: &[u8]) -> Result<(), DurableError> {
        let replaced = self.step("replace", |_| Local.replace(path, bytes).map_err(io::Error::other));
        replaced.map_err(|error| DurableError::at(path, error))
    }

    fn remove(&self, path: &Path) -> Result<(), DurableError> {
        let removed = self.step("remove", |_| Local.remove(path).map_err(io::Error::other));
        removed.map_err(|error| DurableError::at(path, error))
    }

    fn committing(&self) -> io::Result<()> {
        let mut begun = false;
        let said = self.step("commit", |_| {
            begun = true;
            Ok(())
        });
        let in_doubt = begun && said.is_err();
        self.state.lock().unwrap().in_doubt = in_doubt;
        if in_doubt { Ok(()) } else { said }
    }

    fn committed(&self) -> io::Result<()> {
        match std::mem::take(&mut self.state.lock().unwrap().in_doubt) {
            true => Err(io::ErrorKind::Other.into()),
            false => Ok(()),
        }
    }

    fn free_bytes(&self, path: &Path) -> Result<u64, DurableError> {
        let free = self.state.lock().unwrap().free;
        free.map_or_else(|| Local.free_bytes(path), Ok)
    }
}
