//! Placeholder.
pub mod retention;
pub mod store;
