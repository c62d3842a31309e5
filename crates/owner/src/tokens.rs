//! Tokens for programs of the house, by which the [bridge](crate::bridge) knows who asks: each has
//! a name, and what it may see.
//!
//! ```text
//! keybook/tokens.json   {"format":1,"tokens":[{"name":"hass","sha256":"9f86...","cameras":null,"until":null,"since":1795600000}]}
//! ```
//!
//! Kept is the SHA-256 of each: 256 random bits need nothing slower. It is shown once, when it is
//! made. In scope: the list. Out of scope: asking for one (`bridge::door`).

use crate::book::{self, BookError};
use crate::kept::{self, KeptError};
use crate::state::Owner;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use media::sign::sha256;
use media::time::Seconds;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// How each begins, so that one that leaked is known for what it is.
const PREFIX: &str = "candor-";
/// The most tokens.
const MOST: usize = 64;

/// One token, without itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Token {
    pub name: String,
    /// The cameras that it sees, by their names of now; none for all of them, those to come too.
    pub cameras: Option<Vec<String>>,
    /// When it ends, Unix seconds.
    pub until: Option<u64>,
    /// When it was made, Unix seconds.
    pub since: u64,
}

/// A token that was made: what is shown once.
#[derive(Clone, Serialize)]
pub struct Made {
    pub token: String,
    #[serde(flatten)]
    pub about: Token,
}

impl std::fmt::Debug for Made {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Made").field("about", &self.about).finish_non_exhaustive()
    }
}

/// Why there is no such token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    #[error("there is a token for {0:?} already; remove it first, or choose another name")]
    Taken(String),
    #[error("there is no token for {0:?}; `candor owner token list` shows all")]
    Unknown(String),
    #[error("{0:?} cannot name a program: 1 to 64 characters that show, and no space at an end")]
    BadName(String),
    #[error("no camera is named, so that it would see nothing; leave --cameras out for all of them")]
    NoCamera,
    #[error("it would have ended before it was made; give a time to come")]
    Over,
    #[error("there are {MOST} tokens; remove one that is not used")]
    TooMany,
    #[error(transparent)]
    Book(#[from] BookError),
    #[error(transparent)]
    Kept(#[from] KeptError),
}

/// What the file holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tokens {
    format: u32,
    pub(crate) tokens: Vec<KeptToken>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptToken {
    pub(crate) name: String,
    /// Hex.
    sha256: String,
    /// Ids of cameras.
    pub(crate) cameras: Option<Vec<String>>,
    pub(crate) until: Option<u64>,
    since: u64,
}

impl Default for Tokens {
    fn default() -> Self {
        Self { format: <Self as kept::Kept>::FORMAT, tokens: Vec::new() }
    }
}

impl kept::Kept for Tokens {
    const FILE: &'static str = "tokens.json";
    const WHAT: &'static str = "a list of tokens";
    const ADVICE: &'static str = "remove the file, and give every program a new token";
    const FORMAT: u32 = 1;

    fn format(&self) -> u32 {
        self.format
    }
}

impl KeptToken {
    /// Whether this is it, in a time that tells nothing of how far they agree.
    pub(crate) fn is(&self, shown: &str) -> bool {
        page::guard::is_same(&self.sha256, &hex::encode(sha256(&[shown.as_bytes()])))
    }

    pub(crate) fn is_over(&self, now: Seconds) -> bool {
        self.until.is_some_and(|until| now.0 >= until)
    }

    fn shown(&self, owner: &Owner) -> Token {
        let stored = owner.stored();
        let name = |id: &String| {
            let camera = stored.cameras.iter().find(|camera| camera.camera_id.to_string() == *id);
            camera.map_or_else(|| id.clone(), |camera| camera.name.clone())
        };
        let cameras = self.cameras.as_ref().map(|ids| ids.iter().map(name).collect());
        Token { name: self.name.clone(), cameras, until: self.until, since: self.since }
    }
}

/// All of them, the oldest first.
pub async fn list(owner: &Owner) -> Result<Vec<Token>, TokenError> {
    let kept: Tokens = kept::read(owner.folder()).await?;
    Ok(kept.tokens.iter().map(|token| token.shown(owner)).collect())
}

/// Makes one for a program, which sees these cameras, or all; until a time, Unix seconds.
pub async fn add(
    owner: &Owner,
    name: &str,
    cameras: Option<&[String]>,
    until: Option<u64>,
) -> Result<Made, TokenError> {
    let stored = owner.refreshed().await?;
    let ids = |names: &[String]| {
        let ids = names.iter().map(|name| Ok(stored.known(name)?.camera_id.to_string()));
        let mut ids = ids.collect::<Result<Vec<String>, BookError>>()?;
        let mut seen = BTreeSet::new();
        ids.retain(|id| seen.insert(id.clone()));
        Ok::<_, BookError>(ids)
    };
    let cameras = cameras.map(ids).transpose()?;
    let token = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(owner.rng().bytes::<32>()));
    let sha256 = hex::encode(sha256(&[token.as_bytes()]));
    let made = KeptToken { name: name.to_owned(), sha256, cameras, until, since: owner.now().0 };
    let about = made.shown(owner);
    let now = owner.now();
    kept::change(owner.folder(), move |kept: &mut Tokens| match () {
        () if !book::is_name(&made.name) => Err(TokenError::BadName(made.name)),
        () if made.cameras.as_ref().is_some_and(Vec::is_empty) => Err(TokenError::NoCamera),
        () if made.is_over(now) => Err(TokenError::Over),
        () if kept.tokens.iter().any(|other| other.name == made.name) => Err(TokenError::Taken(made.name)),
        () if kept.tokens.len() >= MOST => Err(TokenError::TooMany),
        () => {
            kept.tokens.push(made);
            Ok(())
        }
    })
    .await?;
    Ok(Made { token, about })
}

/// Takes one back: a running bridge answers it no more within a second, and what it watches ends.
pub async fn remove(owner: &Owner, name: &str) -> Result<(), TokenError> {
    let name = name.to_owned();
    kept::change(owner.folder(), move |kept: &mut Tokens| {
        let before = kept.tokens.len();
        kept.tokens.retain(|token| token.name != name);
        (kept.tokens.len() < before).then_some(()).ok_or(TokenError::Unknown(name))
    })
    .await
}
