//! Every way in which the bridge says no: a status, a name for programs, a sentence for people, and
//! after how long it is worth asking again.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use host::http::Failure;

/// After so many seconds a camera or a relay may be back.
const SOON: u64 = 10;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refused {
    /// Asked for by a name that could be anybody's.
    WrongHost,
    /// By a page of the web.
    WrongOrigin,
    WrongMethod,
    NoToken,
    WrongToken,
    /// Seconds until one more is looked at.
    TooManyWrongTokens(u64),
    NotFound,
    /// There is none, or the token is not for it: which of both is nobody's business.
    UnknownCamera,
    CameraRetired,
    WrongSpan(String),
    WrongYear,
    WrongTrack,
    /// With how it is.
    CameraOffline(String),
    /// With why.
    NoPicture(String),
    /// It was listed once.
    SegmentGone,
    TooManyReaders,
    NoDecoder,
    /// With why.
    NotChecked(String),
    Relay(String),
}

impl Refused {
    /// Status, name, and what to do.
    pub(super) fn says(&self) -> (u16, &'static str, &str) {
        match self {
            Self::WrongHost => {
                (421, "wrong-host", "ask by an address, by localhost, or by a name of [bridge] names")
            }
            Self::WrongOrigin => (403, "wrong-origin", "this is for programs, not for pages of the web"),
            Self::WrongMethod => (405, "method-not-allowed", "GET is all there is"),
            Self::NoToken => (
                401,
                "no-token",
                "send a token, as Bearer, as password or as ?token= (`candor owner token add`)",
            ),
            Self::WrongToken => (
                401,
                "wrong-token",
                "it was removed, it is over, or it never was one: `candor owner token list`",
            ),
            Self::TooManyWrongTokens(_) => {
                (429, "too-many-wrong-tokens", "wait; a right token is answered all the same")
            }
            Self::NotFound => (404, "not-found", "deploy/bridge.md lists what there is"),
            Self::UnknownCamera => {
                (404, "unknown-camera", "name a camera of /api/v1/cameras, by its id or its name")
            }
            Self::CameraRetired => (410, "camera-retired", "it films no more; its past is still there"),
            Self::WrongSpan(error) => (400, "wrong-span", error),
            Self::WrongYear => (400, "wrong-year", "write a year: year=2026"),
            Self::CameraOffline(how) => (503, "camera-offline", how),
            Self::NoPicture(why) => (503, "no-picture", why),
            Self::SegmentGone => (404, "segment-gone", "load the playlist again: it lists what there is now"),
            Self::TooManyReaders => (503, "too-many-readers", "end some of the programs that watch"),
            Self::WrongTrack => (400, "wrong-track", "track=0 is the main picture, track=1 the second one"),
            Self::NoDecoder => {
                (501, "no-decoder", "ffmpeg is not here or does not decode it; ask for snapshot.mp4")
            }
            Self::NotChecked(why) => (503, "not-checked", why),
            Self::Relay(error) => (502, "relay", error),
        }
    }

    /// Seconds after which to ask again, where that may help.
    fn retry_after(&self) -> Option<u64> {
        match self {
            Self::TooManyWrongTokens(secs) => Some(*secs),
            Self::CameraOffline(_)
            | Self::NoPicture(_)
            | Self::TooManyReaders
            | Self::NotChecked(_)
            | Self::Relay(_) => Some(SOON),
            Self::WrongHost
            | Self::WrongOrigin
            | Self::WrongMethod
            | Self::NoToken
            | Self::WrongToken
            | Self::NotFound
            | Self::UnknownCamera
            | Self::CameraRetired
            | Self::WrongSpan(_)
            | Self::WrongYear
            | Self::WrongTrack
            | Self::SegmentGone
            | Self::NoDecoder => None,
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (status, name, advice) = self.says();
        let mut response = Failure::new(status, name, advice).into_response();
        if let Some(secs) = self.retry_after() {
            response.headers_mut().insert(header::RETRY_AFTER, secs.into());
        }
        if status == 401 {
            // Players send what stands in an address only once they are asked for it.
            let asks = HeaderValue::from_static("Basic realm=\"candor bridge\", charset=\"UTF-8\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, asks);
        }
        response
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Each once: a new one does not compile until it stands here.
    pub(in crate::bridge) fn every_refusal() -> Vec<Refused> {
        let mut all = vec![Refused::WrongHost];
        loop {
            let next = match all.last() {
                None | Some(Refused::Relay(_)) => return all,
                Some(Refused::WrongHost) => Refused::WrongOrigin,
                Some(Refused::WrongOrigin) => Refused::WrongMethod,
                Some(Refused::WrongMethod) => Refused::NoToken,
                Some(Refused::NoToken) => Refused::WrongToken,
                Some(Refused::WrongToken) => Refused::TooManyWrongTokens(7),
                Some(Refused::TooManyWrongTokens(_)) => Refused::NotFound,
                Some(Refused::NotFound) => Refused::UnknownCamera,
                Some(Refused::UnknownCamera) => Refused::CameraRetired,
                Some(Refused::CameraRetired) => Refused::WrongSpan("backwards".to_owned()),
                Some(Refused::WrongSpan(_)) => Refused::WrongYear,
                Some(Refused::WrongYear) => Refused::WrongTrack,
                Some(Refused::WrongTrack) => Refused::CameraOffline("offline".to_owned()),
                Some(Refused::CameraOffline(_)) => Refused::NoPicture("none".to_owned()),
                Some(Refused::NoPicture(_)) => Refused::SegmentGone,
                Some(Refused::SegmentGone) => Refused::TooManyReaders,
                Some(Refused::TooManyReaders) => Refused::NoDecoder,
                Some(Refused::NoDecoder) => Refused::NotChecked("a fork".to_owned()),
                Some(Refused::NotChecked(_)) => Refused::Relay("away".to_owned()),
            };
            all.push(next);
        }
    }

    #[test]
    fn every_refusal_is_in_the_manual_with_its_status_and_its_pause() {
        let manual = include_str!("../../../../deploy/bridge.md");
        for refused in every_refusal() {
            let (status, name, _) = refused.says();
            let row = format!("| {status} | `{name}` |");
            let line = manual.lines().find(|line| line.starts_with(&row));
            let line = line.unwrap_or_else(|| panic!("{row} is not in the manual"));
            assert_eq!(line.contains("`Retry-After`"), refused.retry_after().is_some(), "{line}");
            let response = refused.clone().into_response();
            assert_eq!(response.status(), status);
            assert_eq!(response.headers().contains_key(header::WWW_AUTHENTICATE), status == 401);
        }
    }
}
