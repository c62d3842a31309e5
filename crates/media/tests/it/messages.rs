//! The session's messages: every kind there and back, every list at its limit and one over it.

use crate::samples::{
    camera, camera_id, enrollment, epoch_open, health, held_notice, owner, policy, public, settings,
};
use media::codec::{DecodeError, Writer};
use media::enrollment::CameraConsent;
use media::id::{Day, EpochNo, Sequence, TrackId};
use media::limits;
use media::message::LoggedLeaf;
use media::message::{
    CameraStatus, Control, From, NamedObject, REQUEST_TYPE, RESPONSE_TYPE, RefusalCode, ReleasedQuery,
    Request, Response, Side, TrackStatus,
};
use media::pair::HeldPolicy;
use media::pair::{PairHello, PairWelcome, PolicyBundle};
use media::segment::{HeadQuery, SegmentQuery};
use media::time::Micros;

pub(crate) fn controls() -> Vec<Control> {
    let (track, camera_id) = (TrackId(3), camera_id());
    let refusal = RefusalCode::Quota.because("wait a minute");
    vec![
        Control::Hello { version: 1 },
        Control::Welcome { version: 1, now_us: Micros::MAX },
        Control::Publish { camera_id, track },
        Control::PublishOk { track, next: Sequence(9), newest: vec![] },
        Control::PublishOk { track, next: Sequence(9), newest: epoch_open().bytes().to_vec() },
        Control::Ack { track, sequence: Sequence(u64::MAX) },
        Control::Nack { track, sequence: Sequence(7), refusal: refusal.clone() },
        Control::Subscribe { camera_id, track, from: From::NextSegment },
        Control::Subscribe { camera_id, track, from: From::NewestKeyFrame },
        Control::SubscribeOk { camera_id, track },
        Control::Changed { camera_id },
        Control::Receipt(crate::samples::receipt()),
        Control::Refuse(refusal),
        Control::Goodbye,
    ]
}

pub(crate) fn bundle() -> PolicyBundle {
    PolicyBundle { policy: policy().bytes().to_vec(), leaf: b"leaf".to_vec(), proof: b"proof".to_vec() }
}

pub(crate) fn requests() -> Vec<Request> {
    let (track, camera_id) = (TrackId(3), camera_id());
    let (from_us, to_us) = (Micros(5), Micros(10));
    let query = SegmentQuery { camera_id, track, from_us, to_us, cursor: Sequence(8) };
    vec![
        Request::FetchSegments(query),
        Request::FetchEpochs { camera_id, track, from_us, to_us, cursor: EpochNo(6) },
        Request::PutEpochOpen(epoch_open().bytes().to_vec()),
        Request::PutDayNotice(held_notice()),
        Request::GetDayNotice { camera_id, day: Day(20_752) },
        Request::PutPolicy(HeldPolicy { enrollment: enrollment(), bundle: bundle() }),
        Request::GetPolicy { camera_id, hash: [1; 32] },
        Request::GetDayKeys(Day(20_752)),
        Request::MailboxOpen { mailbox: [2; 32], ttl_s: 600 },
        Request::MailboxPut { mailbox: [2; 32], side: Side::Camera, mail: b"sealed".to_vec() },
        Request::MailboxTake { mailbox: [2; 32], side: Side::Owner },
        Request::SponsorLeaf("candor veto v1\nid AAAA\n".into()),
        Request::ListCameras,
        Request::FetchHeads(HeadQuery { segments: query, pictures: true }),
        Request::FetchReleased(ReleasedQuery {
            camera_id,
            track,
            draft: [6; 32],
            first: EpochNo(4),
            last: EpochNo(6),
            cursor: Sequence(8),
            request: LoggedLeaf { leaf: b"request".to_vec(), proof: b"proof".to_vec() },
            grants: vec![LoggedLeaf { leaf: b"grant".to_vec(), proof: b"proof".to_vec() }],
        }),
        Request::GetLabel { camera_id, day: Day(20_752), draft: [7; 32] },
        Request::PutHealth(health()),
        Request::PutSettings(settings()),
        Request::GetSettings { camera_id },
    ]
}

fn track_status(track: u32) -> TrackStatus {
    TrackStatus { track: TrackId(track), segments: 6, bytes: 7, newest_us: Micros(8) }
}

pub(crate) fn responses() -> Vec<Response> {
    let status = CameraStatus {
        camera_id: camera_id(),
        online: true,
        newest_us: Some(Micros(3)),
        clock_offset_ms: -4,
        replaced: 5,
        conflicts: 2,
        health: health(),
        tracks: vec![track_status(0), track_status(7)],
    };
    vec![
        Response::Ok,
        Response::Refused(RefusalCode::NotFound.because("no such camera")),
        Response::Segments,
        Response::Epochs { opens: vec![epoch_open().bytes().to_vec(), vec![]], more: true },
        Response::Object(b"object".to_vec()),
        Response::Objects(vec![NamedObject { name: "one.example/t".into(), bytes: b"keys".to_vec() }]),
        Response::Policy(HeldPolicy { enrollment: enrollment(), bundle: bundle() }),
        Response::Logged(LoggedLeaf { leaf: b"leaf".to_vec(), proof: b"proof".to_vec() }),
        Response::Heads,
        Response::Cameras(vec![
            status.clone(),
            CameraStatus { online: false, health: Vec::new(), tracks: Vec::new(), ..status },
        ]),
    ]
}

pub(crate) fn hello() -> PairHello {
    PairHello {
        camera_pk: public(&camera()),
        consent: CameraConsent::sign(&camera(), &public(&owner()), [7; 32]),
        model: "front door".into(),
    }
}

pub(crate) fn welcome() -> PairWelcome {
    PairWelcome {
        enrollment: enrollment(),
        policy: bundle(),
        day: Day(20_752),
        notice_root: [3; 32],
        log_policy: "log x\nquorum y\n".into(),
    }
}

#[test]
fn every_message_there_and_back() {
    for message in controls() {
        assert_eq!(Control::decode(&message.encode()), Ok(message));
    }
    for message in requests() {
        assert_eq!(Request::decode(&message.encode()), Ok(message));
    }
    for message in responses() {
        assert_eq!(Response::decode(&message.encode()), Ok(message));
    }
    assert_eq!(PairHello::decode(&hello().encode()), Ok(hello()));
    assert!(PairWelcome::decode(&welcome().encode()) == Ok(welcome()));
    for code in RefusalCode::ALL {
        let refused = Control::Refuse(code.because(code.word()));
        assert_eq!(Control::decode(&refused.encode()), Ok(refused));
    }
}

#[test]
fn every_cut_is_named_and_every_addition_refused() {
    let samples = controls()
        .into_iter()
        .map(|m| m.encode())
        .chain(requests().into_iter().map(|m| m.encode()))
        .chain(responses().into_iter().map(|m| m.encode()));
    let decode = |bytes: &[u8]| {
        [
            Control::decode(bytes).map(|_| ()),
            Request::decode(bytes).map(|_| ()),
            Response::decode(bytes).map(|_| ()),
        ]
    };
    for sample in samples {
        let its = decode(&sample).iter().position(Result::is_ok).unwrap();
        for length in 0..sample.len() {
            assert!(matches!(decode(&sample[..length])[its], Err(DecodeError::Truncated(_))), "{length}");
        }
        let longer = [&sample[..], &[0]].concat();
        assert_eq!(decode(&longer)[its], Err(DecodeError::Trailing(1)));
    }
}

#[test]
fn lists_and_lengths_over_their_limits_are_refused_before_they_are_read() {
    let too_long = |result: Result<(), DecodeError>, what: &str| {
        assert!(matches!(result, Err(DecodeError::TooLong { .. })), "{what}: {result:?}");
    };
    // The announced length alone, nothing behind it: a decoder that allocated first would have to
    // believe it.
    let announced = |kind, code: u8, before: &[u8]| {
        let mut w = Writer::object(kind);
        w.u8(code).raw(before).u32(u32::MAX);
        w.finish()
    };
    for (code, before) in [(3, &[][..]), (4, &[1; 32]), (6, &[]), (10, &[1; 33]), (12, &[]), (17, &[])] {
        let request = announced(REQUEST_TYPE, code, before);
        too_long(Request::decode(&request).map(|_| ()), &format!("request {code}"));
    }
    for code in [4, 6, 7] {
        let response = announced(RESPONSE_TYPE, code, &[]);
        too_long(Response::decode(&response).map(|_| ()), &format!("response {code}"));
    }
    let opens = |n| Response::Epochs { opens: vec![vec![]; n], more: false };
    assert!(Response::decode(&opens(limits::EPOCHS_PER_ANSWER).encode()).is_ok());
    too_long(Response::decode(&opens(limits::EPOCHS_PER_ANSWER + 1).encode()).map(|_| ()), "EpochOpens");
    let Some(Response::Cameras(cameras)) = responses().pop() else {
        panic!("the last response lists cameras")
    };
    let cameras = |n| Response::Cameras(cameras.iter().cloned().cycle().take(n).collect());
    assert!(Response::decode(&cameras(limits::CAMERAS_PER_ANSWER).encode()).is_ok());
    too_long(Response::decode(&cameras(limits::CAMERAS_PER_ANSWER + 1).encode()).map(|_| ()), "cameras");
    let of_tracks = |tracks: &[u32]| {
        let tracks = tracks.iter().map(|track| track_status(*track)).collect();
        let Response::Cameras(one) = cameras(1) else { unreachable!() };
        let answer = Response::Cameras(vec![CameraStatus { tracks, ..one[0].clone() }]);
        Response::decode(&answer.encode()).map(|_| ())
    };
    let most: Vec<u32> = (0..=u32::try_from(limits::TRACKS_PER_CAMERA).unwrap()).collect();
    assert_eq!(of_tracks(&most[1..]), Ok(()));
    too_long(of_tracks(&most), "tracks");
    // The largest answer is a message.
    let tracks = most[1..].iter().map(|track| track_status(*track)).collect::<Vec<_>>();
    let Response::Cameras(mut all) = cameras(limits::CAMERAS_PER_ANSWER) else { unreachable!() };
    all.iter_mut().for_each(|camera| {
        camera.tracks.clone_from(&tracks);
        camera.health = vec![0; limits::HEALTH];
    });
    assert!(Response::Cameras(all).encode().len() < limits::MESSAGE);
    for not_in_order in [[1, 0], [0, 0]] {
        assert_eq!(of_tracks(&not_in_order), Err(DecodeError::BadValue("tracks")));
    }
}

#[test]
fn a_flag_other_than_0_and_1_and_unknown_kinds_are_refused() {
    let mut epochs = Response::Epochs { opens: vec![], more: true }.encode();
    epochs[4] = 2;
    assert_eq!(Response::decode(&epochs), Err(DecodeError::BadValue("more")));
    let heads = requests().into_iter().find(|request| matches!(request, Request::FetchHeads(_))).unwrap();
    let mut heads = heads.encode();
    *heads.last_mut().unwrap() = 2;
    assert_eq!(Request::decode(&heads), Err(DecodeError::BadValue("pictures")));
    for (bytes, field) in [([0, 1, 0x41, 0], "request"), ([0, 1, 0x41, 20], "request")] {
        assert_eq!(Request::decode(&bytes), Err(DecodeError::BadValue(field)));
    }
    assert_eq!(Control::decode(&[0, 1, 0x40, 13]), Err(DecodeError::BadValue("control message")));
    assert_eq!(Response::decode(&[0, 1, 0x42, 10]), Err(DecodeError::BadValue("response")));
    assert_eq!(Control::decode(&[0, 2, 0x40, 11]), Err(DecodeError::UnknownSuite(2)));
    let wrong = DecodeError::WrongType { expected: 0x40, got: 0x41 };
    assert_eq!(Control::decode(&[0, 1, 0x41, 11]), Err(wrong));
}

#[test]
fn a_refusals_text_is_cut_to_its_limit_and_keeps_no_control_characters() {
    let refusal = RefusalCode::Internal.because("é\x1b[2J\n".repeat(1000));
    assert!(refusal.text.len() <= limits::TEXT && !refusal.text.contains('\x1b'));
    let refused = Control::Refuse(refusal);
    assert_eq!(Control::decode(&refused.encode()), Ok(refused));
}
