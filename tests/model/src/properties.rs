//! What must hold in every state, and what must happen in some: a model in which nothing happens keeps
//! every promise. Contract: `proto/model.md#what-is-asked-of-it`.

use crate::asked::{Ask, Epoch};
use crate::release::Release;
use crate::scope::{Mistake, Scope};
use crate::state::State;
use escrow::record::Kind;
use stateright::Property;

/// What must hold in every state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Promise {
    /// Whoever outside the policy knows a seed: at least t - m grants stand in the log.
    GrantsStand,
    /// The owner's audit lists it.
    AuditLists,
    /// No more emergencies about a camera are granted than the rules allow.
    QuotaHolds,
    /// No recovery is granted by who read its veto, or could not but have read it.
    VetoHolds,
    /// One leaf of an id is granted.
    OneLeaf,
}

impl Promise {
    /// Its name in a report.
    pub fn name(self) -> &'static str {
        match self {
            Self::GrantsStand => "whoever knows a seed, t - m grants stand in the log",
            Self::AuditLists => "the owner's audit lists it",
            Self::QuotaHolds => "no more emergencies about a camera are granted than the rules allow",
            Self::VetoHolds => "no recovery is granted whose veto was read or could not be missed",
            Self::OneLeaf => "one leaf of an id is granted",
        }
    }
}

impl Mistake {
    /// Within which scope it is found, and which promise it breaks.
    pub fn breaks(self) -> (Scope, Promise) {
        match self {
            Self::GrantBeforeInclusion => (Scope::releasing(), Promise::GrantsStand),
            Self::SmallQuorum => (Scope::releasing(), Promise::AuditLists),
            Self::TimeOfTheSender | Self::AuditWithoutTomorrow | Self::LabelUnseen => {
                (Scope::reading(), Promise::AuditLists)
            }
            Self::UnboundShares => (Scope::reading(), Promise::GrantsStand),
            Self::NoStoredHead => (Scope::rewriting(), Promise::GrantsStand),
            Self::StaleHeads => (Scope::recovering(), Promise::VetoHolds),
            Self::LocalQuota => (Scope::counting(), Promise::QuotaHolds),
            Self::IdUnowned => (Scope::naming(), Promise::OneLeaf),
        }
    }
}

/// The properties of a scope.
pub(crate) fn of(scope: &Scope) -> Vec<Property<Release>> {
    let mut all = vec![
        Property::always(Promise::GrantsStand.name(), grants_stand),
        Property::always(Promise::QuotaHolds.name(), quota_holds),
        Property::always(Promise::VetoHolds.name(), |_, state: &State| !state.told.vetoed),
        Property::always(Promise::OneLeaf.name(), one_leaf),
        Property::sometimes("a key is let go", |model: &Release, state| model.known(state) != 0),
    ];
    // Where every quorum may lie, a log can keep an owner at an old head for ever.
    if scope.is_witnessed() {
        all.push(Property::always(Promise::AuditLists.name(), |_, state: &State| !state.told.missed));
        all.push(Property::sometimes("an audit lists a release", |_, state: &State| state.told.listed));
        if scope.histories > 1 {
            all.push(Property::sometimes("witnesses refuse a second history", a_history_is_refused));
        }
    } else {
        all.push(Property::sometimes("a trustee is shown another history, and stops", |_, state: &State| {
            state.trustees.iter().any(|trustee| trustee.forked)
        }));
        all.push(Property::sometimes("an audit names a fork", |_, state: &State| state.owner.alarmed));
    }
    if scope.crashes > 0 {
        let resumes = |_: &Release, state: &State| state.told.resumed;
        all.push(Property::sometimes("a trustee falls in the middle of a grant, and goes on", resumes));
    }
    all.extend(REFUSALS.iter().filter(|(ask, _)| scope.asks.contains(ask)).map(|(_, refusal)| refusal()));
    all
}

type Refusal = (Ask, fn() -> Property<Release>);

/// What each of these requests must be refused for somewhere, lest nothing was tried with it.
const REFUSALS: &[Refusal] = &[
    (Ask::Midnight, || {
        Property::sometimes("refused: footage-from-future", |model: &Release, state| {
            is_refused(model, state, Ask::Midnight, "footage-from-future")
        })
    }),
    (Ask::Mislabelled, || {
        Property::sometimes("refused: label-mismatch", |model: &Release, state| {
            is_refused(model, state, Ask::Mislabelled, "label-mismatch")
        })
    }),
    (Ask::Early, || {
        Property::sometimes("refused: request-from-future", |model: &Release, state| {
            is_refused(model, state, Ask::Early, "request-from-future")
        })
    }),
    (Ask::Second, || {
        Property::sometimes("refused: camera-quota", |model: &Release, state| {
            is_refused(model, state, Ask::Second, "camera-quota")
        })
    }),
    (Ask::Twin, || {
        Property::sometimes("refused: id-taken", |model: &Release, state| {
            is_refused(model, state, Ask::Twin, "id-taken")
        })
    }),
    (Ask::Recovery, || {
        Property::sometimes("refused: vetoed", |model: &Release, state| {
            is_refused(model, state, Ask::Recovery, "vetoed")
        })
    }),
];

/// Whether a trustee that has read the newest head says this of a request whose footage is there.
fn is_refused(model: &Release, state: &State, ask: Ask, name: &str) -> bool {
    let is_there = |trustee: &crate::state::Trustee| {
        trustee.view.filter(|view| model.histories.at(*view).asked(ask).is_some())
    };
    model.world.is_filmed(ask.words().epoch, state.now)
        && state.trustees.iter().enumerate().any(|(number, trustee)| {
            is_there(trustee).is_some_and(|view| model.verdict(state, number, view, ask) == Err(name))
        })
}

/// In a head that a quorum cosigned, of the history that the owner follows; or the owner knows already that
/// there are two.
fn grants_stand(model: &Release, state: &State) -> bool {
    let known = model.known(state);
    let stands = |epoch: &Epoch| {
        state.heads.iter().any(|head| {
            let kept = state.owner.kept;
            let is_followed = model.histories.grows(kept, head.at) || model.histories.grows(head.at, kept);
            (is_followed || state.owner.alarmed) && model.grants(head.at, *epoch, u16::MAX) >= model.owed()
        })
    };
    known == 0 || Epoch::ALL.iter().filter(|epoch| known & epoch.bit() != 0).all(stands)
}

fn quota_holds(model: &Release, state: &State) -> bool {
    let max = model.world.rules.figures().emergency_camera_max;
    [0, 1].iter().all(|camera| {
        state.heads.iter().all(|head| {
            let history = model.histories.at(head.at);
            let counts = |ask: &&Ask| {
                let words = ask.words();
                words.kind == Kind::Emergency
                    && words.epoch.camera() == *camera
                    && history.granted(**ask) != 0
            };
            Ask::ALL.iter().filter(counts).count() as u64 <= max
        })
    })
}

fn one_leaf(model: &Release, state: &State) -> bool {
    state.heads.iter().all(|head| {
        let history = model.histories.at(head.at);
        let mut granted = [0u8; 256];
        for ask in Ask::ALL.into_iter().filter(|ask| history.granted(*ask) != 0) {
            granted[usize::from(ask.words().id)] += 1;
        }
        granted.iter().all(|leaves| *leaves <= 1)
    })
}

/// One of two histories has no quorum any more.
fn a_history_is_refused(model: &Release, state: &State) -> bool {
    state.tips.len() > 1 && state.tips.iter().any(|tip| model.cosigners(state, tip.at).is_none())
}
