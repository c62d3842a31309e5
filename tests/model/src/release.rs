//! What is asked of a state: what its adversary knows, what its trustees say, which witnesses cosign.

use crate::asked::{Ask, Epoch};
use crate::gate::{Case, Gate, Verdict};
use crate::history::{At, Entry, FOUNDED, Histories};
use crate::scope::{Mistake, Scope};
use crate::state::{Head, Owner, State, Tip, Told, Trustee};
use crate::world::{Said, World};
use std::sync::Arc;

/// The release protocol within a scope.
#[derive(Debug, Clone)]
pub struct Release {
    pub(crate) world: Arc<World>,
    pub(crate) histories: Arc<Histories>,
    gate: Arc<Gate>,
    begins: State,
}

impl Release {
    /// The model of a scope.
    pub fn new(scope: Scope) -> Self {
        let world = World::new(scope);
        let histories = Histories::new(&world);
        let scope = &world.scope;
        let read = scope.read.iter().fold(FOUNDED, |at, ask| {
            histories.extended(&world, at, Entry { said: Said::Request(*ask), stamp: 0 })
        });
        let trustee = Trustee {
            view: Some(read),
            stored: read,
            held: Vec::new(),
            given: 0,
            out: 0,
            fell_with: 0,
            forked: false,
            read,
        };
        let begins = State {
            now: 0,
            tips: vec![Tip { at: read, cosigned: 0 }],
            heads: vec![Head { at: read, cosigned: 0, known: 0 }],
            witnesses: vec![read; usize::from(scope.witnesses.saturating_sub(scope.lying))],
            trustees: vec![trustee; usize::from(scope.honest())],
            owner: Owner {
                kept: read,
                found: scope.read.iter().fold(0, |all, ask| all | ask.bit()),
                alarmed: false,
            },
            crashes: scope.crashes,
            restores: scope.restores,
            told: Told::default(),
        };
        Self { world: Arc::new(world), histories: Arc::new(histories), gate: Arc::default(), begins }
    }

    pub(crate) fn begins(&self) -> &State {
        &self.begins
    }

    pub(crate) fn scope(&self) -> &Scope {
        &self.world.scope
    }

    /// The seeds that the adversary knows, by the epoch's bit: the shares of those who leak, and of each
    /// bundle that left.
    pub(crate) fn known(&self, state: &State) -> u8 {
        let knows = |epoch: &Epoch| {
            let gave = state.trustees.iter().filter(|trustee| {
                Ask::ALL.iter().any(|ask| trustee.out & ask.bit() != 0 && self.opens(*ask) & epoch.bit() != 0)
            });
            gave.count() + usize::from(self.scope().leaking) >= usize::from(self.scope().needed)
        };
        Epoch::ALL.iter().filter(|epoch| knows(epoch)).fold(0, |all, epoch| all | epoch.bit())
    }

    /// The epochs whose shares are in the bundle of a request.
    fn opens(&self, ask: Ask) -> u8 {
        let epoch = ask.words().epoch;
        let of_camera = |other: &&Epoch| other.camera() == epoch.camera();
        match self.scope().makes(Mistake::UnboundShares) {
            true => Epoch::ALL.iter().filter(of_camera).fold(0, |all, other| all | other.bit()),
            false => epoch.bit(),
        }
    }

    /// How many honest trustees' grants about an epoch stand in a history, of the requests in this set.
    pub(crate) fn grants(&self, at: At, epoch: Epoch, among: u16) -> u32 {
        let history = self.histories.at(at);
        let about = |ask: &&Ask| among & ask.bit() != 0 && ask.words().epoch == epoch;
        let granted = Ask::ALL.iter().filter(about).map(|ask| history.granted(*ask));
        granted.fold(0, |all, by| all | by).count_ones()
    }

    /// So many grants at least let a seed go: t - m.
    pub(crate) fn owed(&self) -> u32 {
        u32::from(self.scope().needed.saturating_sub(self.scope().leaking))
    }

    pub(crate) fn verdict(&self, state: &State, trustee: usize, view: At, ask: Ask) -> Verdict {
        let own = state.trustees[trustee].granted();
        self.gate.verdict(&self.world, &self.histories, Case { view, ask, now: state.now, own })
    }

    /// The honest witnesses after a quorum with them has cosigned this head; none where there is no quorum.
    /// Asked are those that stand furthest on this history: what the others may cosign is all that these
    /// could have, and more.
    pub(crate) fn cosigners(&self, state: &State, at: At) -> Option<Vec<At>> {
        let needed = usize::from(self.scope().quorum.saturating_sub(self.scope().lying));
        let mut able: Vec<usize> = (0..state.witnesses.len())
            .filter(|witness| self.histories.grows(state.witnesses[*witness], at))
            .collect();
        able.sort_by_key(|witness| std::cmp::Reverse(self.histories.at(state.witnesses[*witness]).len()));
        let mut witnesses = state.witnesses.clone();
        for witness in able.get(..needed)? {
            witnesses[*witness] = at;
        }
        witnesses.sort_unstable();
        Some(witnesses)
    }
}
