//! What moves, for the next head and for what is held back: key frames that were compared, and what
//! the filmed camera says itself.

use super::Film;
use crate::clock::{Belief, Moment};
use crate::filming::Filming;
use crate::heard::{Measured, Sensed};
use crate::occasion::{Between, Occasion, Occasions};
use crate::state::Handover;
use crate::usual::Usual;
use media::motion::{Event, Motion};

impl Film {
    /// Two key frames were compared.
    pub(super) fn moved(&mut self, Measured { moved, from_us, to_us, now }: &Measured) {
        // SPEC: segment.md#motion: what was compared over a cut, or before it and told after, MUST NOT
        // speak of what comes.
        if *from_us < self.cut_us {
            return;
        }
        let between = Between { from: self.footage.at(*from_us), to: self.footage.at(*to_us) };
        let motion = moved.motion();
        // SPEC: segment.md#settings: what moves in cells that are ignored MUST NOT make an event; it
        // is told all the same.
        let permille = moved.outside(self.handover.followed.ignored()).motion().permille;
        let by_picture = self.trigger.looks(self.sensed != Sensed::Nothing);
        let mut occasion = self.occasions.handle(permille, between).filter(|_| by_picture);
        if self.sensed == Sensed::Moves {
            occasion = Some(self.occasions.add(between));
        }
        // A clock that somebody may have set teaches nothing of an hour.
        let is_sure = self.clock.belief() == Belief::Agreed;
        if self.occasions.learn(permille, is_sure.then_some(between.to.wall_us), *to_us)
            && let Some(usual) = self.occasions.kept()
            && let Err(error) = self.handover.spool().keep_usual(&usual)
        {
            tracing::warn!(%error, "what usually moves is not kept; it will be learnt anew");
        }
        self.note(motion, occasion, now.steady_us);
        let raised = self.occasions.raised(between.to.wall_us);
        let text = |mark| {
            format!("much usually moves in its picture now: an event is what moves {mark} of a thousand")
        };
        self.handover.stats.change(|now| now.usual = raised.map(text));
    }

    /// The filmed camera said whether something moves, or is not heard any more.
    pub(super) fn sensed(&mut self, sensed: Sensed, now: Moment) {
        self.sensed = sensed;
        match sensed {
            Sensed::Moves => {
                let at = self.footage.at(now.steady_us);
                let occasion = self.occasions.add(Between { from: at, to: at });
                self.note(Motion::default(), Some(occasion), now.steady_us);
            }
            Sensed::Still if !self.trigger.looks(true) => self.note(Motion::default(), None, now.steady_us),
            Sensed::Still | Sensed::Nothing => {}
        }
    }

    /// For the next head, and for what is held back.
    fn note(&mut self, motion: Motion, occasion: Option<Occasion>, steady_us: u64) {
        let event = occasion.map(|it| Event { from_us: it.from.wall_us, to_us: it.to.wall_us });
        self.motion = self.motion.joined(Motion { event, ..motion });
        if let Some(events) = &mut self.events {
            events.handle_motion(event.is_some(), steady_us);
        }
    }
}

/// Tells events by what was learnt before the camera was started.
pub(super) fn occasions(filming: &Filming, handover: &Handover) -> Occasions {
    let kept = || {
        let kept = handover.spool().usual().inspect_err(|error| tracing::warn!(%error, "what usually moves"));
        kept.ok().flatten().and_then(|kept| Usual::of_kept(&kept)).unwrap_or_default()
    };
    // Switched off once, it begins anew when it is switched on again.
    if !filming.adapt
        && let Err(error) = handover.spool().forget_usual()
    {
        tracing::warn!(%error, "what was learnt of what usually moves is not forgotten");
    }
    Occasions::new(filming.events.threshold_permille, filming.adapt.then(kept))
}
