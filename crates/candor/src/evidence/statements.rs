//! What evidence shows, sentence by sentence, each with what proves it, and what it does not show.
//! Contract: `proto/evidence.md#what-it-shows`. A sentence never says more than was verified.

use super::Compared;
use super::court::Around;
use crate::words::show_us;
use escrow::evidence::{
    Completeness, Footage, OpenedAs, Opener, PolicyShown, Release, SignedAs, SignerRole, Verified,
};
use escrow::record::Kind;
use media::account::Culprit;
use media::epoch::GapReason;
use serde::Serialize;
use tlog::policy::Policy;

/// How a statement stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Standing {
    /// The file proves it.
    Shown,
    /// The file says nothing of it, or nothing that proves it.
    NotShown,
    /// The file proves that something is missing.
    Missing,
    /// It is disproved.
    False,
}

/// One sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Statement {
    /// What it is about: a word for scripts.
    pub(crate) about: &'static str,
    pub(crate) shown: Standing,
    pub(crate) says: String,
    /// What proves it, or why nothing does.
    pub(crate) by: String,
}

fn statement(
    about: &'static str,
    shown: Standing,
    says: impl Into<String>,
    by: impl Into<String>,
) -> Statement {
    Statement { about, shown, says: says.into(), by: by.into() }
}

fn shown(about: &'static str, says: impl Into<String>, by: impl Into<String>) -> Statement {
    statement(about, Standing::Shown, says, by)
}

fn not_shown(about: &'static str, says: impl Into<String>, by: impl Into<String>) -> Statement {
    statement(about, Standing::NotShown, says, by)
}

impl Statement {
    /// What came of comparing a clip.
    pub(crate) fn of_clip(compared: &Compared) -> Self {
        let by = "the film made of the verified segments";
        match compared {
            Compared::Same => shown("clip", "the clip is this film, byte for byte", by),
            Compared::Rewrapped => statement(
                "clip",
                Standing::Missing,
                "every picture and sound of the clip is this film's, in order and whole, in a file that another program wrote: what a player shows of it is not checked",
                by,
            ),
            Compared::Part { from, to } => statement(
                "clip",
                Standing::Missing,
                format!(
                    "the clip is a part of this film, from {from:.2} s to {to:.2} s of it, without a hole, in a file that another program wrote"
                ),
                by,
            ),
            Compared::Differs { what } => {
                statement("clip", Standing::False, format!("the clip is NOT this film: {what}"), by)
            }
            Compared::Beyond { from, to } => not_shown(
                "clip",
                format!(
                    "what of the clip lies outside {from:.2} s to {to:.2} s of it: there it is this film, and before or behind that is another time than this evidence's"
                ),
                by,
            ),
            Compared::Elsewhere => not_shown(
                "clip",
                "anything of the clip: nothing of it is in this film; it may be of another time, or encoded anew, or not this camera's",
                by,
            ),
        }
    }
}

impl Statement {
    /// What came of making a court file again.
    pub(crate) fn of_court_file(around: &Around) -> Self {
        let (about, by) = ("court-file", "made again from the evidence in it, and compared byte by byte");
        match around {
            Around::Same => {
                shown(about, "the films and the page beside the evidence are those that it gives", by)
            }
            Around::OtherPage => statement(
                about,
                Standing::Missing,
                "README.html is not the page that this program makes of this evidence: another version wrote it, or somebody; do not rely on its words",
                by,
            ),
            Around::Other(what) => statement(
                about,
                Standing::False,
                format!("the court file was altered: {what} is NOT what this evidence gives"),
                by,
            ),
        }
    }
}

/// All that a file says, and what it does not.
// SPEC: evidence.md#what-it-shows: a statement MUST NOT say more than was verified.
pub(crate) fn statements(verified: &Verified, trusted: Option<&Policy>) -> Vec<Statement> {
    let mut all = vec![anchor(verified, trusted), camera(verified)];
    all.extend(picture(&verified.footage));
    all.push(policy(&verified.policy));
    match &verified.release {
        Some(release) => all.extend(release_of(release, &verified.policy, verified.opener.as_ref())),
        None => all.push(no_release(verified.opener.as_ref())),
    }
    all.push(opener(verified.opener.as_ref()));
    all.push(not_shown(
        "clock",
        "whether the camera's clock was right",
        "times are the camera's own; the relay's times of receipt are outside the file",
    ));
    all
}

fn anchor(verified: &Verified, trusted: Option<&Policy>) -> Statement {
    let hash = verified.log_policy.hash().to_hex();
    match trusted {
        Some(own) if own.says_as(&verified.log_policy) => shown(
            "log-policy",
            "the log and its witnesses are those of the policy that you gave",
            format!("it names the same keys and quorum as the file's, SHA-256 {hash}"),
        ),
        Some(own) => not_shown(
            "log-policy",
            "whether its log and witnesses are real: they are others than those of the policy that you gave",
            format!("the file's has SHA-256 {hash}, yours {}", own.hash().to_hex()),
        ),
        None => not_shown(
            "log-policy",
            "whether its log and witnesses are real: the file is consistent with itself, and no more",
            format!("no log policy of your own was given to compare with SHA-256 {hash}"),
        ),
    }
}

fn camera(verified: &Verified) -> Statement {
    let owner = hex::encode(verified.owner_root_pk);
    let track = if verified.track.0 == 0 { String::new() } else { format!(", picture {}", verified.track.0) };
    shown(
        "camera",
        format!("filmed by camera {}{track}, of the owner with root key {owner}", verified.camera_id),
        "the Enrollment, signed by both; whose camera and root key these are, their owner has to say",
    )
}

fn picture(footage: &Footage) -> Vec<Statement> {
    let (from, to) = (show_us(footage.start_us.0), show_us(footage.end_us.0));
    let epochs = format!("epochs {} to {}", footage.first_epoch, footage.last_epoch);
    let mut all = vec![match footage.segments {
        0 => not_shown("picture", "any picture: no segment is in the file", epochs.clone()),
        segments => shown(
            "picture",
            format!("{segments} segments between {from} and {to}, each as the camera sealed it, in order"),
            format!("the camera's signature on each, and their chain ({epochs})"),
        ),
    }];
    for gap in &footage.gaps {
        let (from, to) = (show_us(gap.from_us.0), show_us(gap.to_us.0));
        all.push(match (gap.segments, gap.reason) {
            (0, reason) => shown(
                "not-filmed",
                format!(
                    "nothing was filmed from {from} to {to}: {}",
                    reason.map_or("no reason given", GapReason::told)
                ),
                "the camera's close record",
            ),
            (segments, reason) => statement(
                "missing",
                Standing::Missing,
                format!(
                    "{segments} segments that the camera filmed from {from} to {to} are not in this file"
                ),
                reason.map_or("the camera's numbers and close records".to_owned(), |reason| {
                    format!("the camera's numbers; the camera says: {}", reason.told())
                }),
            ),
        });
    }
    for loss in &footage.losses {
        let numbers = format!("segments {} to {}", loss.range.first, loss.range.last);
        all.push(match loss.culprit {
            Culprit::Relay(key) => shown(
                "culprit",
                format!("the relay with key {} had {numbers}, and lost or withholds them", hex::encode(key)),
                "the relay's signed receipt, in a later EpochOpen of the camera",
            ),
            Culprit::Camera(why) => shown(
                "culprit",
                format!("{numbers}: {}", why.told()),
                "the camera's signature on a later EpochOpen",
            ),
            Culprit::NobodyYet => not_shown(
                "culprit",
                format!("whose loss {numbers} are: they may still be in the camera"),
                "no receipt of a relay in the file names them, nor does the camera say that it let them go",
            ),
        });
    }
    for epoch in &footage.unopened {
        all.push(statement(
            "not-opened",
            Standing::Missing,
            format!("epoch {epoch} is not opened: its key is not in this file"),
            "the EpochOpens; whether too few trustees let it go or somebody left it out, is not shown",
        ));
    }
    for open in &footage.unproven {
        let (from, to) = (show_us(open.from_us.0), show_us(open.to_us.0));
        all.push(not_shown(
            "end",
            format!("whether anything is missing from {from} to {to} (epoch {})", open.epoch),
            "the camera's close record of that epoch is not in the file",
        ));
    }
    if footage.completeness() == Completeness::Complete {
        all.push(shown(
            "complete",
            "all that the camera filmed in these epochs is here",
            format!("the camera's close record of each of the {epochs}"),
        ));
    }
    all
}

fn policy(policy: &PolicyShown) -> Statement {
    let shares = match policy.n {
        0 => "no shares of its keys with trustees".to_owned(),
        n => format!("shares of its keys with {n} trustees, of whom {} open it", policy.t),
    };
    shown(
        "policy",
        format!("filmed under version {} of the owner's policy: {shares}", policy.version),
        format!(
            "the owner's signature, and leaf {} of the log, of {}, brought by {}",
            policy.index,
            show_us(policy.logged_at.micros().0),
            signer(&policy.sponsor)
        ),
    )
}

fn no_release(opener: Option<&Opener>) -> Statement {
    match opener.filter(|opener| opener.opened == OpenedAs::Owner) {
        Some(_) => shown(
            "release",
            "no release: the owner exported it",
            "the signature of an owner's device on this file",
        ),
        None => not_shown(
            "release",
            "any release: how this footage was opened, and by whom",
            "there is no request in the file, and no owner's device signed it",
        ),
    }
}

fn release_of(release: &Release, policy: &PolicyShown, opener: Option<&Opener>) -> Vec<Statement> {
    let mut all = Vec::new();
    let basis = release.basis.as_ref().map_or_else(String::new, |basis| format!(" ({basis})"));
    let at = show_us(release.logged_at.0.saturating_mul(1_000_000));
    all.push(shown(
        "release",
        format!("opened under a request of kind {}{basis}, in the log since {at}", release.kind),
        format!(
            "leaf {} of the log, and details that name this camera and exactly these epochs",
            release.index
        ),
    ));
    all.push(asker(release, opener));
    all.extend(details(release));
    all.extend(release.signers.iter().map(|signed| {
        let (role, by) = (role(signed.role), signer(signed));
        match (signed.role, &signed.registered) {
            (SignerRole::Recovery, _) => shown("signer", "the owner's recovery key signed the request", by),
            (SignerRole::Registered(_), Some(of)) => {
                shown("signer", format!("{role} of {} signed the request", of.agency), by)
            }
            (SignerRole::Registered(_), None) => {
                not_shown("signer", format!("who the {role} is that signed as {}", signed.key), by)
            }
        }
    }));
    for granted in &release.grants {
        all.push(shown(
            "grant",
            format!("{} granted exactly these epochs", granted.trustee),
            format!(
                "leaf {} of the log, by a trustee of the owner's policy{}",
                granted.index,
                match granted.of_rules {
                    Some(true) => " and of the PolicyDoc",
                    Some(false) => ", whom the PolicyDoc does NOT list",
                    None => "",
                }
            ),
        ));
    }
    if release.needed > 0 {
        all.push(shown(
            "threshold",
            format!(
                "{} grants, where the owner had chosen {} trustees and {} were enough",
                release.grants.len(),
                policy.n,
                release.needed
            ),
            "the owner's policy; whether these trustees are independent of the owner is not in the file",
        ));
    }
    all.push(not_shown(
        "revocation",
        "whether a key had been revoked, and that the owner finds the request",
        "the trustees who granted looked; the log and its monitors tell",
    ));
    all
}

/// Which order a court made, by the asker's own words.
fn details(release: &Release) -> Option<Statement> {
    let (court, order) = (release.details.court.as_ref()?, release.details.order?);
    let case = release.details.case_number.as_ref();
    let case = case.map_or_else(String::new, |case| format!(", case {}", case.as_str()));
    Some(shown(
        "order",
        format!("the request names an order of {}{case}, SHA-256 {}", court.as_str(), order.to_hex()),
        "the details, in the words of whoever asked; the trustees read the order, and it is not in this file: compare the document with the SHA-256",
    ))
}

/// Whose request it is.
fn asker(release: &Release, opener: Option<&Opener>) -> Statement {
    match (release.kind, &release.agency) {
        (Kind::Legal | Kind::Emergency, Some(agency)) if release.is_by_agency() => {
            let country = release.country.as_ref().map_or("-", |country| country.as_str());
            shown(
                "agency",
                format!("the request is {agency}'s ({country})"),
                "an officer's and a supervisor's key that registrars of the PolicyDoc had registered for that agency",
            )
        }
        (Kind::Legal | Kind::Emergency, agency) => {
            let agency = agency.as_ref().map_or_else(String::new, ToString::to_string);
            not_shown(
                "agency",
                format!("that the request is {agency}'s, in whose name it speaks"),
                "the file does not have the registrations of both keys that signed it for the agency",
            )
        }
        (Kind::OwnerShare, _) if opener.is_some_and(|opener| opener.opened == OpenedAs::Owner) => {
            shown("agency", "the owner shared it", "the signature of an owner's device on this file")
        }
        (Kind::OwnerShare, _) => not_shown(
            "agency",
            "that the owner shared it",
            "whoever finds a sponsor can log such a leaf; no owner's device signed this file",
        ),
        (Kind::Recovery, _) => {
            shown("agency", "the owner's recovery key asked", "its signature on the request")
        }
    }
}

fn opener(opener: Option<&Opener>) -> Statement {
    let Some(opener) = opener else {
        return not_shown("opener", "who opened the footage and made this file", "nobody signed it");
    };
    let at = show_us(opener.time.0.saturating_mul(1_000_000));
    let who = match (opener.opened, &opener.device) {
        (OpenedAs::Owner, Some(device)) => format!("an owner's device, {device}"),
        (OpenedAs::Owner | OpenedAs::Requester, _) => format!("{}, who signed the request", opener.name),
    };
    shown("opener", format!("opened by {who}; file made {at} by their clock"), "their signature on this file")
}

fn role(role: SignerRole) -> &'static str {
    match role {
        SignerRole::Registered(role) => role.word(),
        SignerRole::Recovery => "recovery key",
    }
}

fn signer(signed: &SignedAs) -> String {
    match &signed.registered {
        Some(by) => {
            format!(
                "{}, whose key {} registered for {} in leaf {}",
                signed.key, by.registrar, by.agency, by.index
            )
        }
        None if signed.role == SignerRole::Recovery => "the recovery key of the owner's policy".to_owned(),
        None => format!("{}, whose key is not shown to be registered", signed.key),
    }
}

#[cfg(test)]
pub(super) mod tests;
