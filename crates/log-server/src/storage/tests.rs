//! A store that keeps apart what is durable and what merely was written, fails at a
//! chosen write, and loses what a power cut loses.

use super::{Storage, folder_of};
use host::durable::{DurableError, Linked};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// What happens at the chosen write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// An error, and nothing was done.
    Failed,
    /// An error, although it was done.
    FailedButPersisted,
    /// An error by name: no space left; nothing was done.
    DiskFull,
    /// The process dies: nothing was done, and every later call fails too.
    Crash,
    /// The process dies just after it was done.
    CrashAfter,
}

/// Which of the names that were never synced a power cut leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PowerCut {
    LosesUnsynced,
    KeepsUnsynced,
    /// Every second unsynced name survives: the order of the disk is not the order of the program.
    KeepsSome,
}

#[derive(Debug, Default)]
struct Disk {
    durable: BTreeMap<String, Vec<u8>>,
    /// Linked, not yet synced.
    unsynced: BTreeMap<String, Vec<u8>>,
    writes: usize,
    fault: Option<(usize, Fault)>,
    dead: bool,
}

/// Clones are the same disk.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faulty(Arc<Mutex<Disk>>);

impl Faulty {
    /// Fails at the `nth` write from now (0 is the next one). Reads never fail before a crash.
    pub(crate) fn fail_at(&self, nth: usize, fault: Fault) {
        let mut disk = self.0.lock().unwrap();
        let at = disk.writes + nth;
        disk.fault = Some((at, fault));
    }

    /// Whether the chosen fault has struck.
    pub(crate) fn struck(&self) -> bool {
        self.0.lock().unwrap().fault.is_none()
    }

    /// The machine comes back after a crash.
    pub(crate) fn power_cut(&self, kind: PowerCut) {
        let mut disk = self.0.lock().unwrap();
        let unsynced = std::mem::take(&mut disk.unsynced);
        for (turn, (name, bytes)) in unsynced.into_iter().enumerate() {
            let kept = match kind {
                PowerCut::LosesUnsynced => false,
                PowerCut::KeepsUnsynced => true,
                PowerCut::KeepsSome => turn % 2 == 1,
            };
            if kept {
                disk.durable.insert(name, bytes);
            }
        }
        disk.dead = false;
        disk.fault = None;
    }

    /// Changes a file behind the program's back.
    pub(crate) fn tamper(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut disk = self.0.lock().unwrap();
        change(disk.durable.get_mut(name).unwrap_or_else(|| panic!("no file {name}")));
    }

    pub(crate) fn delete(&self, name: &str) {
        assert!(self.0.lock().unwrap().durable.remove(name).is_some(), "no file {name}");
    }

    /// Runs one write through the fault table.
    fn write<T>(
        &self,
        name: &str,
        done: impl FnOnce(&mut Disk) -> Result<T, DurableError>,
    ) -> Result<T, DurableError> {
        let mut disk = self.0.lock().unwrap();
        let error = |kind: io::ErrorKind| DurableError::at(Path::new(name), kind.into());
        if disk.dead {
            return Err(error(io::ErrorKind::BrokenPipe));
        }
        let fault = disk.fault.filter(|(at, _)| *at == disk.writes).map(|(_, fault)| fault);
        disk.writes += 1;
        let Some(fault) = fault else { return done(&mut disk) };
        disk.fault = None;
        match fault {
            Fault::Failed => Err(error(io::ErrorKind::Other)),
            Fault::DiskFull => Err(error(io::ErrorKind::StorageFull)),
            Fault::FailedButPersisted => {
                done(&mut disk)?;
                Err(error(io::ErrorKind::Other))
            }
            Fault::Crash => {
                disk.dead = true;
                Err(error(io::ErrorKind::BrokenPipe))
            }
            Fault::CrashAfter => {
                done(&mut disk)?;
                disk.dead = true;
                Err(error(io::ErrorKind::BrokenPipe))
            }
        }
    }

    fn alive(&self, name: &str) -> Result<std::sync::MutexGuard<'_, Disk>, DurableError> {
        let disk = self.0.lock().unwrap();
        if disk.dead {
            return Err(DurableError::at(Path::new(name), io::ErrorKind::BrokenPipe.into()));
        }
        Ok(disk)
    }
}

impl Disk {
    fn get(&self, name: &str) -> Option<&Vec<u8>> {
        self.unsynced.get(name).or_else(|| self.durable.get(name))
    }
}

impl Storage for Faulty {
    fn read(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, DurableError> {
        let disk = self.alive(name)?;
        match disk.get(name) {
            Some(bytes) if bytes.len() as u64 > limit => {
                Err(DurableError::at(Path::new(name), io::ErrorKind::FileTooLarge.into()))
            }
            found => Ok(found.cloned()),
        }
    }

    fn link(&self, name: &str, bytes: &[u8]) -> Result<Linked, DurableError> {
        self.write(name, |disk| match disk.get(name) {
            Some(found) if found == bytes => Ok(Linked::AlreadySame),
            Some(_) => Err(DurableError::Different { path: name.into() }),
            None => {
                disk.unsynced.insert(name.to_owned(), bytes.to_vec());
                Ok(Linked::Created)
            }
        })
    }

    fn sync(&self, folders: &[String]) -> Result<(), DurableError> {
        self.write("sync", |disk| {
            let (synced, rest) = std::mem::take(&mut disk.unsynced)
                .into_iter()
                .partition(|(name, _)| folders.iter().any(|folder| folder == folder_of(name)));
            disk.unsynced = rest;
            let synced: BTreeMap<_, _> = synced;
            disk.durable.extend(synced);
            Ok(())
        })
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), DurableError> {
        self.write(name, |disk| {
            disk.durable.insert(name.to_owned(), bytes.to_vec());
            Ok(())
        })
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, DurableError> {
        let disk = self.alive(folder)?;
        let inside = |name: &String| {
            let rest = name.strip_prefix(folder)?.strip_prefix('/')?;
            rest.split('/').next().map(str::to_owned)
        };
        let names: BTreeSet<_> = disk.durable.keys().chain(disk.unsynced.keys()).filter_map(inside).collect();
        Ok(names.into_iter().collect())
    }

    fn remove(&self, name: &str) -> Result<(), DurableError> {
        self.write(name, |disk| {
            disk.unsynced.remove(name);
            disk.durable.remove(name);
            Ok(())
        })
    }
}
