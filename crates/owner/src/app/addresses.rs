//! The addresses of the owner's page that are kept: one for each device that it is opened from,
//! made and revoked by its name.
//!
//! ```text
//! keybook/app.json   {"format":1,"port":46537,"addresses":[{"name":"this device","token":"Zx...","since":1796061806}]}
//! ```
//!
//! In scope: which there are, and that a running page goes by them. Out of scope: what an address
//! opens ([`page::guard`]); how another device comes to this one's loopback, which is the family's
//! `ssh` or VPN: the page listens nowhere else.
//!
//! The file is as secret as the keybook that it lies in. The port is kept too, for the address to
//! stay the same; whoever listens on it while the page is away is told the token by a browser that
//! comes back.

use super::App;
use crate::book;
use crate::kept::{self, KeptError};
use crate::state::Owner;
use host::rng;
use page::guard;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The name of the address that `candor owner app` prints.
pub const HERE: &str = "this device";
/// The most addresses.
const MOST: usize = 32;
/// How soon a running page goes by a change.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// One address, for whoever is given it.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Address {
    pub name: String,
    /// With the token.
    pub url: String,
    pub port: u16,
    /// When it was made, Unix seconds.
    pub since: u64,
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Address").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Why there is no such address.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    #[error("no address yet: start `candor owner app` once, which chooses the port")]
    NeverStarted,
    #[error("there is an address for {0:?} already; revoke it first, or choose another name")]
    Taken(String),
    #[error("there is no address for {0:?}; `candor owner address list` shows all")]
    Unknown(String),
    #[error("{0:?} cannot name a device: 1 to 64 characters that show, and no space at an end")]
    BadName(String),
    #[error("there are {MOST} addresses; revoke one that is not used")]
    TooMany,
    #[error(transparent)]
    Kept(#[from] KeptError),
}

/// What the file holds.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept {
    format: u32,
    /// 0 before the first start.
    pub(super) port: u16,
    addresses: Vec<Entry>,
}

impl Default for Kept {
    fn default() -> Self {
        Self { format: <Self as kept::Kept>::FORMAT, port: 0, addresses: Vec::new() }
    }
}

impl kept::Kept for Kept {
    const FILE: &'static str = "app.json";
    const WHAT: &'static str = "a list of addresses";
    const ADVICE: &'static str = "remove the file, and give every device a new one";
    const FORMAT: u32 = 1;

    fn format(&self) -> u32 {
        self.format
    }
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    token: String,
    since: u64,
}

/// All of them, the oldest first.
pub async fn list(owner: &Owner) -> Result<Vec<Address>, AddressError> {
    let kept: Kept = kept::read(owner.folder()).await?;
    Ok(kept.addresses.iter().map(|entry| kept.shown(entry)).collect())
}

/// The other devices that open a running page now, by their names.
pub(super) async fn others(app: &App) -> Result<Vec<String>, AddressError> {
    let kept: Kept = kept::read(app.owner.folder()).await?;
    let others =
        kept.addresses.into_iter().filter(|entry| entry.name != HERE && app.tokens.hold(&entry.token));
    Ok(others.map(|entry| entry.name).collect())
}

/// Makes one more.
pub async fn add(owner: &Owner, name: &str) -> Result<Address, AddressError> {
    let (name, entry) = (name.to_owned(), Entry::new(owner, name));
    kept::change(owner.folder(), move |kept: &mut Kept| match () {
        () if !book::is_name(&name) => Err(AddressError::BadName(name)),
        () if kept.port == 0 => Err(AddressError::NeverStarted),
        () if kept.addresses.iter().any(|other| other.name == name) => Err(AddressError::Taken(name)),
        () if kept.addresses.len() >= MOST => Err(AddressError::TooMany),
        () => {
            kept.addresses.push(entry.clone());
            Ok(kept.shown(&entry))
        }
    })
    .await
}

/// Takes one back: a running page answers it no more within a second or two, and what it watches
/// ends.
pub async fn revoke(owner: &Owner, name: &str) -> Result<(), AddressError> {
    let name = name.to_owned();
    kept::change(owner.folder(), move |kept: &mut Kept| {
        let before = kept.addresses.len();
        kept.addresses.retain(|entry| entry.name != name);
        (kept.addresses.len() < before).then_some(()).ok_or(AddressError::Unknown(name))
    })
    .await
}

/// What is kept, with an address of this device.
pub(super) async fn opened(owner: &Owner) -> Result<Kept, AddressError> {
    let here = Entry::new(owner, HERE);
    kept::change(owner.folder(), move |kept: &mut Kept| {
        if !kept.addresses.iter().any(|entry| entry.name == HERE) {
            kept.addresses.insert(0, here);
        }
        Ok(kept.clone())
    })
    .await
}

/// The page listens on this port; gives this device's address.
pub(super) async fn keep_port(owner: &Owner, port: u16) -> Result<(String, Vec<String>), AddressError> {
    kept::change(owner.folder(), move |kept: &mut Kept| {
        kept.port = port;
        let here = kept.addresses.iter().find(|entry| entry.name == HERE);
        let url = here.map(|entry| kept.shown(entry).url).ok_or(AddressError::Unknown(HERE.to_owned()))?;
        Ok((url, kept.tokens()))
    })
    .await
}

/// Goes by what is kept from now on, until the app ends. A list that cannot be read changes
/// nothing.
pub(super) async fn follow(app: &App) {
    while !app.shutdown.is_requested() {
        tokio::select! {
            () = app.shutdown.requested() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        match kept::read::<Kept>(app.owner.folder()).await {
            Ok(kept) => app.tokens.set(kept.tokens()),
            Err(error) => tracing::warn!(%error, "the kept addresses cannot be read"),
        }
    }
}

impl Entry {
    fn new(owner: &Owner, name: &str) -> Self {
        let rng: rng::Rng = owner.rng();
        Self { name: name.to_owned(), token: guard::token(rng.bytes()), since: owner.now().0 }
    }
}

impl Kept {
    fn tokens(&self) -> Vec<String> {
        self.addresses.iter().map(|entry| entry.token.clone()).collect()
    }

    fn shown(&self, entry: &Entry) -> Address {
        let url = guard::url(&entry.token, self.port);
        Address { name: entry.name.clone(), url, port: self.port, since: entry.since }
    }
}
