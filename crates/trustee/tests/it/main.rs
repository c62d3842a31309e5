//! A trustee with a real log and real witnesses over real sockets, and packages as a sponsor
//! composes them.
#![allow(clippy::unwrap_used)]

mod bodies;
mod camera;
mod granting;
mod humans;
mod keys;
mod killed;
mod outages;
mod sample;
mod swapped;
mod world;
