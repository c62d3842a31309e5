//! The relay over real sockets on loopback. It is blind, so the cameras here seal nothing: their
//! fragments are any bytes, under real keys, chains and signatures.
#![allow(clippy::unwrap_used)]

mod access;
mod clock;
mod contract;
mod doubt;
mod full;
mod garbage;
mod heads;
mod health;
mod identity;
mod live;
mod pairing;
mod publish;
mod refused;
mod restart;
mod sample;
mod settings;
mod sponsor;
mod world;
