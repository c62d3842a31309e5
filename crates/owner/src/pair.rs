//! Pairing: a one-time invite, and what follows when a camera answers it. Contract:
//! `proto/session.md`, "Pairing".
//!
//! ```text
//! invite   MailboxOpen                                            the URL, on paper or screen, to the camera
//! wait     MailboxTake  <- PairHello: the camera's key and consent
//!          enrollment, policy 1, notice root, leaf text           signed here; the leaf's id is in the book
//!          SponsorLeaf  -> leaf and proof                         exactly that text, in the witnessed log
//!          PutPolicy
//!          book entry durable                                     no camera films that its owner could not watch
//!          MailboxPut   -> PairWelcome
//! ```
//!
//! In scope: the owner's half. Out of scope: the camera's (`camera`), and what the relay checks
//! (`relay`).

mod qr;

use crate::book::{Base64, BookError, Camera, StoredCamera, StoredPolicy, long_name, notice};
use crate::policy::{self, ComposeError, LeafError, PolicyError, compose, leaf};
use crate::state::{As, Owner};
use media::codec::DecodeError;
use media::enrollment::Enrollment;
use media::id::CameraId;
use media::message::{RefusalCode, Side};
use media::pair::{PairHello, PairWelcome};
use media::sign::BadSignature;
use quic::CallError;
use relay_client::{Session, calls, found};
use seal::notice::NoticeRoot;
use seal::pair::{Invite, InviteError};
use std::time::Duration;
use tokio::time::Instant;
use zeroize::Zeroizing;

/// How long an invite may be used.
pub const INVITE_SECONDS: u32 = 15 * 60;
/// How long what follows an answered invite may take: the log may wait for its witnesses.
const FINISH_WITHIN: Duration = Duration::from_secs(120);
/// Between two questions for an answer that is not there yet, should the relay not wait with its
/// reply.
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// What happens between the invite and a paired camera, in order.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case", tag = "step")]
pub enum PairStep {
    /// A camera has answered the invite.
    Answered { camera_id: String },
    /// The blinded policy leaf is in the log, with a witness quorum.
    PolicyLogged { leaf_index: u64, witnesses: Vec<String> },
    /// The relay holds the policy.
    PolicyStored,
    /// The camera has its answer.
    Paired,
    /// The key of the camera whose place it took is retired.
    Retired,
}

/// Why a camera was not paired.
#[derive(Debug, thiserror::Error)]
pub enum PairError {
    #[error(
        "the invite cannot be used any more: it expired unused, or the relay was restarted; make a new one"
    )]
    Expired,
    #[error(
        "the camera was given its answer, and another command changed the book meanwhile: see `candor owner cameras`, and pair again what is not there"
    )]
    Vanished,
    #[error(transparent)]
    Book(#[from] BookError),
    #[error("{0}{hint}", hint = hint(.0))]
    Call(#[from] CallError),
    #[error(
        "whoever answered the invite did not hold it: {0}; make a new one, and show it to the camera only"
    )]
    Mail(#[from] InviteError),
    #[error("what answered the invite is no camera of this version: {0}; update it, then make a new invite")]
    Hello(DecodeError),
    #[error("{0}; the answer is not that camera's: make a new invite")]
    Consent(#[from] BadSignature),
    #[error(transparent)]
    Compose(#[from] ComposeError),
    #[error("{0}; nothing was paired")]
    Leaf(#[from] LeafError),
    #[error(
        "the new camera is paired, and the key of the one before is not retired yet: {error}; run `candor owner camera retire \"{name}\"`"
    )]
    NotRetired { name: String, error: Box<PolicyError> },
    #[error("the invite does not fit a QR code; shorten [relay] invite_address")]
    TooLong,
}

fn hint(error: &CallError) -> &'static str {
    if matches!(error, CallError::Refused(refusal) if refusal.code == RefusalCode::NotAllowed) {
        return "; ask its operator to list this owner's root key (`candor owner init` printed it) under `owners`";
    }
    ""
}

/// An open invite. Dropping it leaves the mailbox to expire.
pub struct Invitation {
    owner: Owner,
    name: String,
    /// The camera whose place the new one takes.
    replaces: Option<CameraId>,
    invite: Invite,
    url: Zeroizing<String>,
    qr: Vec<String>,
    deadline: Instant,
    session: Session,
}

impl std::fmt::Debug for Invitation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Invitation").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Opens a mailbox at the relay for one camera, to be called `name` in the book.
pub async fn invite(owner: &Owner, name: &str) -> Result<Invitation, PairError> {
    owner.stored().check_free(name)?;
    open(owner, name, None).await
}

/// The same for one that takes the place of another.
pub(crate) async fn invite_for(owner: &Owner, before: &StoredCamera) -> Result<Invitation, PairError> {
    open(owner, &before.name, Some(before.camera_id)).await
}

async fn open(owner: &Owner, name: &str, replaces: Option<CameraId>) -> Result<Invitation, PairError> {
    // What cannot be signed later is found now, before anybody stands before a camera.
    compose::first_policy(owner, CameraId([0; 32]))?;
    let relay = &owner.config.relay;
    let invite = Invite {
        relay: relay.invite_address.clone().unwrap_or_else(|| relay.addresses.first().to_owned()),
        relay_key: owner.relays.key,
        owner_key: owner.keys.root.verifying_key().to_bytes(),
        secret: Zeroizing::new(owner.rng().bytes()),
    };
    let url = Zeroizing::new(invite.url());
    let qr = qr::lines(&url).ok_or(PairError::TooLong)?;
    let mut session = owner.session(As::Owner);
    session.ask(&calls::open_mailbox(invite.mailbox(), INVITE_SECONDS)).await?;
    Ok(Invitation {
        owner: owner.clone(),
        name: name.to_owned(),
        replaces,
        invite,
        url,
        qr,
        deadline: Instant::now() + Duration::from_secs(INVITE_SECONDS.into()),
        session,
    })
}

impl Invitation {
    /// `candor://pair?...`: one use, 15 minutes.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The URL as a QR code in half blocks, one string a terminal line, dark on light.
    pub fn qr_lines(&self) -> Vec<String> {
        self.qr.clone()
    }

    /// Waits for the camera and pairs it.
    pub async fn wait(mut self, on: &mut (dyn FnMut(PairStep) + Send)) -> Result<Camera, PairError> {
        let mail = self.answer().await?;
        let hello = self.invite.open_mail(Side::Camera, &mail)?;
        let hello = PairHello::decode(&hello).map_err(PairError::Hello)?;
        hello.consent.verify(&hello.camera_pk, &self.invite.owner_key)?;
        // SPEC: session.md#pairing: a consent counts for the mailbox it names and no other.
        if hello.consent.mailbox != self.invite.mailbox() {
            return Err(BadSignature("the camera's consent").into());
        }
        let camera_id = CameraId::of_key(&hello.camera_pk);
        on(PairStep::Answered { camera_id: camera_id.to_string() });
        self.finish(hello, camera_id, on).await
    }

    /// The camera's mail, as soon as it is there.
    async fn answer(&mut self) -> Result<Vec<u8>, PairError> {
        let take = calls::take_mail(self.invite.mailbox(), Side::Camera);
        loop {
            match found(self.session.ask_until(&take, self.deadline).await) {
                Ok(Some(mail)) => return Ok(mail),
                Ok(None) => {}
                Err(CallError::Refused(refusal)) if refusal.code == RefusalCode::InviteSpent => {
                    return Err(PairError::Expired);
                }
                Err(error) => return Err(error.into()),
            }
            if Instant::now() + ASK_AGAIN >= self.deadline {
                return Err(PairError::Expired);
            }
            tokio::time::sleep(ASK_AGAIN).await;
        }
    }

    async fn finish(
        mut self,
        hello: PairHello,
        camera_id: CameraId,
        on: &mut (dyn FnMut(PairStep) + Send),
    ) -> Result<Camera, PairError> {
        let owner = self.owner.clone();
        let deadline = Instant::now() + FINISH_WITHIN;
        let now = owner.now();
        let enrollment = Enrollment {
            camera_pk: hello.camera_pk,
            owner_root_pk: self.invite.owner_key,
            created: now,
            firmware_hash: [0; 32],
            camera_consent: hello.consent,
        }
        .sign(&owner.keys.root);
        let policy = compose::first_policy(&owner, camera_id)?;
        let day = now.day();
        let root_bytes = Zeroizing::new(owner.rng().bytes::<32>());
        let root = NoticeRoot::new(*root_bytes);
        let key = root.key(&camera_id, day);
        let (bundle, logged) = leaf::log(&owner, &mut self.session, &key, &policy, deadline).await?;
        let leaf_index = logged.index();
        let witnesses = logged.cosigned().witness_names();
        on(PairStep::PolicyLogged { leaf_index, witnesses });
        let put = calls::put_policy(enrollment.clone(), bundle.clone());
        self.session.ask_until(&put, deadline).await?;
        on(PairStep::PolicyStored);

        notice::keep(owner.folder(), &camera_id, day, &root)?;
        let stored = owner.stored();
        let before = stored.cameras.iter().find(|camera| Some(camera.camera_id) == self.replaces);
        let camera = StoredCamera {
            // The name is the other's until this one is paired.
            name: if self.replaces.is_some() { long_name(&self.name, &camera_id) } else { self.name.clone() },
            camera_id,
            model: hello.model,
            enrollment: Base64(enrollment.clone()),
            policies: vec![StoredPolicy::of(&bundle, leaf_index, now.0)],
            notice_from: day.0,
            paired_at: now.0,
            welcomed: false,
            replaces: self.replaces.map(|before| before.to_string()),
            // It looks where the one before it looked.
            ignored: before.map(|before| before.ignored).unwrap_or_default(),
            // A camera whose clock is behind films before its pairing.
            epochs_checked: std::collections::BTreeMap::new(),
        };
        owner.change(move |stored| stored.add(camera)).await?;

        let log_policy = owner.agreed.log_policy_text.to_owned();
        let welcome = PairWelcome { enrollment, policy: bundle, day, notice_root: *root_bytes, log_policy };
        let message = Zeroizing::new(welcome.encode());
        let mail = self.invite.seal_mail(Side::Owner, &message, &mut owner.rng());
        let put = calls::put_mail(self.invite.mailbox(), Side::Owner, mail);
        self.session.ask_until(&put, deadline).await?;
        let paired = owner.change(move |stored| Ok(stored.welcome(&camera_id)));
        let paired = paired.await?.ok_or(PairError::Vanished)?;
        on(PairStep::Paired);
        if let Some(before) = self.replaces {
            let stored = owner.stored();
            let before = stored.cameras.iter().find(|camera| camera.camera_id == before);
            let before = before.ok_or(PairError::Vanished)?;
            policy::retire(&owner, before, &mut |_| {}).await.map_err(|error| PairError::NotRetired {
                name: before.name.clone(),
                error: Box::new(error),
            })?;
            on(PairStep::Retired);
        }
        Ok(paired)
    }
}
