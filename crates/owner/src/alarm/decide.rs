//! What is worth a message. Pure: what was seen and the time come in, changes go out, each once.
//!
//! - A camera shows life when it has a session, or when its newest stored segment is another one
//!   than before. That there is none any more is retention, and no life.
//! - Without a sign of life for `after` it is offline; the next one brings it back. What is shorter
//!   is never told.
//! - One that is connected and not seen to film for `after` is told with the reason, and once more when
//!   it films: it has no picture, nothing of it is stored, or it says nothing. Rest by its owner's rule
//!   is none of these, and while it is offline that is enough.
//! - More than before of its EpochOpens tell of another history of its identity: that is told at once.
//! - A retired camera of which the relay takes more is told once, while it lasts; nothing else is said of it.
//! - A relay that cannot be asked for `after` is unreachable. Meanwhile nothing is known of
//!   cameras, and nothing is said of them: once it answers again each has the whole grace anew, for
//!   cameras find their way back no sooner than we do.
//!
//! What was told is kept from one process to the next ([`Decision::goes_on`]), and not told again.

use crate::status::{CameraState, Condition, Status};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

/// What changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
pub enum Change {
    /// No session and no new segment for `silent_secs`. `newest_us`: start of its newest stored
    /// segment, Unix microseconds, 0 for none.
    CameraOffline {
        camera: String,
        camera_id: String,
        newest_us: u64,
        silent_secs: u64,
    },
    CameraBack {
        camera: String,
        camera_id: String,
        away_secs: u64,
    },
    /// It is connected and not seen to film. `since`: by whoever says so, Unix seconds, 0 for nobody.
    NoPicture {
        camera: String,
        camera_id: String,
        state: CameraState,
        since: u64,
        reason: String,
    },
    PictureBack {
        camera: String,
        camera_id: String,
        dark_secs: u64,
    },
    /// It signed that another camera films with its key, or that it was put back from a backup;
    /// `conflicts`: how often, since the relay started.
    IdentityConflict {
        camera: String,
        camera_id: String,
        conflicts: u64,
    },
    /// Its key is retired, and the relay takes what it sends all the same.
    #[serde(rename = "retired-camera-taken")]
    RetiredTaken {
        camera: String,
        camera_id: String,
    },
    /// Something moved in sight of a camera that its owner asked for. Times are the camera's, Unix
    /// microseconds; `local_time`: when it began, by the clocks of the machine that tells.
    Motion {
        camera: String,
        camera_id: String,
        from_us: u64,
        /// As far as it is known.
        to_us: u64,
        local_time: String,
        goes_on: bool,
        /// The most of the picture that changed at once.
        permille: u16,
        /// How often something moved since the last message that was not told.
        untold: u32,
    },
    /// Motion is to be told of it, and cannot be seen. `camera_id` is empty where no camera has the name.
    MotionUnseen {
        camera: String,
        camera_id: String,
        reason: String,
    },
    MotionSeen {
        camera: String,
        camera_id: String,
    },
    /// Nothing is known of any camera.
    RelayUnreachable {
        reason: String,
        silent_secs: u64,
    },
    RelayBack {
        away_secs: u64,
    },
}

impl Change {
    /// Its word in JSON.
    pub fn event(&self) -> &'static str {
        match self {
            Self::CameraOffline { .. } => "camera-offline",
            Self::CameraBack { .. } => "camera-back",
            Self::NoPicture { .. } => "no-picture",
            Self::PictureBack { .. } => "picture-back",
            Self::IdentityConflict { .. } => "identity-conflict",
            Self::RetiredTaken { .. } => "retired-camera-taken",
            Self::Motion { .. } => "motion",
            Self::MotionUnseen { .. } => "motion-unseen",
            Self::MotionSeen { .. } => "motion-seen",
            Self::RelayUnreachable { .. } => "relay-unreachable",
            Self::RelayBack { .. } => "relay-back",
        }
    }

    /// Name and id of the camera that it is about.
    pub fn camera(&self) -> Option<(&str, &str)> {
        match self {
            Self::CameraOffline { camera, camera_id, .. }
            | Self::CameraBack { camera, camera_id, .. }
            | Self::NoPicture { camera, camera_id, .. }
            | Self::PictureBack { camera, camera_id, .. }
            | Self::IdentityConflict { camera, camera_id, .. }
            | Self::Motion { camera, camera_id, .. }
            | Self::MotionUnseen { camera, camera_id, .. }
            | Self::MotionSeen { camera, camera_id }
            | Self::RetiredTaken { camera, camera_id } => Some((camera, camera_id)),
            Self::RelayUnreachable { .. } | Self::RelayBack { .. } => None,
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CameraOffline { camera, newest_us: 0, silent_secs, .. } => {
                write!(f, "{camera} is offline for {silent_secs} s; nothing of it is stored yet")
            }
            Self::CameraOffline { camera, silent_secs, .. } => {
                write!(f, "{camera} is offline for {silent_secs} s: look after its power and its network")
            }
            Self::CameraBack { camera, away_secs, .. } => write!(f, "{camera} is back after {away_secs} s"),
            Self::NoPicture { camera, reason, .. } => write!(f, "{camera}: {reason}"),
            Self::PictureBack { camera, dark_secs, .. } => {
                write!(f, "{camera} is seen to film again after {dark_secs} s")
            }
            Self::IdentityConflict { camera, .. } => {
                write!(
                    f,
                    "another camera films with the key of {camera}, or {camera} was put back from a backup: look with `candor owner audit`, and give it a new key with `candor owner camera rekey`"
                )
            }
            Self::RetiredTaken { camera, .. } => {
                write!(
                    f,
                    "{camera} is retired, and the relay still takes what films with its key: tell the relay again with `candor owner camera retire \"{camera}\"`, and ask its operator"
                )
            }
            Self::Motion { camera, from_us, to_us, local_time, goes_on, untold, .. } => {
                match goes_on {
                    true => write!(f, "something moves at {camera} since {local_time}")?,
                    false => {
                        let secs = to_us.saturating_sub(*from_us).div_ceil(1_000_000);
                        write!(f, "something moved at {camera} at {local_time}, for {secs} s")?;
                    }
                }
                match untold {
                    0 => Ok(()),
                    1 => f.write_str("; once more since the last message"),
                    times => write!(f, "; {times} times more since the last message"),
                }
            }
            Self::MotionUnseen { camera, reason, .. } => {
                write!(f, "whether something moves at {camera} is not seen: {reason}")
            }
            Self::MotionSeen { camera, .. } => write!(f, "what moves at {camera} is seen again"),
            Self::RelayUnreachable { reason, silent_secs } => {
                write!(
                    f,
                    "the relay is not reached for {silent_secs} s, so nothing is known of the cameras: {reason}"
                )
            }
            Self::RelayBack { away_secs } => write!(f, "the relay answers again after {away_secs} s"),
        }
    }
}

/// What is known so far. Times count from any moment that stays the same.
#[derive(Debug, Serialize, Deserialize)]
pub struct Decision {
    after: Duration,
    /// When the relay answered last; before the first answer, when it was asked first.
    answered: Option<Duration>,
    is_failing: bool,
    is_unreachable: bool,
    cameras: BTreeMap<String, KnownCamera>,
    /// The retired ones that were told.
    taken: BTreeSet<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct KnownCamera {
    /// Its last sign of life, or since when one is waited for.
    alive: Duration,
    newest_us: u64,
    is_offline: bool,
    /// Since when it is not seen to film, though it is connected,
    dark: Option<Duration>,
    /// and whether that was told.
    is_dark: bool,
    /// How many were told of.
    conflicts: u64,
}

impl Decision {
    pub fn new(after: Duration) -> Self {
        let (cameras, taken) = (BTreeMap::new(), BTreeSet::new());
        Self { after, answered: None, is_failing: false, is_unreachable: false, cameras, taken }
    }

    /// One that was kept, in another process: what was told stands, and the rest is seen anew.
    pub fn goes_on(self, after: Duration) -> Self {
        let cameras = self.cameras.into_iter().map(|(id, known)| {
            let dark = known.dark.filter(|_| known.is_dark);
            (id, KnownCamera { dark, ..known })
        });
        let answered = self.answered.filter(|_| self.is_unreachable);
        // As after an outage of the relay's: each camera has its whole grace.
        Self { after, answered, is_failing: true, cameras: cameras.collect(), ..self }
    }

    /// How much of what was told still is: it falls where something ended of which nothing is told.
    pub(super) fn told(&self) -> (usize, u64) {
        let conflicts = self.cameras.values().map(|known| known.conflicts);
        (self.taken.len(), conflicts.fold(0, u64::saturating_add))
    }

    /// The grace.
    pub(super) fn after(&self) -> Duration {
        self.after
    }

    /// Takes the relay's answer, or why there is none.
    pub fn handle(&mut self, now: Duration, seen: Result<&[Status], &str>) -> Vec<Change> {
        let answered = *self.answered.get_or_insert(now);
        let silent = now.saturating_sub(answered);
        match seen {
            Err(reason) => {
                self.is_failing = true;
                if self.is_unreachable || silent < self.after {
                    return Vec::new();
                }
                self.is_unreachable = true;
                vec![Change::RelayUnreachable { reason: reason.to_owned(), silent_secs: silent.as_secs() }]
            }
            Ok(cameras) => {
                let mut changes = Vec::new();
                if std::mem::take(&mut self.is_unreachable) {
                    changes.push(Change::RelayBack { away_secs: silent.as_secs() });
                }
                if std::mem::take(&mut self.is_failing) {
                    self.cameras.values_mut().for_each(|known| known.begin_anew(now));
                }
                self.answered = Some(now);
                self.cameras.retain(|id, _| cameras.iter().any(|camera| camera.camera_id == *id));
                let (retired, at_work): (Vec<_>, Vec<_>) = cameras.iter().partition(|camera| camera.retired);
                changes.extend(at_work.into_iter().flat_map(|camera| self.camera(now, camera)));
                // All that there is to do about a retired one.
                let taken = retired.into_iter().filter(|camera| camera.to_do.is_some());
                let before = std::mem::take(&mut self.taken);
                for Status { name, camera_id, .. } in taken {
                    self.taken.insert(camera_id.clone());
                    if !before.contains(camera_id) {
                        let (camera, camera_id) = (name.clone(), camera_id.clone());
                        changes.push(Change::RetiredTaken { camera, camera_id });
                    }
                }
                changes
            }
        }
    }

    fn camera(&mut self, now: Duration, seen: &Status) -> Vec<Change> {
        let new = KnownCamera {
            alive: now,
            newest_us: seen.newest_us,
            is_offline: false,
            dark: None,
            is_dark: false,
            conflicts: 0,
        };
        let known = self.cameras.entry(seen.camera_id.clone()).or_insert(new);
        // A relay that has started again counts from 0: fewer than before are others.
        let told = std::mem::replace(&mut known.conflicts, seen.conflicts);
        let conflict = (seen.conflicts > 0 && seen.conflicts != told).then(|| Change::IdentityConflict {
            camera: seen.name.clone(),
            camera_id: seen.camera_id.clone(),
            conflicts: seen.conflicts,
        });
        let life = known.life(now, seen, self.after);
        conflict.into_iter().chain(life).chain(known.picture(now, seen, self.after)).collect()
    }
}

impl KnownCamera {
    /// What was not told yet has the whole grace from now on.
    fn begin_anew(&mut self, now: Duration) {
        if !self.is_offline {
            self.alive = now;
        }
        self.dark = self.dark.filter(|_| self.is_dark);
    }

    fn picture(&mut self, now: Duration, seen: &Status, after: Duration) -> Option<Change> {
        let (camera, camera_id) = (seen.name.clone(), seen.camera_id.clone());
        let Condition { state, since, text, .. } = &seen.condition;
        match state {
            CameraState::NoPicture | CameraState::NotStored | CameraState::Silent => {
                let dark = *self.dark.get_or_insert(now);
                if self.is_dark || now.saturating_sub(dark) < after {
                    return None;
                }
                self.is_dark = true;
                let (state, since, reason) = (*state, *since, text.clone());
                Some(Change::NoPicture { camera, camera_id, state, since, reason })
            }
            CameraState::Filming | CameraState::NothingMoves => {
                let dark = self.dark.take().filter(|_| std::mem::take(&mut self.is_dark))?;
                let dark_secs = now.saturating_sub(dark).as_secs();
                Some(Change::PictureBack { camera, camera_id, dark_secs })
            }
            CameraState::Resting => {
                self.dark = self.dark.filter(|_| self.is_dark);
                None
            }
            // It says nothing of the picture: a link that comes and goes gives no new grace.
            CameraState::Offline => None,
        }
    }

    fn life(&mut self, now: Duration, seen: &Status, after: Duration) -> Option<Change> {
        let (camera, camera_id, known) = (seen.name.clone(), seen.camera_id.clone(), self);
        let stored = std::mem::replace(&mut known.newest_us, seen.newest_us);
        let silent = now.saturating_sub(known.alive);
        if seen.online || (seen.newest_us != 0 && stored != seen.newest_us) {
            known.alive = now;
            let was_offline = std::mem::take(&mut known.is_offline);
            if was_offline {
                known.dark = known.dark.filter(|_| known.is_dark);
            }
            return was_offline.then_some(Change::CameraBack {
                camera,
                camera_id,
                away_secs: silent.as_secs(),
            });
        }
        if known.is_offline || silent < after {
            return None;
        }
        known.is_offline = true;
        Some(Change::CameraOffline {
            camera,
            camera_id,
            newest_us: seen.newest_us,
            silent_secs: silent.as_secs(),
        })
    }
}

#[cfg(test)]
pub(super) mod tests;
