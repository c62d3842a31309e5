//! Keys of days: one random X-Wing key each, made days ahead without a master, published once its
//! leaf is in the log, destroyed after retention. Contract: proto/release.md#day-keys.
//!
//! ```text
//! days/20780.key                the private key; removed at the time that the note states
//! days/20780.note               the signed day key, as cameras fetch it
//! days/20780.leaf               the leaf that announces it    days/20780.proof             its proof: from here on it is served
//! days/20780.destroyed          the leaf that says it is gone days/20780.destroyed-proof   its proof
//! ```
//!
//! The files are written in this order, each whole or not at all, so that after a crash the next
//! step is plain from what is there. A key is a file of its own and not a row of a database: a
//! removed row stays in the database's free pages. Time is an argument.
//!
//! In scope: making, reading, removing. Out of scope: the log ([`crate::append`]), whether a share
//! may be opened (`escrow::grant`).

use crate::folder::{self, DAYS};
use escrow::daykeys::{DayKey, PublishedDayKey};
use escrow::record::{DayKeysLeaf, KeyDestroyed, Name, RecordError, Seconds, Signed, Vkey};
use escrow::register::Published;
use host::durable::{self, DurableError};
use host::lock::Mutex;
use host::rng::Rng;
use host::secret::{self, SecretError};
use media::id::Day;
use media::limits;
use seal::hpke::SecretKey;
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tlog::note::Signer;
use tlog::{Entry as _, Hash};

/// Days between the end of retention and the destruction of a key: requests that were logged in
/// time can still be granted.
pub(crate) const GRACE_DAYS: u32 = 7;
const LABEL: &str = "day-key";
const PUBLISHED: &str = "published";
/// Notes and leaves of day keys are a few kilobytes.
const SMALL: u64 = 64 * 1024;

/// What has become of the key of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DayState {
    /// Made; its leaf is not proved to be in the log yet, so nobody is shown it.
    Made,
    /// In the log, and served.
    Published,
    /// The private key is gone; the leaf that says so is not proved yet.
    Removed,
    /// Gone, and the log says so.
    Destroyed,
    /// The log or a note names a key that is not here: the folder was restored from an older
    /// backup, or a file was lost.
    Lost,
}

/// Why a day key could not be made, read or removed.
#[derive(Debug, thiserror::Error)]
pub enum DayKeyError {
    #[error(transparent)]
    File(#[from] DurableError),
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error("{}: not the private key of a day", .path.display())]
    Malformed { path: PathBuf },
    #[error("a leaf about a day key cannot be: {0}")]
    Leaf(#[from] RecordError),
}

/// A leaf that is to be appended, and how to say afterwards that it was.
#[derive(Debug, Clone)]
pub(crate) struct Due {
    day: u32,
    what: Said,
    pub(crate) leaf: Vec<u8>,
}

/// What a leaf says of a day's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Announced,
    Destroyed,
}

/// How many days of keys, and for how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    pub(crate) retention_days: u32,
    pub(crate) days_ahead: u32,
}

#[derive(Debug)]
pub(crate) struct DayKeys {
    folder: PathBuf,
    name: Name,
    terms: Terms,
    rng: Rng,
    days: Mutex<BTreeMap<u32, OfDay>>,
}

/// What is known of a day.
#[derive(Debug, Clone, Copy)]
struct OfDay {
    state: DayState,
    /// From when on the private key is removed.
    destroy_by: Seconds,
}

impl DayKeys {
    /// Reads which keys there are. The folder must exist.
    pub(crate) fn open(data: &Path, name: Name, terms: Terms, rng: Rng) -> Result<Self, DayKeyError> {
        let keys = Self { folder: data.join(DAYS), name, terms, rng, days: Mutex::default() };
        for name in folder::list(&keys.folder)? {
            if let Some(day) = name.split_once('.').and_then(|(day, _)| day.parse().ok()) {
                keys.refresh(day);
            }
        }
        Ok(keys)
    }

    pub(crate) fn states(&self) -> BTreeMap<u32, DayState> {
        self.days.lock().iter().map(|(day, kept)| (*day, kept.state)).collect()
    }

    /// The published key of a day, with its leaf and proof.
    pub(crate) fn published(&self, day: u32) -> Result<Option<Vec<u8>>, DayKeyError> {
        // SPEC: release.md#day-keys: a day key MUST NOT be served before its leaf is in the log.
        if self.state(day) != Some(DayState::Published) {
            return Ok(None);
        }
        Ok(durable::read_limited(&self.path(day, PUBLISHED), limits::DAY_KEYS as u64)?)
    }

    /// The private key of this day, if it is here and is the one of this id.
    pub(crate) fn secret(&self, day: Day, id: &Hash) -> Result<Option<SecretKey>, DayKeyError> {
        let path = self.path(day.0, "key");
        if !path.exists() {
            return Ok(None);
        }
        let secret = self.read_secret(&path)?;
        let destroy_by = Seconds(0);
        let key = DayKey { trustee: self.name.clone(), day, public: secret.public(), destroy_by };
        Ok((key.id() == *id).then_some(secret))
    }

    /// Removes the private keys whose time is over; one that cannot be removed keeps no other.
    pub(crate) fn destroy(&self, now: Seconds, trustee: &Signer) -> Result<(), DayKeyError> {
        let (days, mut done) = (self.days.lock().clone(), Ok(()));
        for (day, kept) in days {
            match kept.state {
                DayState::Made | DayState::Published | DayState::Lost if now >= kept.destroy_by => {
                    done = done.and(self.remove(day, trustee, now));
                }
                DayState::Made
                | DayState::Published
                | DayState::Lost
                | DayState::Removed
                | DayState::Destroyed => {}
            }
        }
        done
    }

    /// Makes what is missing up to `days_ahead`, names what is lost, and says which leaves are due.
    ///
    /// `announced` is the log's word, read to a fresh head: a day for which it knows a key gets no
    /// second one, and what it says is destroyed stays so.
    pub(crate) fn tend(
        &self,
        now: Seconds,
        trustee: &Signer,
        announced: &dyn Fn(u32) -> Published,
    ) -> Result<Vec<Due>, DayKeyError> {
        let today = now.day().0;
        // Also days that are over: a folder that was lost can open none of them any more.
        let first = today.saturating_sub(self.terms.retention_days.saturating_add(GRACE_DAYS));
        for day in first..=today.saturating_add(self.terms.days_ahead) {
            let (state, known) = (self.state(day), announced(day));
            match known {
                Published::Nothing if day >= today && state.is_none_or(|it| it == DayState::Made) => {
                    self.make(day, trustee, now)?;
                }
                Published::Key(_) if state.is_none() => {
                    tracing::error!(
                        day,
                        "the log has a key of this day that is not here: its shares cannot be opened by this trustee"
                    );
                    let destroy_by = self.destroyed_from(day);
                    self.days.lock().insert(day, OfDay { state: DayState::Lost, destroy_by });
                }
                // A copy that came back with an older folder.
                Published::Destroyed if self.path(day, "key").exists() => self.remove(day, trustee, now)?,
                Published::Nothing | Published::Key(_) | Published::Destroyed => {}
            }
        }
        self.due()
    }

    /// The log has proved the leaf; `entry` is it as the log has it.
    pub(crate) fn keep_proof(&self, due: &Due, entry: &[u8], proof: &[u8]) -> Result<(), DayKeyError> {
        match due.what {
            Said::Destroyed => durable::write_atomic(&self.path(due.day, "destroyed-proof"), proof)?,
            Said::Announced => {
                let path = self.path(due.day, "note");
                let note = durable::read_limited(&path, SMALL)?.ok_or(DayKeyError::Malformed { path })?;
                let published = PublishedDayKey { note, leaf: entry.to_vec(), proof: proof.to_vec() };
                durable::write_atomic(&self.path(due.day, PUBLISHED), &published.encode())?;
            }
        }
        self.refresh(due.day);
        Ok(())
    }

    /// From when on the private key of a day that is made now is removed.
    pub(crate) fn destroyed_from(&self, day: u32) -> Seconds {
        let kept = 1 + u64::from(self.terms.retention_days) + u64::from(GRACE_DAYS);
        Day(day).start().after(Duration::from_secs(kept * 86_400))
    }

    fn make(&self, day: u32, trustee: &Signer, now: Seconds) -> Result<(), DayKeyError> {
        let (key, note, leaf) = (self.path(day, "key"), self.path(day, "note"), self.path(day, "leaf"));
        if leaf.exists() {
            return Ok(());
        }
        if !key.exists() {
            let fresh = SecretKey::generate(&mut self.rng.clone());
            secret::create(&key, LABEL, fresh.expose())?;
        }
        let secret = self.read_secret(&key)?;
        let name = self.name.clone();
        let destroy_by = self.destroyed_from(day);
        let published = DayKey { trustee: name.clone(), day: Day(day), public: secret.public(), destroy_by };
        let key_id = published.id();
        let signed = published.sign(trustee)?;
        durable::write_atomic(&note, signed.entry_bytes())?;
        let vkey = Vkey::new(trustee.verifier()).ok_or(DayKeyError::Malformed { path: note })?;
        let keys = Hash::of(&[signed.entry_bytes()]);
        let announced = DayKeysLeaf { trustee: name, vkey, day, key_id, keys, time: now };
        durable::write_atomic(&leaf, Signed::sign(announced, &[trustee])?.entry_bytes())?;
        self.refresh(day);
        Ok(())
    }

    // SPEC: release.md#destroying-day-keys: a trustee MUST destroy the private key at the
    // `destroy-by` of the note, and log it when it can.
    /// Removes the private key, and only then writes the leaf that says so.
    fn remove(&self, day: u32, trustee: &Signer, now: Seconds) -> Result<(), DayKeyError> {
        let key = self.path(day, "key");
        if key.exists() {
            overwrite(&key)?;
            std::fs::remove_file(&key).map_err(|error| DurableError::at(&key, error))?;
        }
        durable::sync_dir(&self.folder)?;
        tracing::info!(day, "the private key of this day is destroyed");
        let leaf = self.path(day, "destroyed");
        // Without a note nobody was ever shown a key of this day, or it was lost with the key:
        // there is nothing to say.
        let Some(note) = self.shown(day)? else {
            self.days.lock().remove(&day);
            return Ok(());
        };
        if !leaf.exists() {
            let gone = KeyDestroyed { trustee: self.name.clone(), day, key_id: note.id(), time: now };
            durable::write_atomic(&leaf, Signed::sign(gone, &[trustee])?.entry_bytes())?;
        }
        self.refresh(day);
        Ok(())
    }

    fn due(&self) -> Result<Vec<Due>, DayKeyError> {
        let mut due = Vec::new();
        for (day, state) in self.states() {
            let (leaf, what) = match state {
                DayState::Made => ("leaf", Said::Announced),
                DayState::Removed => ("destroyed", Said::Destroyed),
                DayState::Published | DayState::Destroyed | DayState::Lost => continue,
            };
            if let Some(leaf) = durable::read_limited(&self.path(day, leaf), SMALL)? {
                due.push(Due { day, what, leaf });
            }
        }
        Ok(due)
    }

    fn read_secret(&self, path: &Path) -> Result<SecretKey, DayKeyError> {
        let bytes = secret::read(path, LABEL)?;
        let seed = <[u8; 32]>::try_from(&bytes[..]);
        seed.map(SecretKey::new).map_err(|_| DayKeyError::Malformed { path: path.to_owned() })
    }

    /// What cameras were shown, if anything can have been.
    fn shown(&self, day: u32) -> Result<Option<DayKey>, DayKeyError> {
        let note = durable::read_limited(&self.path(day, "note"), SMALL)?;
        Ok(note.and_then(|note| Signed::<DayKey>::parse(&note).ok()).map(|note| note.value().clone()))
    }

    /// What the files of a day say.
    fn refresh(&self, day: u32) {
        let has = |what| self.path(day, what).exists();
        let state = if has("destroyed-proof") && !has("key") {
            DayState::Destroyed
        } else if has("destroyed") && !has("key") {
            DayState::Removed
        } else if !has("key") {
            DayState::Lost
        } else if has(PUBLISHED) {
            DayState::Published
        } else {
            DayState::Made
        };
        // SPEC: release.md#destroying-day-keys: at the time that was published, whatever the
        // configuration says since.
        let shown = self.shown(day).ok().flatten();
        let destroy_by = shown.map_or(self.destroyed_from(day), |key| key.destroy_by);
        self.days.lock().insert(day, OfDay { state, destroy_by });
    }

    fn state(&self, day: u32) -> Option<DayState> {
        self.days.lock().get(&day).map(|kept| kept.state)
    }

    fn path(&self, day: u32, what: &str) -> PathBuf {
        self.folder.join(format!("{day}.{what}"))
    }
}

/// Zeros over the key before its name goes, for file systems that write in place.
fn overwrite(path: &Path) -> Result<(), DurableError> {
    let zeros = || {
        let length = std::fs::metadata(path)?.len();
        let mut file = OpenOptions::new().write(true).open(path)?;
        file.write_all(&vec![b'0'; usize::try_from(length).unwrap_or(0)])?;
        file.sync_all()
    };
    zeros().map_err(|error| DurableError::at(path, error))
}

#[cfg(test)]
mod tests;
