//! What the broker should hold, and what it is still to be told, of what is known. Pure.

use super::discovery::{ONLINE, Topics};
use crate::app::proof::{Standing, Worth};
use crate::audit::State;
use crate::bridge::releases::Release;
use crate::kept;
use crate::status::{CameraState, Condition};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// The newest requests of which it is kept what was told.
const MOST_KEPT: usize = 500;

/// One camera, as it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CameraTold {
    pub(super) id: String,
    pub(super) name: String,
    /// None where the relay was not heard of late.
    pub(super) now: Option<(Condition, bool)>,
    pub(super) motion: Option<bool>,
}

/// All that is known at one moment.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) cameras: Vec<CameraTold>,
    /// In the log's order; none before the first audit ended.
    pub(super) releases: Option<Vec<Release>>,
    pub(super) standing: Standing,
    pub(super) year: u64,
    /// How many were given in that year.
    pub(super) given: usize,
}

/// What one broker was told, kept from one start to the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Told {
    format: u32,
    /// Ids of the cameras that the broker may hold.
    pub(super) cameras: BTreeSet<String>,
    /// What was told last of each request, by its place in the log; none before the first audit: what
    /// is older than the bridge is no news.
    pub(super) requests: Option<BTreeMap<u64, String>>,
    /// Below this place a request that does not stand there was told of, or is not followed any more.
    settled: u64,
}

impl Default for Told {
    fn default() -> Self {
        Self { format: <Self as kept::Kept>::FORMAT, cameras: BTreeSet::new(), requests: None, settled: 0 }
    }
}

impl kept::Kept for Told {
    const FILE: &'static str = "bridge.json";
    const WHAT: &'static str = "what a broker was told";
    const ADVICE: &'static str = "remove the file: no old request is told again";
    const FORMAT: u32 = 1;

    fn format(&self) -> u32 {
        self.format
    }
}

/// News of a request: its place in the log, what it came to, and the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct News {
    pub(super) leaf: u64,
    pub(super) word: &'static str,
    pub(super) text: String,
}

/// What the broker should hold, by topic; an empty text is nothing any more.
pub(super) fn held(topics: &Topics, known: &Seen, told: &Told) -> BTreeMap<String, String> {
    let mut held = BTreeMap::from([
        (topics.status(), ONLINE.to_owned()),
        (topics.discovery_of_bridge(), topics.bridge().to_string()),
    ]);
    // Also before the first audit ended: what the broker holds of an earlier start is not of now.
    held.insert(topics.releases(), log(known).to_string());
    for camera in &known.cameras {
        let releases = known.releases.iter().flatten();
        let mut about = releases.filter(|release| release.camera == camera.name && !release.yours);
        if let Some(newest) = about.next_back() {
            let text = serde_json::to_string(newest).unwrap_or_default();
            held.insert(topics.release_of(&camera.id), text);
        }
        held.insert(topics.discovery_of(&camera.id), topics.camera(&camera.id, &camera.name).to_string());
        held.insert(topics.state_of(&camera.id), state(camera).to_string());
    }
    for gone in told.cameras.iter().filter(|id| known.cameras.iter().all(|camera| camera.id != **id)) {
        held.extend(topics.all_of(gone).map(|topic| (topic, String::new())));
    }
    held
}

fn log(known: &Seen) -> serde_json::Value {
    let standing = &known.standing;
    let is_well = known.releases.is_some() && standing.unexpected == 0 && standing.alarms == 0;
    let problem = match standing.worth {
        Worth::Fresh if is_well => "OFF",
        Worth::Fresh | Worth::Stale | Worth::Forked | Worth::Unchecked => "ON",
    };
    json!({
        "given": known.releases.as_ref().map(|_| known.given),
        "year": known.year,
        "worth": standing.worth,
        "problem": problem,
        "unexpected": standing.unexpected,
        "alarms": standing.alarms,
        "why": standing.problem,
    })
}

fn state(camera: &CameraTold) -> serde_json::Value {
    let switch = |on: bool| if on { "ON" } else { "OFF" };
    let Some((condition, connected)) = &camera.now else {
        return json!({
            "name": camera.name, "state": "unknown", "text": "the relay is not heard", "connected": null,
            "motion": null, "problem": null, "troubles": [],
        });
    };
    let problem = match condition.state {
        CameraState::Filming | CameraState::NothingMoves | CameraState::Resting => {
            !condition.troubles.is_empty()
        }
        CameraState::NoPicture | CameraState::NotStored | CameraState::Silent | CameraState::Offline => true,
    };
    json!({
        "name": camera.name,
        "state": condition.state,
        "text": condition.text,
        "connected": switch(*connected),
        "motion": camera.motion.map(switch),
        "problem": switch(problem),
        "troubles": condition.troubles.iter().map(|trouble| &trouble.text).collect::<Vec<_>>(),
    })
}

impl Told {
    /// What is news of requests, in the log's order. What was there at the first look of all is not.
    pub(super) fn news(&self, releases: &[Release]) -> Vec<News> {
        let Some(requests) = &self.requests else { return Vec::new() };
        let others = releases.iter().filter(|release| !release.yours);
        let news = others.filter(|release| match requests.get(&release.leaf) {
            Some(told) => told != word(release),
            None => release.leaf >= self.settled,
        });
        let text = |release: &Release| {
            let mut text = serde_json::to_value(release).unwrap_or_default();
            text["event_type"] = word(release).into();
            text.to_string()
        };
        news.map(|it| News { leaf: it.leaf, word: word(it), text: text(it) }).collect()
    }

    /// The first look: all that is there is old.
    pub(super) fn look(&mut self, releases: &[Release]) {
        if self.requests.is_none() {
            let all = releases.iter().filter(|release| !release.yours);
            self.requests = Some(all.map(|release| (release.leaf, word(release).to_owned())).collect());
            self.bound();
        }
    }

    pub(super) fn tell(&mut self, leaf: u64, word: &str) {
        self.requests.get_or_insert_default().insert(leaf, word.to_owned());
        self.bound();
    }

    fn bound(&mut self) {
        let requests = self.requests.get_or_insert_default();
        while requests.len() > MOST_KEPT {
            // What comes to nothing more goes first: rows that come later silence no open request.
            let is_final = |(_, word): &(&u64, &String)| matches!(word.as_str(), "completed" | "policy");
            let first = requests.iter().find(is_final).or(requests.iter().next()).map(|(leaf, _)| *leaf);
            let Some(leaf) = first else { return };
            requests.remove(&leaf);
            self.settled = self.settled.max(leaf.saturating_add(1));
        }
    }
}

fn word(release: &Release) -> &'static str {
    match release.state {
        Some(State::Completed) => "completed",
        Some(State::Attempted) => "attempted",
        Some(State::Asked) => "asked",
        Some(State::Refused) => "refused",
        None if release.kind == "policy" => "policy",
        None => "asked",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(leaf: u64, state: State) -> Release {
        Release {
            leaf,
            camera: "Anna's door/+#".to_owned(),
            kind: "emergency",
            state: Some(state),
            agency: None,
            reason: None,
            epochs: None,
            track: 0,
            at_most_secs: None,
            grants: 0,
            yours: false,
            read_us: 0,
            text: String::new(),
            remarks: Vec::new(),
        }
    }

    fn known(cameras: &[&str]) -> Seen {
        let camera = |id: &&str| CameraTold {
            id: format!("{id:0<64}"),
            name: "Anna's door/+#".to_owned(),
            now: Some((Condition { state: CameraState::Filming, ..Condition::default() }, true)),
            motion: Some(true),
        };
        let standing = Standing {
            worth: Worth::Fresh,
            head_size: Some(9),
            witnesses: 3,
            of_witnesses: 4,
            age: Some(1),
            checked: Some(1),
            problem: None,
            unexpected: 0,
            alarms: 0,
            unreleasable: 0,
        };
        Seen {
            cameras: cameras.iter().map(camera).collect(),
            releases: Some(Vec::new()),
            standing,
            year: 2026,
            given: 0,
        }
    }

    fn topics() -> Topics {
        Topics { base: "candor".to_owned(), discovery: "homeassistant".to_owned() }
    }

    #[test]
    fn every_state_of_a_request_is_news_once_and_what_is_older_than_the_bridge_is_none() {
        let mut told = Told::default();
        let old = [release(3, State::Asked), release(5, State::Completed)];
        assert!(told.news(&old).is_empty(), "before the first look");
        told.look(&old);
        assert!(told.news(&old).is_empty());
        let now = [release(3, State::Completed), release(5, State::Completed), release(9, State::Asked)];
        let words = |news: &[News]| news.iter().map(|news| (news.leaf, news.word)).collect::<Vec<_>>();
        assert_eq!(words(&told.news(&now)), [(3, "completed"), (9, "asked")]);
        told.tell(3, "completed");
        assert_eq!(words(&told.news(&now)), [(9, "asked")], "until it is acknowledged");
        told.look(&[]);
        assert_eq!(words(&told.news(&now)), [(9, "asked")], "a look is the first one once");
        let own = Release { yours: true, ..release(10, State::Asked) };
        assert!(told.news(&[own]).is_empty());
        let policy = Release { state: None, kind: "policy", ..release(11, State::Asked) };
        assert_eq!(words(&told.news(&[policy])), [(11, "policy")]);
        let all = [State::Asked, State::Refused, State::Attempted, State::Completed]
            .map(|state| word(&release(1, state)));
        assert!(all.iter().all(|word| crate::bridge::mqtt::discovery::EVENT_TYPES.contains(word)), "{all:?}");
        let many: Vec<_> = (0..2000).map(|leaf| release(leaf, State::Asked)).collect();
        let mut told = Told::default();
        told.look(&many);
        assert_eq!(told.requests.as_ref().unwrap().len(), MOST_KEPT);
        assert!(told.news(&many).is_empty(), "what is bounded is not told again");
    }

    /// Rows that somebody else brings about, or that are the owner's own, silence no request.
    #[test]
    fn a_request_that_is_open_is_told_to_its_end_however_many_rows_come_later() {
        let mut told = Told::default();
        told.look(&[release(3, State::Asked)]);
        let own = (10..2000).map(|leaf| Release { yours: true, ..release(leaf, State::Asked) });
        let given = [release(3, State::Completed)];
        let rows: Vec<_> = given.clone().into_iter().chain(own).collect();
        assert_eq!(told.news(&rows).len(), 1, "own rows push nothing out");
        let others: Vec<_> = (2000..3000).map(|leaf| release(leaf, State::Completed)).collect();
        for other in &others {
            assert_eq!(told.news(std::slice::from_ref(other)).len(), 1);
            told.tell(other.leaf, "completed");
        }
        assert_eq!(told.requests.as_ref().unwrap().len(), MOST_KEPT);
        assert!(told.news(&others).is_empty(), "nothing is told twice");
        let [news] = &told.news(&given)[..] else { panic!("it is not told") };
        assert_eq!((news.leaf, news.word), (3, "completed"));
    }

    #[test]
    fn topics_hold_ids_alone_whatever_a_camera_is_called_and_one_that_is_gone_is_taken_back() {
        let told = Told { cameras: BTreeSet::from([format!("{:0<64}", "b")]), ..Told::default() };
        let held = held(&topics(), &known(&["a"]), &told);
        for (topic, text) in &held {
            assert!(topic.chars().all(|c| c.is_ascii_alphanumeric() || "/_".contains(c)), "{topic}");
            assert!(text.len() < 8192, "{topic}: {}", text.len());
        }
        let gone: Vec<_> =
            held.iter().filter(|(_, text)| text.is_empty()).map(|(topic, _)| topic.clone()).collect();
        let of = format!("b{}", "0".repeat(15));
        let expected = [
            format!("candor/camera/{of}/release"),
            format!("candor/camera/{of}/state"),
            format!("homeassistant/device/candor_{of}/config"),
        ];
        assert_eq!(gone, expected);
    }

    #[test]
    fn what_is_not_known_is_not_said_to_be_well() {
        let mut known = known(&["a"]);
        let now = |known: &Seen| state(&known.cameras[0]);
        assert_eq!((&now(&known)["problem"], &now(&known)["motion"]), (&"OFF".into(), &"ON".into()));
        for bad in [CameraState::Silent, CameraState::NotStored, CameraState::NoPicture, CameraState::Offline]
        {
            known.cameras[0].now = Some((Condition { state: bad, ..Condition::default() }, true));
            assert_eq!(now(&known)["problem"], "ON", "{bad:?}");
        }
        known.cameras[0].now = None;
        assert!(now(&known)["connected"].is_null() && now(&known)["problem"].is_null());
        assert_eq!(log(&known)["problem"], "OFF");
        for worth in [Worth::Stale, Worth::Forked, Worth::Unchecked] {
            known.standing.worth = worth;
            assert_eq!(log(&known)["problem"], "ON", "{worth:?}");
        }
        // A restart: the broker holds what was said of the start before.
        for worth in [Worth::Fresh, Worth::Stale, Worth::Forked, Worth::Unchecked] {
            (known.releases, known.standing.worth) = (None, worth);
            let held = held(&topics(), &known, &Told::default());
            let text = held.get("candor/releases").expect("the broker keeps what it has");
            let told: serde_json::Value = serde_json::from_str(text).unwrap();
            assert_eq!(
                (&told["problem"], &told["given"]),
                (&"ON".into(), &serde_json::Value::Null),
                "{worth:?}"
            );
        }
    }
}
