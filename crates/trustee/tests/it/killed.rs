//! kill -9 of a real trustee process between G10 and G12: the bundle that was made durable is delivered, under one grant.

use crate::camera::{Camera, Dealing};
use crate::world::{Approval, World, json, open, post, until};
use escrow::record::{Grant, Kind};
use host::shutdown::Shutdown;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use trustee::Config;

/// Names the configuration file of the process that this binary, started again, shall be.
const ROLE: &str = "CANDOR_TEST_TRUSTEE_PROCESS";

/// The trustee process itself. It ends with its standard input, so that none is left behind.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the process that the test below starts and kills"]
async fn trustee_process() {
    let Some(path) = std::env::var_os(ROLE).map(PathBuf::from) else { return };
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    let config: Config = host::config::load(&path).unwrap();
    let trustee = trustee::start(config, Shutdown::new()).await.unwrap();
    let at = trustee.at().http.to_string();
    host::durable::write_atomic(&path.with_extension("at"), at.as_bytes()).unwrap();
    trustee.join().await.unwrap();
}

struct Process {
    child: Child,
    url: String,
}

impl Process {
    /// Starts the process and waits until it tells where it listens.
    fn start(config: &Path) -> Self {
        let at = config.with_extension("at");
        let _ = std::fs::remove_file(&at);
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["killed::trustee_process", "--exact", "--ignored", "--nocapture"])
            .env(ROLE, config)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            if let Ok(at) = std::fs::read_to_string(&at) {
                return Self { child, url: format!("http://{at}") };
            }
            assert_eq!(child.try_wait().unwrap(), None, "the trustee process did not start");
            assert!(Instant::now() < deadline, "the trustee process does not listen");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// SIGKILL: no destructor, no flush, no goodbye.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
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
    let first = Process::start(&config);
    until("it follows", async || (status(&first.url).await["state"] == "following").then_some(())).await;
    // Without a quorum the grant is made durable and sent, and proved by nobody.
    world.stop_witness(0).await;
    world.stop_witness(1).await;
    let asking = tokio::spawn({
        let (fetch, url, body) = (fetch.clone(), first.url.clone(), case.body());
        async move { fetch.post(&format!("{url}/package"), "application/octet-stream", body).await }
    });
    until("G10 is durable", async || (status(&first.url).await["appending"] == 1).then_some(())).await;
    first.kill();
    assert!(!asking.await.unwrap().is_ok_and(|reply| reply.status == 200));

    world.start_witness(0).await;
    world.start_witness(1).await;
    let second = Process::start(&config);
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
    let third = Process::start(&config);
    let again = until("it has caught up", async || {
        let reply = post(&fetch, &third.url, case.body()).await;
        (reply.status != 503).then_some(reply)
    });
    assert_eq!(again.await.body, reply.body);
    assert_eq!(world.leaves::<Grant>().await.len(), 1);
}
