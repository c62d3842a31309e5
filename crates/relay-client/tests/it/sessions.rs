//! A session that comes back, questions that are asked again, and those that are not.

use crate::fake::{Answer, Fake, refused};
use ed25519_dalek::SigningKey;
use media::epoch::{EpochContext, EpochOpen};
use media::id::{CameraId, EpochNo, TrackId};
use media::message::{RefusalCode, Response};
use media::time::Micros;
use quic::{CallError, LinkError};
use relay_client::epochs::EpochQuery;
use relay_client::{calls, epochs::epochs, found};
use std::time::Duration;
use tokio::time::Instant;

fn cameras() -> Answer {
    Answer::Say(Response::Cameras(Vec::new()))
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

#[tokio::test]
async fn one_session_serves_many_questions_and_a_lost_one_is_opened_again() {
    let fake = Fake::start(1, |n, _| if n == 2 { Answer::Goodbye } else { cameras() });
    let mut session = fake.session();
    session.ask(&calls::cameras()).await.unwrap();
    session.ask(&calls::cameras()).await.unwrap();
    assert_eq!(fake.sessions(), 1);
    // Broken off in the middle of a question: the question fails, the next one finds a new session.
    let error = session.ask(&calls::cameras()).await.unwrap_err();
    assert!(error.is_passing(), "{error}");
    session.ask(&calls::cameras()).await.unwrap();
    assert_eq!(fake.sessions(), 2);
}

#[tokio::test]
async fn what_passes_is_asked_again_and_what_judges_is_not() {
    let fake = Fake::start(1, |n, _| match n {
        0 => refused(RefusalCode::Quota),
        1 => Answer::Goodbye,
        2 => refused(RefusalCode::Internal),
        _ => cameras(),
    });
    assert!(fake.session().ask_until(&calls::cameras(), soon()).await.is_ok());
    for code in RefusalCode::ALL.iter().copied().filter(|code| !code.passes()) {
        let fake = Fake::start(1, move |n, _| {
            assert_eq!(n, 0, "{code} was asked again");
            refused(code)
        });
        let error = fake.session().ask_until(&calls::cameras(), soon()).await.unwrap_err();
        assert!(matches!(&error, CallError::Refused(refusal) if refusal.code == code), "{error}");
    }
}

#[tokio::test]
async fn a_deadline_ends_the_asking_with_what_the_relay_said() {
    let fake = Fake::start(1, |n, _| {
        assert_eq!(n, 0, "it began a pause that is longer than the time that is left");
        refused(RefusalCode::GoingAway)
    });
    // Pauses are drawn from zero on: no time is left for any of them.
    let deadline = Instant::now();
    let error = fake.session().ask_until(&calls::cameras(), deadline).await.unwrap_err();
    assert!(matches!(&error, CallError::Refused(refusal) if refusal.code == RefusalCode::GoingAway));
}

#[tokio::test]
async fn an_answer_to_another_question_is_named_and_not_here_is_an_answer() {
    let fake = Fake::start(1, |n, _| match n {
        0 => Answer::Say(Response::Ok),
        1 => refused(RefusalCode::NotFound),
        _ => refused(RefusalCode::NotAllowed),
    });
    let mut session = fake.session();
    let policy = calls::policy(CameraId([1; 32]), None);
    assert_eq!(session.ask(&policy).await, Err(CallError::Unexpected("no Policy")));
    assert_eq!(found(session.ask(&policy).await), Ok(None));
    assert!(matches!(found(session.ask(&policy).await), Err(CallError::Refused(_))));
}

#[tokio::test]
async fn who_leaves_says_goodbye() {
    let mut fake = Fake::start(1, |_, _| cameras());
    let relay = fake.relay();
    relay.connect().await.map(drop).unwrap();
    let mut session = relay_client::Session::new(&relay, host::rng::Rng::system());
    session.ask(&calls::cameras()).await.unwrap();
    relay.leave().await;
    assert_eq!(fake.ended().await, LinkError::Closed);
    assert!(session.ask(&calls::cameras()).await.is_err());
}

#[tokio::test]
async fn a_relay_that_says_more_for_ever_is_asked_until_it_shows_nothing_new() {
    let camera = SigningKey::from_bytes(&[9; 32]);
    let camera_key = camera.verifying_key().to_bytes();
    let open = |number: u64| {
        let context = EpochContext {
            camera_id: CameraId::of_key(&camera_key),
            track: TrackId::MAIN,
            epoch_no: EpochNo(number),
            start_us: Micros(number * 1_000_000),
            dur_ms: 1000,
            policy_hash: [0; 32],
            notice_commit: [0; 32],
            t: 0,
            n: 0,
        };
        let open = EpochOpen {
            context,
            key_commit: [0; 32],
            share_commits: Vec::new(),
            shares: Vec::new(),
            wraps: Vec::new(),
            previous: None,
            lost: Vec::new(),
            receipt: None,
        };
        open.sign(&camera).bytes().to_vec()
    };
    let opens: Vec<_> = (0..5).map(open).collect();
    let fake = Fake::start(1, move |n, _| {
        assert!(n < 4, "asked in circles");
        let opens = opens.iter().skip(n * 2).take(2).cloned().collect();
        Answer::Say(Response::Epochs { opens, more: true })
    });
    let query = EpochQuery { camera_key, track: TrackId::MAIN, from_us: Micros(0), to_us: Micros::MAX };
    let mut session = fake.session();
    let all = epochs(&session.link().await.unwrap(), query, 100).await.unwrap();
    let numbers: Vec<_> = all.iter().map(|epoch| epoch.open().context.epoch_no.0).collect();
    assert_eq!(numbers, [0, 1, 2, 3, 4]);
}
