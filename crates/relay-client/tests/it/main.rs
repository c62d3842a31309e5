//! Over real sockets: a relay that breaks off, refuses, hides or lies, and one that is to be found
//! at its second address.
#![allow(clippy::unwrap_used)]

mod fake;
mod places;
mod sessions;
