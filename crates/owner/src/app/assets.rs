//! What the page is made of, embedded in the program.

use super::asked::nothing;
use axum::extract::Path;
use axum::response::Response;
use host::http::Failure;
use page::assets::Assets;

const ASSETS: Assets = Assets(&[
    ("app.css", include_str!("page/app.css")),
    ("icon.svg", include_str!("page/icon.svg")),
    ("audit.js", include_str!("page/audit.js")),
    ("camera.js", include_str!("page/camera.js")),
    ("clip.js", include_str!("page/clip.js")),
    ("events.js", include_str!("page/events.js")),
    ("export.js", include_str!("page/export.js")),
    ("feed.js", include_str!("page/feed.js")),
    ("grid.js", include_str!("page/grid.js")),
    ("help.js", include_str!("page/help.js")),
    ("line.js", include_str!("page/line.js")),
    ("main.js", include_str!("page/main.js")),
    ("pace.js", include_str!("page/pace.js")),
    ("player.js", include_str!("page/player.js")),
    ("pool.js", include_str!("page/pool.js")),
    ("screen.js", include_str!("page/screen.js")),
    ("seek.js", include_str!("page/seek.js")),
    ("sharing.js", include_str!("page/sharing.js")),
    ("steer.js", include_str!("page/steer.js")),
    ("thumbnails.js", include_str!("page/thumbnails.js")),
    ("timeline.js", include_str!("page/timeline.js")),
    ("words.js", include_str!("page/words.js")),
]);
const PAGE: Assets = Assets(&[("page.html", include_str!("page/page.html"))]);

pub(super) async fn page() -> Result<Response, Failure> {
    PAGE.answer("page.html").ok_or_else(nothing)
}

pub(super) async fn asset(Path((_token, name)): Path<(String, String)>) -> Result<Response, Failure> {
    ASSETS.answer(&name).ok_or_else(nothing)
}

#[cfg(test)]
pub(super) fn text(of: &str) -> &'static str {
    let found = ASSETS.all().find(|(name, _)| *name == of);
    found.map_or_else(|| panic!("no {of}"), |(_, text)| text)
}

/// The words that a script waits for in a `switch` over events.
#[cfg(test)]
pub(super) fn cases(of: &str) -> std::collections::BTreeSet<&'static str> {
    let lines = text(of).lines().filter_map(|line| line.trim().strip_prefix("case \""));
    lines.filter_map(|line| line.strip_suffix("\":")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_takes_nothing_from_elsewhere_and_holds_nothing_inline() {
        let page = PAGE.all().find(|(name, _)| *name == "page.html").unwrap();
        for (name, text) in ASSETS.all().chain([page]) {
            let urls = text.replace("http://www.w3.org/2000/svg", "");
            assert!(!urls.contains("://"), "{name} names another site");
            for sink in
                ["innerHTML", "outerHTML", "document.write", "eval(", "new Function", "insertAdjacentHTML"]
            {
                assert!(!text.contains(sink), "{name} uses {sink}");
            }
        }
        for inline in ["<style", "style=", "onclick", "onload", "<script>"] {
            assert!(!page.1.contains(inline), "{inline} in the page");
        }
    }

    #[test]
    fn every_module_that_is_imported_is_there() {
        for (name, text) in ASSETS.all().filter(|(name, _)| name.ends_with(".js")) {
            for line in text.lines().filter(|line| line.starts_with("import ")) {
                let from = line.rsplit('"').nth(1).unwrap().strip_prefix("./").unwrap();
                assert!(ASSETS.all().any(|(known, _)| known == from), "{name} imports {from}");
            }
        }
    }
}
