//! Replayed, reordered, duplicated, forged, re-attributed, cut and withheld segments of real
//! footage: what a relay takes from whoever holds a camera's key, and what an owner believes of
//! whoever holds the relay's.

use bytes::Bytes;
use media::message::{Control, RefusalCode, Request, Response};
use media::segment::{HEADER_LEN, SegmentHeader, TRAILER_LEN};
use media::time::Micros;
use owner::Span;
use owner::live::Event;
use std::sync::{Arc, Mutex};
use world::impostor::{Answer, Impostor};
use world::session::{Session, TRACK};
use world::{Filmed, PATIENCE, Stage};

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_takes_from_a_cameras_key_only_what_the_camera_signed_for_that_place() {
    let mut stage = Stage::set(2).await;
    let filmed = stage.filmed(1).await;
    for camera in &mut stage.cast.video.cameras {
        camera.part.stop().await.unwrap();
    }
    let device = Session::of_device(&stage).await;
    let [own, other] = &stage.cast.video.cameras[..] else { panic!("two cameras") };
    let before = device.segments(own.id, 0, u64::MAX).await;
    let others = device.segments(other.id, filmed.from_us, filmed.to_us).await;
    assert!(before.len() > 2 && !others.is_empty());

    // Whoever has the camera's folder has its key. It publishes as itself, and as no other.
    let mut thief = Session::of(&stage, &own.part.config.data.join("identity.secret"), "camera").await;
    let refused = thief.say(&Control::Publish { camera_id: other.id, track: TRACK }).await;
    assert!(
        matches!(&refused, Control::Refuse(refusal) if refusal.code == RefusalCode::WrongCamera),
        "{refused:?}"
    );
    let published = thief.say(&Control::Publish { camera_id: own.id, track: TRACK }).await;
    let Control::PublishOk { next, .. } = published else { panic!("{published:?}") };

    let (first, second) = (&before[0], &before[1]);
    let sequence_of = |bytes: &Bytes| header(bytes).sequence;
    // Again, as it was: acknowledged, and kept once.
    thief.send(first).await;
    assert_eq!(thief.hear().await, Control::Ack { track: TRACK, sequence: sequence_of(first) });
    let attacks = [
        ("replayed in a later place", moved(first, |h| h.sequence = next), RefusalCode::BadSignature),
        ("reordered", moved(second, |h| h.sequence = sequence_of(first)), RefusalCode::BadSignature),
        ("a fragment altered", altered(second, HEADER_LEN + 8), RefusalCode::BadSignature),
        ("the signature altered", altered(second, second.len() - 1), RefusalCode::BadSignature),
        ("put at another time", moved(second, |h| h.start_us.0 += 1), RefusalCode::BadSignature),
        ("put into another epoch", moved(second, |h| h.epoch_no.0 += 1000), RefusalCode::NotFound),
        ("another camera's", others[0].clone(), RefusalCode::WrongCamera),
        (
            "another camera's, renamed",
            moved(&renamed(&others[0], first), |h| h.sequence = next),
            RefusalCode::BadSignature,
        ),
        ("cut", second.slice(..second.len() - 1), RefusalCode::Malformed),
        ("continued", [&second[..], b"x"].concat().into(), RefusalCode::Malformed),
    ];
    for (attack, bytes, expected) in attacks {
        thief.send(&bytes).await;
        let said = thief.hear().await;
        let named = matches!(&said, Control::Nack { sequence, refusal, .. }
            if (*sequence, refusal.code) == (sequence_of(&bytes), expected));
        assert!(named, "{attack}: {said:?}");
    }
    assert_eq!(device.segments(own.id, 0, u64::MAX).await, before, "what is stored is as it was");
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_plays_nothing_that_an_evil_relay_made_and_is_told_what_it_left_out() {
    let mut stage = Stage::set(2).await;
    let filmed = stage.filmed(2).await;
    for camera in &mut stage.cast.video.cameras {
        camera.part.stop().await.unwrap();
    }
    let device = Session::of_device(&stage).await;
    let [own, other] = &stage.cast.video.cameras[..] else { panic!("two cameras") };
    let honest = device.segments(own.id, filmed.from_us, filmed.to_us).await;
    let others = device.segments(other.id, filmed.from_us, filmed.to_us).await;
    // A camera may have begun in the midst of the first epoch: what it never filmed is no gap of
    // the relay's.
    let filmed = Filmed { from_us: filmed.from_us.max(header(&honest[0]).start_us.0), ..filmed };
    let opens = device.opens(own.id).await;
    let serving = Serving::default();
    serving.serve(&honest, &opens);
    let name = own.name.clone();
    let impostor = Impostor::take_place(&mut stage.cast.video.relay, serving.script()).await;
    let play = async || play(&stage, &name, filmed).await;

    // The control: served as it was stored, all of it plays.
    let whole = play().await;
    let all: Vec<u64> = honest.iter().map(|bytes| header(bytes).sequence.0).collect();
    assert_eq!((&whole.verified, &whole.refused, &whole.gaps), (&all, &vec![], &vec![]));
    assert!(all.len() >= 7 && whole.boxes.len() > 2 * all.len(), "{all:?}");

    let seen = "was seen before, or comes after a later one";
    let sealed = "does not open: altered, moved, or sealed under another key";
    let middle = honest.len() / 2;
    // What is missing of what is served then, by place; refusals by place and name; how many gaps
    // are told.
    let attack = |name,
                  missing: &[usize],
                  refused: &[(usize, &'static str)],
                  gaps,
                  change: &dyn Fn(&mut Vec<Bytes>)| {
        let mut served = honest.clone();
        change(&mut served);
        Attack { name, served, missing: missing.to_vec(), refused: refused.to_vec(), gaps }
    };
    let attacks = [
        attack("a fragment altered", &[3], &[(3, sealed)], 1, &|s| s[3] = altered(&s[3], HEADER_LEN + 20)),
        attack("put at another time", &[3], &[(3, sealed)], 1, &|s| {
            s[3] = moved(&s[3], |h| h.start_us.0 += 1)
        }),
        attack("its end altered", &[3], &[(3, "signature")], 1, &|s| {
            s[3] = altered(&s[3], s[3].len() - TRAILER_LEN + 8);
        }),
        attack("cut", &[3], &[(3, "cut off before its end")], 1, &|s| s[3] = s[3].slice(..s[3].len() - 200)),
        attack("sent twice", &[], &[(3, seen)], 0, &|s| s.insert(4, s[3].clone())),
        attack("an old one again", &[], &[(0, seen)], 0, &|s| s.insert(middle, s[0].clone())),
        attack("an old one in a new place", &[3], &[(3, sealed)], 1, &|s| s[3] = renamed(&s[1], &s[3])),
        attack("reordered", &[3], &[(3, seen)], 1, &|s| s.swap(3, 4)),
        attack("withheld", &[3, 4], &[], 1, &|s| drop(s.drain(3..5))),
        attack("the beginning withheld", &[0, 1, 2], &[], 1, &|s| drop(s.drain(..3))),
        attack("another camera's", &[3], &[(3, "another camera or track")], 1, &|s| {
            s[3] = moved(&others[3], |h| h.sequence = header(&s[3]).sequence);
        }),
        attack("another camera's, renamed", &[3], &[(3, sealed)], 1, &|s| s[3] = renamed(&others[3], &s[3])),
    ];
    for attack in &attacks {
        serving.serve(&attack.served, &opens);
        attack.judge(&play().await, &whole);
    }

    // The end withheld: so told, and so exported.
    let kept = honest.len() - 4;
    serving.serve(&honest[..kept], &opens);
    let played = play().await;
    assert_eq!((&played.verified[..], played.gaps.len()), (&all[..kept], 1), "{:?}", played.gaps);
    let clip = stage.folder().join("clip.mp4");
    let owner = &stage.cast.people.owner;
    let exported = owner::export::export(owner, &name, span_of(filmed), &clip, &mut |_| {}).await.unwrap();
    let segments: u64 = exported.files.iter().map(|file| file.segments).sum();
    assert_eq!((segments, exported.gaps.len()), (kept as u64, 1), "{exported:?}");

    // Without the camera's own EpochOpens nothing opens.
    serving.serve(&honest, &opens.iter().map(|open| altered(open, open.len() - 1)).collect::<Vec<_>>());
    let played = play().await;
    assert!(played.boxes.is_empty() && played.verified.is_empty());
    let by_name = |(_, reason): &(u64, String)| reason.contains("the relay has no EpochOpen of epoch");
    assert_eq!(played.refused.len(), honest.len());
    assert!(played.refused.iter().all(by_name), "{:?}", played.refused);
    impostor.leave(&mut stage.cast.video.relay).await;
    stage.strike().await;
}

/// A way to serve a track, and what its owner must be told then.
struct Attack {
    name: &'static str,
    served: Vec<Bytes>,
    missing: Vec<usize>,
    refused: Vec<(usize, &'static str)>,
    gaps: usize,
}

impl Attack {
    fn judge(&self, played: &Played, whole: &Played) {
        let name = self.name;
        let kept = whole.verified.iter().enumerate().filter(|(at, _)| !self.missing.contains(at));
        let kept: Vec<u64> = kept.map(|(_, sequence)| *sequence).collect();
        assert_eq!(played.verified, kept, "{name}: {:?}", played.refused);
        let told = |((place, said), (sequence, reason)): (&(usize, &str), &(u64, String))| {
            *sequence == whole.verified[*place] && reason.contains(said)
        };
        let all_told = self.refused.iter().zip(&played.refused).all(told);
        assert!(all_told && self.refused.len() == played.refused.len(), "{name}: {:?}", played.refused);
        // What was not given is said, and whose loss it is where a receipt shows that.
        let words =
            ["withheld by the relay", "the relay does not give it", "the relay gave nothing of this time"];
        let is_told = |reason: &String| words.iter().any(|words| reason.contains(words));
        assert!(
            played.gaps.iter().all(is_told) && played.gaps.len() == self.gaps,
            "{name}: {:?}",
            played.gaps
        );
        // Every byte that was played is the camera's, in the camera's order.
        let mut honest = whole.boxes.iter();
        assert!(played.boxes.iter().all(|one| honest.any(|other| one == other)), "{name}");
        assert_eq!(played.boxes.len() == whole.boxes.len(), self.missing.is_empty(), "{name}");
    }
}

/// What a playback gave and told.
struct Played {
    verified: Vec<u64>,
    refused: Vec<(u64, String)>,
    gaps: Vec<String>,
    /// The boxes that were written: a run's ftyp and moov, each fragment's moof and mdat.
    boxes: Vec<Vec<u8>>,
}

async fn play(stage: &Stage, camera: &str, filmed: Filmed) -> Played {
    let (mut verified, mut refused, mut gaps, mut sink) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let on = &mut |event| match event {
        Event::SegmentVerified { sequence, .. } => verified.push(sequence),
        Event::Refused { sequence, reason } => refused.push((sequence, reason)),
        Event::Gap { reason, .. } => gaps.push(reason),
        _ => {}
    };
    let owner = &stage.cast.people.owner;
    let played = owner::play::play(owner, camera, span_of(filmed), &mut sink, on);
    tokio::time::timeout(PATIENCE, played).await.unwrap().unwrap();
    let (mut boxes, mut rest) = (Vec::new(), &sink[..]);
    while let Some(size) = rest.first_chunk::<4>() {
        let (one, after) = rest.split_at(u32::from_be_bytes(*size) as usize);
        boxes.push(one.to_vec());
        rest = after;
    }
    Played { verified, refused, gaps, boxes }
}

/// What the impostor serves.
#[derive(Clone, Default)]
struct Serving(Arc<Mutex<(Vec<Bytes>, Vec<Bytes>)>>);

impl Serving {
    fn serve(&self, segments: &[Bytes], opens: &[Bytes]) {
        *self.0.lock().unwrap() = (segments.to_vec(), opens.to_vec());
    }

    fn script(&self) -> impl Fn(&Request) -> Answer + Send + Sync + 'static {
        let serving = self.clone();
        move |request| {
            let (segments, opens) = serving.0.lock().unwrap().clone();
            match request {
                Request::FetchSegments(_) => {
                    Answer::Segments(segments.into_iter().map(|segment| (Micros(1), segment)).collect())
                }
                Request::FetchEpochs { .. } => {
                    let opens = opens.iter().map(|open| open.to_vec()).collect();
                    Answer::Response(Response::Epochs { opens, more: false })
                }
                _ => Answer::not_found(),
            }
        }
    }
}

fn span_of(filmed: Filmed) -> Span {
    Span::new(Micros(filmed.from_us), Micros(filmed.to_us)).unwrap()
}

fn header(segment: &[u8]) -> SegmentHeader {
    SegmentHeader::decode(&segment[..HEADER_LEN]).unwrap()
}

fn altered(bytes: &Bytes, at: usize) -> Bytes {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= 1;
    bytes.into()
}

/// With another clear header.
fn moved(segment: &Bytes, change: impl FnOnce(&mut SegmentHeader)) -> Bytes {
    let mut header = header(segment);
    change(&mut header);
    [&header.encode()[..], &segment[HEADER_LEN..]].concat().into()
}

/// One segment in the place of another: its whole header, in front of other fragments.
fn renamed(segment: &Bytes, place: &Bytes) -> Bytes {
    moved(segment, |changed| *changed = header(place))
}
