//! The cameras of the book beside what the relay says of them now.

mod condition;
mod found;
mod recent;

pub use condition::{CameraState, Complaint, Condition};

use crate::book::{Camera, Stored, StoredCamera};
use crate::holders::{Holders, LoggedKeys};
use crate::state::{As, Owner};
use crate::zones;
use condition::Heard;
use media::epoch::EpochOpen;
use media::id::{CameraId, Day, TrackId};
use media::message::{CameraStatus, TrackStatus};
use media::notice::DayNotice;
use media::sign::PublicKey;
use media::time::{Micros, Seconds};
use quic::CallError;
use recent::Recent;
use relay_client::{EpochQuery, Session, calls, epochs};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Duration;

/// A clock that differs from the relay's by more than this is shown.
pub const CLOCK_TOLERANCE_MS: u64 = 30_000;

/// So long a retirement may take to reach camera and relay.
const RETIRING_SECS: u64 = 600;

/// How far the newest segments of the two tracks may be apart, microseconds: segments last 10 s at
/// the most, and on a slow uplink the second track gives way.
const LATELY_US: u64 = 30_000_000;
/// Epochs that overlap one moment: more than one only where a camera was restarted.
const EPOCHS_AT_ONCE: usize = 16;

/// One camera.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Status {
    pub name: String,
    /// SHA-256 over its key, hex.
    pub camera_id: String,
    pub policy_version: u32,
    /// When it was paired, Unix seconds.
    pub paired_at: u64,
    /// Whether its key was retired: nothing more is taken of it.
    pub retired: bool,
    /// What is to be done about its key, if anything is.
    pub to_do: Option<String>,
    /// How it is, by its own signed word; where there is none of late, that is said.
    pub condition: Condition,
    /// The number of the settings that it follows, by its own word; 0 for none, `None` where it said
    /// nothing of it.
    pub settings: Option<u64>,
    /// Whether it is connected, by the relay's word; what follows is that too.
    pub online: bool,
    pub segments: u64,
    pub bytes: u64,
    /// Start of the segment that the relay received last, by the camera's clock, Unix microseconds;
    /// 0 for none.
    pub newest_us: u64,
    /// The relay's clock minus the camera's.
    pub clock_offset_ms: i64,
    /// Whether that is more than [`CLOCK_TOLERANCE_MS`]: its footage stands at the wrong time.
    pub clock_is_off: bool,
    /// How often another connection with the camera's key took over, since the relay started. Once
    /// is a network that changed; a number that grows while the network is steady is a key that was
    /// copied: give the camera a new one.
    pub replaced: u64,
    /// How many of its EpochOpens told of another history of its identity, since the relay started:
    /// its key was copied, or it was put back from a backup.
    pub conflicts: u64,
    /// Bytes of the newest minute over its filmed time; `None` where nothing of it could be read.
    pub bits_per_second: Option<u64>,
    /// Earlier segments that still waited in the camera's spool when its newest one began, by the
    /// camera's sealed word.
    pub waiting: Option<u32>,
    /// Whether it films a second picture now, as far as the relay shows.
    pub second: bool,
    /// What is stored of each picture; those of which nothing is are not there.
    pub tracks: Vec<StoredTrack>,
    /// Who can still open what it films, by its newest EpochOpen; `None` where there is none.
    pub holders: Option<Holders>,
}

/// What the relay holds of one picture, by its word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct StoredTrack {
    /// 0 is the main picture, 1 the second one.
    pub track: u32,
    pub segments: u64,
    pub bytes: u64,
    /// Start of its newest segment by the camera's clock, Unix microseconds.
    pub newest_us: u64,
}

impl Status {
    /// What is stored of this picture.
    pub fn track(&self, track: TrackId) -> Option<&StoredTrack> {
        self.tracks.iter().find(|held| held.track == track.0)
    }
}

/// Asks the relay, and puts its answer beside the book. The relay is believed for availability
/// only.
pub async fn status(owner: &Owner) -> Result<Vec<Status>, CallError> {
    Asking::new(owner).status(owner).await
}

/// The DayNotice of a day, which the camera signed.
pub(crate) async fn notice_of(
    session: &mut Session,
    camera_key: &PublicKey,
    day: Day,
) -> Result<Option<DayNotice>, CallError> {
    let asked = session.ask(&calls::day_notice(CameraId::of_key(camera_key), day)).await;
    let notice = relay_client::found(asked)?;
    Ok(notice.and_then(|bytes| DayNotice::decode_verified(&bytes, camera_key).ok()))
}

/// A session that is kept, and what was read on it.
#[derive(Debug)]
pub(crate) struct Asking {
    session: Session,
    recent: BTreeMap<CameraId, Recent>,
    /// What each camera said of itself.
    heard: BTreeMap<CameraId, Heard>,
    /// The newest EpochOpen of each camera's main picture, and the DayNotice of its day.
    opens: BTreeMap<CameraId, (EpochOpen, Option<DayNotice>)>,
}

impl Asking {
    pub(crate) fn new(owner: &Owner) -> Self {
        let (recent, heard, opens) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { session: owner.session(As::Device), recent, heard, opens }
    }

    /// What the relay says, beside the book; nothing of the footage is read.
    pub(crate) async fn listed(&mut self, owner: &Owner) -> Result<Vec<Status>, CallError> {
        let told = self.session.ask(&calls::cameras()).await?;
        found::find(owner, &mut self.session, &told).await;
        let stored = owner.stored();
        let mut all: Vec<_> = stored.cameras.iter().map(|camera| beside(camera, &told)).collect();
        for (status, camera) in all.iter_mut().zip(&stored.cameras) {
            status.to_do = to_do(&stored, camera, status);
            let signed = told.iter().find(|told| told.camera_id == camera.camera_id).map(|told| &told.health);
            let heard = self.heard.entry(camera.camera_id).or_default();
            heard.take(owner, camera, signed).await;
            status.settings = heard.word().and_then(|word| word.settings());
            status.condition = condition::of(status, heard.word(), owner.now_us());
            match zones::note(camera.ignored.0) {
                Some((text, true)) => status.condition.troubles.push(Complaint { kind: "zones", text }),
                Some((text, false)) => status.condition.notes.push(text),
                None => {}
            }
        }
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }

    pub(crate) async fn status(&mut self, owner: &Owner) -> Result<Vec<Status>, CallError> {
        let mut all = self.listed(owner).await?;
        let stored = owner.stored();
        let keys = LoggedKeys::of(&stored);
        // Of a retired camera nothing is new.
        for status in all.iter_mut().filter(|status| !status.retired) {
            let main = status.track(TrackId::MAIN).map(|main| Micros(main.newest_us));
            let (Some(camera), Some(newest)) = (stored.camera(&status.name), main) else { continue };
            // What cannot be read of the footage does not make the camera vanish.
            match self.recent(owner, camera, newest).await {
                Ok(recent) => {
                    status.bits_per_second = recent.bits_per_second();
                    status.waiting = recent.waiting;
                }
                Err(error) => tracing::debug!(%error, camera = %camera.camera_id, "no heads"),
            }
            match self.newest_open(camera, newest).await {
                Ok(open) => {
                    let holders = |(open, notice): &(EpochOpen, Option<DayNotice>)| {
                        Holders::of(camera, &keys, open, notice.as_ref()).ok().flatten()
                    };
                    status.holders = open.and_then(holders);
                }
                Err(error) => tracing::debug!(%error, camera = %camera.camera_id, "no EpochOpen"),
            }
        }
        Ok(all)
    }

    /// The EpochOpen of the newest segment and the DayNotice of its day, which the camera signed.
    async fn newest_open(
        &mut self,
        camera: &StoredCamera,
        newest_us: Micros,
    ) -> Result<Option<&(EpochOpen, Option<DayNotice>)>, CallError> {
        let id = camera.camera_id;
        if !self.opens.get(&id).is_some_and(|kept| still_tells(kept, newest_us)) {
            let camera_key =
                camera.camera_key().map_err(|_| CallError::Unexpected("no key of the camera"))?;
            let to_us = newest_us.after(Duration::from_micros(1));
            let query = EpochQuery { camera_key, track: TrackId::MAIN, from_us: newest_us, to_us };
            let found = epochs(&self.session.link().await?, query, EPOCHS_AT_ONCE).await?;
            self.opens.remove(&id);
            if let Some(epoch) = found.last() {
                let open = epoch.open().clone();
                let notice = notice_of(&mut self.session, &camera_key, open.context.day()).await?;
                self.opens.insert(id, (open, notice));
            }
        }
        Ok(self.opens.get(&id))
    }

    async fn recent(
        &mut self,
        owner: &Owner,
        camera: &StoredCamera,
        newest_us: Micros,
    ) -> Result<&Recent, CallError> {
        let recent = match self.recent.entry(camera.camera_id) {
            Entry::Occupied(kept) => kept.into_mut(),
            Entry::Vacant(place) => place.insert(Recent::of(camera)?),
        };
        recent.read(owner, &mut self.session, camera, newest_us).await?;
        Ok(recent)
    }
}

/// Whether what is kept is an answer at this moment too. That there was no DayNotice is none: it may have come.
fn still_tells((open, notice): &(EpochOpen, Option<DayNotice>), at: Micros) -> bool {
    notice.is_some() && (open.context.start_us..open.context.end_us()).contains(&at)
}

fn beside(camera: &StoredCamera, told: &[CameraStatus]) -> Status {
    let Camera { name, camera_id, policy_version, paired_at, retired } = camera.shown();
    let told = told.iter().find(|told| told.camera_id == camera.camera_id);
    let tracks: Vec<StoredTrack> =
        told.map_or_else(Vec::new, |told| told.tracks.iter().map(StoredTrack::of).collect());
    let newest_us = told.and_then(|told| told.newest_us).map_or(0, |newest| newest.0);
    let clock_offset_ms = told.map_or(0, |told| told.clock_offset_ms);
    let sum = |of: fn(&StoredTrack) -> u64| tracks.iter().map(of).fold(0, u64::saturating_add);
    Status {
        name,
        camera_id,
        policy_version,
        paired_at,
        retired,
        to_do: None,
        condition: Condition::default(),
        settings: None,
        online: told.is_some_and(|told| told.online),
        segments: sum(|track| track.segments),
        bytes: sum(|track| track.bytes),
        newest_us,
        clock_offset_ms,
        clock_is_off: clock_offset_ms.unsigned_abs() > CLOCK_TOLERANCE_MS,
        replaced: told.map_or(0, |told| told.replaced),
        conflicts: told.map_or(0, |told| told.conflicts),
        bits_per_second: None,
        waiting: None,
        second: tracks.iter().any(|track| {
            track.track == TrackId::SUB.0 && track.newest_us.saturating_add(LATELY_US) >= newest_us
        }),
        tracks,
        holders: None,
    }
}

/// What an owner does about a camera whose key should not be good any more.
fn to_do(stored: &Stored, camera: &StoredCamera, seen: &Status) -> Option<String> {
    let since = camera.policies.last().map_or(0, |last| last.since).saturating_add(RETIRING_SECS);
    if stored.is_unsponsored(camera) {
        return Some(
            "nothing that it films can be released to anybody: candor owner audit says why".to_owned(),
        );
    }
    let why = if stored.is_to_be_retired(camera) {
        "it has a new key, and this one is still good"
    } else if seen.retired && received(seen) > Seconds(since) {
        "it is retired, and the relay still takes it"
    } else {
        return None;
    };
    Some(format!("{why}: candor owner camera retire \"{}\"", camera.name))
}

/// When the relay had its newest segment, by the relay's clock: the camera's may be any. A link that is open
/// says nothing of what is taken on it.
fn received(seen: &Status) -> Seconds {
    let offset_us = if seen.newest_us == 0 { 0 } else { seen.clock_offset_ms.saturating_mul(1000) };
    Micros(seen.newest_us.saturating_add_signed(offset_us)).seconds()
}

impl StoredTrack {
    fn of(told: &TrackStatus) -> Self {
        let TrackStatus { track, segments, bytes, newest_us } = *told;
        Self { track: track.0, segments, bytes, newest_us: newest_us.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::{Base64, StoredPolicy, fixtures};
    use media::epoch::EpochContext;
    use media::id::{CameraId, EpochNo};

    /// A DayNotice that came a moment after its first EpochOpen left its trustees without one on the page until
    /// the next epoch.
    #[test]
    fn an_absent_notice_is_asked_for_again() {
        let open = stage::bare::open(EpochContext {
            camera_id: CameraId([1; 32]),
            track: TrackId::MAIN,
            epoch_no: EpochNo(3),
            start_us: Micros(10),
            dur_ms: 1,
            policy_hash: [0; 32],
            notice_commit: [0; 32],
            t: 0,
            n: 0,
        });
        let camera_id = CameraId([1; 32]);
        let notice = DayNotice { camera_id, day: Day(0), notice_commit: [0; 32], slots: Vec::new() };
        let kept = (open.clone(), Some(notice));
        assert!(still_tells(&kept, Micros(10)) && still_tells(&kept, Micros(1009)));
        assert!(!still_tells(&kept, Micros(9)) && !still_tells(&kept, Micros(1010)));
        assert!(!still_tells(&(open, None), Micros(10)));
    }

    #[test]
    fn a_retired_camera_is_taken_where_the_relay_had_something_of_it_since_whatever_its_clock_says() {
        const SINCE: u64 = 1_000_000;
        let mut camera = fixtures::camera("door", fixtures::policy(CameraId([1; 32]), 0, Vec::new()), Day(9));
        let last = fixtures::policy(CameraId([1; 32]), 0, Vec::new());
        let last = media::policy::OwnerPolicy { version: 2, prev_hash: [1; 32], epoch_len_s: 0, ..last };
        let last = last.sign(&ed25519_dalek::SigningKey::from_bytes(&[1; 32])).unwrap();
        let first = camera.policies[0].clone();
        camera.policies.push(StoredPolicy { policy: Base64(last.bytes().to_vec()), since: SINCE, ..first });
        let told = |online, newest: u64, clock_offset_ms| {
            let newest_us = (newest > 0).then(|| Seconds(newest).micros());
            let told = CameraStatus {
                camera_id: CameraId([1; 32]),
                online,
                newest_us,
                clock_offset_ms,
                replaced: 0,
                conflicts: 0,
                health: Vec::new(),
                tracks: Vec::new(),
            };
            let seen = beside(&camera, &[told]);
            assert!(seen.retired);
            to_do(&Stored::default(), &camera, &seen).is_some()
        };
        let hour = 3_600_000;
        assert!(
            !told(true, SINCE - 1, 0) && !told(true, 0, i64::MAX),
            "a link is open, and nothing is taken"
        );
        assert!(!told(true, SINCE + 3_600, -hour), "filmed before, by a clock that is ahead");
        assert!(!told(false, SINCE + RETIRING_SECS, 0), "a retirement takes its time");
        assert!(told(false, SINCE + RETIRING_SECS + 1, 0));
        assert!(told(false, SINCE - 1_000, hour), "taken since, by a clock that is behind");
    }

    #[test]
    fn a_camera_is_shown_with_the_relays_word_and_a_wrong_clock() {
        let camera = StoredCamera {
            name: "door".to_owned(),
            camera_id: CameraId([1; 32]),
            model: String::new(),
            enrollment: Base64::default(),
            policies: Vec::new(),
            notice_from: 0,
            paired_at: 5,
            welcomed: true,
            replaces: None,
            ignored: Default::default(),
            epochs_checked: std::collections::BTreeMap::new(),
        };
        let told = |at: u8, clock_offset_ms| CameraStatus {
            camera_id: CameraId([at; 32]),
            online: true,
            newest_us: Some(Micros(4)),
            clock_offset_ms,
            replaced: 6,
            conflicts: 2,
            health: Vec::new(),
            tracks: Vec::new(),
        };
        assert!(!beside(&camera, &[told(2, 0)]).online, "another's word is not this camera's");
        let shown = beside(&camera, &[told(2, 0), told(1, -30_001)]);
        assert_eq!((shown.online, shown.newest_us, shown.clock_is_off), (true, 4, true));
        assert_eq!((shown.replaced, shown.conflicts), (6, 2));
        assert!(!beside(&camera, &[told(1, 30_000)]).clock_is_off);
        assert!(beside(&camera, &[told(1, i64::MIN)]).clock_is_off);

        // Of each picture by itself, and together; a relay's numbers may be any.
        let told = |newest_us, tracks: &[(u32, u64, u64)]| {
            let track = |&(track, segments, newest_us)| TrackStatus {
                track: TrackId(track),
                segments,
                bytes: u64::MAX,
                newest_us: Micros(newest_us),
            };
            let newest_us = Some(Micros(newest_us)).filter(|newest| newest.0 > 0);
            let tracks = tracks.iter().map(track).collect();
            beside(&camera, &[CameraStatus { newest_us, tracks, ..told(1, 0) }])
        };
        let shown = told(LATELY_US + 7, &[(0, 5, LATELY_US + 7), (1, 9, 7)]);
        assert_eq!((shown.segments, shown.bytes, shown.second), (14, u64::MAX, true));
        assert_eq!(shown.track(TrackId::SUB).map(|sub| (sub.segments, sub.newest_us)), Some((9, 7)));
        assert!(!told(LATELY_US + 8, &[(0, 5, LATELY_US + 8), (1, 9, 7)]).second, "not any more");
        assert!(told(7, &[(1, 9, u64::MAX)]).second, "the main one is away");
        assert!(!told(7, &[(0, 5, 7), (2, 5, 7)]).second && !told(0, &[]).second);
    }
}
