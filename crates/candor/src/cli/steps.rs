//! What a step of long work says to a person. (With `--json` the step itself is printed.)

use crate::words::show_here_us;
use owner::live::Event;

pub(super) fn pairing_owner(step: &owner::pair::PairStep) -> String {
    use owner::pair::PairStep as Step;
    match step {
        Step::Answered { camera_id } => format!("camera {camera_id} has answered the invite"),
        Step::PolicyLogged { leaf_index, witnesses } => {
            format!("its policy is leaf {leaf_index} of the log, cosigned by {}", witnesses.join(", "))
        }
        Step::PolicyStored => "the relay holds the policy".to_owned(),
        Step::Paired => "the camera has its answer".to_owned(),
        Step::Retired => "the key of before is retired: the relay takes nothing more of it".to_owned(),
    }
}

pub(super) fn changing_policy(step: &owner::policy::PolicyStep) -> String {
    use owner::policy::PolicyStep as Step;
    match step {
        Step::Same { camera, version } => {
            format!("{camera}: version {version} says what the configuration says")
        }
        Step::Logged { camera, version, leaf_index, witnesses } => {
            let names = witnesses.join(", ");
            format!("{camera}: version {version} is leaf {leaf_index} of the log, cosigned by {names}")
        }
        Step::Given { camera, version } => format!("{camera}: the relay holds version {version}"),
    }
}

pub(super) fn pairing_camera(step: &camera::pair::Step) -> String {
    use camera::pair::Step;
    match step {
        Step::Connected => "connected: the relay is the one that the invite names",
        Step::Introduced => {
            "waiting for the owner's answer: `candor owner invite` must still be running there"
        }
        Step::Verified => "the owner's answer holds, and its policy is in the witnessed log",
    }
    .to_owned()
}

pub(super) fn auditing(step: &owner::audit::AuditStep) -> String {
    use owner::audit::AuditStep as Step;
    match step {
        Step::Head { size, witnesses } => format!("log head {size}, cosigned by {}", witnesses.join(", ")),
        Step::Leaves { done, total } => format!("{done} of {total} leaves read and verified"),
        Step::Epochs { camera } => format!("comparing the epochs of {camera} with its policy"),
    }
}

pub(super) fn opening(step: &requester::open::Step) -> String {
    use requester::open::Step;
    match step {
        Step::Combined { epoch } => {
            format!("epoch {epoch}: its key is rebuilt, as the camera committed to it")
        }
        Step::Culprit { epoch, trustee } => {
            format!(
                "epoch {epoch}: {trustee} handed out a share that is not the one it was dealt; keep its bundle"
            )
        }
        Step::Segment { epoch, sequence } => {
            format!("epoch {epoch}, segment {sequence}: opened and verified")
        }
        Step::Refused { reason } => format!("a segment was refused: {reason}"),
        Step::Gap { from_us, to_us, reason } => gap(*from_us, *to_us, reason),
        Step::NotOpened { epoch, reason } => format!("epoch {epoch} stays closed: {reason}"),
        Step::NotShown { reason } => format!("the evidence will not show {reason}"),
        Step::Written { path } => format!("written {}", path.display()),
    }
}

pub(super) fn watching(event: &Event) -> String {
    match event {
        Event::Run { codec } => format!("codec {codec}"),
        Event::Segment { epoch, sequence, start_us } => {
            format!("epoch {epoch}, segment {sequence}, {}", show_here_us(*start_us))
        }
        Event::Fragment { latency_us, .. } => format!("a fragment, {} ms old", latency_us / 1000),
        Event::SegmentVerified { sequence, .. } => {
            format!("segment {sequence}: signature and chain verified")
        }
        Event::Gap { from_us, to_us, reason } => gap(*from_us, *to_us, reason),
        Event::PolicyAlarm { epoch, expected, found } => {
            format!(
                "ALARM: epoch {epoch} was filmed under policy {found}, not under yours ({expected}); run `candor owner audit`"
            )
        }
        Event::Refused { sequence, reason } => format!("segment {sequence} was refused: {reason}"),
    }
}

fn gap(from_us: u64, to_us: u64, reason: &str) -> String {
    format!("gap from {} to {}: {reason}", show_here_us(from_us), show_here_us(to_us))
}
