//! A check from its start to its words.

use crate::actions::Action;
use crate::properties;
use crate::release::Release;
use crate::scope::{Mistake, Scope};
use crate::state::State;
use stateright::report::{ReportData, ReportDiscovery, Reporter};
use stateright::{Checker, HasDiscoveries, Model, Path, Property};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// How often what goes on is told.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// What a check came to.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Different states.
    pub states: usize,
    /// Different histories of the log among them.
    pub histories: usize,
    /// The most steps from the beginning.
    pub depth: usize,
    /// How long it took.
    pub took: Duration,
    /// Promises that are broken, with the steps that lead there.
    pub broken: BTreeMap<&'static str, Found>,
    /// What must happen somewhere, and did not.
    pub missing: Vec<&'static str>,
}

/// The steps that lead to a state, one a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found(Vec<String>);

impl std::fmt::Display for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (number, step) in (1..).zip(&self.0) {
            writeln!(f, "  {number:2}. {step}")?;
        }
        Ok(())
    }
}

impl Model for Release {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![self.begins().clone()]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.all_actions(state, actions);
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        self.after(last, action)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::of(self.scope())
    }
}

/// Visits every state of a scope, or those up to the first that breaks a promise. What goes on is told about
/// every ten seconds.
pub fn check(scope: Scope, threads: usize, mut tell: impl FnMut(String) + Send) -> Outcome {
    let began = Instant::now();
    let checker = Release::new(scope).checker().threads(threads).finish_when(HasDiscoveries::AnyFailures);
    let checker = checker.spawn_bfs().report(&mut Told { tell: &mut tell, last: Instant::now() });
    let model = checker.model();
    let found = checker.discoveries();
    let (mut broken, mut missing) = (BTreeMap::new(), Vec::new());
    for property in model.properties() {
        match (property.expectation.discovery_is_failure(), found.get(property.name)) {
            (true, Some(path)) => _ = broken.insert(property.name, steps(model, path.clone())),
            (false, None) => missing.push(property.name),
            (true, None) | (false, Some(_)) => {}
        }
    }
    Outcome {
        states: checker.unique_state_count(),
        histories: model.histories.len(),
        depth: checker.max_depth(),
        took: began.elapsed(),
        broken,
        missing,
    }
}

/// Looks for a state in which a mistake breaks its promise; none: every state was visited, and there is none.
pub fn find(mistake: Mistake, threads: usize) -> Option<Found> {
    let (scope, promise) = mistake.breaks();
    let until = HasDiscoveries::AnyOf(BTreeSet::from([promise.name()]));
    let checker = Release::new(scope.with(mistake)).checker().threads(threads).finish_when(until);
    let checker = checker.spawn_bfs().join();
    let found = checker.discovery(promise.name())?;
    Some(steps(checker.model(), found))
}

/// The steps of a path, in words.
fn steps(model: &Release, path: Path<State, Action>) -> Found {
    let told = path.into_vec().into_iter().filter_map(|(state, action)| Some(model.tell(&state, action?)));
    Found(told.collect())
}

struct Told<'a, F> {
    tell: &'a mut F,
    last: Instant,
}

impl<F: FnMut(String)> Reporter<Release> for Told<'_, F> {
    fn report_checking(&mut self, data: ReportData) {
        let ReportData { unique_states, max_depth, duration, .. } = data;
        if self.last.elapsed() < TELL_EVERY {
            return;
        }
        self.last = Instant::now();
        (self.tell)(format!("{unique_states} states, {max_depth} steps deep, {} s", duration.as_secs()));
    }

    fn report_discoveries(&mut self, _: &Release, _: BTreeMap<&'static str, ReportDiscovery<Release>>) {}

    /// How often it is seen whether the check is over.
    fn delay(&self) -> Duration {
        Duration::from_millis(200)
    }
}

impl Release {
    /// A step as a person reads it.
    fn tell(&self, state: &State, action: Action) -> String {
        let what = match action {
            Action::Wait => return "time passes".to_owned(),
            Action::Order { tip, said, stamp } => {
                let stamp = self.clock(stamp);
                format!(
                    "the log orders {said:?} in its history {tip}, stamped {stamp}, and a quorum cosigns it"
                )
            }
            Action::Fork(at) => format!("the log begins another history behind {}", self.head(at)),
            Action::Cosign(at) => format!("a quorum cosigns again {}", self.head(at)),
            Action::Ask { trustee, ask, head } => {
                let verdict = self.verdict(state, trustee, head, ask);
                let said = verdict.err().unwrap_or("lets it pass");
                format!("trustee {trustee} is asked {ask:?} under {}: {said}", self.head(head))
            }
            Action::Release { trustee, ask, head } => {
                format!("trustee {trustee} is shown its grant of {ask:?} under {}", self.head(head))
            }
            Action::Crash(trustee) => format!("trustee {trustee} falls, and is started again"),
            Action::Restore(trustee) => format!("trustee {trustee} is put back from its oldest backup"),
            Action::Audit { head, clock } => {
                format!("the owner, whose clock is {clock:?}, audits {}", self.head(head))
            }
        };
        format!("{}: {what}", self.clock(state.now))
    }

    fn clock(&self, moment: u8) -> String {
        let secs = self.scope().times[usize::from(moment)];
        let (day, rest) = (secs / 86_400, secs % 86_400);
        format!("day {day} {:02}:{:02}:{:02}", rest / 3600, rest / 60 % 60, rest % 60)
    }

    fn head(&self, at: u32) -> String {
        let said: Vec<_> =
            self.histories.at(at).entries.iter().map(|entry| format!("{:?}", entry.said)).collect();
        format!("the head [{}]", said.join(", "))
    }
}
