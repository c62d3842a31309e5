//! What the crate must get right, from outside: vectors of a second implementation, an oracle, and
//! every way to pass one thing off as another.
#![allow(clippy::unwrap_used)]

mod hpke;
mod invites;
mod noise;
mod notices;
mod schedule;
mod sealing;
mod secrets;
mod wraps;
