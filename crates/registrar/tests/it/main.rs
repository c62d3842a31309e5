//! A registrar and an operator with a real log and real witnesses over real sockets.
#![allow(clippy::unwrap_used)]

mod foreseeing;
mod keys;
mod publishing;
mod registering;
mod world;
