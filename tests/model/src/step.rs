//! What comes of an action.
//!
//! | action | stands for |
//! |---|---|
//! | `Order`, `Fork`, `Cosign` | `proto/log.md#commit-order`, `#stamps`, `#publishing`, `#witness`; a log that withholds, forks, stamps as it likes |
//! | `Ask` | `proto/log.md#following`, then `proto/release.md#g2` to `#g10` |
//! | `Release` | `proto/release.md#g11`, `#g12` |
//! | `Crash`, `Restore` | `proto/release.md#g12`, `proto/log.md#following`; `#trustee-http` (`bundle-lost`) |
//! | `Audit` | `proto/release.md#the-owners-one-reading` |

use crate::actions::{Action, Clock};
use crate::asked::{Ask, Epoch};
use crate::history::{At, Entry, FOUNDED};
use crate::release::Release;
use crate::scope::Mistake;
use crate::state::{Head, Held, State, Tip, Trustee};
use crate::world::Said;
use media::id::Day;
use std::time::Duration;

/// What following the log to a head came to.
enum Followed {
    Read,
    /// An old answer: nothing changes.
    Behind,
    Forked,
}

impl Release {
    /// The state behind an action; none where nothing comes of it.
    pub(crate) fn after(&self, last: &State, action: Action) -> Option<State> {
        let mut next = last.clone();
        match action {
            Action::Wait => self.wait(&mut next),
            Action::Order { tip, said, stamp } => self.order(&mut next, tip, Entry { said, stamp })?,
            Action::Fork(at) => next.tips.push(Tip { at, cosigned: 0 }),
            Action::Cosign(at) => self.cosign(&mut next, at)?,
            Action::Ask { trustee, ask, head } => self.ask(&mut next, trustee, ask, head)?,
            Action::Release { trustee, ask, head } => self.release(&mut next, trustee, ask, head)?,
            Action::Crash(trustee) => {
                let own = &mut next.trustees[trustee];
                own.view = None;
                own.fell_with = own.held.iter().fold(0, |all, held| all | held.ask.bit());
                next.crashes -= 1;
            }
            Action::Restore(trustee) => {
                let own = &mut next.trustees[trustee];
                // What left has left, whoever forgets it.
                let read = self.begins().trustees[trustee].read;
                (own.view, own.stored, own.read, own.held) = (None, read, read, Vec::new());
                (own.given, own.fell_with) = (0, 0);
                next.restores -= 1;
            }
            Action::Audit { head, clock } => {
                let head = *next.heads.iter().find(|known| known.at == head)?;
                self.audit(&mut next, head, clock)?;
            }
        }
        (next != *last).then_some(next)
    }

    fn cosign(&self, state: &mut State, at: At) -> Option<()> {
        state.witnesses = self.cosigners(state, at)?;
        // Where quorums lie the audit is asked nothing, and states need not differ by it.
        let known = if self.scope().is_witnessed() { self.known(state) } else { 0 };
        let head = Head { at, cosigned: state.now, known };
        state.heads.retain(|known| known.at != at);
        state.heads.push(head);
        state.heads.sort_unstable();
        for tip in state.tips.iter_mut().filter(|tip| tip.at == at) {
            tip.cosigned = state.now;
        }
        Some(())
    }

    fn order(&self, state: &mut State, tip: usize, entry: Entry) -> Option<()> {
        let at = self.histories.extended(&self.world, state.tips[tip].at, entry);
        // The same entries again are the same history, and no other one.
        let read = self.begins().owner.kept;
        if tip > 0 && read != FOUNDED && self.histories.grows(read, at) {
            return None;
        }
        state.tips[tip].at = at;
        self.cosign(state, at)
    }

    fn follow(&self, trustee: &mut Trustee, head: At) -> Followed {
        let forgets = self.scope().makes(Mistake::NoStoredHead);
        let (base, is_stored) = match trustee.view {
            Some(view) => (view, false),
            None => (if forgets { FOUNDED } else { trustee.stored }, true),
        };
        let (from, to) = (self.histories.at(base), self.histories.at(head));
        if to.len() < from.len() {
            let is_old = is_stored || self.histories.grows(head, base);
            return if is_old { Followed::Behind } else { Followed::Forked };
        }
        if !self.histories.grows(base, head) {
            return Followed::Forked;
        }
        (trustee.view, trustee.stored) = (Some(head), head);
        if self.histories.grows(trustee.read, head) {
            trustee.read = head;
        }
        Followed::Read
    }

    fn ask(&self, state: &mut State, trustee: usize, ask: Ask, head: At) -> Option<()> {
        match self.follow(&mut state.trustees[trustee], head) {
            Followed::Read => {}
            Followed::Behind => return None,
            Followed::Forked => {
                state.trustees[trustee].forked = true;
                return Some(());
            }
        }
        let verdict = self.verdict(state, trustee, head, ask);
        let history = self.histories.at(head);
        let own = &mut state.trustees[trustee];
        // What stands in the log is not granted again, whatever was forgotten here; the ledger holds one leaf of
        // an id.
        let is_granted = history.granted(ask) & (1 << trustee) != 0;
        let is_of_id = |other: &Ask| own.granted() & other.bit() != 0 && other.words().id == ask.words().id;
        if verdict.is_err() || is_granted || Ask::ALL.iter().any(is_of_id) {
            return Some(());
        }
        let entry = history.asked(ask)?;
        own.held.push(Held { ask, index: history.index_of(entry.said)?, stamp: entry.stamp });
        own.held.sort_unstable();
        if self.scope().makes(Mistake::GrantBeforeInclusion) {
            own.out |= ask.bit();
        }
        state.told.vetoed |= self.could_know_of_a_veto(state, trustee, ask);
        Some(())
    }

    /// Whether the veto of a request stands in what the trustee ever read, or in a head that a quorum had
    /// cosigned longer ago than a trustee takes heads for fresh.
    fn could_know_of_a_veto(&self, state: &State, trustee: usize, ask: Ask) -> bool {
        let now = self.world.time(state.now);
        let age = Duration::from_secs(self.world.rules.figures().head_age_secs);
        let long_ago = state.heads.iter().filter(|head| self.world.time(head.cosigned).after(age) < now);
        let mut known = long_ago.map(|head| head.at).chain([state.trustees[trustee].read]);
        known.any(|at| self.histories.at(at).index_of(Said::Veto(ask)).is_some())
    }

    fn release(&self, state: &mut State, trustee: usize, ask: Ask, head: At) -> Option<()> {
        let own = &mut state.trustees[trustee];
        own.holds(ask)?;
        // A head that was read already needs no reading (and shows no fork).
        if !own.view.is_some_and(|view| self.histories.grows(head, view)) {
            match self.follow(own, head) {
                Followed::Read => {}
                Followed::Behind => return None,
                Followed::Forked => {
                    own.forked = true;
                    return Some(());
                }
            }
        }
        if self.histories.at(head).granted(ask) & (1 << trustee) != 0 {
            own.held.retain(|held| held.ask != ask);
            own.given |= ask.bit();
            own.out |= ask.bit();
            state.told.resumed |= own.fell_with & ask.bit() != 0;
        }
        Some(())
    }

    fn audit(&self, state: &mut State, head: Head, clock: Clock) -> Option<()> {
        let (kept, shown) = (self.histories.at(state.owner.kept), self.histories.at(head.at));
        // An older head is an error that says so, and no audit.
        if shown.len() < kept.len() {
            return None;
        }
        if !self.histories.grows(state.owner.kept, head.at) {
            state.owner.alarmed = true;
            return Some(());
        }
        let mut last = clock.reads(self.world.time(state.now)).day();
        if !self.scope().makes(Mistake::AuditWithoutTomorrow) {
            last = Day(last.0 + 1);
        }
        for entry in &shown.entries[kept.len()..] {
            let Said::Request(ask) = entry.said else { continue };
            if self.world.found_by(ask).is_some_and(|day| day <= last.0) {
                state.owner.found |= ask.bit();
            }
        }
        state.owner.kept = head.at;
        for epoch in Epoch::ALL.into_iter().filter(|epoch| head.known & epoch.bit() != 0) {
            match self.grants(head.at, epoch, state.owner.found) >= self.owed() {
                true => state.told.listed = true,
                false => state.told.missed = true,
            }
        }
        Some(())
    }

    /// Time passes: heads that nobody takes any more, and of which another says more, are put away.
    fn wait(&self, state: &mut State) {
        state.now += 1;
        if self.scope().makes(Mistake::StaleHeads) {
            return;
        }
        let now = self.world.time(state.now);
        let heads = state.heads.clone();
        state.heads.retain(|head| {
            let outgrown = |other: &Head| other.at != head.at && self.histories.grows(head.at, other.at);
            self.is_fresh_for_the_owner(now, head) || !heads.iter().any(outgrown)
        });
    }
}
