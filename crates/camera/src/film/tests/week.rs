//! A week in virtual time: packets of a camera whose days each have a fault, through `montage` and
//! `film`, and what a reader of the signed segments and epochs can say of every second of it.

use super::*;
use crate::capture::made;
use crate::capture::montage::{Montage, Shot};
use crate::capture::units::Unit;
use container::mux::Parameters;

/// A picture, always a key frame, each minute: a week has some ten thousand.
const APART: u64 = MINUTE;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
/// From the camera to this machine.
const ON_ITS_WAY: u64 = SECOND / 50;
/// The steady clock when the week begins.
const BOOTED: u64 = 5 * MINUTE;

struct Week {
    scene: Scene,
    picture: Unit,
    parameters: Parameters,
    montage: Montage,
    /// Time that passed in the world, and where the next picture lies.
    now: u64,
    /// The camera's stamps and this machine's wall clock, ahead of it.
    stamps_ahead: u64,
    wall_ahead: u64,
}

impl Week {
    fn begin() -> Self {
        let (pictures, parameters) = made::film("64x48", &[]);
        let scene = Scene::in_epochs_of(600, &[], u64::MAX, &Filming::default());
        let montage = Montage::new(parameters.clone(), None);
        let picture = pictures.into_iter().next().unwrap();
        Self { scene, picture, parameters, montage, now: 0, stamps_ahead: 0, wall_ahead: 0 }
    }

    /// Both clocks of this machine.
    fn clocks(&self) -> Moment {
        let wall_us = Micros(MIDNIGHT + self.now + self.wall_ahead);
        Moment { wall_us, steady_us: BOOTED + self.now }
    }

    /// A new connection to the camera, whose stamps begin anywhere.
    fn connect(&mut self) {
        self.montage = Montage::new(self.parameters.clone(), None);
        self.stamps_ahead = self.now / 3;
    }

    /// What came out is filmed, as `shoot` does.
    fn film(&mut self) {
        while let Some(shot) = self.montage.next() {
            let now = self.clocks();
            let heard = match shot {
                Shot::Piece(piece, made_us) => {
                    let at = match (&piece, made_us) {
                        (Piece::Fragment(fragment), Some(made_us)) => now.at(made_us + fragment.duration_us),
                        _ => now,
                    };
                    Heard::Piece(piece, at)
                }
                Shot::Hole => Heard::Lost,
                Shot::Remark(_) => continue,
            };
            self.scene.film.handle(heard);
        }
    }

    /// The picture of this moment comes this much later.
    fn picture(&mut self, delay: u64) {
        let stamp = i64::try_from((self.now + self.stamps_ahead) / 100 * 9).unwrap();
        let arrived = i64::try_from(BOOTED + self.now + delay).unwrap();
        self.montage.picture(Unit { stamp, arrived, ..self.picture.clone() }).unwrap();
        // Whoever reads the camera asks again when the montage wants it.
        self.montage.tick(arrived + 5 * SECOND as i64).unwrap();
        self.film();
        self.now += APART;
    }

    /// It films until then.
    fn until(&mut self, day: u64, hour: u64) {
        while self.now < day * DAY + hour * HOUR {
            self.picture(ON_ITS_WAY);
        }
    }

    /// The camera goes away, and comes back.
    fn lose(&mut self, heard: Heard, away: u64) {
        self.montage.finish().unwrap();
        self.film();
        self.scene.film.handle(heard);
        self.now += away;
        self.connect();
    }

    /// Where a reader of signed segments and epochs finds no footage, and the reason that is signed for
    /// it. Footage that lies on other footage is an error.
    fn gaps(&mut self) -> Vec<(GapReason, u64, u64)> {
        self.scene.film.end_segment();
        let reasons: std::collections::BTreeMap<EpochNo, GapReason> = self
            .scene
            .opens()
            .into_iter()
            .filter_map(|open| Some((open.context.epoch_no, open.previous?.gap)))
            .collect();
        let (mut gaps, mut last): (Vec<_>, Option<(u64, EpochNo)>) = (Vec::new(), None);
        for (header, trailer, _) in self.scene.segments() {
            let start = header.start_us.0 - MIDNIGHT;
            if let Some((end, epoch)) = last {
                let reason = match epoch == header.epoch_no {
                    true => GapReason::None,
                    false => reasons[&header.epoch_no],
                };
                assert!(start + APART >= end, "{start} lies on footage that ends at {end}");
                if start > end + SECOND || reason != GapReason::None {
                    gaps.push((reason, end, start));
                }
            }
            assert!(u64::from(trailer.duration_us) <= 10 * SECOND + APART, "{}", trailer.duration_us);
            last = Some((start + u64::from(trailer.duration_us), header.epoch_no));
        }
        gaps.push((GapReason::None, last.unwrap().0, 7 * DAY));
        gaps
    }
}

#[test]
fn after_a_week_with_a_fault_a_day_every_second_is_footage_or_a_gap_with_its_reason() {
    let mut week = Week::begin();
    week.scene.handover.relay_time.hear(Micros(MIDNIGHT), BOOTED);
    // Monday: somebody pulls the plug of the camera.
    week.until(0, 12);
    week.lose(Heard::Lost, 20 * MINUTE);
    // Tuesday: the household wants to be alone.
    week.until(1, 12);
    week.lose(Heard::Off(GapReason::Privacy), HOUR);
    // Wednesday: this machine's clock is set, five minutes on.
    week.until(2, 12);
    week.wall_ahead = 5 * MINUTE;
    // Thursday: this machine is started again.
    week.until(3, 12);
    week.lose(Heard::Lost, 0);
    week.scene.film = film(u64::MAX, &Filming::default(), &week.scene.handover);
    week.now += 10 * MINUTE;
    week.connect();
    // Friday: the camera leaves pictures out, and stays.
    week.until(4, 12);
    week.now += 15 * MINUTE;
    // Saturday: its stamps jump an hour; later the network holds pictures for fifty seconds.
    week.until(5, 12);
    week.stamps_ahead += HOUR;
    week.until(5, 18);
    week.picture(50 * SECOND);
    week.picture(20 * SECOND + ON_ITS_WAY);
    // Sunday: it closes the session again and again.
    week.until(6, 12);
    for _ in 0..5 {
        week.until(6, 12);
        for _ in 0..4 {
            week.picture(ON_ITS_WAY);
        }
        week.lose(Heard::Lost, 2 * MINUTE);
    }
    week.until(7, 0);

    let set = 5 * MINUTE;
    let noon = |day: u64| day * DAY + 12 * HOUR;
    let mut expected = vec![
        (GapReason::Source, noon(0), noon(0) + 20 * MINUTE),
        (GapReason::Privacy, noon(1), noon(1) + HOUR),
        (GapReason::ClockStep, noon(2), noon(2) + set),
        (GapReason::Restart, noon(3) + set, noon(3) + set + 10 * MINUTE),
        (GapReason::Source, noon(4) + set, noon(4) + set + 15 * MINUTE),
    ];
    for time in 0..5 {
        let from = noon(6) + set + time * (4 * APART + 2 * MINUTE) + 4 * APART;
        expected.push((GapReason::Source, from, from + 2 * MINUTE));
    }
    // Its end: what the wall clock was set on makes the week longer by it.
    expected.push((GapReason::None, 7 * DAY + set, 7 * DAY));
    let gaps = week.gaps();
    assert_eq!(gaps.len(), expected.len(), "{gaps:?}");
    for (found, expected) in gaps.iter().zip(&expected) {
        assert_eq!(found.0, expected.0, "{found:?} {expected:?}");
        let near = |found: u64, expected: u64| found.abs_diff(expected) <= APART + SECOND;
        assert!(near(found.1, expected.1) && near(found.2, expected.2), "{found:?} {expected:?}");
    }
}
