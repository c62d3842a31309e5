//! Monitors over real sockets: with a real log and real witnesses, and with a log that signs two
//! histories.
#![allow(clippy::unwrap_used)]

mod check;
mod following;
mod forks;
mod gossip;
mod page;
mod sample;
mod withheld;
mod world;
