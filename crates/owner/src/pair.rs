//! Pair.

use crate::{Owner, book::Camera};

/// What happens between the invite and a paired camera, in order.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case", tag = "step")]
pub enum Step {
    /// A camera has answered the invite.
    Answered { camera_id: String },
    /// The blinded policy leaf is in the log, with a witness quorum.
    PolicyLogged { leaf_index: u64, witnesses: Vec<String> },
    /// The relay holds the policy.
    PolicyStored,
    /// The camera has its answer.
    Paired,
}

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PairError {
    #[error("the invite expired unused; make a new one")]
    Expired,
}

/// An open invite. Dropping it leaves the mailbox to expire.
#[derive(Debug)]
pub struct Invitation {}

/// Opens a mailbox at the relay for one camera, to be called `name` in the book.
pub async fn invite(_owner: &Owner, _name: &str) -> Result<Invitation, PairError> {
    todo!()
}

impl Invitation {
    /// `candor://pair?...`: one use, 15 minutes.
    pub fn url(&self) -> &str {
        todo!()
    }

    /// The URL as a QR code in half blocks, one string a terminal line, dark on light.
    pub fn qr_lines(&self) -> Vec<String> {
        todo!()
    }

    /// Unix seconds.
    pub fn expires_at(&self) -> u64 {
        todo!()
    }

    /// Waits for the camera and pairs it.
    pub async fn wait(self, _on: &mut (dyn FnMut(Step) + Send)) -> Result<Camera, PairError> {
        todo!()
    }
}
