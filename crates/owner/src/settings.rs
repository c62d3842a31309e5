//! What the owner asks of a camera beside its policy: which part of the picture makes no event.
//! Contract: `proto/segment.md#settings`, `proto/session.md#camera-settings`.
//!
//! ```text
//! number    the time, and above whatever was asked before
//! sealed    to the camera, for a day ahead: one that is switched off for a month can read it still
//! signed    by this device, which the policy names as an admin
//! put       at the relay, which has the camera ask for it
//! ```
//! That it was put says nothing of whether the camera follows it: that the camera says itself, by the
//! number of what it follows ([`Status::settings`](crate::status::Status)).

use crate::book::{BookError, StoredCamera, notice};
use crate::state::{As, Owner};
use host::blocking;
use media::id::Day;
use media::motion::Cells;
use media::settings::Settings;
use media::time::Micros;
use quic::CallError;
use relay_client::{Session, calls, found};
use seal::settings::{Asked, SettingsKey};
use std::time::Duration;

/// A camera takes what is sealed for a day that has not passed for it: so many days it may be off.
const AHEAD: u32 = 30;
/// Another device's clock may be ahead by so much.
const CLOCK_AT_MOST: Duration = Duration::from_secs(400 * 86_400);

/// Why a camera could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error("no camera \"{0}\" in the keybook; `candor owner cameras` lists them")]
    NoCamera(String),
    #[error(transparent)]
    Relay(#[from] CallError),
    #[error(transparent)]
    Book(#[from] BookError),
    #[error("the camera's notice root is of a later day than today: is this device's clock right?")]
    Clock,
}

/// What was asked of a camera, by what the relay keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AskedOf {
    /// By which the camera says that it follows it.
    pub number: u64,
    /// What moves in these cells makes no event.
    pub ignored: Cells,
}

/// Has a camera ignore what moves in some cells, in place of what was asked before. What was asked
/// now: the camera follows it when it says its number.
///
/// # Errors
/// [`SettingsError`]; asked again it asks anew.
pub async fn ignore(owner: &Owner, camera: &str, cells: Cells) -> Result<AskedOf, SettingsError> {
    let camera = named(owner, camera)?;
    let mut session = owner.session(As::Device);
    let now_us = owner.now_us();
    // A relay could sign one of a number above which there is none: it counts only as far as a clock
    // may be wrong, but for this device's own.
    let own = owner.public().device_key.0;
    let bound = now_us.after(CLOCK_AT_MOST).0;
    let counts = |held: &Settings| held.signer == own || held.number <= bound;
    let held = held(&mut session, &camera).await?.filter(counts).map_or(0, |held| held.number);
    let number = now_us.0.max(held.saturating_add(1));
    let day = Day(now_us.day().0.saturating_add(AHEAD));
    let key = key_of(owner, &camera, day).await?.ok_or(SettingsError::Clock)?;
    let sealed = key.seal(&Asked { ignored: cells }, &mut owner.rng());
    let settings = Settings { camera_id: camera.camera_id, number, signer: [0; 32], day, sealed };
    session.ask(&calls::put_settings(settings.sign(&owner.keys.device))).await?;
    Ok(AskedOf { number, ignored: cells })
}

/// What was asked of a camera last, by the relay's word; `None` where nothing is there that an owner
/// of this keybook sealed.
///
/// # Errors
/// [`SettingsError`].
pub async fn asked(owner: &Owner, camera: &str) -> Result<Option<AskedOf>, SettingsError> {
    let camera = named(owner, camera)?;
    let Some(held) = held(&mut owner.session(As::Device), &camera).await? else { return Ok(None) };
    let key = key_of(owner, &camera, held.day).await?;
    let opened = key.and_then(|key| key.open(&held.sealed));
    Ok(opened.map(|Asked { ignored }| AskedOf { number: held.number, ignored }))
}

/// When something was asked, by the clock of the device that asked.
pub fn asked_at(number: u64) -> Micros {
    Micros(number)
}

fn named(owner: &Owner, name: &str) -> Result<StoredCamera, SettingsError> {
    let camera = owner.stored().camera(name).cloned();
    camera.ok_or_else(|| SettingsError::NoCamera(name.to_owned()))
}

/// Signed by somebody, for this camera: what the relay cannot make up is only that it is ours.
async fn held(session: &mut Session, camera: &StoredCamera) -> Result<Option<Settings>, CallError> {
    let signed = found(session.ask(&calls::settings(camera.camera_id)).await)?;
    let settings = signed.and_then(|signed| Settings::decode_verified(&signed).ok());
    Ok(settings.filter(|settings| settings.camera_id == camera.camera_id))
}

async fn key_of(owner: &Owner, camera: &StoredCamera, day: Day) -> Result<Option<SettingsKey>, BookError> {
    let (folder, of) = (owner.folder().to_owned(), camera.clone());
    blocking::run(move || {
        let root = notice::root_of(&folder, &of, day)?;
        Ok(root.map(|root| root.settings_key(&of.camera_id, day)))
    })
    .await
}
