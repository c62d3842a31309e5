//! Keys of days: one random X-Wing key each, made days ahead without a master, published once its
//! leaf is in the log, destroyed after retention. Contract: proto/release.md#day-keys.
//!
//! ```text
//! days/restored                 somebody restored the folder: what is not in it is lost for good
//! days/20780.key                the private key; removed at the time that the note states
//! days/20780.note               the signed day key, as cameras fetch it
//! days/20780.leaf               the leaf that announces it    days/20780.proof             its proof: from here on it is served
//! days/20780.removing           the key is being destroyed: if it is not here, that is why
//! days/20780.destroyed          the leaf that says it is gone, and why    days/20780.destroyed-proof     its proof
//! ```
//!
//! The files are written in this order, each whole or not at all, so that after a crash the next
//! step is plain from what is there. A key is a file of its own and not a row of a database: a
//! removed row stays in the database's free pages. Time is an argument.
//!
//! In scope: making, reading, removing. Out of scope: the log ([`crate::append`]), whether a share
//! may be opened (`escrow::grant`).

mod here;

use crate::folder::{self, DAYS, RESTORED};
use escrow::daykeys::{DayKey, PublishedDayKey, TYPE, is_kept_within};
use escrow::record::{DayKeysLeaf, KeyDestroyed, KeyEnd, Name, RecordError, Seconds, Signed, Vkey};
use escrow::register::LoggedKey;
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
use tlog::proof::TlogProof;
use tlog::{Entry as _, Hash};

/// Days between the end of retention and the destruction of a key: requests that were logged in
/// time can still be granted.
pub(crate) const GRACE_DAYS: u32 = 7;
const LABEL: &str = "day-key";
const PUBLISHED: &str = "published";
const REMOVING: &str = "removing";
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
    /// The same, and the log says so: cameras deal to it no more.
    DeclaredLost,
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

/// What the log says of this trustee's keys, as far as it was read.
#[derive(Debug)]
pub(crate) struct Word<'a> {
    pub(crate) keys: BTreeMap<u32, &'a [LoggedKey]>,
    /// Entries read.
    pub(crate) size: u64,
    /// How long a key may be kept by the rules in force; none where they do not name this trustee: then
    /// what it logs counts nowhere.
    pub(crate) max_secs: Option<u64>,
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
    /// Which key it is, if any is here.
    held: Option<Hash>,
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
        Ok((self.id_of(day.0, &secret) == *id).then_some(secret))
    }

    /// Removes the private keys whose time is over; one that cannot be removed keeps no other.
    pub(crate) fn destroy(&self, now: Seconds, trustee: &Signer) -> Result<(), DayKeyError> {
        let (days, mut done) = (self.days.lock().clone(), Ok(()));
        for (day, kept) in days {
            let is_due = match kept.state {
                DayState::Made | DayState::Published => now >= kept.destroy_by,
                DayState::Lost => self.path(day, REMOVING).exists(),
                DayState::Removed | DayState::Destroyed | DayState::DeclaredLost => false,
            };
            if is_due {
                done = done.and(self.remove(day, trustee, now));
            } else if kept.state == DayState::Lost && now >= kept.destroy_by && self.path(day, "key").exists()
            {
                // No key of this day; what is said of it, `tend` says.
                done = done.and(self.erase(day));
            }
        }
        done
    }

    /// Compares what is here with the log, makes what is missing up to `days_ahead`, and says which
    /// leaves are due.
    ///
    /// `word` is read to a fresh head: a day has one live key, and a second one only once the first is
    /// lost by this trustee's own word.
    pub(crate) fn tend(
        &self,
        now: Seconds,
        trustee: &Signer,
        word: &Word<'_>,
    ) -> Result<Vec<Due>, DayKeyError> {
        let restored = self.folder.join(RESTORED);
        let is_final = restored.exists();
        // Also days that are over: a folder that was lost can open none of them any more.
        for (day, keys) in &word.keys {
            self.compare(*day, keys)?;
            match keys.last().filter(|key| key.ended.is_none()) {
                Some(live) if self.state(*day) == Some(DayState::Lost) => {
                    if is_final || now >= live.destroy_by {
                        // What may still be here in its place is no key of this day.
                        self.erase(*day)?;
                        self.say_ended(*day, live.key_id, KeyEnd::Lost, trustee, now)?;
                    }
                }
                Some(_) | None => {}
            }
        }
        self.withdraw_uncounted(word, trustee, now)?;
        let today = now.day().0;
        for day in today..=today.saturating_add(self.terms.days_ahead) {
            let last = word.keys.get(&day).and_then(|keys| keys.last());
            // SPEC: release.md#lost-day-keys: a second key of a day MUST NOT be made before the log has that
            // the first is lost.
            if last.is_none_or(|last| last.ended == Some(KeyEnd::Lost)) {
                self.make(day, trustee, now)?;
            }
        }
        if is_final {
            durable::remove(&restored)?;
        }
        self.due(word)
    }

    /// Serves no key whose leaf was read in the log and does not count there: the rules were others, or
    /// another key was first. It is announced anew, in a new text, once it can count.
    fn withdraw_uncounted(&self, word: &Word<'_>, trustee: &Signer, now: Seconds) -> Result<(), DayKeyError> {
        let days = self.days.lock().clone();
        for (day, kept) in days {
            let keys = word.keys.get(&day).copied().unwrap_or_default();
            let counts = keys.iter().any(|key| Some(key.key_id) == kept.held);
            if kept.state != DayState::Published || counts || !self.is_logged_within(day, word.size)? {
                continue;
            }
            tracing::error!(day, "the log does not count the key of this day: it is not served any more");
            for what in [PUBLISHED, "leaf"] {
                durable::remove(&self.path(day, what))?;
            }
            self.refresh(day);
            if keys.is_empty() {
                self.make(day, trustee, now)?;
            }
        }
        Ok(())
    }

    /// Whether the leaf of a published key is among so many first entries of the log.
    fn is_logged_within(&self, day: u32, size: u64) -> Result<bool, DayKeyError> {
        let bytes = durable::read_limited(&self.path(day, PUBLISHED), limits::DAY_KEYS as u64)?;
        let published = bytes.and_then(|bytes| media::codec::decode::<PublishedDayKey>(TYPE, &bytes).ok());
        let proof = published.and_then(|published| TlogProof::parse(&published.proof).ok());
        Ok(proof.is_some_and(|proof| proof.index() < size))
    }

    /// Holds what is here of a day against the log. What the log does not know as the day's key is a
    /// copy that came back with an older folder, and goes.
    fn compare(&self, day: u32, keys: &[LoggedKey]) -> Result<(), DayKeyError> {
        let live = keys.last().filter(|key| key.ended.is_none());
        let held = self.days.lock().get(&day).and_then(|kept| kept.held);
        let is_old = match (live, held) {
            (Some(live), Some(held)) => live.key_id != held,
            // What is here may be about the one before, which is lost.
            (Some(live), None) => {
                let about = self.said(day).map(|said| said.key_id);
                about.or(self.shown(day)?.map(|note| note.id())).is_some_and(|about| about != live.key_id)
            }
            (None, Some(held)) => keys.iter().any(|key| key.key_id == held),
            // A file that cannot be read as a key, beside the note of one that has ended.
            (None, None) => {
                let note = self.shown(day)?.filter(|_| self.path(day, "key").exists());
                note.is_some_and(|note| keys.iter().any(|key| key.key_id == note.id()))
            }
        };
        // SPEC: release.md#lost-day-keys: a copy that turns up MUST NOT be used, and is removed.
        if is_old {
            self.wipe(day)?;
        }
        if let Some(live) = live
            && self.state(day).is_none()
        {
            tracing::error!(
                day,
                "the log has a key of this day that is not here: its shares cannot be opened by this trustee"
            );
            let lost = OfDay { state: DayState::Lost, destroy_by: live.destroy_by, held: None };
            self.days.lock().insert(day, lost);
        }
        Ok(())
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
        if key.exists() && leaf.exists() {
            return Ok(());
        }
        if !key.exists() {
            // Of one that was lost, and whose end the log has.
            self.clear(day)?;
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
        let announced = DayKeysLeaf { trustee: name, vkey, day, key_id, keys, destroy_by, time: now };
        durable::write_atomic(&leaf, Signed::sign(announced, &[trustee])?.entry_bytes())?;
        self.refresh(day);
        Ok(())
    }

    // SPEC: release.md#destroying-day-keys: a trustee MUST destroy the private key at the
    // `destroy-by` of the note, and log it when it can.
    /// Removes the private key, and only then writes the leaf that says so.
    fn remove(&self, day: u32, trustee: &Signer, now: Seconds) -> Result<(), DayKeyError> {
        // A key that is gone without it was lost, and is not said to have been destroyed.
        durable::write_atomic(&self.path(day, REMOVING), b"")?;
        self.erase(day)?;
        tracing::info!(day, "the private key of this day is destroyed");
        match self.shown(day)? {
            Some(note) => self.say_ended(day, note.id(), KeyEnd::Due, trustee, now),
            // Nobody was ever shown a key of this day: there is nothing to say.
            None => self.clear(day),
        }
    }

    /// Writes the leaf that says that a key of this day is here no more.
    fn say_ended(
        &self,
        day: u32,
        key_id: Hash,
        reason: KeyEnd,
        trustee: &Signer,
        now: Seconds,
    ) -> Result<(), DayKeyError> {
        let leaf = self.path(day, "destroyed");
        if !leaf.exists() {
            let gone = KeyDestroyed { trustee: self.name.clone(), day, key_id, reason, time: now };
            durable::write_atomic(&leaf, Signed::sign(gone, &[trustee])?.entry_bytes())?;
        }
        self.refresh(day);
        Ok(())
    }

    /// Removes the private key, for file systems that write in place too.
    fn erase(&self, day: u32) -> Result<(), DayKeyError> {
        let key = self.path(day, "key");
        if key.exists() {
            overwrite(&key)?;
            durable::remove(&key)?;
        }
        Ok(durable::sync_dir(&self.folder)?)
    }

    /// Removes the private key and all that is said of it here.
    fn wipe(&self, day: u32) -> Result<(), DayKeyError> {
        tracing::warn!(
            day,
            "a key of this day that the log knows as lost, destroyed or another's is removed"
        );
        self.erase(day)?;
        self.clear(day)
    }

    /// Removes what is said of a key that is gone, so that a crash in between leaves nothing that looks
    /// like another's.
    fn clear(&self, day: u32) -> Result<(), DayKeyError> {
        for what in ["destroyed-proof", "destroyed", PUBLISHED, "leaf", "note", REMOVING] {
            durable::remove(&self.path(day, what))?;
        }
        durable::sync_dir(&self.folder)?;
        self.days.lock().remove(&day);
        Ok(())
    }

    // SPEC: release.md#day-keys: a key that would count nowhere MUST NOT be announced.
    fn due(&self, word: &Word<'_>) -> Result<Vec<Due>, DayKeyError> {
        let mut due = Vec::new();
        let days = self.days.lock().clone();
        for (day, kept) in days {
            let fits = |max_secs| is_kept_within(Day(day), kept.destroy_by, max_secs);
            let (leaf, what) = match kept.state {
                DayState::Made if !word.max_secs.is_some_and(fits) => {
                    // Made by other terms than those of now: it is made anew at the next look.
                    if word.max_secs.is_some() && kept.destroy_by != self.destroyed_from(day) {
                        durable::remove(&self.path(day, "leaf"))?;
                    }
                    continue;
                }
                DayState::Made => ("leaf", Said::Announced),
                DayState::Removed => ("destroyed", Said::Destroyed),
                DayState::Published | DayState::Destroyed | DayState::Lost | DayState::DeclaredLost => {
                    continue;
                }
            };
            if let Some(leaf) = durable::read_limited(&self.path(day, leaf), SMALL)? {
                due.push(Due { day, what, leaf });
            }
        }
        Ok(due)
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
