//! Every page that people see: who may talk to it, what it may load, its sockets, its base style.
//!
//! In scope: what a page needs whoever's it is. Out of scope: what it shows and knows, which is the
//! party's; serving HTTP within limits ([`host::http`]).
//!
//! | module | job |
//! |---|---|
//! | [`guard`] | a page on this machine for the browser of whoever started it: token, Host, Origin |
//! | [`dress`] | what every answer says to the browser: content security policy and its kin |
//! | [`assets`] | files embedded in the program: a party's own, and the shared style and scripts |
//! | [`socket`] | WebSockets: a bounded number, JSON out, short texts in |
//! | [`html`] | the head of a page without script; text that is no markup |
//!
//! The shared scripts (`assets/dom.js`: elements, questions to the page's server;
//! `assets/times.js`: times in the browser's own zone) are checked and tested by
//! `deploy/scripts.sh`.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod assets;
pub mod dress;
pub mod guard;
pub mod html;
pub mod socket;
