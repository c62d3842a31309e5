//! Who may. One place, asked before anything is done for a peer; the peer is known by its key
//! alone.
//!
//! | peer | known by | may |
//! |---|---|---|
//! | owner | its root key in the configuration | open mailboxes, put policies, have leaves sponsored, watch its cameras |
//! | camera | an Enrollment by such an owner | publish itself, read its own policy, settings and DayNotices, read day keys |
//! | device | the newest policy's recipients, until `not_after` | watch, read heads; an admin also reads DayNotices, and asks settings of a camera |
//! | sponsor | its link key in the configuration | fetch what trustees granted, EpochOpens, policies and DayNotices, labels of its drafts; nothing live |
//! | anybody | - | use a pairing mailbox whose identifier it knows |
//!
//! A camera whose owner the configuration no longer names is unknown from the next start on.
//! Whoever may not is told so in the same words whether a camera exists or not.

use host::lock::RwLock;
use media::enrollment::Enrollment;
use media::id::{CameraId, DeviceId};
use media::message::{Refusal, RefusalCode};
use media::policy::{Role, SignedOwnerPolicy};
use media::sign::PublicKey;
use media::time::Seconds;
use quic::Key;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What is known of an enrolled camera.
#[derive(Debug, Clone)]
pub(crate) struct Enrolled {
    pub camera_pk: PublicKey,
    pub owner: PublicKey,
    pub created: Seconds,
    pub version: u32,
    /// Its owner's last word about its key.
    pub is_retired: bool,
    /// Who watches, as what, and until when.
    devices: BTreeMap<DeviceId, (Role, Seconds)>,
}

impl Enrolled {
    /// Of an Enrollment and a policy that were verified.
    pub(crate) fn new(enrollment: &Enrollment, policy: &SignedOwnerPolicy) -> Self {
        let policy = policy.unverified();
        let devices = policy.recipients.iter().map(|r| (r.device_id, (r.role, r.not_after))).collect();
        Self {
            camera_pk: enrollment.camera_pk,
            owner: enrollment.owner_root_pk,
            created: enrollment.created,
            version: policy.version,
            is_retired: policy.is_retired(),
            devices,
        }
    }

    fn role(&self, key: &PublicKey, now: Seconds) -> Option<Role> {
        if *key == self.owner {
            return Some(Role::Admin);
        }
        let (role, not_after) = self.devices.get(&DeviceId::of_key(key))?;
        (now <= *not_after).then_some(*role)
    }
}

/// Retired cameras of an owner, for each that may film: their policies stay for good.
const RETIRED_FOR_ONE: usize = 3;

/// Nothing, or why not.
type Allowed = Result<(), Refusal>;

/// Everybody the relay knows.
#[derive(Debug)]
pub(crate) struct Access {
    owners: BTreeSet<PublicKey>,
    sponsors: BTreeSet<PublicKey>,
    cameras: RwLock<BTreeMap<CameraId, Arc<Enrolled>>>,
}

impl Access {
    pub(crate) fn new(owners: &[Key], sponsors: &[Key]) -> Self {
        let keys = |list: &[Key]| list.iter().map(|key| key.0).collect();
        Self { owners: keys(owners), sponsors: keys(sponsors), cameras: RwLock::default() }
    }

    /// A camera's newest policy is here.
    pub(crate) fn learn(&self, enrolled: Enrolled) {
        if !self.is_owner(&enrolled.owner) {
            return;
        }
        let camera_id = CameraId::of_key(&enrolled.camera_pk);
        let mut cameras = self.cameras.write();
        // Two puts may end in either order; versions only grow.
        if cameras.get(&camera_id).is_none_or(|held| held.version < enrolled.version) {
            cameras.insert(camera_id, Arc::new(enrolled));
        }
    }

    pub(crate) fn is_owner(&self, key: &PublicKey) -> bool {
        self.owners.contains(key)
    }

    pub(crate) fn is_sponsor(&self, key: &PublicKey) -> bool {
        self.sponsors.contains(key)
    }

    /// Whether nobody ever named this key to the relay.
    pub(crate) fn is_stranger(&self, key: &PublicKey, now: Seconds) -> bool {
        !self.is_owner(key) && !self.is_sponsor(key) && self.may_day_keys(key, now).is_err()
    }

    pub(crate) fn camera(&self, camera_id: CameraId) -> Option<Arc<Enrolled>> {
        self.cameras.read().get(&camera_id).cloned()
    }

    /// Whether an owner may enroll one more camera where `most` may film. Retired ones count apart: where there is
    /// no room for another, one is retired first.
    pub(crate) fn may_enroll(&self, owner: &PublicKey, most: usize) -> Allowed {
        let cameras = self.cameras.read();
        let own = cameras.values().filter(|camera| camera.owner == *owner);
        let (retired, filming): (Vec<_>, Vec<_>) = own.partition(|camera| camera.is_retired);
        let of_retired = most.saturating_mul(RETIRED_FOR_ONE);
        if retired.len() >= of_retired {
            return Err(RefusalCode::Quota.because(format!(
                "{} cameras of yours are retired here, and of a retired one the policies stay: ask the relay's operator for a higher cameras_per_owner",
                retired.len()
            )));
        }
        if filming.len() >= most {
            return Err(RefusalCode::Quota.because(format!(
                "an owner enrolls at most {most} cameras here: retire one before another takes its place"
            )));
        }
        Ok(())
    }

    /// The cameras a key may watch.
    pub(crate) fn watched_by(&self, key: &PublicKey, now: Seconds) -> BTreeSet<CameraId> {
        let cameras = self.cameras.read();
        let may = |(_, camera): &(&CameraId, &Arc<Enrolled>)| camera.role(key, now).is_some();
        cameras.iter().filter(may).map(|(id, _)| *id).collect()
    }

    /// Those that film come first, for an answer names no more than so many; else the order stays.
    pub(crate) fn filming_first<T>(&self, all: &mut [T], id: impl Fn(&T) -> CameraId) {
        let cameras = self.cameras.read();
        all.sort_by_cached_key(|one| cameras.get(&id(one)).is_some_and(|camera| camera.is_retired));
    }

    /// A camera publishes itself and nobody else.
    // SPEC: session.md#access: everything else MUST be refused, `wrong-camera` where a camera
    // speaks for another one.
    pub(crate) fn may_publish(&self, key: &PublicKey, camera_id: CameraId) -> Result<Arc<Enrolled>, Refusal> {
        if CameraId::of_key(key) != camera_id {
            return Err(RefusalCode::WrongCamera.because("a camera publishes itself and no other"));
        }
        let camera = self.camera(camera_id).ok_or_else(|| {
            no("no owner known here has enrolled this camera: pair it, or ask the relay's operator")
        })?;
        // SPEC: segment.md#ownerpolicy: of a retired camera a relay MUST NOT take anything more.
        if camera.is_retired {
            return Err(no("its owner has retired this camera: make and pair a new one"));
        }
        Ok(camera)
    }

    pub(crate) fn may_watch(&self, key: &PublicKey, camera_id: CameraId, now: Seconds) -> Allowed {
        let role = self.camera(camera_id).and_then(|camera| camera.role(key, now));
        role.map(drop).ok_or_else(|| no("your key is not among this camera's recipients"))
    }

    /// Whether it is a sponsor's to draft a request about this camera, or to show what was released
    /// of it.
    pub(crate) fn may_release(&self, key: &PublicKey, camera_id: CameraId) -> Allowed {
        let known = self.is_sponsor(key) && self.camera(camera_id).is_some();
        if known { Ok(()) } else { Err(no("drafts and released footage are for the sponsors of this relay")) }
    }

    /// EpochOpens and policies. Of segments and heads [`Access::may_watch`] is the rule.
    // SPEC: session.md#heads: a sponsor MUST be refused heads.
    pub(crate) fn may_fetch(&self, key: &PublicKey, camera_id: CameraId, now: Seconds) -> Allowed {
        if self.is_sponsor(key) && self.camera(camera_id).is_some() {
            return Ok(());
        }
        self.may_watch(key, camera_id, now)
    }

    // SPEC: segment.md#daynotice: a relay MUST NOT serve a DayNotice to a guest.
    pub(crate) fn may_notice(&self, key: &PublicKey, camera_id: CameraId, now: Seconds) -> Allowed {
        let camera = self.camera(camera_id);
        let role = camera.as_ref().and_then(|camera| camera.role(key, now));
        let is_own = camera.as_ref().is_some_and(|camera| camera.camera_pk == *key);
        let allowed = role == Some(Role::Admin) || is_own || (self.is_sponsor(key) && camera.is_some());
        if allowed { Ok(()) } else { Err(no("DayNotices are for the camera's owner and for sponsors")) }
    }

    /// Whether it may ask something of a camera: its owner's matter, and that of the owner's admins.
    pub(crate) fn may_ask(&self, key: &PublicKey, camera_id: CameraId, now: Seconds) -> Allowed {
        let role = self.camera(camera_id).and_then(|camera| camera.role(key, now));
        if role == Some(Role::Admin) {
            return Ok(());
        }
        Err(no("a camera is asked by its owner and the admins of its policy"))
    }

    /// Whether it may read what is asked of a camera: who may ask, and the camera.
    pub(crate) fn may_settings(&self, key: &PublicKey, camera_id: CameraId, now: Seconds) -> Allowed {
        if self.camera(camera_id).is_some_and(|camera| camera.camera_pk == *key) {
            return Ok(());
        }
        self.may_ask(key, camera_id, now)
    }

    pub(crate) fn may_policy(&self, key: &PublicKey, camera_id: CameraId, now: Seconds) -> Allowed {
        if self.camera(camera_id).is_some_and(|camera| camera.camera_pk == *key) {
            return Ok(());
        }
        self.may_fetch(key, camera_id, now)
    }

    pub(crate) fn may_day_keys(&self, key: &PublicKey, now: Seconds) -> Allowed {
        let cameras = self.cameras.read();
        let known = self.is_owner(key)
            || self.is_sponsor(key)
            || cameras.contains_key(&CameraId::of_key(key))
            || cameras.values().any(|camera| camera.role(key, now).is_some());
        if known { Ok(()) } else { Err(no("no owner known here has named your key")) }
    }

    pub(crate) fn may_own(&self, key: &PublicKey) -> Allowed {
        if self.is_owner(key) {
            return Ok(());
        }
        Err(no("this is for owners: ask the relay's operator to list your root key"))
    }
}

/// In the same words whether a camera exists or not.
fn no(text: &str) -> Refusal {
    RefusalCode::NotAllowed.because(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retired_cameras_are_bounded_and_take_no_place_of_those_that_film() {
        let (owner, other) = ([1; 32], [2; 32]);
        let access = Access::new(&[Key(owner), Key(other)], &[]);
        let enroll = |owner: PublicKey, at: u8, version: u32, is_retired: bool| {
            let (camera_pk, created, devices) = ([at; 32], Seconds(0), BTreeMap::new());
            access.learn(Enrolled { camera_pk, owner, created, version, is_retired, devices });
        };
        let is_quota = |allowed: Allowed| matches!(allowed, Err(no) if no.code == RefusalCode::Quota);
        let says = |allowed: Allowed, cure: &str| matches!(allowed, Err(no) if no.text.contains(cure));
        // Of two, one is given a new key, again and again.
        enroll(owner, 100, 1, false);
        for at in 0..6 {
            assert!(access.may_enroll(&owner, 2).is_ok(), "{at}");
            enroll(owner, at, 1, false);
            assert!(is_quota(access.may_enroll(&owner, 2)), "{at}: two film");
            assert!(says(access.may_enroll(&owner, 2), "retire one before"));
            enroll(owner, at, 2, true);
        }
        assert!(is_quota(access.may_enroll(&owner, 2)), "six are retired");
        // To retire one more would be no cure.
        assert!(says(access.may_enroll(&owner, 2), "operator for a higher cameras_per_owner"));
        let mut all: Vec<_> = [3, 100, 0].map(|at| CameraId::of_key(&[at; 32])).to_vec();
        access.filming_first(&mut all, |id| *id);
        assert_eq!(
            all,
            [100, 3, 0].map(|at| CameraId::of_key(&[at; 32])),
            "retired ones push it off no list"
        );
        assert!(access.may_enroll(&owner, 3).is_ok() && access.may_enroll(&other, 2).is_ok());
    }
}
