//! Why a device is not found, asked or set.

use host::http::FetchError;

/// Why there is no answer that can be used.
#[derive(Debug, thiserror::Error)]
pub enum OnvifError {
    #[error("no socket for discovery: {0}")]
    Socket(#[from] std::io::Error),
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error(
        "it refuses the user or the password (some cameras have users of their own for ONVIF, and some want it switched on first)"
    )]
    Unauthorized,
    #[error("it refuses: {0}")]
    Fault(String),
    #[error("it answers what is no answer: {0}")]
    Malformed(String),
    #[error("it does not say {0}")]
    Lacks(&'static str),
    #[error("{0:?} is no address of a device; write HOST, HOST:PORT or http://HOST/onvif/device_service")]
    Address(String),
    #[error("it names {named} for a service, which is not on {host}: nothing is sent there")]
    Elsewhere { named: String, host: String },
}
