//! What may happen in a state. The log, the lying witnesses, the leaking trustees and whoever asks are one
//! adversary, who chooses.

use crate::asked::Ask;
use crate::history::{At, Entry};
use crate::release::Release;
use crate::scope::Mistake;
use crate::state::{Head, State};
use crate::world::{OWNER_BEHIND_SECS, Said};
use escrow::record::Kind;
use log_client::MAX_HEAD_AGE_SECS;
use media::time::Seconds;
use std::time::Duration;
use tlog::stamp::SKEW_SECS;

/// A step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Time passes, to the next moment.
    Wait,
    /// The log orders an entry behind one of its histories, and a quorum cosigns the head.
    Order {
        /// Which history.
        tip: usize,
        /// What the entry says.
        said: Said,
        /// The moment that it is stamped with.
        stamp: u8,
    },
    /// The log begins a second history behind an earlier head.
    Fork(At),
    /// A quorum cosigns a head anew, or one that it grew beyond.
    Cosign(At),
    /// A trustee is sent a package with a proof under this head: it follows the log there, and judges.
    Ask {
        /// Which of the honest ones.
        trustee: usize,
        /// What is asked.
        ask: Ask,
        /// The head.
        head: At,
    },
    /// A trustee sees its grant under this head, and hands the bundle out.
    Release {
        /// Which of the honest ones.
        trustee: usize,
        /// What was asked.
        ask: Ask,
        /// The head.
        head: At,
    },
    /// A trustee falls, and is started again: what was not durable is gone.
    Crash(usize),
    /// A trustee is put back from a backup of its first day.
    Restore(usize),
    /// The owner audits by this head.
    Audit {
        /// The head.
        head: At,
        /// Whether the owner's clock is behind.
        clock: Clock,
    },
}

/// The owner's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// As the witnesses' are.
    Right,
    /// Behind them, by less than what is allowed.
    Behind,
}

impl Clock {
    pub(crate) fn reads(self, now: Seconds) -> Seconds {
        match self {
            Self::Right => now,
            Self::Behind => now.before(Duration::from_secs(OWNER_BEHIND_SECS)),
        }
    }
}

impl Release {
    pub(crate) fn all_actions(&self, state: &State, actions: &mut Vec<Action>) {
        if usize::from(state.now) + 1 < self.scope().times.len() {
            actions.push(Action::Wait);
        }
        self.log_actions(state, actions);
        self.trustee_actions(state, actions);
        self.owner_actions(state, actions);
    }

    fn log_actions(&self, state: &State, actions: &mut Vec<Action>) {
        for (tip, end) in state.tips.iter().enumerate() {
            let history = self.histories.at(end.at);
            let mut may_say = Vec::new();
            if history.submitted() < self.scope().leaves {
                may_say.extend(self.scope().asks.iter().map(|ask| Said::Request(*ask)));
                may_say.extend(self.scope().asks.iter().map(|ask| Said::Veto(*ask)));
            }
            for (by, trustee) in (0..).zip(&state.trustees) {
                // A grant names one entry: in a history where that stands elsewhere it counts for nothing.
                let counts = trustee.held.iter().filter(|held| {
                    let entry = Entry { said: Said::Request(held.ask), stamp: held.stamp };
                    history.asked(held.ask) == Some(entry) && history.index_of(entry.said) == Some(held.index)
                });
                may_say.extend(counts.map(|held| Said::Grant(by, held.ask)));
            }
            may_say.retain(|said| history.index_of(*said).is_none());
            may_say.retain(|said| match said {
                Said::Veto(ask) => ask.words().kind == Kind::Recovery && history.asked(*ask).is_some(),
                Said::Request(_) | Said::Grant(..) => true,
            });
            let stamps = self.stamps(state.now, end.cosigned, history.entries.last().map(|last| last.stamp));
            for said in may_say {
                actions.extend(stamps.clone().map(|stamp| Action::Order { tip, said, stamp }));
            }
        }
        if state.tips.len() < self.scope().histories {
            // Where all have read on, it is that which the log would undo.
            let read = self.histories.at(self.begins().owner.kept).len();
            let before = if read > 0 { read } else { self.histories.at(state.tips[0].at).len() };
            actions.extend(
                self.histories.at(state.tips[0].at).path[..before].iter().map(|at| Action::Fork(*at)),
            );
        }
        // Behind the point of a fork both paths are the same.
        let mut heads: Vec<At> =
            state.tips.iter().flat_map(|tip| self.histories.at(tip.at).path.clone()).collect();
        heads.sort_unstable();
        heads.dedup();
        actions.extend(heads.into_iter().map(Action::Cosign));
    }

    /// The moments that an entry can be stamped with now so that nobody who follows the log calls it a
    /// fault: none before the stamp before it, none before the last head without it, none of a time to come,
    /// give or take the skew.
    fn stamps(&self, now: u8, cosigned: u8, last: Option<u8>) -> impl Iterator<Item = u8> + Clone {
        let moments = u8::try_from(self.scope().times.len()).unwrap();
        let (world, skew) = (self.world.clone(), Duration::from_secs(SKEW_SECS));
        (last.unwrap_or(0)..moments).filter(move |stamp| {
            let time = world.time(*stamp);
            time <= world.time(now).after(skew) && time.after(skew) >= world.time(cosigned)
        })
    }

    fn trustee_actions(&self, state: &State, actions: &mut Vec<Action>) {
        let fresh: Vec<&Head> = state.heads.iter().filter(|head| self.is_fresh(state, head)).collect();
        for (trustee, own) in state.trustees.iter().enumerate() {
            if !own.forked {
                for head in &fresh {
                    let history = self.histories.at(head.at);
                    for ask in self.scope().asks.iter().copied() {
                        // Whoever asks shows the EpochOpens: they are there when it is filmed.
                        let may_ask = own.granted() & ask.bit() == 0
                            && history.asked(ask).is_some()
                            && self.world.is_filmed(ask.words().epoch, state.now);
                        if may_ask {
                            actions.push(Action::Ask { trustee, ask, head: head.at });
                        }
                    }
                    for held in &own.held {
                        actions.push(Action::Release { trustee, ask: held.ask, head: head.at });
                    }
                }
            }
            if state.crashes > 0 && own.view.is_some() {
                actions.push(Action::Crash(trustee));
            }
            if state.restores > 0 && own.granted() != 0 {
                actions.push(Action::Restore(trustee));
            }
        }
    }

    /// Whether a trustee takes a head for fresh now (G2).
    fn is_fresh(&self, state: &State, head: &Head) -> bool {
        if self.scope().makes(Mistake::StaleHeads) {
            return true;
        }
        let age = Duration::from_secs(self.world.rules.figures().head_age_secs);
        self.world.time(head.cosigned).after(age) >= self.world.time(state.now)
    }

    fn owner_actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.owner.alarmed {
            return;
        }
        let now = self.world.time(state.now);
        for head in &state.heads {
            if !self.is_fresh_for_the_owner(now, head) {
                continue;
            }
            actions.push(Action::Audit { head: head.at, clock: Clock::Right });
            // It makes a difference where it is another day by it.
            if Clock::Behind.reads(now).day() != now.day() {
                actions.push(Action::Audit { head: head.at, clock: Clock::Behind });
            }
        }
    }

    /// Whether an audit takes a head for one of now.
    pub(crate) fn is_fresh_for_the_owner(&self, now: Seconds, head: &Head) -> bool {
        self.world.time(head.cosigned).after(Duration::from_secs(MAX_HEAD_AGE_SECS)) >= now
    }
}
