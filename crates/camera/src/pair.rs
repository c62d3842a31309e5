//! Pairing: once, by an invite of the owner's. Contract: `proto/session.md#pairing`.

use crate::config::Config;
use crate::error::Error;
use crate::identity;
use crate::notices::Notices;
use crate::policy::{self, PolicyRefused};
use crate::spool::{Pairing, Spool, SpoolError};
use host::machine::Machine;
use media::codec::DecodeError;
use media::enrollment::{CameraConsent, Enrollment, ObjectError};
use media::id::CameraId;
use media::message::{Refusal, RefusalCode, Side};
use media::pair::{PairHello, PairWelcome};
use media::time::Micros;
use quic::{CallError, Identity, Link, LinkError};
use relay_client::{Addresses, Relay, ask, calls, found};
use seal::notice::NoticeRoot;
use seal::pair::{Invite, InviteError};
use std::time::Duration;
use tokio::time::Instant;

/// How long a camera waits for the owner's answer.
const WAIT: Duration = Duration::from_secs(120);

/// What happens, in order.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case", tag = "step")]
pub enum Step {
    /// The relay is the one that the invite names.
    Connected,
    /// The hello lies in the mailbox.
    Introduced,
    /// The owner's answer holds: its signatures, and its policy's leaf in the witnessed log.
    Verified,
}

/// A paired camera.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Paired {
    /// 64 hex digits.
    pub camera_id: String,
    pub relay: String,
}

/// Why a camera was not paired.
#[derive(Debug, thiserror::Error)]
pub enum PairError {
    #[error(transparent)]
    Invite(#[from] InviteError),
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error(transparent)]
    Call(CallError),
    #[error("the invite cannot be used: {0}")]
    Spent(Refusal),
    #[error("the owner did not answer within {} s; is `candor owner invite` still running? Ask for a new invite", WAIT.as_secs())]
    NoAnswer,
    #[error("the owner's answer is malformed: {0}")]
    Welcome(#[from] DecodeError),
    #[error("the owner's answer does not hold: {0}")]
    Object(#[from] ObjectError),
    #[error("the enrollment is for another camera or by another owner than the invite's")]
    OtherEnrollment,
    #[error("the owner's policy is not acted on: {0}")]
    Policy(#[from] PolicyRefused),
    #[error("the owner's answer begins on another day than today; compare the clocks of camera and owner")]
    Day,
    #[error(transparent)]
    Spool(#[from] SpoolError),
    #[error(transparent)]
    Camera(#[from] Error),
}

/// Pairs with the owner who made the invite.
pub async fn pair(
    config: &Config,
    invite: &str,
    on: &mut (dyn FnMut(Step) + Send),
) -> Result<Paired, PairError> {
    let mut machine = Machine::system();
    let invite = Invite::parse(invite)?;
    let camera = identity::read(config)?;
    let _lock = host::durable::FolderLock::acquire(&config.data).map_err(Error::from)?;
    let spool = Spool::open(&config.data)?;
    if spool.is_paired()? {
        return Err(SpoolError::Paired.into());
    }
    let (identity, addresses) = (Identity::from_seed(&camera.to_bytes()), Addresses::one(&invite.relay));
    let relay = Relay::new(identity, addresses, invite.relay_key);
    let (link, _control) = relay.connect().await?;
    on(Step::Connected);

    let camera_pk = camera.verifying_key().to_bytes();
    let mailbox = invite.mailbox();
    let consent = CameraConsent::sign(&camera, &invite.owner_key, mailbox);
    let hello = PairHello { camera_pk, consent, model: config.model.clone() };
    let mail = invite.seal_mail(Side::Camera, &hello.encode(), &mut machine.rng);
    ask(&link, &calls::put_mail(mailbox, Side::Camera, mail)).await?;
    on(Step::Introduced);

    let mail = take(&link, mailbox).await?;
    let welcome = invite.open_mail(Side::Owner, &mail)?;
    let welcome = PairWelcome::decode(&welcome)?;
    let enrollment = Enrollment::decode_verified(&welcome.enrollment)?;
    let is_this = enrollment.camera_pk == camera_pk && enrollment.camera_consent.mailbox == mailbox;
    if !is_this || enrollment.owner_root_pk != invite.owner_key {
        return Err(PairError::OtherEnrollment);
    }
    let camera_id = CameraId::of_key(&camera_pk);
    let (policy, leaf) =
        policy::verified(&invite.owner_key, &welcome.log_policy, camera_id, &welcome.policy)?;
    let notices = Notices { day: welcome.day, root: NoticeRoot::new(welcome.notice_root) };
    let first = (notices.day, notices.key(&camera_id));
    policy::check_label(&leaf, std::slice::from_ref(&first))?;
    if welcome.day.0.abs_diff(Micros(machine.clock.micros()).day().0) > 1 {
        return Err(PairError::Day);
    }
    on(Step::Verified);
    let pairing = Pairing {
        relay: invite.relay.clone(),
        relay_key: invite.relay_key,
        owner_key: invite.owner_key,
        enrollment: welcome.enrollment.clone(),
        policy: policy.bytes().to_vec(),
        log_policy: welcome.log_policy.clone(),
    };
    spool.keep_pairing(&pairing, &notices, &first)?;
    relay.leave().await;
    Ok(Paired { camera_id: camera_id.to_string(), relay: invite.relay.clone() })
}

/// The relay holds each question a while; it is asked again until the owner has answered.
async fn take(link: &Link, mailbox: [u8; 32]) -> Result<Vec<u8>, PairError> {
    let deadline = Instant::now() + WAIT;
    while Instant::now() < deadline {
        if let Some(mail) = found(ask(link, &calls::take_mail(mailbox, Side::Owner)).await)? {
            return Ok(mail);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Err(PairError::NoAnswer)
}

impl From<CallError> for PairError {
    fn from(error: CallError) -> Self {
        // The mailbox is not there any more, or never was.
        if let CallError::Refused(refusal) = &error
            && matches!(refusal.code, RefusalCode::InviteSpent | RefusalCode::NotFound)
        {
            return Self::Spent(refusal.clone());
        }
        Self::Call(error)
    }
}
