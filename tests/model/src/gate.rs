//! What a trustee says of a request that stands in the log as it read it. Contract: `proto/release.md#the-gate`.
//!
//! | step | here |
//! |---|---|
//! | G2 | the head is fresh and cosigned: `step`, which shows a trustee no other; it continues what the trustee read: `Histories::grows` |
//! | G3, G4 | the real register: the place, who owns the id, whose keys counted and count, the rules in force |
//! | G5 | the label, by the camera's real notice keys |
//! | G7 | the real rules: `escrow::policy::decide` |
//! | G1, G6, G8, G9 | passed: what is sent is well formed, the owner allows every class, each human says yes, keys of days are there |

use crate::asked::Ask;
use crate::history::{At, Entry, FOUNDED, Histories};
use crate::scope::Mistake;
use crate::world::{Said, World};
use escrow::policy::{Decision, Facts, Found, decide};
use escrow::record::{Request, Signed};
use media::time::Seconds;
use std::collections::HashMap;
use std::sync::Mutex;
use tlog::merkle::leaf_hash;

/// Yes, or the name by which the contract refuses.
pub(crate) type Verdict = Result<(), &'static str>;

/// The verdicts so far: the gate is a pure function.
#[derive(Debug, Default)]
pub(crate) struct Gate(Mutex<HashMap<(At, Ask, u8, u16), Verdict>>);

/// One question.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    /// The log as the trustee read it.
    pub(crate) view: At,
    pub(crate) ask: Ask,
    pub(crate) now: u8,
    /// What this trustee granted before, by bit: nothing that the gate may look at.
    pub(crate) own: u16,
}

impl Gate {
    pub(crate) fn verdict(&self, world: &World, histories: &Histories, case: Case) -> Verdict {
        let own = if world.scope.makes(Mistake::LocalQuota) { case.own } else { 0 };
        let key = (case.view, case.ask, case.now, own);
        if let Some(known) = self.0.lock().unwrap().get(&key) {
            return *known;
        }
        let verdict = judge(world, histories, case);
        self.0.lock().unwrap().insert(key, verdict);
        verdict
    }
}

fn judge(world: &World, histories: &Histories, case: Case) -> Verdict {
    let (view, ask) = (histories.at(case.view), case.ask);
    // G3.
    let (index, bytes) = view.request(ask).ok_or("not-included")?;
    let signed = Signed::<Request>::parse(bytes).map_err(|_| "package-malformed")?;
    let asked = view.register.request(index).ok_or("register-behind")?;
    if asked.hash != leaf_hash(bytes) {
        return Err("register-behind");
    }
    let owner = view.register.owner_of(&asked.id);
    if owner.is_some_and(|owner| owner != index) && !world.scope.makes(Mistake::IdUnowned) {
        return Err("id-taken");
    }
    // G4.
    let rules = view.register.rules_at(index).ok_or("other-rules")?;
    if rules.hash() != signed.value().policy {
        return Err("other-rules");
    }
    view.register.authority(&signed).map_err(|_| "officer-unregistered")?;
    if !asked.authorised {
        return Err("registered-late");
    }
    // G5.
    let labelled = world.found_by(ask) == Some(ask.words().epoch.day());
    if !labelled && !world.scope.makes(Mistake::LabelUnseen) {
        return Err("label-mismatch");
    }
    // G7.
    let (start, end) = ask.words().epoch.span();
    let is_same_camera = |earlier: &escrow::register::Requested| world.is_same_camera(ask, &earlier.id);
    let mut facts = Facts {
        register: &view.register,
        rules,
        request: signed.value(),
        index,
        stamp: asked.stamp,
        start_us: crate::world::moment(start).micros(),
        end_us: crate::world::moment(end).micros(),
        order: Found::Yes,
        veto: if asked.vetoed_by.contains(&world.device) { Found::Yes } else { Found::No },
        notices: Found::Yes,
        is_same_camera: &is_same_camera,
    };
    if world.scope.makes(Mistake::TimeOfTheSender) {
        facts.stamp = signed.value().time;
    }
    if !world.scope.makes(Mistake::LocalQuota) {
        return ruled(&facts, world.time(case.now));
    }
    let stamp = view.asked(ask).map_or(0, |entry| entry.stamp);
    let local = histories.at(table(world, histories, case, stamp));
    facts.register = &local.register;
    facts.index = local.request(ask).ok_or("register-behind")?.0;
    ruled(&facts, world.time(case.now))
}

fn ruled(facts: &Facts<'_>, now: Seconds) -> Verdict {
    match decide(facts, now) {
        Decision::Grant(_) => Ok(()),
        Decision::WaitUntil(_) => Err("waiting"),
        Decision::Refuse(rule) => Err(rule.name()),
    }
}

/// The log as a trustee would have it that kept nothing but what it granted itself.
fn table(world: &World, histories: &Histories, case: Case, stamp: u8) -> At {
    let own = Ask::ALL.into_iter().filter(|ask| case.own & ask.bit() != 0 && *ask != case.ask);
    own.chain([case.ask])
        .fold(FOUNDED, |at, ask| histories.extended(world, at, Entry { said: Said::Request(ask), stamp }))
}
