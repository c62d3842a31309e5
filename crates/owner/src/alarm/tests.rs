//! A relay whose answers hang, in virtual time.

use super::*;

/// How many events are told when, of twenty questions, those of these numbers are never answered.
async fn told(after: Duration, hanging: &[usize]) -> Vec<&'static str> {
    let (mut told, mut asked) = (Vec::new(), 0);
    let (all, heard) = tokio::sync::oneshot::channel::<()>();
    let mut all = Some(all);
    let ask = async |anew: bool| {
        assert_eq!(anew, asked > 0 && hanging.contains(&(asked - 1)), "question {asked}");
        let hangs = hanging.contains(&asked);
        asked += 1;
        if asked == 20 {
            all.take();
        }
        match hangs {
            true => std::future::pending().await,
            false => Ok(Vec::new()),
        }
    };
    let on = &mut |message: Message| told.push(message.change.event());
    let clock = Clock::system();
    tokio::select! {
        () = ask_on(Decision::new(after), &clock, ask, on, async |_: &Decision| {}) => {}
        _ = heard => {}
    }
    told
}

#[tokio::test(start_paused = true)]
async fn no_single_answer_that_hangs_makes_a_relay_unreachable_whatever_the_grace() {
    for after in [SHORTEST, Duration::from_secs(30), Duration::from_secs(60), Duration::from_secs(86_400)] {
        assert_eq!(told(after, &[]).await, [""; 0]);
        for hanging in [[0, 9], [3, 5], [4, 18]] {
            assert_eq!(told(after, &hanging).await, [""; 0], "{after:?} {hanging:?}");
        }
    }
    let rest: Vec<usize> = (2..12).collect();
    for after in [SHORTEST, Duration::from_secs(60)] {
        assert_eq!(told(after, &rest).await, ["relay-unreachable", "relay-back"], "{after:?}");
    }
}

/// It was told again by nobody when it began again while the alarm stood still.
#[tokio::test(start_paused = true)]
async fn the_end_of_what_is_told_once_while_it_lasts_is_kept() {
    let (all, heard) = tokio::sync::oneshot::channel::<()>();
    let (mut all, mut asked) = (Some(all), 0);
    let ask = async |_: bool| {
        asked += 1;
        if asked == 5 {
            all.take();
        }
        let to_do = (asked < 3).then(|| "the relay still takes it".to_owned());
        Ok(vec![Status { retired: true, to_do, ..decide::tests::status("door", false, 1) }])
    };
    let (mut told, kept) = (Vec::new(), std::cell::RefCell::new(Vec::new()));
    let on = &mut |message: Message| told.push(message.change.event());
    let keep = async |decision: &Decision| kept.borrow_mut().push(decision.told());
    let clock = Clock::system();
    tokio::select! {
        () = ask_on(Decision::new(SHORTEST), &clock, ask, on, keep) => {}
        _ = heard => {}
    }
    assert_eq!(told, ["retired-camera-taken"]);
    assert_eq!(*kept.borrow(), [(1, 0), (0, 0)]);
}

#[tokio::test]
async fn a_second_alarm_on_one_keybook_does_not_start() {
    let dir = tempfile::tempdir().unwrap();
    let config = crate::keys::tests::config(dir.path());
    crate::keys::init(&config).unwrap();
    let owner = Owner::open(config).unwrap();
    let held = owner.folder().join(HELD);
    durable::create_dirs(&held).unwrap();
    let first = FolderLock::acquire(&held).unwrap();
    let stop = Shutdown::new();
    stop.request();
    let again = async || watch(&owner, SHORTEST, |_| 0, &stop, &mut |_| {}).await;
    assert!(matches!(again().await, Err(BookError::File(durable::DurableError::Locked { .. }))));
    drop(first);
    again().await.unwrap();
}
