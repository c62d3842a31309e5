//! What its owner asks of the camera beside the policy: judged here, kept in the spool, followed by
//! the film. Contract: `proto/segment.md#settings`, `proto/session.md#camera-settings`.
//!
//! ```text
//! the relay offers one -> signed -> newer than the one that is followed -> by the owner, or an admin's device of the policy -> opens -> kept
//! ```
//! Whatever is refused changes nothing: what is followed stays, and filming goes on, until a policy of
//! the owner's takes out who asked. In scope: which
//! one to follow. Out of scope: asking the relay (`publish`), what a cell is (`media::motion`).

use crate::notices::Notices;
use crate::spool::{KeptSettings, Spool, SpoolError};
use host::lock::Mutex;
use media::enrollment::ObjectError;
use media::id::{CameraId, Day, DeviceId};
use media::motion::Cells;
use media::policy::{Recipient, Role, SignedOwnerPolicy};
use media::settings::Settings;
use media::sign::PublicKey;
use media::time::Micros;
use seal::settings::Asked;
use std::sync::Arc;
use std::time::Duration;

/// The key of a day further ahead than this is not derived: an object that asks for it was made by
/// a clock that is wrong.
const DAYS_AHEAD: u32 = 400;
/// How far a number may be ahead of the time.
const AHEAD: Duration = Duration::from_secs(86_400);

/// Why settings are not followed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsRefused {
    #[error("they are no settings: {0}")]
    Object(#[from] ObjectError),
    #[error("they are for another camera")]
    OtherCamera,
    #[error("they are signed by neither the owner nor a device of its policy that may ask")]
    NotOwners,
    #[error("number {0} is more than a day ahead of the camera's time")]
    Ahead(u64),
    #[error("number {offered} is older than {followed}, which is followed")]
    Older { followed: u64, offered: u64 },
    #[error("they are sealed for day {asked}, and the camera's keys stand at day {kept}")]
    Unreadable { asked: Day, kept: Day },
    #[error("they do not open: they were sealed for another camera or day")]
    Sealed,
}

/// The settings that are followed. Clones are one and the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Followed(Arc<Mutex<KeptSettings>>);

impl Followed {
    /// What was followed when the camera stopped.
    pub(crate) fn restore(&self, spool: &Spool) -> Result<(), SpoolError> {
        *self.0.lock() = spool.settings()?.unwrap_or_default();
        Ok(())
    }

    /// 0 for none.
    pub(crate) fn number(&self) -> u64 {
        let kept = self.0.lock();
        if kept.signer == PublicKey::default() { 0 } else { kept.number }
    }

    /// What moves in these cells makes no event.
    pub(crate) fn ignored(&self) -> Cells {
        self.0.lock().ignored
    }
}

/// Follows what the relay offers if it holds and is newer, durably before anything goes by it. Its
/// number, if it is news.
pub(crate) fn follow(
    spool: &Spool,
    followed: &Followed,
    camera_id: CameraId,
    signed: &[u8],
    now: Micros,
) -> Result<Result<Option<u64>, SettingsRefused>, SpoolError> {
    let pairing = spool.pairing()?;
    // Filming reports a policy that does not hold.
    let policy = match SignedOwnerPolicy::decode_verified(&pairing.policy, &pairing.owner_key) {
        Ok(policy) => policy,
        Err(error) => return Ok(Err(error.into())),
    };
    let held = followed.0.lock().number;
    let settings = match offered(camera_id, signed, held, now) {
        Ok(Some(settings)) => settings,
        Ok(None) => return Ok(Ok(None)),
        Err(refused) => return Ok(Err(refused)),
    };
    let Asked { ignored } = match judge(&policy, &pairing.owner_key, spool.notices()?, &settings, now) {
        Ok(asked) => asked,
        Err(refused) => return Ok(Err(refused)),
    };
    let kept = KeptSettings { number: settings.number, signer: settings.signer, ignored };
    spool.keep_settings(kept)?;
    *followed.0.lock() = kept;
    Ok(Ok(Some(kept.number)))
}

/// Follows nothing any more of what a device asked that this policy takes out. Its number stays, so
/// that the same cannot be taken again.
// SPEC: segment.md#settings: what was asked by whom a policy that it follows no longer names MUST NOT be
// followed any more.
pub(crate) fn forget_removed(
    spool: &Spool,
    followed: &Followed,
    policy: &SignedOwnerPolicy,
    owner_key: &PublicKey,
) -> Result<(), SpoolError> {
    let kept = *followed.0.lock();
    if followed.number() == 0 || kept.signer == *owner_key || admins(policy, &kept.signer).next().is_some() {
        return Ok(());
    }
    tracing::warn!(
        number = kept.number,
        "who asked this of the camera was taken out: it is followed no more"
    );
    let kept = KeptSettings { number: kept.number, ..KeptSettings::default() };
    spool.keep_settings(kept)?;
    *followed.0.lock() = kept;
    Ok(())
}

/// What is offered, if it is news. Of what is taken already neither signer nor day is judged again:
/// both pass while it is followed.
fn offered(
    camera_id: CameraId,
    signed: &[u8],
    held: u64,
    now: Micros,
) -> Result<Option<Settings>, SettingsRefused> {
    let settings = Settings::decode_verified(signed)?;
    if settings.camera_id != camera_id {
        return Err(SettingsRefused::OtherCamera);
    }
    // SPEC: segment.md#settings: a camera MUST NOT take one whose number is not above that of the one
    // that it follows.
    // SPEC: segment.md#settings: a relay and a camera MUST refuse a number more than a day ahead of their
    // time.
    match settings.number {
        number if number < held => Err(SettingsRefused::Older { followed: held, offered: number }),
        number if number == held => Ok(None),
        number if number > now.after(AHEAD).0 => Err(SettingsRefused::Ahead(number)),
        _ => Ok(Some(settings)),
    }
}

/// What is asked, by whom it may be asked.
fn judge(
    policy: &SignedOwnerPolicy,
    owner_key: &PublicKey,
    notices: Notices,
    settings: &Settings,
    now: Micros,
) -> Result<Asked, SettingsRefused> {
    // SPEC: segment.md#settings: a camera MUST refuse a signer that is neither the owner's root key nor
    // an admin's device of the policy that it follows, in its time.
    let may = |it: &Recipient| now.seconds() <= it.not_after;
    if settings.signer != *owner_key && !admins(policy, &settings.signer).any(may) {
        return Err(SettingsRefused::NotOwners);
    }
    let camera_id = &settings.camera_id;
    let (asked, kept) = (settings.day, notices.day);
    // SPEC: segment.md#settings: a day more than 400 days after the one at which its chain stands MUST be
    // refused.
    let is_near = asked >= kept && asked.0 - kept.0 <= DAYS_AHEAD;
    let unreadable = SettingsRefused::Unreadable { asked, kept };
    let at = if is_near { notices.on(asked, camera_id).ok() } else { None };
    let (at, _) = at.ok_or(unreadable)?;
    let opened = at.root.settings_key(camera_id, asked).open(&settings.sealed);
    opened.ok_or(SettingsRefused::Sealed)
}

/// The admin's device of this key, whatever its time.
fn admins<'p>(
    policy: &'p SignedOwnerPolicy,
    key: &PublicKey,
) -> impl Iterator<Item = &'p Recipient> + use<'p> {
    let device = DeviceId::of_key(key);
    let recipients = policy.unverified().recipients.iter();
    recipients.filter(move |it| it.device_id == device && it.role == Role::Admin)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::holders::tests::{FIRST, camera, owner, paired_with};
    use ed25519_dalek::SigningKey;
    use host::rng::Rng;
    use media::policy::OwnerPolicy;
    use media::time::Seconds;
    use seal::notice::NoticeRoot;

    const NOW: Seconds = Seconds(1_728_000_000);
    const NOW_US: Micros = Micros(NOW.0 * 1_000_000);
    const DAY_US: u64 = 86_400_000_000;

    fn device(at: u8) -> SigningKey {
        SigningKey::from_bytes(&[at; 32])
    }

    fn id() -> CameraId {
        CameraId::of_key(camera().verifying_key().as_bytes())
    }

    /// An admin, a guest, an admin whose time is over.
    fn recipients() -> Vec<Recipient> {
        let recipient = |at: u8, role, not_after| Recipient {
            device_id: DeviceId::of_key(device(at).verifying_key().as_bytes()),
            wrap_pk: vec![0; media::limits::WRAP_KEY],
            role,
            not_after,
        };
        vec![
            recipient(21, Role::Admin, Seconds(u64::MAX)),
            recipient(22, Role::Guest, Seconds(u64::MAX)),
            recipient(23, Role::Admin, Seconds(NOW.0 - 1)),
        ]
    }

    fn restored(spool: &Spool) -> Followed {
        let followed = Followed::default();
        followed.restore(spool).unwrap();
        followed
    }

    fn cells() -> Cells {
        Cells::NONE.with(4, 4)
    }

    /// Settings of this number, sealed for so many days after the one of pairing.
    fn settings(number: u64, ahead: u32, ignored: Cells) -> Settings {
        let (root, days) = (NoticeRoot::new([3; 32]), FIRST.0..FIRST.0 + ahead);
        let root = days.fold(root, |root, day| root.next(&id(), Day(day)));
        let day = Day(FIRST.0 + ahead);
        let sealed = root.settings_key(&id(), day).seal(&Asked { ignored }, &mut Rng::system());
        Settings { camera_id: id(), number, signer: [0; 32], day, sealed }
    }

    #[test]
    fn the_owner_and_its_admins_are_followed_in_order_and_after_a_restart() {
        let (dir, spool) = paired_with(recipients());
        let followed = restored(&spool);
        let follow = |signed: &[u8]| follow(&spool, &followed, id(), signed, NOW_US).unwrap();
        assert_eq!((followed.number(), followed.ignored()), (0, Cells::NONE));
        assert_eq!(follow(&settings(5, 0, cells()).sign(&owner())).unwrap(), Some(5));
        assert_eq!((followed.number(), followed.ignored()), (5, cells()));
        // The same again is no news; an admin's later one is, made for a day that is far ahead.
        assert_eq!(follow(&settings(5, 0, cells()).sign(&owner())).unwrap(), None);
        assert_eq!(follow(&settings(9, 400, Cells::NONE).sign(&device(21))).unwrap(), Some(9));
        // What was replayed changes nothing.
        let older = follow(&settings(5, 0, cells()).sign(&owner())).unwrap_err();
        assert!(matches!(older, SettingsRefused::Older { followed: 9, offered: 5 }), "{older}");
        drop(spool);
        let again = restored(&Spool::open(dir.path()).unwrap());
        assert_eq!((again.number(), again.ignored()), (9, Cells::NONE));
    }

    #[test]
    fn what_nobody_may_ask_or_nobody_asked_is_refused_by_name_and_changes_nothing() {
        let (_dir, spool) = paired_with(recipients());
        let followed = restored(&spool);
        let refused = |signed: &[u8]| {
            let refused = follow(&spool, &followed, id(), signed, NOW_US).unwrap().unwrap_err();
            assert_eq!((followed.number(), followed.ignored()), (0, Cells::NONE), "{refused}");
            refused.to_string()
        };
        let good = || settings(5, 3, cells());
        // A guest, a device whose time is over, one that was never named, the camera itself.
        for signer in [device(22), device(23), device(24), camera()] {
            assert!(refused(&good().sign(&signer)).contains("neither the owner nor"));
        }
        let other = Settings { camera_id: CameraId([1; 32]), ..good() };
        assert!(refused(&other.sign(&owner())).contains("another camera"));
        assert!(refused(&settings(5, 401, cells()).sign(&owner())).contains("stand at day"));
        let past = Settings { day: Day(FIRST.0 - 1), ..good() };
        assert!(refused(&past.sign(&owner())).contains("stand at day"));
        // What was sealed for another day.
        let moved = Settings { day: Day(FIRST.0 + 4), ..good() };
        assert!(refused(&moved.sign(&owner())).contains("do not open"));
        let signed = good().sign(&owner());
        let altered: Vec<u8> =
            signed.iter().enumerate().map(|(at, byte)| byte ^ u8::from(at == 40)).collect();
        assert!(refused(&altered).contains("signature"));
        for garbage in [&b""[..], b"garbage", &signed[..signed.len() - 1], &[0; 600]] {
            assert!(refused(garbage).contains("no settings"));
        }
    }

    /// A camera asks whenever it connects, and is given the same for years.
    #[test]
    fn what_is_followed_is_no_trouble_when_its_day_and_its_signers_time_have_passed() {
        let (_dir, spool) = paired_with(recipients());
        let followed = restored(&spool);
        let signed = settings(5, 30, cells()).sign(&device(21));
        let at = |now| follow(&spool, &followed, id(), &signed, now).unwrap();
        assert_eq!(at(NOW_US).unwrap(), Some(5));
        let (later, keys) = spool.notices().unwrap().on(Day(FIRST.0 + 31), &id()).unwrap();
        spool.advance_notices(&later, &keys).unwrap();
        assert_eq!(at(NOW_US).unwrap(), None);
        assert_eq!(at(Micros(u64::MAX)).unwrap(), None);
        assert_eq!((followed.number(), followed.ignored()), (5, cells()));
    }

    #[test]
    fn no_number_shuts_out_what_the_owner_asks_later() {
        let (_dir, spool) = paired_with(recipients());
        let followed = restored(&spool);
        let follow = |signed: &[u8]| follow(&spool, &followed, id(), signed, NOW_US).unwrap();
        for number in [u64::MAX, NOW_US.0 + DAY_US + 1] {
            let refused = follow(&settings(number, 0, cells()).sign(&device(21))).unwrap_err();
            assert!(matches!(refused, SettingsRefused::Ahead(at) if at == number), "{refused}");
        }
        assert_eq!((followed.number(), followed.ignored()), (0, Cells::NONE));
        let last = NOW_US.0 + DAY_US;
        assert_eq!(follow(&settings(last, 0, cells()).sign(&device(21))).unwrap(), Some(last));
    }

    #[test]
    fn what_a_device_asked_ends_with_the_policy_that_takes_it_out() {
        let (dir, spool) = paired_with(recipients());
        let followed = restored(&spool);
        let pairing = spool.pairing().unwrap();
        let before = SignedOwnerPolicy::decode_verified(&pairing.policy, &pairing.owner_key).unwrap();
        let without = |at: usize| {
            let mut policy: OwnerPolicy = before.unverified().clone();
            policy.recipients.remove(at);
            policy.sign(&owner()).unwrap()
        };
        let forget = |policy: &SignedOwnerPolicy| {
            forget_removed(&spool, &followed, policy, &pairing.owner_key).unwrap()
        };
        let take = |signed: &[u8]| follow(&spool, &followed, id(), signed, NOW_US).unwrap();
        let signed = settings(5, 0, cells()).sign(&device(21));
        assert_eq!(take(&signed).unwrap(), Some(5));
        for stays in [&before, &without(1)] {
            forget(stays);
            assert_eq!((followed.number(), followed.ignored()), (5, cells()));
        }
        forget(&without(0));
        assert_eq!((followed.number(), followed.ignored()), (0, Cells::NONE));
        assert_eq!(take(&signed).unwrap(), None, "the relay keeps it, and it is not taken again");
        assert_eq!((followed.number(), followed.ignored()), (0, Cells::NONE));
        // What the owner asked is the owner's whoever is taken out.
        assert_eq!(take(&settings(6, 0, cells()).sign(&owner())).unwrap(), Some(6));
        forget(&without(0));
        assert_eq!((followed.number(), followed.ignored()), (6, cells()));
        assert_eq!(take(&settings(7, 0, cells()).sign(&device(21))).unwrap(), Some(7));
        forget(&without(0));
        drop(spool);
        let again = restored(&Spool::open(dir.path()).unwrap());
        assert_eq!((again.number(), again.ignored()), (0, Cells::NONE));
    }
}
