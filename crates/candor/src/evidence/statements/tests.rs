use super::*;
use escrow::evidence::Unproven;
use escrow::record::Seconds;
use media::id::{CameraId, DeviceId, EpochNo, TrackId};
use media::time::Micros;

/// One log and one witness, in a file that begins so.
pub(in crate::evidence) fn log_policy(head: &str) -> Policy {
    let log = tlog::note::Signer::from_seed("log.example", &[3; 32]).unwrap().verifier().vkey();
    let algorithm = tlog::cosignature::Algorithm::Ed25519;
    let witness = tlog::cosignature::Cosigner::from_seed("w.example", algorithm, &[4; 32]).unwrap();
    let witness = witness.verifier().vkey();
    Policy::parse(format!("{head}log {log}\nwitness w {witness}\nquorum w\n").as_bytes()).unwrap()
}

/// Footage of one epoch, about which the file says nothing more.
pub(in crate::evidence) fn bare() -> Verified {
    Verified {
        camera_id: CameraId([1; 32]),
        track: TrackId(0),
        owner_root_pk: [2; 32],
        policy: PolicyShown {
            version: 1,
            t: 3,
            n: 5,
            index: 7,
            logged_at: Seconds(0),
            sponsor: SignedAs {
                role: SignerRole::Registered(escrow::record::Role::Sponsor),
                key: "relay.example".to_owned(),
                registered: None,
            },
        },
        log_policy: log_policy(""),
        footage: Footage {
            first_epoch: EpochNo(4),
            last_epoch: EpochNo(4),
            start_us: Micros(1_000_000),
            end_us: Micros(61_000_000),
            segments: 5,
            missing: 0,
            gaps: Vec::new(),
            losses: Vec::new(),
            unproven: Vec::new(),
            unopened: Vec::new(),
        },
        release: None,
        opener: None,
    }
}

fn about<'a>(all: &'a [Statement], what: &str) -> &'a Statement {
    all.iter().find(|statement| statement.about == what).unwrap_or_else(|| panic!("{what}: {all:?}"))
}

#[test]
fn a_stripped_file_is_said_to_show_no_release_and_not_who_opened_it() {
    let all = statements(&bare(), Some(&log_policy("")));
    for what in ["release", "opener"] {
        assert_eq!(about(&all, what).shown, Standing::NotShown);
    }
    let said = format!("{all:?}");
    assert!(!said.contains("owner exported") && !said.contains("nothing is missing"), "{said}");
    // Only an owner's device can say that its owner exported it.
    let opener = |opened| Opener {
        opened,
        name: "device".to_owned(),
        device: Some(DeviceId([5; 32])),
        time: Seconds(0),
    };
    let own =
        statements(&Verified { opener: Some(opener(OpenedAs::Owner)), ..bare() }, Some(&log_policy("")));
    assert_eq!(about(&own, "release").shown, Standing::Shown);
    let other =
        statements(&Verified { opener: Some(opener(OpenedAs::Requester)), ..bare() }, Some(&log_policy("")));
    assert_eq!(about(&other, "release").shown, Standing::NotShown);
}

#[test]
fn nothing_is_called_complete_that_is_not_proven_to_be() {
    assert_eq!(about(&statements(&bare(), Some(&log_policy(""))), "complete").shown, Standing::Shown);
    let mut open = bare();
    let (from_us, to_us) = (Micros(30_000_000), Micros(61_000_000));
    open.footage.unproven.push(Unproven { epoch: EpochNo(4), from_us, to_us });
    let said = statements(&open, Some(&log_policy("")));
    assert!(said.iter().all(|statement| statement.about != "complete"));
    let end = about(&said, "end");
    assert_eq!(end.shown, Standing::NotShown);
    assert!(end.says.contains("1970-01-01 00:00:30 UTC"), "{}", end.says);
    let mut cut = bare();
    cut.footage.missing = 2;
    assert!(statements(&cut, Some(&log_policy(""))).iter().all(|statement| statement.about != "complete"));
}

#[test]
fn without_a_log_policy_of_ones_own_the_log_is_not_shown_to_be_real() {
    assert_eq!(about(&statements(&bare(), None), "log-policy").shown, Standing::NotShown);
    // What counts is what the policy says.
    let commented = log_policy("# of the operator\n\n");
    assert_eq!(about(&statements(&bare(), Some(&commented)), "log-policy").shown, Standing::Shown);
    let other = tlog::note::Signer::from_seed("log.example", &[5; 32]).unwrap().verifier().vkey();
    let other = log_policy(&format!("log {other}\n"));
    assert_eq!(about(&statements(&bare(), Some(&other)), "log-policy").shown, Standing::NotShown);
    assert_eq!(about(&statements(&bare(), Some(&log_policy(""))), "log-policy").shown, Standing::Shown);
}
