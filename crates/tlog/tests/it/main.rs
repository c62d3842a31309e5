//! What the crate must get right, from outside: vectors of a second implementation, two oracle
//! crates, mutated proofs, noise.
#![allow(clippy::unwrap_used)]

mod cast;
mod keys;
mod mutations;
mod oracles;
mod parsers;
mod vectors;
mod witness;
