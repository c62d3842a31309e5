//! A real camera with a real relay, log, witnesses and owner: what it films is watched, whatever
//! breaks in between.
#![allow(clippy::unwrap_used)]

mod filming;
mod health;
mod masked;
mod settings;
mod twins;
mod world;
