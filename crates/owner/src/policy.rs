//! What each camera's policy says, and the next version of it when the configuration says
//! otherwise: who holds shares and for what, how long footage is kept. Contract:
//! `proto/segment.md`, "OwnerPolicy". What was filmed before keeps the policy it was filmed under.
//!
//! ```text
//! given    PutPolicy     the newest in the book: a run that was cut off is finished first
//! made     version + 1   signed here; the same configuration makes the same bytes
//! logged   SponsorLeaf   the leaf's id is in the book before; its proof is verified
//! kept                   in the book, durable: no policy of which its owner's audit would not know
//! given    PutPolicy     the camera takes it from the relay and judges it by itself
//! ```
//! In scope: what the configuration holds. Who watches stays as it was at pairing.

pub(crate) mod compose;
pub(crate) mod leaf;
mod shown;
#[cfg(test)]
mod to_the_gate;

pub use compose::ComposeError;
pub use leaf::LeafError;
pub use shown::{Difference, PolicyViewer, ShownPolicy};

use crate::book::{BookError, Stored, StoredCamera, StoredPolicy, notice};
use crate::state::{As, Owner};
use media::id::CameraId;
use media::message::RefusalCode;
use media::pair::PolicyBundle;
use media::policy::SignedOwnerPolicy;
use quic::CallError;
use relay_client::{Session, calls};
use std::time::Duration;
use tokio::time::Instant;

/// How long one camera's policy may take: the log may wait for its witnesses.
const WITHIN: Duration = Duration::from_secs(120);

/// What an owner is told whose policy was logged under a sponsor's key that did not count then: trustees
/// refuse whatever is asked of footage under it, for ever.
pub(crate) const UNSPONSORED: &str = "nothing that it films now can be released to anybody: the key of the relay's operator was not registered as a sponsor's when this policy was logged. Once a registrar has registered it, `candor owner policy --apply` makes a policy that counts, for what is filmed from then on";

/// What happens, in order, for each camera.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case", tag = "step")]
pub enum PolicyStep {
    /// The configuration says what the policy says.
    Same { camera: String, version: u32 },
    /// The blinded policy leaf is in the log, with a witness quorum.
    Logged { camera: String, version: u32, leaf_index: u64, witnesses: Vec<String> },
    /// The relay holds it, and tells the camera.
    Given { camera: String, version: u32 },
}

/// Why a policy was not changed.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    #[error(transparent)]
    Book(#[from] BookError),
    #[error(transparent)]
    Compose(#[from] ComposeError),
    #[error("{camera}: {error}; its policy is as it was")]
    Leaf { camera: String, error: LeafError },
    #[error("{camera}: {error}; run the same again")]
    Call { camera: String, error: CallError },
    #[error(
        "{0}: the relay holds a policy that this keybook does not know: it was restored from a backup that is too old, or copied. Use the keybook that made it; without it, pair the camera anew"
    )]
    Ahead(String),
    #[error("{0}: this device's clock reads a day before the camera was paired; set it")]
    Day(String),
    #[error("{0}: another command changed its policy at the same time; look, then run it again")]
    Meanwhile(String),
}

/// Every camera's newest policy, and what the configuration would change in it.
pub async fn shown(owner: &Owner) -> Result<Vec<ShownPolicy>, PolicyError> {
    let mut shown = Vec::new();
    for camera in owner.refreshed().await?.cameras {
        shown.push(ShownPolicy::of(owner, &camera)?);
    }
    shown.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(shown)
}

/// Makes the policy of every camera, or of one, what the configuration says. May be repeated.
pub async fn apply(
    owner: &Owner,
    only: Option<&str>,
    on: &mut (dyn FnMut(PolicyStep) + Send),
) -> Result<(), PolicyError> {
    let mut cameras = owner.refreshed().await?.cameras;
    cameras.retain(|camera| only.map_or(camera.welcomed, |name| camera.name == name));
    if let (Some(name), true) = (only, cameras.is_empty()) {
        return Err(BookError::Unknown(name.to_owned()).into());
    }
    // What cannot be signed for one camera is found before any is changed.
    for camera in &cameras {
        compose::next_policy(owner, &newest(camera)?.1)?;
    }
    let (mut session, book) = (owner.session(As::Owner), owner.stored());
    for camera in &cameras {
        let held = newest(camera)?.1;
        let next = match compose::next_policy(owner, &held)? {
            // The same, in a leaf that may count.
            None if book.is_unsponsored(camera) => Some(compose::again(owner, &held)?),
            next => next,
        };
        change(owner, camera, next, &mut session, on).await?;
    }
    Ok(())
}

/// Makes the version that retires a camera its newest. May be repeated.
pub(crate) async fn retire(
    owner: &Owner,
    camera: &StoredCamera,
    on: &mut (dyn FnMut(PolicyStep) + Send),
) -> Result<(), PolicyError> {
    let last = compose::last_policy(owner, &newest(camera)?.1)?;
    change(owner, camera, last, &mut owner.session(As::Owner), on).await
}

async fn change(
    owner: &Owner,
    camera: &StoredCamera,
    next: Option<SignedOwnerPolicy>,
    session: &mut Session,
    on: &mut (dyn FnMut(PolicyStep) + Send),
) -> Result<(), PolicyError> {
    let deadline = Instant::now() + WITHIN;
    let (kept, held) = newest(camera)?;
    give(camera, &kept.bundle(), session, deadline).await?;
    let name = || camera.name.clone();
    let Some(next) = next else {
        on(PolicyStep::Same { camera: name(), version: held.unverified().version });
        return Ok(());
    };
    let version = next.unverified().version;
    let now = owner.now();
    let day = now.day();
    let key = notice::key_of(owner.folder(), camera, day)?.ok_or_else(|| PolicyError::Day(name()))?;
    let logged = leaf::log(owner, session, &key, &next, deadline).await;
    let (bundle, logged) = logged.map_err(|error| PolicyError::Leaf { camera: name(), error })?;
    let (leaf_index, witnesses) = (logged.index(), logged.cosigned().witness_names());
    on(PolicyStep::Logged { camera: name(), version, leaf_index, witnesses });
    let stored = StoredPolicy::of(&bundle, leaf_index, now.0);
    let (id, before) = (camera.camera_id, held.bytes().to_vec());
    let added = owner.change(move |book| Ok(follow(book, &id, &before, stored))).await?;
    if !added {
        return Err(PolicyError::Meanwhile(name()));
    }
    give(camera, &bundle, session, deadline).await?;
    on(PolicyStep::Given { camera: name(), version });
    Ok(())
}

/// Adds a version if it still follows the newest one.
fn follow(book: &mut Stored, id: &CameraId, before: &[u8], next: StoredPolicy) -> bool {
    let camera = book.cameras.iter_mut().find(|camera| camera.camera_id == *id);
    let Some(camera) = camera else { return false };
    if camera.policies.last().is_none_or(|newest| newest.policy.0 != before) {
        return false;
    }
    camera.policies.push(next);
    true
}

/// Puts a policy, which may be there already.
async fn give(
    camera: &StoredCamera,
    bundle: &PolicyBundle,
    session: &mut Session,
    deadline: Instant,
) -> Result<(), PolicyError> {
    let put = calls::put_policy(camera.enrollment.0.clone(), bundle.clone());
    match session.ask_until(&put, deadline).await {
        Ok(()) => Ok(()),
        Err(CallError::Refused(refusal)) if refusal.code == RefusalCode::StalePolicy => {
            Err(PolicyError::Ahead(camera.name.clone()))
        }
        Err(error) => Err(PolicyError::Call { camera: camera.name.clone(), error }),
    }
}

/// The version in force, as the book keeps it.
fn newest(camera: &StoredCamera) -> Result<(&StoredPolicy, SignedOwnerPolicy), BookError> {
    let kept = camera.policies.last().ok_or_else(|| BookError::NoPolicy { name: camera.name.clone() })?;
    let signed = kept.signed();
    let signed =
        signed.map_err(|error| BookError::Camera { name: camera.name.clone(), error: error.into() })?;
    Ok((kept, signed))
}
