//! The invite of a pairing, and the mail sealed under its secret. Contract:
//! `proto/session.md#pairing`.
//!
//! ```text
//! candor://pair?relay=relay.example:4433&rk=<relay key>&ok=<owner root key>&s=<secret>       keys and secret: base64url, 43 characters
//! mail key = HKDF-Expand(secret, "candor mail\0" || u8 side, 32)       side 1: the camera's, 2: the owner's
//! mail     = nonce 12 || ChaCha20-Poly1305(mail key, nonce, message)
//! ```
//!
//! Who has the invite may pair, once: show it to the camera alone.

use crate::epoch::expand;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use media::limits;
use media::message::Side;
use media::sign::PublicKey;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

const PREFIX: &str = "candor://pair?";

/// A one-time invite.
#[derive(Clone)]
pub struct Invite {
    /// The relay's address, `HOST:PORT`.
    pub relay: String,
    /// The relay's Ed25519 key.
    pub relay_key: PublicKey,
    /// The owner's root Ed25519 key.
    pub owner_key: PublicKey,
    /// 32 random bytes: names the mailbox, seals the mail.
    pub secret: Zeroizing<[u8; 32]>,
}

impl PartialEq for Invite {
    fn eq(&self, other: &Self) -> bool {
        let public = |invite: &Self| (invite.relay.clone(), invite.relay_key, invite.owner_key);
        public(self) == public(other) && bool::from(self.secret.ct_eq(&*other.secret))
    }
}

impl Eq for Invite {}

impl core::fmt::Debug for Invite {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Invite").field("relay", &self.relay).finish_non_exhaustive()
    }
}

/// Why a text is not an invite, or mail does not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InviteError {
    /// Not an invite URL.
    #[error("not an invite: {0}; it looks like candor://pair?relay=...&rk=...&ok=...&s=...")]
    Malformed(&'static str),
    /// Mail that was not sealed under this invite's secret for this side.
    #[error("the mail was not sealed under this invite")]
    CannotOpen,
}

impl Invite {
    /// The URL.
    pub fn url(&self) -> String {
        let text = |bytes: &[u8; 32]| URL_SAFE_NO_PAD.encode(bytes);
        let (relay_key, owner_key, secret) =
            (text(&self.relay_key), text(&self.owner_key), text(&self.secret));
        format!("{PREFIX}relay={}&rk={relay_key}&ok={owner_key}&s={secret}", self.relay)
    }

    /// Reads what [`Invite::url`] writes, and nothing else. White space around it, as pasting
    /// leaves it, is allowed.
    ///
    /// # Errors
    /// [`InviteError::Malformed`].
    pub fn parse(url: &str) -> Result<Self, InviteError> {
        let malformed = InviteError::Malformed;
        let rest =
            url.trim().strip_prefix(PREFIX).ok_or(malformed("it does not begin with candor://pair?"))?;
        if rest.len() > limits::URL {
            return Err(malformed("it is too long"));
        }
        let mut fields = rest.split('&');
        let mut field = |name: &'static str, what| {
            let value = fields.next().and_then(|field| field.split_once('='));
            value.filter(|(found, _)| *found == name).map(|(_, value)| value).ok_or(malformed(what))
        };
        let relay = field("relay", "the relay's address is missing")?;
        let relay_key = key(field("rk", "the relay's key is missing")?)?;
        let owner_key = key(field("ok", "the owner's key is missing")?)?;
        let secret = key(field("s", "the secret is missing")?)?;
        if fields.next().is_some() {
            return Err(malformed("something follows the secret"));
        }
        let is_port = |port: &str| {
            port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|n| n != 0)
        };
        let has_port = relay.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && is_port(port));
        if !has_port || !relay.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(malformed("the relay's address is not HOST:PORT"));
        }
        Ok(Self { relay: relay.into(), relay_key, owner_key, secret: Zeroizing::new(secret) })
    }

    /// The mailbox at the relay.
    pub fn mailbox(&self) -> [u8; 32] {
        media::pair::mailbox_of(&self.secret)
    }

    /// Seals the one message of `side`.
    pub fn seal_mail(&self, side: Side, message: &[u8], rng: &mut impl rand_core::CryptoRng) -> Vec<u8> {
        let mut nonce = [0; NONCE_LEN];
        rng.fill_bytes(&mut nonce);
        let mut sealed = message.to_vec();
        self.mail_key(side)
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut sealed)
            .expect("mail is far below the AEAD's limit");
        let mut mail = nonce.to_vec();
        mail.extend_from_slice(&sealed);
        mail
    }

    /// Opens the one message of `side`.
    ///
    /// # Errors
    /// [`InviteError::CannotOpen`].
    pub fn open_mail(&self, side: Side, mail: &[u8]) -> Result<Zeroizing<Vec<u8>>, InviteError> {
        let (nonce, sealed) = mail.split_first_chunk::<NONCE_LEN>().ok_or(InviteError::CannotOpen)?;
        let mut opening = Zeroizing::new(sealed.to_vec());
        let opened = self
            .mail_key(side)
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::empty(), &mut opening)
            .map_err(|_| InviteError::CannotOpen)?
            .len();
        opening.truncate(opened);
        Ok(opening)
    }

    fn mail_key(&self, side: Side) -> LessSafeKey {
        let side = match side {
            Side::Camera => 1,
            Side::Owner => 2,
        };
        let key = expand::<32>(&self.secret, &[b"candor mail\0", &[side]]);
        LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, &key[..]).expect("32 bytes"))
    }
}

fn key(text: &str) -> Result<[u8; 32], InviteError> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or(InviteError::Malformed("a key is not 32 bytes in base64url"))
}
