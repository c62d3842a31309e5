//! The one binary as a user meets it.

mod help;
mod mistakes;
mod sources;
