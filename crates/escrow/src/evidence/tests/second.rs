//! A second verifier, `proto/vectors/verify.py`, which was written from `proto/` alone: of files that hold, and
//! of files of which one member or field was tampered with, it says what this one says.

use super::*;
use media::epoch::{EpochContext, EpochOpen, GapReason};
use media::id::{Sequence, TrackId};
use media::time::Micros;
use seal::opener::Gap;
use std::collections::BTreeMap;
use std::format;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::string::String;

/// Files by name.
type Files = BTreeMap<String, Vec<u8>>;

fn file<S: AsRef<[u8]>>(head: &Evidence, segments: impl IntoIterator<Item = S>) -> Vec<u8> {
    let mut bytes = file_start(head).unwrap();
    for segment in segments {
        bytes.extend(segment_length(segment.as_ref()).unwrap());
        bytes.extend(segment.as_ref());
    }
    bytes.extend(END_MARK);
    bytes
}

/// Signed by an officer: its opener may be whoever altered it.
fn signed(mut head: Evidence) -> Evidence {
    head.sign(OpenedAs::Requester, &officer(), Seconds(NOW)).unwrap();
    head
}

/// What a file is, as the other verifier words it.
fn judged(bytes: &[u8]) -> String {
    let (mut verification, mut rest) = (FileVerification::default(), bytes);
    loop {
        let (next, behind) = rest.split_at(verification.wanted().min(rest.len()));
        rest = behind;
        match verification.feed(next.to_vec()) {
            Ok(Seen::End(verified)) => return format!("holds\t{}", told(&verified)),
            Ok(Seen::Nothing | Seen::Segment(_)) => {}
            Err(FileError::Evidence(_)) => return "false".into(),
            Err(_) => return "no evidence".into(),
        }
    }
}

/// All that is shown, but for whose loss a missing segment is.
fn told(verified: &Verified) -> String {
    let Verified { camera_id, track, owner_root_pk, policy, log_policy, footage, release, opener } = verified;
    let list = |items: Vec<String>| format!("[{}]", items.join(","));
    let gap = |gap: &Gap| {
        let reason = gap.reason.map_or("null".into(), |reason| format!("{}", reason as u8));
        format!("[{},{},{},{reason}]", gap.from_us.0, gap.to_us.0, gap.segments)
    };
    let unproven = |one: &Unproven| format!("[{},{},{}]", one.epoch, one.from_us.0, one.to_us.0);
    let completeness = match footage.completeness() {
        Completeness::Complete => "complete",
        Completeness::Incomplete => "incomplete",
        Completeness::NotProven => "end not proven",
    };
    let release = release.as_ref().map_or("null".into(), |release| {
        let or_none = |text: Option<String>| text.unwrap_or("-".into());
        let granted = |grant: &Granted| format!("[\"{}\",{}]", grant.trustee, grant.index);
        format!(
            r#"["{}",{},{},"{}","{}","{}","{}",{},{},{}]"#,
            hex(&release.id.0),
            release.index,
            release.logged_at.0,
            release.kind.word(),
            or_none(release.agency.as_ref().map(|name| name.as_str().into())),
            or_none(release.country.map(|country| country.as_str().into())),
            or_none(release.basis.as_ref().map(|word| word.as_str().into())),
            release.needed,
            list(release.signers.iter().map(signer_told).collect()),
            list(release.grants.iter().map(granted).collect()),
        )
    });
    let opener = opener.as_ref().map_or("null".into(), |opener| {
        format!(r#"["{}","{}",{}]"#, opener.opened.word(), opener.name, opener.time.0)
    });
    format!(
        r#"{{"camera":"{camera_id}","track":{track},"owner":"{}","policy":[{},{},{},{},{},{}],"log_policy":"{}","epochs":[{},{},{},{}],"segments":{},"missing":{},"gaps":{},"unproven":{},"unopened":{},"completeness":"{completeness}","release":{release},"opener":{opener}}}"#,
        hex(owner_root_pk),
        policy.version,
        policy.t,
        policy.n,
        policy.index,
        policy.logged_at.0,
        signer_told(&policy.sponsor),
        log_policy.hash().to_hex(),
        footage.first_epoch,
        footage.last_epoch,
        footage.start_us.0,
        footage.end_us.0,
        footage.segments,
        footage.missing,
        list(footage.gaps.iter().map(gap).collect()),
        list(footage.unproven.iter().map(unproven).collect()),
        list(footage.unopened.iter().map(|epoch| format!("{epoch}")).collect()),
    )
}

fn signer_told(signed: &SignedAs) -> String {
    let role = match signed.role {
        SignerRole::Registered(role) => role.word(),
        SignerRole::Recovery => "recovery",
    };
    let registered = signed
        .registered
        .as_ref()
        .map_or("null".into(), |by| format!(r#"["{}","{}",{}]"#, by.agency, by.registrar, by.index));
    format!(r#"["{role}","{}",{registered}]"#, signed.key)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Files that hold, of each kind, whole and with parts left out.
fn whole(files: &mut Files) {
    let Released { evidence, segments, .. } = released();
    let mut add = |name: &str, bytes: Vec<u8>| _ = files.insert(format!("whole {name}"), bytes);
    add("emergency", file(&evidence, &segments));
    let open_ended = signed(Evidence { closing: Vec::new(), ..evidence.clone() });
    let nobody = Evidence { opener: Vec::new(), ..evidence.clone() };
    for (name, head) in [("no closing", &open_ended), ("no opener", &nobody)] {
        add(name, file(head, &segments));
    }
    for left_out in 0..segments.len() {
        let kept = |from: &[Vec<u8>]| [&from[..left_out], &from[left_out + 1..]].concat();
        add(&format!("without segment {left_out}"), file(&evidence, kept(&segments)));
        add(&format!("no closing, to segment {left_out}"), file(&open_ended, &segments[..left_out]));
        add(&format!("from segment {left_out}"), file(&evidence, &segments[left_out..]));
    }
    for unopened in 0..3 {
        let mut head = evidence.clone();
        head.seeds[unopened] = None;
        let epochs: Vec<_> = segments.chunks(2).enumerate().filter(|(at, _)| *at != unopened).collect();
        add(
            &format!("epoch {unopened} not opened"),
            file(&signed(head), epochs.iter().flat_map(|(_, of)| *of)),
        );
    }
    let own = exported(&evidence);
    add("exported", file(&own, &segments));
    add("exported without rules", {
        let mut bare = Evidence { rules: Vec::new(), registrations: Vec::new(), ..own };
        bare.sign(OpenedAs::Owner, &device(&ADMIN), Seconds(NOW)).unwrap();
        file(&bare, &segments)
    });
    for (kind, grants) in [(Kind::Legal, THRESHOLD), (Kind::OwnerShare, 0)] {
        let Released { evidence, segments, .. } = released_by(World::with(&with_devices()), kind, grants);
        add(&format!("{kind}"), file(&evidence, &segments));
        let mut shared = evidence;
        shared.sign(OpenedAs::Owner, &device(&ADMIN), Seconds(NOW)).unwrap();
        add(&format!("{kind} opened by the owner"), file(&shared, &segments));
    }
}

/// Every member of a head that is bytes, by name.
fn members(head: &mut Evidence) -> Vec<(String, &mut Vec<u8>)> {
    let mut all = std::vec![
        ("log policy".into(), &mut head.log_policy),
        ("rules".into(), &mut head.rules),
        ("request".into(), &mut head.request.leaf),
        ("request's proof".into(), &mut head.request.proof),
        ("enrollment".into(), &mut head.enrollment),
        ("policy".into(), &mut head.policy.policy),
        ("policy leaf".into(), &mut head.policy.leaf),
        ("policy's proof".into(), &mut head.policy.proof),
        ("closing".into(), &mut head.closing),
    ];
    for (name, pairs) in [("grant", &mut head.grants), ("registration", &mut head.registrations)] {
        for (at, pair) in pairs.iter_mut().enumerate() {
            all.push((format!("{name} {at}"), &mut pair.leaf));
            all.push((format!("{name} {at}'s proof"), &mut pair.proof));
        }
    }
    all.extend(head.opens.iter_mut().enumerate().map(|(at, open)| (format!("epoch {at}"), open)));
    all
}

/// Where to tamper with bytes: once in each line of a text, else in 24 places.
fn places(bytes: &[u8]) -> Vec<usize> {
    if core::str::from_utf8(bytes).is_err() {
        return (0..24).map(|part| bytes.len() * part / 24).collect();
    }
    let mut begun = 0;
    let lines = bytes.split_inclusive(|byte| *byte == b'\n').map(|line| {
        begun += line.len();
        begun - line.len() / 2 - 1
    });
    lines.collect()
}

fn flipped(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut flipped = bytes.to_vec();
    flipped[at] ^= 1;
    flipped
}

/// Each field of each member with one bit turned; each member left out, and another's in its place.
fn tampered(files: &mut Files) {
    let Released { evidence, segments, .. } = released();
    let mut other = released_by(World::with(&with_devices()), Kind::Legal, THRESHOLD).evidence;
    let count = members(&mut evidence.clone()).len();
    for member in 0..count {
        let mut altered = |how: &str, alter: &dyn Fn(&mut Vec<u8>)| {
            let mut head = evidence.clone();
            let (name, bytes) = members(&mut head).swap_remove(member);
            alter(bytes);
            files.insert(format!("tampered {name} {how}"), file(&signed(head), &segments));
        };
        let own = members(&mut evidence.clone()).swap_remove(member).1.clone();
        for at in places(&own) {
            altered(&format!("at {at}"), &|bytes| *bytes = flipped(bytes, at));
        }
        altered("left out", &|bytes| bytes.clear());
        altered("with more", &|bytes| bytes.extend(b"x 1\n"));
        let another = members(&mut other).into_iter().nth(member).map(|(_, bytes)| bytes.clone());
        altered("of another file", &|bytes| bytes.clone_from(another.as_ref().unwrap()));
    }
    for at in places(&evidence.opener) {
        let head = Evidence { opener: flipped(&evidence.opener, at), ..evidence.clone() };
        files.insert(format!("tampered opener at {at}"), file(&head, &segments));
    }
    for (number, segment) in segments.iter().enumerate() {
        for at in places(segment) {
            let mut segments = segments.clone();
            segments[number] = flipped(segment, at);
            files.insert(format!("tampered segment {number} at {at}"), file(&evidence, &segments));
        }
    }
}

/// Lists with one left out, twice, or in another order; keys that are others.
fn rearranged(files: &mut Files) {
    type Alter = fn(&mut Evidence, usize);
    let alters: [(&str, Alter); 15] = [
        ("grant left out", |e, at| drop(e.grants.remove(at))),
        ("grant twice", |e, at| e.grants.push(e.grants[at].clone())),
        ("grants in another order", |e, at| e.grants.swap(0, at)),
        ("grants none", |e, _| e.grants.clear()),
        ("registration left out", |e, at| drop(e.registrations.remove(at))),
        ("registration twice", |e, at| e.registrations.push(e.registrations[at].clone())),
        ("registrations in another order", |e, at| e.registrations.swap(0, at)),
        ("epoch left out", |e, at| drop((e.opens.remove(at), e.seeds.remove(at)))),
        ("epoch twice", |e, at| (e.opens.insert(at, e.opens[at].clone()), e.seeds.insert(at, e.seeds[at])).0),
        ("epochs in another order", |e, at| (e.opens.swap(0, at), e.seeds.swap(0, at)).0),
        ("seeds in another order", |e, at| e.seeds.swap(0, at)),
        ("seed altered", |e, at| e.seeds[at].as_mut().unwrap()[at] ^= 1),
        ("closing is an epoch", |e, at| e.closing = e.opens[at].clone()),
        ("details key altered", |e, at| e.details_key.as_mut().unwrap()[at] ^= 1),
        ("details key left out", |e, _| e.details_key = None),
    ];
    let Released { evidence, segments, .. } = released();
    for (name, alter) in alters {
        for at in 0..3 {
            let mut head = evidence.clone();
            alter(&mut head, at);
            files.insert(format!("rearranged {name} {at}"), file(&signed(head), &segments));
        }
    }
    let swapped = |one: usize, two: usize| {
        let mut segments = segments.clone();
        segments.swap(one, two);
        segments
    };
    for (one, two) in [(0, 1), (1, 2), (4, 5)] {
        files.insert(format!("rearranged segments {one} {two}"), file(&evidence, swapped(one, two)));
        files.insert(format!("rearranged segment {one} twice"), {
            let twice = [&segments[..=one], &segments[one..]].concat();
            file(&evidence, twice)
        });
    }
    let bytes = file(&evidence, &segments);
    for cut in [0, 2, 4, 1000, bytes.len() - 5, bytes.len() - 4, bytes.len() - 1] {
        files.insert(format!("cut at {cut}"), bytes[..cut].to_vec());
    }
    files.insert("followed".into(), [&bytes[..], b"x"].concat());
}

/// What only the camera could sign: each field of an epoch otherwise, under its good signature.
fn signed_otherwise(files: &mut Files) {
    type Context = fn(u64, &mut EpochContext);
    type Open = fn(u64, &mut EpochOpen);
    let contexts: [(&str, Context); 7] = [
        ("track", |at, context| context.track = TrackId(u32::from(at == 1))),
        ("every track", |_, context| context.track = TrackId(1)),
        ("number", |at, context| context.epoch_no = EpochNo(context.epoch_no.0 + at / 2)),
        ("earlier start", |at, context| {
            context.start_us = Micros(context.start_us.0 - 120_000_000 * (at % 2))
        }),
        ("length", |at, context| context.dur_ms = if at == 1 { 20_000 } else { context.dur_ms }),
        ("policy", |at, context| context.policy_hash[0] ^= u8::from(at == 1)),
        ("notice", |at, context| context.notice_commit[0] ^= u8::from(at == 1)),
    ];
    let opens: [(&str, Open); 10] = [
        ("key commitment", |at, open| open.key_commit[0] ^= u8::from(at == 1)),
        ("share commitment", |at, open| open.share_commits[0][0] ^= u8::from(at == 1)),
        ("no close", |at, open| open.previous = open.previous.filter(|_| at != 1)),
        ("no closing close", |at, open| open.previous = open.previous.filter(|_| at != 3)),
        ("more segments", |at, open| {
            open.previous.iter_mut().for_each(|close| close.segments += u32::from(at == 2))
        }),
        ("fewer segments", |at, open| {
            open.previous.iter_mut().for_each(|close| close.segments -= u32::from(at == 2))
        }),
        ("chain", |at, open| open.previous.iter_mut().for_each(|close| close.chain[0] ^= u8::from(at == 2))),
        ("closed epoch", |at, open| {
            open.previous.iter_mut().for_each(|close| close.epoch_no.0 -= u64::from(at == 2))
        }),
        ("privacy", |_, open| open.previous.iter_mut().for_each(|close| close.gap = GapReason::Privacy)),
        ("lost", |at, open| {
            open.lost = (0..at)
                .map(|n| media::epoch::Lost {
                    range: media::receipt::Range { first: Sequence(2 * n), last: Sequence(2 * n) },
                    why: media::epoch::LossReason::Refused,
                })
                .collect();
        }),
    ];
    let mut add = |name: &str, setup: Setup| {
        let mut world = World::with(&Setup { policy: with_devices().policy, ..setup });
        let ask = world.ask(Kind::Emergency);
        let package = world.log_request(&ask);
        let own = exported(&head(&world, package, Vec::new()));
        let segments = segments(&world.camera);
        files.insert(format!("signed otherwise {name}"), file(&own, &segments));
        files.insert(format!("signed otherwise {name}, from the second"), file(&own, &segments[1..]));
        files.insert(format!("signed otherwise {name}, to the fifth"), file(&own, &segments[..5]));
    };
    for (name, context) in contexts {
        add(name, Setup { context, ..Setup::default() });
    }
    for (name, open) in opens {
        add(name, Setup { open, ..Setup::default() });
    }
}

/// What only who signs a request could write: each field of an owner's share otherwise, under good signatures.
fn asked_otherwise(files: &mut Files) {
    type Alter = fn(&mut Request);
    let alters: [(&str, Alter); 8] = [
        ("nothing", |_| ()),
        ("span", |request| request.span = crate::record::Span::from_secs(181).unwrap()),
        ("rules", |request| request.policy.0[0] ^= 1),
        ("label", |request| request.label.0[0] ^= 1),
        ("details", |request| {
            request.details = crate::record::SealedDetails::new(std::vec![0; 1040]).unwrap()
        }),
        ("details key", |request| {
            request.details_key = crate::record::WrappedKey::new(std::vec![0; 1168]).unwrap();
        }),
        ("sponsor", |request| request.sponsor = name("other.example")),
        ("time", |request| request.time.0 += 1),
    ];
    let mut add = |name: &str, ask: fn(&World) -> Ask, alter: Alter| {
        let mut world = World::with(&with_devices());
        let ask = Ask { alter, ..ask(&world) };
        let package = world.log_request(&ask);
        let mut own = head(&world, package, Vec::new());
        own.sign(OpenedAs::Owner, &device(&ADMIN), Seconds(NOW)).unwrap();
        files.insert(format!("asked otherwise {name}"), file(&own, segments(&world.camera)));
    };
    for (name, alter) in alters {
        add(name, |world| world.ask(Kind::OwnerShare), alter);
    }
    add(
        "by one more",
        |world| Ask { signers: std::vec![sponsor(), trustee(1)], ..world.ask(Kind::OwnerShare) },
        |_| (),
    );
    add("by none", |world| Ask { signers: std::vec![trustee(1)], ..world.ask(Kind::OwnerShare) }, |_| ());
}

/// What only a trustee could write: each field of a grant otherwise, under its good signature and in the log.
fn granted_otherwise(files: &mut Files) {
    type Alter = fn(&mut crate::record::Grant);
    let alters: [(&str, Alter); 8] = [
        ("id", |grant| grant.id.0[0] ^= 1),
        ("index", |grant| grant.request_index += 1),
        ("request", |grant| grant.request.0[0] ^= 1),
        ("epochs", |grant| grant.epochs += 1),
        ("shares", |grant| grant.shares.0[0] ^= 1),
        ("bundle", |grant| grant.bundle.0[0] ^= 1),
        ("trustee", |grant| grant.trustee = name("trustee2.example")),
        ("time", |grant| grant.time.0 += 1),
    ];
    for (name, alter) in alters {
        let Released { mut world, evidence, segments } = released();
        let mut grant =
            Signed::<crate::record::Grant>::parse(&evidence.grants[0].leaf).unwrap().value().clone();
        alter(&mut grant);
        let (index, leaf) = world.add(&Signed::sign(grant, &[&trustee(1)]).unwrap());
        let mut altered = evidence.clone();
        altered.grants[0] = proven(&world, &(index, leaf.entry_bytes().to_vec()));
        altered.prune(&world.log_policy).unwrap();
        files.insert(format!("granted otherwise {name}"), file(&signed(altered), &segments));
    }
}

/// What is good by itself, and has no place here.
fn misplaced(files: &mut Files) {
    let Released { evidence, segments: own, .. } = released();
    let idle = Evidence { registrations: evidence.registrations.clone(), ..exported(&evidence) };
    let mut idle = Evidence { opener: Vec::new(), ..idle };
    files.insert("misplaced registrations".into(), file(&idle, &own));
    idle.registrations.clear();
    files.insert("misplaced none".into(), file(&idle, &own));
    // Of the same epoch, number and key, and behind another close.
    let other = World::with(&Setup {
        open: |at, open| open.previous = open.previous.filter(|_| at != 1),
        ..with_devices()
    });
    for at in 0..own.len() {
        let mut mixed = own.clone();
        mixed[at] = other.camera.segments[at].clone();
        files.insert(format!("misplaced segment {at}"), file(&evidence, &mixed));
    }
}

/// A folder of this test's own, which goes with it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("candor-evidence-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_second_verifier_from_the_contracts_agrees_on_every_member_and_field() {
    let mut files = Files::new();
    whole(&mut files);
    tampered(&mut files);
    rearranged(&mut files);
    signed_otherwise(&mut files);
    asked_otherwise(&mut files);
    granted_otherwise(&mut files);
    misplaced(&mut files);

    let folder = Folder::new();
    let names: Vec<_> = files.keys().cloned().collect();
    for (at, bytes) in files.values().enumerate() {
        std::fs::write(folder.0.join(format!("{at:04}.evidence")), bytes).unwrap();
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto/vectors/verify.py");
    let output = Command::new("python3").arg(script).arg("--all").arg(&folder.0).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said.lines().count(), files.len());

    let (mut holding, mut otherwise) = (0, Vec::new());
    for ((name, bytes), line) in names.iter().zip(files.values()).zip(said.lines()) {
        let (ours, theirs) = (judged(bytes), line.split_once('\t').unwrap().1);
        holding += u32::from(ours.starts_with("holds"));
        let agree =
            if ours.starts_with("holds") { ours == theirs } else { theirs.split('\t').next() == Some(&ours) };
        if !agree {
            otherwise.push(format!("{name}:\n  this one:  {ours}\n  the other: {theirs}"));
        }
    }
    assert!(otherwise.is_empty(), "{} of {}:\n{}", otherwise.len(), files.len(), otherwise.join("\n"));
    // Neither says yes, nor no, to everything.
    assert!(holding > 40 && files.len() > 500, "{holding} of {} hold", files.len());
}
