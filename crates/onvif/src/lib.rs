//! ONVIF, as far as a camera is found and set with it: who is on the local network, which streams it
//! has, how far apart its key frames are, whether it sees something move.
//!
//! | module | job |
//! |---|---|
//! | `discover` | WS-Discovery: who answers on the local network |
//! | `device` | one device: its profiles and streams; its key frames, set |
//! | `motion` | what it says of motion, while it is asked |
//! | `error` | what can go wrong |
//! | `soap` | one call: who asks, what is answered, what went wrong |
//! | `xml` | reading what it answered |
//!
//! **Nobody is trusted for having answered.** Discovery sends no password. A call goes to the host that
//! a person named and to no other: a device that names an address elsewhere for one of its services is
//! refused by name. A password is only proven, never sent: as a digest with a nonce, in the envelope
//! (WS-UsernameToken) and over HTTP; `Basic` is not spoken. A digest can still be guessed at by whoever
//! hears it, and the answers are in clear: that is ONVIF, and a reason for a network of the cameras' own.
//!
//! In scope: the Device, Media and Event services of version 1 (Profile S). Out of scope: Media 2, and
//! with it the settings of H.265; `https`, for whose certificates nobody vouches.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod device;
mod discover;
mod error;
mod motion;
mod soap;
mod xml;

pub use device::{Changed, Device, Profile, host_of, proposed};
pub use discover::{Seen, discover};
pub use error::OnvifError;
pub use motion::PullPoint;
pub use soap::Access;
