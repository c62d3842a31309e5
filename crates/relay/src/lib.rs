//! The relay: stores and fans out segments that it cannot open, and serves them live and recorded.
//! Contract: `proto/session.md`.
//!
//! In scope: who may publish or watch, segments in, durable, out; pairing mailboxes; mirrored day
//! keys; sponsoring its owners' leaves in the log under its own name. Out of scope: keys of
//! footage. This crate links none of the code that could open a frame, and `tests/architecture`
//! asserts it.
//!
//! ```text
//! camera  == segments ==>  ingest  -->  store    durable, then Ack
//!                             \----->   fanout   == the same bytes ==>  viewers, each at its own pace
//! owner  -- FetchSegments, FetchEpochs -->  playback  <--  store
//! requester  -- GetLabel -->  notices;  -- FetchEpochs -->  playback;  -- FetchReleased: request, grants -->  released  -->  playback
//! owner  -- FetchHeads -->  playback               of each segment the header and the first sealed fragment
//! owner  -- SponsorLeaf -->  sponsor  --  signed leaf -->  the log
//! ```
//!
//! | file | job |
//! |---|---|
//! | `config`, `error` | what an operator decides; why a relay does not start |
//! | `start` | what `init` makes, and the order of starting |
//! | `serve`, `session`, `calls` | the loop that accepts; one connection; one call |
//! | `state`, `load`, `peer`, `memory`, `receipts` | what all tasks share; what peers take of it; one peer; what it published; what it was acknowledged, signed |
//! | `access`, `refuse` | who may; the store's errors as refusals |
//! | `ingest`, `fanout`, `publishers`, `playback` | segments in, live, from whom, out |
//! | `notices`, `released` | labels of drafts, and no key of them; what was granted, without which a sponsor gets no ciphertext |
//! | `mailbox`, `sponsor`, `daykeys`, `retention`, `status` | beside the footage |
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod access;
mod calls;
mod config;
mod daykeys;
mod error;
mod fanout;
mod ingest;
mod load;
mod mailbox;
mod memory;
mod notices;
mod peer;
mod playback;
mod publishers;
mod receipts;
mod refuse;
mod released;
mod retention;
mod serve;
mod session;
mod settings;
mod sponsor;
mod start;
mod state;
mod status;

pub use config::{Config, Limits, Log, Storage, Trustee};
pub use error::Error;
pub use fanout::GRACE;
pub use quic::{BadKey, Key};
pub use start::{At, Created, init, start, start_over};
