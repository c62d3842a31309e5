//! Each question with the one answer that it has. Contract: `proto/session.md`, "Messages" and
//! "Calls".
//!
//! ```no_run
//! # async fn example(link: &quic::Link, camera_id: media::id::CameraId) -> Result<(), quic::CallError> {
//! use relay_client::{ask, calls, found};
//!
//! match found(ask(link, &calls::day_notice(camera_id, media::id::Day(20_000))).await)? {
//!     Some(notice) => println!("{} bytes, unverified", notice.len()),
//!     None => println!("the camera has not published it yet"),
//! }
//! # Ok(()) }
//! ```
//!
//! What comes back is the relay's word: signatures and proofs are its reader's to verify.

use media::id::{CameraId, Day};
pub use media::message::LoggedLeaf;
use media::message::{CameraStatus, Judges, NamedObject, Request, Response, Side};
use media::notice::HeldNotice;
pub use media::pair::HeldPolicy;
use media::pair::PolicyBundle;
use quic::{CallError, Link};

/// A question whose answer is a `T`.
#[derive(Debug, Clone)]
pub struct Call<T> {
    request: Request,
    /// `None` for the answer of another question.
    read: fn(Response) -> Option<T>,
    expected: &'static str,
}

/// Asks once; a refusal is an error.
pub async fn ask<T>(link: &Link, call: &Call<T>) -> Result<T, CallError> {
    match link.call(&call.request).await? {
        Response::Refused(refusal) => Err(refusal.into()),
        response => (call.read)(response).ok_or(CallError::Unexpected(call.expected)),
    }
}

/// `None` where the relay has not got what was asked for, or not yet.
pub fn found<T>(answer: Result<T, CallError>) -> Result<Option<T>, CallError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(CallError::Refused(refusal)) if refusal.code.judges() == Judges::Absence => Ok(None),
        Err(error) => Err(error),
    }
}

/// The call that asks `request` and is answered `answer`.
macro_rules! call {
    ($request:expr => $answer:ident) => {
        Call {
            request: $request,
            read: |response| if let Response::$answer(value) = response { Some(value) } else { None },
            expected: concat!("no ", stringify!($answer)),
        }
    };
}

fn done(request: Request) -> Call<()> {
    let read = |response| (response == Response::Ok).then_some(());
    Call { request, read, expected: "something else than Ok" }
}

/// A camera's policy with this hash; `None` for the newest.
pub fn policy(camera_id: CameraId, hash: Option<[u8; 32]>) -> Call<HeldPolicy> {
    call!(Request::GetPolicy { camera_id, hash: hash.unwrap_or([0; 32]) } => Policy)
}

/// Keep this Enrollment and policy.
pub fn put_policy(enrollment: Vec<u8>, bundle: PolicyBundle) -> Call<()> {
    done(Request::PutPolicy(HeldPolicy { enrollment, bundle }))
}

/// Keep this EpochOpen.
pub fn put_epoch_open(signed: Vec<u8>) -> Call<()> {
    done(Request::PutEpochOpen(signed))
}

/// Keep this DayNotice and its key.
pub fn put_day_notice(held: HeldNotice) -> Call<()> {
    done(Request::PutDayNotice(held))
}

/// This is how I am.
pub fn put_health(signed: Vec<u8>) -> Call<()> {
    done(Request::PutHealth(signed))
}

/// Ask this of a camera.
pub fn put_settings(signed: Vec<u8>) -> Call<()> {
    done(Request::PutSettings(signed))
}

/// What is asked of a camera.
pub fn settings(camera_id: CameraId) -> Call<Vec<u8>> {
    call!(Request::GetSettings { camera_id } => Object)
}

/// The DayNotice of a day.
pub fn day_notice(camera_id: CameraId, day: Day) -> Call<Vec<u8>> {
    call!(Request::GetDayNotice { camera_id, day } => Object)
}

/// The label of the leaf that a sponsor makes of `draft`.
pub fn label(camera_id: CameraId, day: Day, draft: [u8; 32]) -> Call<[u8; 32]> {
    let read = |response| match response {
        Response::Object(label) => label.try_into().ok(),
        _ => None,
    };
    Call { request: Request::GetLabel { camera_id, day, draft }, read, expected: "no label" }
}

/// Every trustee's keys of a day, by the trustee's name.
pub fn day_keys(day: Day) -> Call<Vec<NamedObject>> {
    call!(Request::GetDayKeys(day) => Objects)
}

/// Open a pairing mailbox for so many seconds.
pub fn open_mailbox(mailbox: [u8; 32], ttl_s: u32) -> Call<()> {
    done(Request::MailboxOpen { mailbox, ttl_s })
}

/// Put the one message of a side.
pub fn put_mail(mailbox: [u8; 32], side: Side, mail: Vec<u8>) -> Call<()> {
    done(Request::MailboxPut { mailbox, side, mail })
}

/// Take the message that `side` wrote. The relay holds the question a while, then has not [`found`]
/// it.
pub fn take_mail(mailbox: [u8; 32], side: Side) -> Call<Vec<u8>> {
    call!(Request::MailboxTake { mailbox, side } => Object)
}

/// Sponsor a leaf of this text and append it to the log.
pub fn sponsor_leaf(text: String) -> Call<LoggedLeaf> {
    call!(Request::SponsorLeaf(text) => Logged)
}

/// The cameras that the asker may watch.
pub fn cameras() -> Call<Vec<CameraStatus>> {
    call!(Request::ListCameras => Cameras)
}

/// One page of EpochOpens, and whether the relay says that there are more. [`crate::epochs`] asks
/// for all of them and believes nothing.
pub(crate) fn epoch_page(request: Request) -> Call<(Vec<Vec<u8>>, bool)> {
    let read = |response| match response {
        Response::Epochs { opens, more } => Some((opens, more)),
        _ => None,
    };
    Call { request, read, expected: "no Epochs" }
}
