//! What the page is made of, embedded in the program.

use super::nothing;
use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};

const PAGE: &str = include_str!("page/page.html");

const ASSETS: &[(&str, &str)] = &[
    ("app.css", include_str!("page/app.css")),
    ("icon.svg", include_str!("page/icon.svg")),
    ("main.js", include_str!("page/main.js")),
    ("audit.js", include_str!("page/audit.js")),
    ("camera.js", include_str!("page/camera.js")),
    ("dom.js", include_str!("page/dom.js")),
    ("events.js", include_str!("page/events.js")),
    ("export.js", include_str!("page/export.js")),
    ("grid.js", include_str!("page/grid.js")),
    ("help.js", include_str!("page/help.js")),
    ("pace.js", include_str!("page/pace.js")),
    ("player.js", include_str!("page/player.js")),
    ("sharing.js", include_str!("page/sharing.js")),
    ("thumbnails.js", include_str!("page/thumbnails.js")),
    ("timeline.js", include_str!("page/timeline.js")),
];

pub(super) async fn page() -> Response {
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], PAGE).into_response()
}

/// By its whole name: no path of this machine is ever looked at.
pub(super) async fn asset(Path((_token, name)): Path<(String, String)>) -> Response {
    let Some((_, text)) = ASSETS.iter().find(|(known, _)| *known == name) else { return nothing().await };
    let kind = match name.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "text/javascript; charset=utf-8",
    };
    ([(header::CONTENT_TYPE, kind)], *text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_takes_nothing_from_elsewhere_and_holds_nothing_inline() {
        for (name, text) in ASSETS.iter().chain([&("page.html", PAGE)]) {
            let urls = text.replace("http://www.w3.org/2000/svg", "");
            assert!(!urls.contains("://"), "{name} names another site");
            for sink in
                ["innerHTML", "outerHTML", "document.write", "eval(", "new Function", "insertAdjacentHTML"]
            {
                assert!(!text.contains(sink), "{name} uses {sink}");
            }
        }
        for inline in ["<style", "style=", "onclick", "onload", "<script>"] {
            assert!(!PAGE.contains(inline), "{inline} in the page");
        }
    }

    #[test]
    fn every_module_that_is_imported_is_there() {
        for (name, text) in ASSETS.iter().filter(|(name, _)| name.ends_with(".js")) {
            for line in text.lines().filter(|line| line.starts_with("import ")) {
                let from = line.rsplit('"').nth(1).unwrap().strip_prefix("./").unwrap();
                assert!(ASSETS.iter().any(|(known, _)| *known == from), "{name} imports {from}");
            }
        }
    }
}
