//! kill -9 of a real trustee process between G10 and G12: the bundle that was made durable is
//! delivered, under one grant.

use crate::camera::{Camera, Dealing};
use crate::world::{Approval, World, json, open, post};
use escrow::record::{Grant, Kind};
use host::shutdown::Shutdown;
use stage::process::Process;
use stage::until;
use std::path::{Path, PathBuf};
use trustee::Config;

/// The trustee process itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the process that the test below starts and kills"]
async fn trustee_process() {
    let Some(path) = stage::process::role() else { return };
    let config: Config = host::config::load(&path).unwrap();
    let trustee = trustee::start(config, Shutdown::new()).await.unwrap();
    stage::process::listening(&path, trustee.at().http);
    trustee.join().await.unwrap();
}

fn start(config: &Path) -> Process {
    Process::start("killed::trustee_process", config)
}

fn write_config(world: &World) -> PathBuf {
    let config = &world.config;
    let path = world.dir.path().join("trustee.toml");
    let text = format!(
        "listen = \"{}\"\ndata = {:?}\nname = {:?}\npolicy_doc = {:?}\nauto_approve = true\nretention_days = 30\npoll_ms = 25\n\
         [log]\nurl = {:?}\npolicy = {:?}\n",
        config.listen, config.data, config.name, config.policy_doc, config.log.url, config.log.policy
    );
    std::fs::write(&path, text).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_between_the_grant_and_its_proof_delivers_the_bundle_that_was_held() {
    let mut world = World::new(Approval::Automatic).await;
    let config = write_config(&world);
    let case = {
        let trustee = world.start().await;
        let camera = Camera::film(&world, &trustee, Dealing::Well).await;
        let case = camera.request(&world, Kind::Emergency).await;
        trustee.stop().await;
        case
    };
    let fetch = world.fetch.clone();
    let status = async |url: &str| json(&fetch.get(&format!("{url}/status")).await.unwrap());
    let first = start(&config);
    until("it follows", async || (status(&first.url).await["state"] == "following").then_some(())).await;
    // Without a quorum the grant is made durable and sent, and proved by nobody.
    world.log.stop_witness(0).await;
    world.log.stop_witness(1).await;
    let asking = tokio::spawn({
        let (fetch, url, body) = (fetch.clone(), first.url.clone(), case.body());
        async move { fetch.post(&format!("{url}/package"), "application/octet-stream", body).await }
    });
    until("G10 is durable", async || (status(&first.url).await["appending"] == 1).then_some(())).await;
    first.kill();
    assert!(!asking.await.unwrap().is_ok_and(|reply| reply.status == 200));

    world.log.start_witness(0).await;
    world.log.start_witness(1).await;
    let second = start(&config);
    // It goes on by itself: nobody has asked yet.
    until("the grant is proved", async || {
        let status = status(&second.url).await;
        (status["granted"] == 1 && status["appending"] == 0).then_some(())
    })
    .await;
    let reply = post(&fetch, &second.url, case.body()).await;
    let opened = open(&world, &reply, case.logged(), &case.release_key);
    let grants = world.leaves::<Grant>().await;
    assert_eq!(grants.len(), 1);
    assert_eq!(grants[0].hash(), opened.grant.value().hash());

    // And once more, with the bundle out.
    second.kill();
    let third = start(&config);
    let again = until("it has caught up", async || {
        let reply = post(&fetch, &third.url, case.body()).await;
        (reply.status != 503).then_some(reply)
    });
    assert_eq!(again.await.body, reply.body);
    assert_eq!(world.leaves::<Grant>().await.len(), 1);
}
