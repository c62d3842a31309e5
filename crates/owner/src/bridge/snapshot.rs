//! The newest key picture of a camera: as the camera made it, or decoded.

use super::Bridge;
use super::door::Guest;
use super::refused::Refused;
use crate::app::picture::KeyPicture;
use crate::still;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};
use media::time::Micros;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// The header that says when the picture was made, Unix microseconds, by the camera's clock.
const MADE: HeaderName = HeaderName::from_static("candor-made-us");

/// What was filmed longer ago is handed out to those alone who say that they want it.
const OLD: Duration = Duration::from_secs(120);

#[derive(Debug, Deserialize)]
pub(super) struct Age {
    /// `1`: whatever its age.
    #[serde(default)]
    old: String,
}

/// Pictures that are decoded at one time.
static DECODERS: Semaphore = Semaphore::const_new(2);

pub(super) async fn mp4(
    State(bridge): State<Arc<Bridge>>,
    guest: Guest,
    Path(which): Path<String>,
    Query(age): Query<Age>,
) -> Result<Response, Refused> {
    let still = newest(&bridge, &guest, &which, &age).await?;
    Ok(([(header::CONTENT_TYPE, still.kind), (MADE, still.from_us.to_string())], still.mp4).into_response())
}

pub(super) async fn jpg(
    State(bridge): State<Arc<Bridge>>,
    guest: Guest,
    Path(which): Path<String>,
    Query(age): Query<Age>,
) -> Result<Response, Refused> {
    let picture = newest(&bridge, &guest, &which, &age).await?;
    let _turn = DECODERS.acquire().await;
    let decoded = still::still(picture.mp4).await.filter(|decoded| decoded.kind == "image/jpeg");
    let decoded = decoded.ok_or(Refused::NoDecoder)?;
    let headers = [(header::CONTENT_TYPE, decoded.kind.to_owned()), (MADE, picture.from_us.to_string())];
    Ok((headers, decoded.bytes).into_response())
}

async fn newest(bridge: &Bridge, guest: &Guest, which: &str, age: &Age) -> Result<KeyPicture, Refused> {
    let camera = bridge.camera(guest, which)?;
    let (told, id) = (bridge.known.cameras(), camera.camera_id.to_string());
    if told.heard_us == 0 {
        return Err(Refused::Relay(told.problem.unwrap_or_else(|| "it has not answered yet".to_owned())));
    }
    let status = told.status.iter().find(|status| status.camera_id == id);
    let newest_us = status.map_or(0, |status| status.newest_us);
    let none = || Refused::NoPicture("nothing of it is stored, or no key picture is near its end".to_owned());
    let still = bridge.known.still(&camera, Micros(newest_us)).await;
    let still = still.map_err(|error| Refused::Relay(error.to_string()))?.ok_or_else(none)?;
    fresh(still.from_us, bridge.owner.now_us(), age)?;
    Ok(still)
}

/// Which picture is the newest is the relay's word: an old one shows an empty porch while somebody is
/// there, and who reads a picture alone does not see its age.
fn fresh(made_us: Micros, now_us: Micros, age: &Age) -> Result<(), Refused> {
    let ago = now_us.since(made_us);
    let old = || {
        let minutes = ago.as_secs() / 60;
        Refused::NoPicture(format!(
            "the newest one is of {minutes} min ago; `old=1` asks for it all the same"
        ))
    };
    (ago <= OLD || age.old == "1").then_some(()).ok_or_else(old)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_picture_is_no_picture_of_now() {
        let age = |old: &str| Age { old: old.to_owned() };
        let made_us = Micros(1_000_000_000);
        assert_eq!(fresh(made_us, made_us.after(OLD), &age("")), Ok(()));
        assert_eq!(fresh(made_us, Micros(0), &age("")), Ok(()), "a clock that is a little behind");
        let late = made_us.after(Duration::from_secs(125));
        let Err(Refused::NoPicture(why)) = fresh(made_us, late, &age("")) else { panic!("it is shown") };
        assert!(why.contains("2 min ago"), "{why}");
        assert_eq!(fresh(made_us, late, &age("1")), Ok(()));
    }
}
