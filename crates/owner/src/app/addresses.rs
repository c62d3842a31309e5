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
use crate::state::Owner;
use host::durable::{self, DurableError};
use host::{blocking, rng};
use page::guard;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The name of the address that `candor owner app` prints.
pub const HERE: &str = "this device";
/// The most addresses.
const MOST: usize = 32;
/// The largest file that is read.
const MAX_BYTES: u64 = 64 << 10;
const FORMAT: u32 = 1;
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
    #[error("{}: not a list of addresses: {reason}; remove the file, and give every device a new one", .path.display())]
    Malformed { path: PathBuf, reason: String },
    #[error(transparent)]
    Lock(#[from] book::BookError),
    #[error(transparent)]
    File(#[from] DurableError),
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

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    token: String,
    since: u64,
}

/// All of them, the oldest first.
pub async fn list(owner: &Owner) -> Result<Vec<Address>, AddressError> {
    let folder = owner.folder().to_owned();
    let kept = blocking::run(move || read(&folder)).await?;
    Ok(kept.addresses.iter().map(|entry| kept.shown(entry)).collect())
}

/// Makes one more.
pub async fn add(owner: &Owner, name: &str) -> Result<Address, AddressError> {
    let (name, entry) = (name.to_owned(), Entry::new(owner, name));
    change(owner, move |kept| match () {
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
    change(owner, move |kept| {
        let before = kept.addresses.len();
        kept.addresses.retain(|entry| entry.name != name);
        (kept.addresses.len() < before).then_some(()).ok_or(AddressError::Unknown(name))
    })
    .await
}

/// What is kept, with an address of this device.
pub(super) async fn opened(owner: &Owner) -> Result<Kept, AddressError> {
    let here = Entry::new(owner, HERE);
    change(owner, move |kept| {
        if !kept.addresses.iter().any(|entry| entry.name == HERE) {
            kept.addresses.insert(0, here);
        }
        Ok(kept.clone())
    })
    .await
}

/// The page listens on this port; gives this device's address.
pub(super) async fn keep_port(owner: &Owner, port: u16) -> Result<(String, Vec<String>), AddressError> {
    change(owner, move |kept| {
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
        let folder = app.owner.folder().to_owned();
        match blocking::run(move || read(&folder)).await {
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

fn path(folder: &Path) -> PathBuf {
    folder.join("app.json")
}

fn read(folder: &Path) -> Result<Kept, AddressError> {
    let path = path(folder);
    let Some(bytes) = durable::read_limited(&path, MAX_BYTES)? else {
        return Ok(Kept { format: FORMAT, port: 0, addresses: Vec::new() });
    };
    let malformed = |reason: String| AddressError::Malformed { path: path.clone(), reason };
    let kept: Kept = serde_json::from_slice(&bytes).map_err(|error| malformed(error.to_string()))?;
    (kept.format == FORMAT).then_some(()).ok_or_else(|| malformed(format!("format {}", kept.format)))?;
    Ok(kept)
}

/// Reads the file anew, changes it, and writes it durably; on an error nothing is changed.
async fn change<T: Send + 'static>(
    owner: &Owner,
    change: impl FnOnce(&mut Kept) -> Result<T, AddressError> + Send + 'static,
) -> Result<T, AddressError> {
    let folder = owner.folder().to_owned();
    blocking::run(move || {
        let _lock = book::lock(&folder)?;
        let mut kept = read(&folder)?;
        let before = kept.clone();
        let changed = change(&mut kept)?;
        if kept != before {
            durable::write_atomic(&path(&folder), &serde_json::to_vec_pretty(&kept).unwrap_or_default())?;
        }
        Ok(changed)
    })
    .await
}
