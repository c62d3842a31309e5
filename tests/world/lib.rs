//! The whole cast on loopback.
