//! The relay as its cameras, owners and requesters meet it: found at one of its addresses, asked
//! typed questions, come back to when a session was lost. Contract: `proto/session.md`.
//!
//! In scope: what several parties would each write for themselves. What a refusal means to them is
//! `media::message::Judges`; what passes is asked again here ([`Session::ask_until`]). Out of
//! scope: keys of footage, of which nothing is linked; what is made of an answer; publishing and
//! subscribing, which are their party's own conversation on the control stream of a session from
//! [`Session::open`].
//!
//! | module | job |
//! |---|---|
//! | [`addresses`] | where the relay is: in turn |
//! | [`relay`] | one identity's way to it, and the socket |
//! | [`session`] | sessions one after the other, with pauses that grow |
//! | [`calls`] | each question with the answer that it has |
//! | [`mod@epochs`] | EpochOpens: verified, in order, and no more of them than the camera signed |
//! | [`mod@heads`] | one page of heads, in order |
//!
//! ```no_run
//! # async fn example(identity: quic::Identity, key: [u8; 32], camera_id: media::id::CameraId) -> Result<(), quic::CallError> {
//! use relay_client::{Addresses, Relay, Session, calls};
//!
//! let relay = Relay::new(identity, Addresses::one("relay.example:4433"), key);
//! let mut session = Session::new(&relay, host::rng::Rng::system());
//! let newest = session.ask(&calls::policy(camera_id, None)).await?;
//! println!("{} bytes", newest.bundle.policy.len());
//! relay.leave().await;
//! # Ok(()) }
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod addresses;
pub mod calls;
pub mod epochs;
pub mod heads;
pub mod relay;
pub mod session;

pub use addresses::Addresses;
pub use calls::{Call, ask, found};
pub use epochs::{Epoch, EpochQuery, Paging, epoch_after, epochs};
pub use heads::{HeadPage, heads};
pub use relay::Relay;
pub use session::Session;
