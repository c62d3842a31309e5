//! The newest key picture of a camera: as the camera made it, or decoded.

use super::Bridge;
use super::door::Guest;
use super::refused::Refused;
use crate::app::picture::KeyPicture;
use crate::still;
use axum::extract::{Path, State};
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};
use media::time::Micros;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// The header that says when the picture was made, Unix microseconds, by the camera's clock.
const MADE: HeaderName = HeaderName::from_static("candor-made-us");

/// Pictures that are decoded at one time.
static DECODERS: Semaphore = Semaphore::const_new(2);

pub(super) async fn mp4(
    State(bridge): State<Arc<Bridge>>,
    guest: Guest,
    Path(which): Path<String>,
) -> Result<Response, Refused> {
    let still = newest(&bridge, &guest, &which).await?;
    Ok(([(header::CONTENT_TYPE, still.kind), (MADE, still.from_us.to_string())], still.mp4).into_response())
}

pub(super) async fn jpg(
    State(bridge): State<Arc<Bridge>>,
    guest: Guest,
    Path(which): Path<String>,
) -> Result<Response, Refused> {
    let picture = newest(&bridge, &guest, &which).await?;
    let _turn = DECODERS.acquire().await;
    let decoded = still::still(picture.mp4).await.filter(|decoded| decoded.kind == "image/jpeg");
    let decoded = decoded.ok_or(Refused::NoDecoder)?;
    let headers = [(header::CONTENT_TYPE, decoded.kind.to_owned()), (MADE, picture.from_us.to_string())];
    Ok((headers, decoded.bytes).into_response())
}

async fn newest(bridge: &Bridge, guest: &Guest, which: &str) -> Result<KeyPicture, Refused> {
    let camera = bridge.camera(guest, which)?;
    let (told, id) = (bridge.known.cameras(), camera.camera_id.to_string());
    if told.heard_us == 0 {
        return Err(Refused::Relay(told.problem.unwrap_or_else(|| "it has not answered yet".to_owned())));
    }
    let status = told.status.iter().find(|status| status.camera_id == id);
    let newest_us = status.map_or(0, |status| status.newest_us);
    let none = || Refused::NoPicture("nothing of it is stored, or no key picture is near its end".to_owned());
    let still = bridge.known.still(&camera, Micros(newest_us)).await;
    still.map_err(|error| Refused::Relay(error.to_string()))?.ok_or_else(none)
}
