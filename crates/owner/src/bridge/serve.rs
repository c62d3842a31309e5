//! Which URL is answered by what. The list is the manual's: a test compares them.

use super::refused::Refused;
use super::{Bridge, api, snapshot, streams};
use axum::Router;
use axum::routing::{MethodRouter, get};
use std::sync::Arc;

type Routes = Vec<(&'static str, MethodRouter<Arc<Bridge>>)>;

fn routes() -> Routes {
    vec![
        ("/api/v1", get(api::about)),
        ("/api/v1/cameras", get(api::cameras)),
        ("/api/v1/cameras/{camera}", get(api::camera)),
        ("/api/v1/cameras/{camera}/timeline", get(api::timeline)),
        ("/api/v1/cameras/{camera}/events", get(api::events)),
        ("/api/v1/cameras/{camera}/snapshot.mp4", get(snapshot::mp4)),
        ("/api/v1/cameras/{camera}/snapshot.jpg", get(snapshot::jpg)),
        ("/api/v1/cameras/{camera}/live.mp4", get(streams::mp4)),
        ("/api/v1/cameras/{camera}/live/index.m3u8", get(streams::playlist)),
        ("/api/v1/cameras/{camera}/live/{file}", get(streams::file)),
        ("/api/v1/releases", get(api::releases)),
    ]
}

pub(super) fn router(bridge: Arc<Bridge>) -> Router {
    let all = routes().into_iter().fold(Router::new(), |router, (path, answer)| router.route(path, answer));
    all.fallback(async || Refused::NotFound).with_state(bridge)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_manual_lists_every_route_and_no_other() {
        let manual = include_str!("../../../../deploy/bridge.md");
        let told = manual.lines().filter_map(|line| line.strip_prefix("### `GET ")?.strip_suffix('`'));
        let served = routes().into_iter().map(|(path, _)| path).collect::<BTreeSet<_>>();
        assert_eq!(told.collect::<BTreeSet<_>>(), served);
    }
}
