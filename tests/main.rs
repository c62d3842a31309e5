//! One test binary for the whole house.
#![allow(clippy::unwrap_used)]

mod architecture;
mod attacks;
mod cli;
mod contracts;
mod flows;
