//! What the page is made of, embedded in the program.

use super::asked::nothing;
use axum::extract::Path;
use axum::response::Response;
use host::http::Failure;
use page::assets::Assets;

/// Files beside this, by their names.
macro_rules! assets {
    ($($name:literal)*) => { Assets(&[$(($name, include_str!(concat!("page/", $name)))),*]) };
}

const ASSETS: Assets = assets! {
    "app.css" "icon.svg" "audit.js" "calendar.js" "camera.js" "cells.js" "clip.js" "days.js"
    "events.js" "export.js" "feed.js" "full.js" "gallery.js" "grid.js" "help.js" "line.js" "main.js" "pace.js"
    "player.js" "pool.js" "screen.js" "seek.js" "sharing.js" "sound.js" "steer.js" "stills.js"
    "thumbnails.js" "timeline.js" "wish.js" "words.js" "zones.js"
};
const PAGE: Assets = assets!("page.html");

pub(super) async fn page() -> Result<Response, Failure> {
    PAGE.answer("page.html").ok_or_else(nothing)
}

pub(super) async fn asset(Path((_token, name)): Path<(String, String)>) -> Result<Response, Failure> {
    ASSETS.answer(&name).ok_or_else(nothing)
}

#[cfg(test)]
pub(super) mod tests;
