//! Another policy of the camera around a leaf that waits for humans, at every trustee at once: a package
//! is bound to its epochs before anything of its policy is judged, so that nobody can have an honest
//! request refused in public, or a clerk's yes thrown away.

use candor::cast::Cast;
use escrow::answer::State;
use escrow::package::Package;
use host::shutdown::Shutdown;
use media::message::{Request, Response};
use owner::Owner;
use requester::collect::Answer;
use requester::folder::RequestFolder;
use requester::request::Kind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use world::processes::run;
use world::session::Session;
use world::{Stage, config_files, until};

const CALLED: trustee::Called<'static> =
    trustee::Called { called: "Sgt. Example", number: "+1 555 0100", source: "the city's directory" };

/// What all five say of what is in the folder.
async fn answers(stage: &Stage, folder: &RequestFolder) -> Vec<Answer> {
    let answers = requester::collect::ask_once(&stage.cast.people.requester, folder).await.unwrap();
    assert_eq!(answers.len(), 5);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

/// From now on clerks decide at each trustee, and it takes in what they say only when it is asked: a yes
/// stays on its disk.
async fn with_clerks(cast: &mut Cast, folder: &Path) -> PathBuf {
    let clerk = folder.join("clerk.key");
    let vkey = trustee::approver_init(&clerk, "clerk.example").unwrap();
    for trustee in &mut cast.video.trustees {
        trustee.stop().await.unwrap();
        trustee.config.auto_approve = false;
        trustee.config.approvers = vec![vkey.clone()];
        trustee.config.poll_ms = 600_000;
        let mut started = None;
        until("the trustee is back", async || {
            started = trustee::start(trustee.config.clone(), Shutdown::new()).await.ok();
            started.is_some()
        })
        .await;
        trustee.resume(started.unwrap());
    }
    clerk
}

/// A clerk saves the order by its verb: the very bytes, for this user alone, and over nothing.
async fn order_is_saved_once(stage: &Stage, order: &[u8]) {
    let config = config_files::trustee(stage, 0);
    let id = trustee::pending(&stage.cast.video.trustees[0].config).unwrap().remove(0).id;
    let out = stage.folder().join("order");
    let verb = ["trustee", "order", "--config", text(&config), "--out", text(&out), &id];
    let saved = run(&verb).await;
    assert_eq!(saved.code, Some(0), "{saved:?}");
    assert_eq!(std::fs::read(&out).unwrap(), order);
    assert_eq!(std::fs::metadata(&out).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(run(&verb).await.code, Some(2));
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn another_policy_around_a_leaf_that_waits_at_all_trustees_stops_none_of_them() {
    let mut stage = Stage::set(1).await;
    let filmed = stage.filmed(1).await;
    let folder = stage.folder().to_owned();
    let clerk = with_clerks(&mut stage.cast, &folder).await;
    let request = stage.drafted("request", &stage.ask(0, Kind::Legal, filmed)).await;
    requester::request::submit(&stage.cast.people.requester, &request).await.unwrap();
    let package_file = request.path().join("package");
    let honest = std::fs::read(&package_file).unwrap();
    let waits = Answer::Pending(State::PendingApproval);
    until("all trustees have read the log and wait for their clerks", async || {
        answers(&stage, &request).await.iter().all(|answer| *answer == waits)
    })
    .await;

    // The owner changes its mind about later footage: a true policy of the camera, logged and all.
    let mut config = stage.cast.people.owner_config.clone();
    config.escrow.as_mut().unwrap().classes = vec!["emergency".to_owned()];
    owner::policy::apply(&Owner::open(config).unwrap(), None, &mut |_| {}).await.unwrap();
    let device = Session::of_device(&stage).await;
    let newest = Request::GetPolicy { camera_id: stage.cast.video.cameras[0].id, hash: [0; 32] };
    let Response::Policy(held) = device.link.call(&newest).await.unwrap() else { panic!("no policy") };
    let honest_package = Package::decode(&honest).unwrap();
    assert_ne!(held.bundle.policy, honest_package.policy.policy);
    let swapped = Package { policy: held.bundle, ..honest_package }.encode();

    // While nobody has decided, what waits goes on waiting. Then all have, and it is sent again.
    std::fs::write(&package_file, &swapped).unwrap();
    assert!(answers(&stage, &request).await.iter().all(|answer| *answer == waits));
    order_is_saved_once(&stage, &Package::decode(&honest).unwrap().order).await;
    for trustee in &stage.cast.video.trustees {
        let pending = trustee::pending(&trustee.config).unwrap();
        assert_eq!((pending.len(), pending[0].order_bytes > 0), (1, true), "{pending:?}");
        trustee::approve(&trustee.config, &pending[0].id, CALLED, &clerk).unwrap();
    }
    for answer in answers(&stage, &request).await {
        let other = matches!(&answer, Answer::Refused(no) if (no.step.as_str(), no.name.as_str()) == ("g6", "other-policy"));
        assert!(other, "{answer:?}");
    }

    // Nothing of that is in the log, and each clerk's yes stands.
    std::fs::write(&package_file, &honest).unwrap();
    for answer in answers(&stage, &request).await {
        assert!(matches!(answer, Answer::Granted { .. }), "{answer:?}");
    }
    let report = monitor::check(&stage.cast.monitors[0].config, None).await.unwrap();
    let rows: Vec<_> = report.counts.rows().into_values().filter(|row| row.grants > 0).collect();
    assert_eq!(rows.iter().map(|row| (row.grants, row.refusals)).collect::<Vec<_>>(), [(5, 0)]);
    stage.strike().await;
}
