//! HTTP/1.1, both ends, with limits on everything a peer could hold open or make large.
//!
//! In scope: [`serve`] a router on a listener, each request only once its body is there; [`Fetch`] a
//! URL (http and https), with [`Retry`] as a value that says when and how often. Out of scope: TLS
//! for servers, which a reverse proxy in front of the party ends; redirects, which are never
//! followed (a log's or witness's URL is configured, not discovered).

mod body;
mod caller;
mod drain;
mod failure;
mod fetch;
mod retry;
mod serve;

pub use caller::Caller;
pub use failure::Failure;
pub(crate) use fetch::chain;
pub use fetch::{Fetch, FetchError, FetchLimits, Reply};
pub use retry::Retry;
pub use serve::{ServeLimits, bind, cannot_listen, serve};

#[cfg(test)]
mod tests;
