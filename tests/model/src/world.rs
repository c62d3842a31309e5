//! What every run has: the rules, the owner's cameras with their notice keys, the requests as their
//! agencies sign them, and how a leaf becomes an entry of the log.
//!
//! All of it is made of the real records and signed by real keys, so that the register of `escrow` reads
//! it. What no step of the model looks at (details, release keys) is filled with bytes of no meaning.

use crate::asked::{Ask, BEHIND_MIDNIGHT, Epoch, FIRST_DAY, Words};
use crate::scope::Scope;
use escrow::policy::{Figures, PolicyDoc};
use escrow::record::{
    Country, DEVICE_KEY_NAME, EntryId, Kind, Request, SealedDetails, Signed, Span, Veto, Vkey,
    WRAPPED_KEY_BYTES, Word, WrappedKey,
};
use media::id::{CameraId, Day, DeviceId};
use media::time::Seconds;
use seal::notice::{NoticeKey, NoticeRoot};
use stage::keys::{key, name, officer, recovery, signer, sponsor, supervisor};
use stage::leaves;
use std::time::Duration;
use tlog::Hash;
use tlog::note::{Signer, UnverifiedNote};

/// So many seconds a recovery waits here: long enough for a veto, short enough to be over in a run.
const RECOVERY_WAIT_SECS: u64 = 60;
/// The last day of which a label can be.
const LAST_DAY: u32 = FIRST_DAY + 4;
/// By how much the clock of an owner may be behind those of the witnesses.
pub(crate) const OWNER_BEHIND_SECS: u64 = 25;

/// An entry's word: what it says, in the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Said {
    /// A request.
    Request(Ask),
    /// A device of the owner stops it.
    Veto(Ask),
    /// An honest trustee, by its number, lets it go.
    Grant(u8, Ask),
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) scope: Scope,
    pub(crate) rules: PolicyDoc,
    /// The device of the owner's policy that can say no.
    pub(crate) device: DeviceId,
    requests: Vec<Signed<Request>>,
    /// The day of the notice key under whose label the owner finds each of them.
    found_by: Vec<Option<u32>>,
    /// Whether the second is about the camera of the first, as its notice keys tell.
    same_camera: Vec<Vec<bool>>,
    log_key: Signer,
}

impl World {
    pub(crate) fn new(scope: Scope) -> Self {
        let figures = Figures {
            recovery_wait_secs: RECOVERY_WAIT_SECS,
            emergency_camera_max: 1,
            ..Figures::RECOMMENDED
        };
        let rules = leaves::rules().with_figures(figures);
        let cameras = [0, 1].map(NoticeKeys::of);
        let requests: Vec<_> = Ask::ALL.iter().map(|ask| request(*ask, &rules, &cameras)).collect();
        let labels = |keys: &NoticeKeys, of: &Signed<Request>| keys.day_of(of.value());
        let found_by = requests.iter().map(|of| cameras.iter().find_map(|keys| labels(keys, of))).collect();
        let same = |one: &Ask| {
            let keys = &cameras[usize::from(one.words().epoch.camera())];
            requests.iter().map(|of| labels(keys, of).is_some()).collect()
        };
        Self {
            device: DeviceId::of_key(&device().verifier().ed25519_key().unwrap()),
            same_camera: Ask::ALL.iter().map(same).collect(),
            log_key: stage::paper::log_key(),
            scope,
            rules,
            requests,
            found_by,
        }
    }

    /// The rules and the keys that count, as they stand first in every history.
    pub(crate) fn founding(&self) -> Vec<Vec<u8>> {
        let long_ago = moment(0).0 - 3600;
        let published = leaves::publication(&self.rules, long_ago);
        let founding = [vec![published], leaves::registrations(long_ago)].concat();
        founding.into_iter().map(|leaf| self.stamp(&leaf, Seconds(long_ago))).collect()
    }

    pub(crate) fn stamp(&self, leaf: &[u8], time: Seconds) -> Vec<u8> {
        let note = UnverifiedNote::parse(leaf).unwrap();
        tlog::stamp::stamp(&self.log_key, note, time.0).unwrap().encode()
    }

    pub(crate) fn request(&self, ask: Ask) -> &Signed<Request> {
        &self.requests[ask.at()]
    }

    /// The day of the notice key by which the owner finds a request, if any key of its cameras does.
    pub(crate) fn found_by(&self, ask: Ask) -> Option<u32> {
        self.found_by[ask.at()]
    }

    /// Whether `other` is about the camera of `ask`, as that camera's notice keys tell.
    pub(crate) fn is_same_camera(&self, ask: Ask, other: &EntryId) -> bool {
        let others = Ask::ALL.iter().filter(|one| self.requests[one.at()].value().id == *other);
        others.into_iter().any(|one| self.same_camera[ask.at()][one.at()])
    }

    /// The time of a moment of the scope.
    pub(crate) fn time(&self, moment: u8) -> Seconds {
        self::moment(self.scope.times[usize::from(moment)])
    }

    /// Whether an epoch was filmed by then.
    pub(crate) fn is_filmed(&self, epoch: Epoch, now: u8) -> bool {
        epoch.span().1 <= self.scope.times[usize::from(now)]
    }
}

/// So many seconds after the model's first day began.
pub(crate) fn moment(secs: u64) -> Seconds {
    Day(FIRST_DAY).start().after(Duration::from_secs(secs))
}

/// The leaf of a veto, about the request of this hash at this place.
pub(crate) fn veto(ask: Ask, index: u64, request: Hash) -> Vec<u8> {
    let veto = Veto {
        id: EntryId([100 + ask.words().id; 16]),
        device: Vkey::new(device().verifier()).unwrap(),
        request_index: index,
        request,
        time: moment(BEHIND_MIDNIGHT),
    };
    leaves::leaf(veto, &[&device(), &sponsor()])
}

/// The leaf of a grant.
pub(crate) fn grant(by: u8, ask: Ask, index: u64, entry: Vec<u8>) -> Vec<u8> {
    let id = id_of(&ask.words());
    leaves::grant(&leaves::Asked { index, id, time: moment(0).0, bytes: entry }, &stage::keys::trustee(by))
}

fn device() -> Signer {
    signer(DEVICE_KEY_NAME)
}

fn id_of(words: &Words) -> EntryId {
    EntryId([words.id; 16])
}

fn request(ask: Ask, rules: &PolicyDoc, cameras: &[NoticeKeys]) -> Signed<Request> {
    let words = ask.words();
    let by_agency = words.kind.is_by_agency();
    let basis = if words.kind == Kind::Legal { "court-order" } else { "danger-of-death" };
    let keys = &cameras[usize::from(words.epoch.camera())];
    let request = Request {
        id: id_of(&words),
        kind: words.kind,
        sponsor: name("relay.example"),
        agency: by_agency.then(|| name(words.agency)),
        country: by_agency.then(|| Country::new("US").unwrap()),
        basis: by_agency.then(|| Word::new(basis).unwrap()),
        span: Span::from_secs(10).unwrap(),
        needs: leaves::NEEDS,
        incident: None,
        policy: rules.hash(),
        release_key: Hash([ask as u8; 32]),
        label: Hash(keys.of_day(words.label_day).label(id_of(&words).as_bytes())),
        details: SealedDetails::new(vec![0; 1040]).unwrap(),
        details_key: WrappedKey::new(vec![0; WRAPPED_KEY_BYTES]).unwrap(),
        time: moment(words.time),
    };
    let (officer, supervisor) = (officer(words.agency), supervisor(words.agency));
    match words.kind {
        Kind::Emergency | Kind::Legal => Signed::sign(request, &[&officer, &supervisor, &sponsor()]).unwrap(),
        Kind::Recovery | Kind::OwnerShare => Signed::sign(request, &[&recovery(), &sponsor()]).unwrap(),
    }
}

/// The notice keys of one camera, by day.
struct NoticeKeys(Vec<(u32, NoticeKey)>);

impl NoticeKeys {
    fn of(camera: u8) -> Self {
        let id = CameraId::of_key(&key(40 + camera).verifying_key().to_bytes());
        let mut root = NoticeRoot::new([camera; 32]);
        let mut keys = Vec::new();
        for day in FIRST_DAY..=LAST_DAY {
            keys.push((day, root.key(&id, Day(day))));
            root = root.next(&id, Day(day));
        }
        Self(keys)
    }

    fn of_day(&self, day: u32) -> &NoticeKey {
        &self.0.iter().find(|(of, _)| *of == day).unwrap().1
    }

    /// The day of the key that labels this request.
    fn day_of(&self, request: &Request) -> Option<u32> {
        let labels = |key: &NoticeKey| Hash(key.label(request.id.as_bytes())) == request.label;
        self.0.iter().find(|(_, key)| labels(key)).map(|(day, _)| *day)
    }
}
