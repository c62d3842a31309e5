//! The PolicyDoc's text, and its figures at their edges. That each rule refuses at all, the gate's
//! table shows.

use super::*;
use crate::record::{EntryId, Grant, Seconds, Signed};
use crate::world_for_tests::{Ask, DAY, NOW, Setup, World, name, operator, registrar, trustee};
use serde_json::Value;

fn vectors(which: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("../../../../proto/vectors/policy-doc.json")).unwrap();
    all[which].as_array().unwrap().clone()
}

#[test]
fn good_documents_round_trip_under_their_hash() {
    for vector in vectors("good") {
        let text = vector["text"].as_str().unwrap();
        let rules = PolicyDoc::parse(text.as_bytes()).unwrap();
        assert_eq!(rules.text(), text);
        assert_eq!(Some(rules.hash()), Hash::from_hex(vector["hash"].as_str().unwrap()));
    }
}

#[test]
fn bad_documents_are_refused() {
    for vector in vectors("bad") {
        let text = vector["text"].as_str().unwrap();
        assert!(PolicyDoc::parse(text.as_bytes()).is_err(), "{}", vector["why"]);
    }
    assert_eq!(PolicyDoc::parse(&[0xff]), Err(PolicyDocError::NotUtf8));
}

#[test]
fn the_recommended_figures_are_those_of_the_contract() {
    let vkey = |signer: tlog::note::Signer| Vkey::new(signer.verifier()).unwrap();
    let trustees = Vec::from([vkey(trustee(1))]);
    let ours = PolicyDoc::recommended(vkey(operator()), vkey(registrar()), trustees).unwrap();
    let theirs = PolicyDoc::parse(vectors("good")[0]["text"].as_str().unwrap().as_bytes()).unwrap();
    assert_eq!(ours.figures(), theirs.figures());
    assert_eq!(ours.bases(Kind::Emergency), theirs.bases(Kind::Emergency));
    assert_eq!(ours.bases(Kind::Legal), theirs.bases(Kind::Legal));
    assert!(ours.bases(Kind::Recovery).is_empty());
}

/// What the rules say of an ordinary emergency after earlier ones.
struct After {
    world: World,
    next: u8,
}

impl After {
    fn new(figures: fn(&mut Figures)) -> Self {
        let mut setup = Setup::default();
        figures(&mut setup.figures);
        Self { world: World::with(&setup), next: 1 }
    }

    fn ask(&mut self, alter: impl FnOnce(&mut Ask)) -> u64 {
        let mut ask = self.world.ask(Kind::Emergency);
        ask.id = EntryId([self.next; 16]);
        self.next += 1;
        alter(&mut ask);
        self.world.time = ask.time;
        self.world.log_request(&ask);
        self.world.register.size() - 1
    }

    fn grant(&mut self, index: u64) {
        let requested = self.world.register.request(index).unwrap();
        let grant = Grant {
            id: requested.id,
            trustee: name(trustee(1).name()),
            request_index: index,
            request: requested.hash,
            epochs: 3,
            shares: Hash([0; 32]),
            bundle: Hash([0; 32]),
            decision: Hash([0; 32]),
            approver: None,
            time: Seconds(NOW),
        };
        self.world.add(&Signed::sign(grant, &[&trustee(1)]).unwrap());
    }

    fn ratify(&mut self, index: u64, time: u64) {
        self.world.time = time;
        self.world.ratify(index);
    }

    fn decide(&mut self) -> Result<(), Rule> {
        let mut ask = self.world.ask(Kind::Emergency);
        ask.id = EntryId([100 + self.next; 16]);
        self.world.time = NOW;
        let package = self.world.log_request(&ask);
        match self.world.check(&package) {
            Ok(_) => Ok(()),
            Err(crate::grant::Refusal::Rule(rule)) => Err(rule),
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn a_quota_counts_up_to_its_figure_and_no_further() {
    for (earlier, expected) in [(1, Ok(())), (2, Err(Rule::CameraQuota)), (3, Err(Rule::CameraQuota))] {
        let mut after = After::new(|_| {});
        for _ in 0..earlier {
            after.ask(|_| {});
        }
        assert_eq!(after.decide(), expected);
    }
    for (earlier, expected) in [(9, Ok(())), (10, Err(Rule::AgencyQuota))] {
        let mut after = After::new(|figures| figures.emergency_camera_max = 100);
        for _ in 0..earlier {
            after.ask(|_| {});
        }
        assert_eq!(after.decide(), expected);
    }
}

#[test]
fn what_is_older_than_the_window_or_unauthorised_or_no_emergency_does_not_count() {
    let mut after = After::new(|figures| figures.emergency_camera_max = 1);
    after.ask(|ask| ask.time = NOW - 30 * DAY);
    after.ask(|ask| drop(ask.signers.remove(0)));
    let legal = after.world.ask(Kind::Legal);
    after.ask(|ask| *ask = Ask { id: ask.id, ..legal });
    assert_eq!(after.decide(), Ok(()));
    let mut after = After::new(|figures| figures.emergency_camera_max = 1);
    after.ask(|ask| ask.time = NOW - 30 * DAY + 1);
    assert_eq!(after.decide(), Err(Rule::CameraQuota));
}

#[test]
fn another_camera_s_requests_do_not_count_for_this_one() {
    let mut after = After::new(|figures| figures.emergency_camera_max = 1);
    after.ask(|ask| ask.alter = |leaf| leaf.label = Hash([7; 32]));
    assert_eq!(after.decide(), Ok(()));
}

#[test]
fn an_agency_is_suspended_by_granted_emergencies_that_nobody_ratified_in_time() {
    let figures: fn(&mut Figures) = |figures| {
        (figures.emergency_camera_max, figures.unratified_max, figures.ratify_within_secs) = (100, 1, 1000);
    };
    // (granted, ratified after seconds) of two earlier requests, 2,000 s ago.
    let cases = [
        ([(true, None), (true, None)], Err(Rule::AgencySuspended)),
        ([(true, None), (false, None)], Ok(())),
        ([(true, None), (true, Some(1000))], Ok(())),
        ([(true, None), (true, Some(1001))], Err(Rule::AgencySuspended)),
    ];
    for (earlier, expected) in cases {
        let mut after = After::new(figures);
        let asked: Vec<u64> = earlier.iter().map(|_| after.ask(|ask| ask.time = NOW - 2000)).collect();
        for (index, (granted, ratified)) in asked.into_iter().zip(earlier) {
            if granted {
                after.grant(index);
            }
            if let Some(secs) = ratified {
                after.ratify(index, NOW - 2000 + secs);
            }
        }
        assert_eq!(after.decide(), expected, "{earlier:?}");
    }
}

#[test]
fn every_rule_has_its_own_name_and_advice() {
    let names: std::collections::BTreeSet<_> = Rule::ALL.iter().map(|rule| rule.name()).collect();
    assert_eq!(names.len(), Rule::ALL.len());
    assert!(Rule::ALL.iter().all(|rule| !rule.text().is_empty() && !rule.what_to_do().is_empty()));
}
