//! One test binary for the whole house.
#![allow(clippy::unwrap_used)]

mod architecture;
