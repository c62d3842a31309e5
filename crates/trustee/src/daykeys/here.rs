//! What the files of a day say, and nothing else: no leaf is read in the log here.

use super::{DayKeyError, DayKeys, DayState, LABEL, OfDay, PUBLISHED, SMALL};
use escrow::daykeys::DayKey;
use escrow::record::{KeyDestroyed, KeyEnd, Seconds, Signed};
use host::durable;
use host::secret::{self, SecretError};
use media::id::Day;
use seal::hpke::SecretKey;
use std::path::{Path, PathBuf};
use tlog::Hash;

impl DayKeys {
    pub(super) fn read_secret(&self, path: &Path) -> Result<SecretKey, DayKeyError> {
        let bytes = secret::read(path, LABEL)?;
        let seed = <[u8; 32]>::try_from(&bytes[..]);
        seed.map(SecretKey::new).map_err(|_| DayKeyError::Malformed { path: path.to_owned() })
    }

    /// What cameras were shown, if anything can have been.
    pub(super) fn shown(&self, day: u32) -> Result<Option<DayKey>, DayKeyError> {
        let note = durable::read_limited(&self.path(day, "note"), SMALL)?;
        Ok(note.and_then(|note| Signed::<DayKey>::parse(&note).ok()).map(|note| note.value().clone()))
    }

    /// What the files of a day say.
    pub(super) fn refresh(&self, day: u32) {
        let has = |what| self.path(day, what).exists();
        let shown = self.shown(day).ok().flatten();
        let noted = shown.as_ref().map(DayKey::id);
        let held = match self.read_secret(&self.path(day, "key")) {
            Ok(secret) => Some(self.id_of(day, &secret)),
            // What cannot be read now is not lost: a mode or a disk is put right.
            Err(DayKeyError::Secret(SecretError::Exposed { .. } | SecretError::File(_))) => noted,
            Err(_) => None,
        };
        let state = if held.is_some() && noted.is_none_or(|noted| Some(noted) == held) {
            if has(PUBLISHED) { DayState::Published } else { DayState::Made }
        } else if has("key") {
            // Not the key that the note is about, or none.
            DayState::Lost
        } else if has("destroyed-proof") {
            let is_lost = self.said(day).is_some_and(|said| said.reason == KeyEnd::Lost);
            if is_lost { DayState::DeclaredLost } else { DayState::Destroyed }
        } else if has("destroyed") {
            DayState::Removed
        } else {
            DayState::Lost
        };
        // SPEC: release.md#destroying-day-keys: at the time that was published, whatever the
        // configuration says since.
        let destroy_by = shown.map_or(self.destroyed_from(day), |key| key.destroy_by);
        self.days.lock().insert(day, OfDay { state, destroy_by, held });
    }

    /// What the leaf here says that a key is gone.
    pub(super) fn said(&self, day: u32) -> Option<KeyDestroyed> {
        let leaf = durable::read_limited(&self.path(day, "destroyed"), SMALL).ok()??;
        Some(Signed::<KeyDestroyed>::parse(&leaf).ok()?.value().clone())
    }

    pub(super) fn id_of(&self, day: u32, secret: &SecretKey) -> Hash {
        let (trustee, public) = (self.name.clone(), secret.public());
        DayKey { trustee, day: Day(day), public, destroy_by: Seconds(0) }.id()
    }

    pub(super) fn state(&self, day: u32) -> Option<DayState> {
        self.days.lock().get(&day).map(|kept| kept.state)
    }

    pub(super) fn path(&self, day: u32, what: &str) -> PathBuf {
        self.folder.join(format!("{day}.{what}"))
    }
}
