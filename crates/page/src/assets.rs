//! Files embedded in the program. A name is looked up whole: no path of this machine is looked at.

use axum::http::header;
use axum::response::{IntoResponse, Response};

/// A name, and the text of the file.
pub type Asset = (&'static str, &'static str);

/// What every page may use: colours and letters, elements, times.
const SHARED: &[Asset] = &[
    ("base.css", include_str!("assets/base.css")),
    ("dom.js", include_str!("assets/dom.js")),
    ("times.js", include_str!("assets/times.js")),
];

/// A page's own files, and the shared ones.
#[derive(Debug, Clone, Copy)]
pub struct Assets(pub &'static [Asset]);

impl Assets {
    pub fn all(self) -> impl Iterator<Item = Asset> {
        self.0.iter().chain(SHARED).copied()
    }

    /// The file of this name, as a browser takes it.
    pub fn answer(self, name: &str) -> Option<Response> {
        let (_, text) = self.all().find(|(known, _)| *known == name)?;
        let kind = match name.rsplit('.').next() {
            Some("css") => "text/css; charset=utf-8",
            Some("html") => "text/html; charset=utf-8",
            Some("svg") => "image/svg+xml",
            _ => "text/javascript; charset=utf-8",
        };
        Some(([(header::CONTENT_TYPE, kind)], text).into_response())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_by_its_whole_name_and_says_what_it_is() {
        let assets = Assets(&[("icon.svg", "<svg/>")]);
        let kind = |name| assets.answer(name).map(|answer| answer.headers()["content-type"].clone());
        assert_eq!(kind("icon.svg").unwrap(), "image/svg+xml");
        assert_eq!(kind("base.css").unwrap(), "text/css; charset=utf-8");
        assert_eq!(kind("dom.js").unwrap(), "text/javascript; charset=utf-8");
        for name in ["", "dom", "../dom.js", "assets/dom.js", "DOM.js", "dom.js/"] {
            assert!(assets.answer(name).is_none(), "{name}");
        }
    }
}
