//! The one binary as a user meets it.

mod discover;
mod help;
mod mistakes;
mod privacy;
mod sources;
