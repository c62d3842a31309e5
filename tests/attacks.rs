//! What a party may try, and must not achieve: the rows of proto/threat-model.md, against the whole
//! cast.

mod bad_share;
mod blind_relay;
mod clock;
mod deleted;
mod fork;
mod garbage;
mod hoard;
mod lost_keys;
mod quorum;
mod scope;
mod segments;
mod silent_viewer;
mod strangers;
mod swapped;
mod twins;
mod unlogged;
