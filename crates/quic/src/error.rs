//! Why a session, a call or a stream ended, and the codes by which the two sides tell each other.

use media::codec::DecodeError;
use media::message::{Refusal, RefusalCode, VERSION};
use quinn::VarInt;

/// The code of a connection that ends in good order.
pub(crate) const GOODBYE: VarInt = VarInt::from_u32(0);
/// The code of a stream that its sender gave up, or its receiver does not want.
pub(crate) const ABANDONED: VarInt = VarInt::from_u32(0);

/// Why there is no session, or no longer one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    #[error("{address:?} is no address of a relay ({reason}): write HOST:PORT")]
    Address { address: String, reason: String },
    #[error("no UDP socket on {address}: {reason}")]
    Socket { address: String, reason: String },
    #[error(
        "no answer from {address} within {seconds} s: is the relay running, and does a firewall let UDP through?"
    )]
    NoAnswer { address: String, seconds: u64 },
    #[error(
        "the peer holds another key than the relay's: do not trust it; ask the relay's operator for the key"
    )]
    WrongKey,
    #[error("the peer speaks another protocol than candor/1 on this port")]
    OtherProtocol,
    #[error("the handshake failed: {0}")]
    Handshake(String),
    #[error(
        "the peer speaks version {0} of the protocol, and this program version {VERSION}: update the older one"
    )]
    Version(u16),
    #[error("the peer sent what is no message: {0}")]
    Malformed(#[from] DecodeError),
    #[error("the peer sent {got} where {expected} was expected")]
    Unexpected { expected: &'static str, got: &'static str },
    #[error("a stream ended inside a message")]
    Truncated,
    #[error("the peer does not read its control stream: {} messages wait", crate::limits::CONTROL_QUEUE)]
    Backlog,
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("the peer fell silent")]
    Silent,
    #[error("the session was closed in good order")]
    Closed,
    #[error("the connection broke off: {0}")]
    Lost(String),
    /// One of a relay's addresses failed for good, and another in a way that passes.
    #[error("{0}; another of the relay's addresses may answer later")]
    SomeAway(Box<LinkError>),
}

impl LinkError {
    /// Whether the same try may end differently a little later.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::NoAnswer { .. }
            | Self::Silent
            | Self::Closed
            | Self::Lost(_)
            | Self::Backlog
            | Self::SomeAway(_) => true,
            Self::Refused(refusal) => refusal.code.passes(),
            Self::Address { .. }
            | Self::Socket { .. }
            | Self::WrongKey
            | Self::OtherProtocol
            | Self::Handshake(_)
            | Self::Version(_)
            | Self::Malformed(_)
            | Self::Unexpected { .. }
            | Self::Truncated => false,
        }
    }

    /// What the peer is told when this ends the connection.
    pub(crate) fn refusal(&self) -> Refusal {
        match self {
            Self::Refused(refusal) => refusal.clone(),
            Self::Backlog => RefusalCode::Quota.because(self.to_string()),
            other => RefusalCode::Malformed.because(other.to_string()),
        }
    }
}

impl From<quinn::ConnectionError> for LinkError {
    fn from(error: quinn::ConnectionError) -> Self {
        use quinn::ConnectionError as E;
        match error {
            E::ApplicationClosed(close) => of_close(close.error_code, &close.reason),
            E::LocallyClosed => Self::Closed,
            E::TimedOut => Self::Silent,
            E::TransportError(error) if is_alpn(error.code) => Self::OtherProtocol,
            E::ConnectionClosed(close) if is_alpn(close.error_code) => Self::OtherProtocol,
            other => Self::Lost(other.to_string()),
        }
    }
}

fn of_close(code: VarInt, reason: &[u8]) -> LinkError {
    if code == GOODBYE {
        return LinkError::Closed;
    }
    let known = RefusalCode::ALL.iter().find(|known| u64::from(known.code()) == code.into_inner());
    match known {
        Some(known) => LinkError::Refused(known.because(String::from_utf8_lossy(reason))),
        None => LinkError::Lost(format!("closed by the peer with the unknown code {code}")),
    }
}

/// The TLS alert `no_application_protocol` as QUIC carries it (RFC 9001, section 4.8).
fn is_alpn(code: quinn::TransportErrorCode) -> bool {
    code == quinn::TransportErrorCode::crypto(120)
}

/// Why a call has no answer. A refusal inside a [`Response`](media::message::Response) is an
/// answer, except to a fetch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("no answer within {seconds} s: try again")]
    TimedOut { seconds: u64 },
    #[error("the peer broke the call off: try again")]
    Abandoned,
    #[error("the peer answered {0} to a request that has no such answer")]
    Unexpected(&'static str),
}

impl CallError {
    /// Whether the same question may be answered a little later.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Link(error) => error.is_passing(),
            Self::Refused(refusal) => refusal.code.passes(),
            Self::TimedOut { .. } | Self::Abandoned => true,
            Self::Unexpected(_) => false,
        }
    }
}

/// Why one segment's stream ended early.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error("the other side gave this stream up")]
    Abandoned,
    #[error("nothing moved on this stream for {} s", crate::limits::STALL.as_secs())]
    Stalled,
}

impl From<quinn::WriteError> for StreamError {
    fn from(error: quinn::WriteError) -> Self {
        match error {
            quinn::WriteError::ConnectionLost(error) => Self::Link(error.into()),
            quinn::WriteError::Stopped(_)
            | quinn::WriteError::ClosedStream
            | quinn::WriteError::ZeroRttRejected => Self::Abandoned,
        }
    }
}

impl From<quinn::ReadError> for StreamError {
    fn from(error: quinn::ReadError) -> Self {
        match error {
            quinn::ReadError::ConnectionLost(error) => Self::Link(error.into()),
            quinn::ReadError::Reset(_)
            | quinn::ReadError::ClosedStream
            | quinn::ReadError::IllegalOrderedRead
            | quinn::ReadError::ZeroRttRejected => Self::Abandoned,
        }
    }
}

impl From<StreamError> for CallError {
    fn from(error: StreamError) -> Self {
        match error {
            StreamError::Link(error) => Self::Link(error),
            StreamError::Abandoned => Self::Abandoned,
            StreamError::Stalled => Self::TimedOut { seconds: crate::limits::STALL.as_secs() },
        }
    }
}
