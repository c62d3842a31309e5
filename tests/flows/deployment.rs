//! deploy/README.md, step by step: every party a process of its own, from its own file, with a
//! person at each trustee.

use host::http::{Fetch, FetchLimits};
use log_server::kinds;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use world::processes::{Ended, Process, permit, run};
use world::{footage, free_port, until};

const AGENCY: &str = "police.example";

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_by_the_book_films_releases_by_two_people_and_is_audited() {
    let _permit = permit().await;
    let mut book = Book::new();
    book.log_and_witnesses().await;
    let rules = book.speakers().await;
    book.trustees(&rules).await;
    book.write_rules(&rules).await;
    book.relay_owner_and_requester(&rules).await;
    book.publish_and_register(&rules).await;
    book.monitor().await;
    let camera = book.camera().await;
    let (from, to) = book.filmed().await;

    // The owner exports; the requester asks.
    let clip = book.path("clip.mp4");
    let (from_text, to_text) = (from.to_string(), to.to_string());
    let export = ["--from", &from_text, "--to", &to_text, "--output", text(&clip)];
    book.well(&["owner", "export", "door"], "owner", &export).await;
    assert!(clip.metadata().unwrap().len() > 100_000);
    book.the_owners_page_is_served_until_it_is_interrupted().await;

    let example = run(&["request", "example"]).await;
    let mut ask: Value = serde_json::from_str(&example.stdout).unwrap();
    (ask["camera_id"], ask["from"], ask["to"]) = (camera.into(), from_text.into(), to_text.into());
    let ask_file = book.write("ask.json", &ask.to_string());
    let folder = book.path("request");
    let on_folder = [text(&folder)];
    book.well(&["request", "new"], "requester", &["--ask", text(&ask_file), text(&folder)]).await;
    book.well(&["request", "sign"], "requester", &on_folder).await;
    book.well(&["request", "submit"], "requester", &on_folder).await;
    // And, of the same minutes, with a court's order, whose very bytes the people at the trustees read.
    let warrant = book.write("warrant.pdf", "%PDF-1.7 The District Court orders \u{1F4F7}\r\n");
    (ask["kind"], ask["basis"]) = ("legal".into(), "search-warrant".into());
    ask["grounds"] = serde_json::json!({ "legal": { "court": "District Court", "summary": "a burglary" } });
    let ask_file = book.write("legal.json", &ask.to_string());
    let legal = book.path("legal");
    let new = ["--ask", text(&ask_file), "--order", text(&warrant), text(&legal)];
    book.well(&["request", "new"], "requester", &new).await;
    book.well(&["request", "sign"], "requester", &[text(&legal)]).await;
    book.well(&["request", "submit"], "requester", &[text(&legal)]).await;
    for folder in [&folder, &legal] {
        let within = ["--within", "2", text(folder)];
        let early = book.candor(&["request", "collect"], "requester", &within).await;
        assert_eq!(early.code, Some(1), "nobody has decided yet: {early:?}");
    }

    // Nobody has granted anything: there is nothing to confirm, and the court's note is not used up.
    let order = book.write("order.txt", "confirmed");
    let confirmed = book.path("ratification.note");
    let confirm = ["--case", text(&folder), "--document", text(&order), "--to", text(&confirmed)];
    book.well(&["registrar", "confirm"], "court", &confirm).await;
    let ratify = ["--confirmed", text(&confirmed), text(&folder)];
    let early = book.candor(&["request", "ratify"], "requester", &ratify).await;
    assert!(early.code == Some(2) && early.stderr.contains("candor request collect"), "{early:?}");

    // Two people look at what waits, and approve; it takes two.
    for trustee in ["t1", "t2"] {
        book.a_person_approves_both(trustee, &warrant).await;
    }
    book.well(&["request", "collect"], "requester", &["--within", "60", text(&legal)]).await;
    book.well(&["request", "collect"], "requester", &["--within", "60", text(&folder)]).await;
    let opened = book.json(&["request", "open"], "requester", &on_folder).await;
    assert_eq!((&opened["epochs_opened"], &opened["epochs_requested"]), (&1.into(), &1.into()));
    let policy = book.path("log-policy.txt");
    let verified = run(&["verify", text(&folder.join("evidence")), "--policy", text(&policy)]).await;
    assert_eq!(verified.code, Some(0), "{verified:?}");

    // The court confirmed. The owner finds it, and anybody counts it.
    let ratified = book.json(&["request", "ratify"], "requester", &ratify).await;
    let again = book.json(&["request", "ratify"], "requester", &ratify).await;
    assert_eq!(ratified["leaf_index"], again["leaf_index"], "one leaf, however often it is said");
    let audit = book.candor(&["owner", "audit"], "owner", &[]).await;
    assert_eq!(audit.code, Some(1), "a record that is not the owner's: {audit:?}");
    assert!(audit.stdout.contains("emergency") && audit.stdout.contains(AGENCY), "{}", audit.stdout);
    let count = book.json(&["monitor", "check"], "monitor", &["--expect", "1"]).await;
    assert_eq!(
        (&count["emergencies"]["completed"], &count["emergencies"]["ratified"]),
        (&1.into(), &1.into())
    );
    let wrong = book.candor(&["monitor", "check"], "monitor", &["--expect", "11"]).await;
    assert_eq!(wrong.code, Some(1));
    book.end().await;
}

/// The files, keys and running processes of a deployment.
struct Book {
    dir: TempDir,
    running: Vec<Process>,
    /// Whose leaves of which kinds the log is to admit.
    submitters: Vec<(String, &'static [&'static str])>,
    log_port: u16,
    trustees: Vec<(String, u16, String)>,
    relay: (u16, Value),
    requester: Value,
}

impl Book {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            running: Vec::new(),
            submitters: Vec::new(),
            log_port: free_port(),
            trustees: Vec::new(),
            relay: (free_port(), Value::Null),
            requester: Value::Null,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Writes a party's file; DIR stands for the folder of this deployment.
    fn config(&self, party: &str, content: &str) {
        let dir = text(self.dir.path()).to_owned();
        self.write(&format!("{party}.toml"), &content.replace("DIR", &dir));
    }

    async fn candor(&self, verb: &[&str], party: &str, more: &[&str]) -> Ended {
        let file = self.path(&format!("{party}.toml"));
        let words: Vec<&str> =
            verb.iter().copied().chain(["--config", text(&file)]).chain(more.iter().copied()).collect();
        run(&words).await
    }

    /// It must end with 0.
    async fn well(&self, verb: &[&str], party: &str, more: &[&str]) -> Ended {
        let ended = self.candor(verb, party, more).await;
        assert_eq!(ended.code, Some(0), "{verb:?} {more:?}: {ended:?}");
        ended
    }

    /// What it prints last with --json, which must be an object.
    async fn json(&self, verb: &[&str], party: &str, more: &[&str]) -> Value {
        let more: Vec<&str> = more.iter().copied().chain(["--json"]).collect();
        let ended = self.well(verb, party, &more).await;
        let value: Value = serde_json::from_str(ended.stdout.lines().last().unwrap()).unwrap();
        assert!(value.is_object(), "{verb:?}: {value}");
        value
    }

    fn serve(&mut self, party: &str, verb: &str, file: &str) {
        let file = self.path(&format!("{file}.toml"));
        self.running.push(Process::start(&[party, verb, "--config", text(&file)]));
    }

    /// Waits until a party answers on this port.
    async fn listens(&self, port: u16) {
        until("a party listens", async || tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok())
            .await;
    }

    async fn log_and_witnesses(&mut self) {
        self.log_config();
        let key = self.json(&["log", "init"], "log", &[]).await["vkeys"][0].as_str().unwrap().to_owned();
        let mut policy = format!("log {key}\n");
        for n in 1..=4 {
            let (name, port) = (format!("w{n}"), free_port());
            self.config(
                &name,
                &format!("listen = '127.0.0.1:{port}'\ndata = 'DIR/{name}'\nname = 'witness.example/{name}'\nlogs = ['{key}']\n"),
            );
            let made = self.json(&["witness", "init"], &name, &[]).await;
            let vkey = made["vkeys"][0].as_str().unwrap();
            policy.push_str(&format!("witness {name} {vkey} http://127.0.0.1:{port}/\n"));
            self.serve("witness", "serve", &name);
            self.listens(port).await;
        }
        policy.push_str("group all 3 w1 w2 w3 w4\nquorum all\n");
        self.write("log-policy.txt", &policy);
    }

    /// How everybody's file names the log.
    fn log(&self) -> String {
        format!("[log]\nurl = 'http://127.0.0.1:{}'\npolicy = 'DIR/log-policy.txt'\n", self.log_port)
    }

    fn log_config(&self) {
        let mut config = format!(
            "listen = '127.0.0.1:{}'\ndata = 'DIR/log'\norigin = 'log.example/candor'\npolicy = 'DIR/log-policy.txt'\n\
             batch_ms = 20\ncheckpoint_ms = 100\nrefresh_secs = 20\nbeyond_quorum_ms = 100\nadd_wait_secs = 30\n",
            self.log_port
        );
        for (vkey, kinds) in &self.submitters {
            config.push_str(&format!("[[submitters]]\nvkey = '{vkey}'\nkinds = {kinds:?}\n"));
        }
        self.config("log", &config);
    }

    async fn speakers(&mut self) -> PathBuf {
        let log = self.log();
        let mut keys = Vec::new();
        for party in ["registrar", "operator"] {
            self.config(party, &format!("data = 'DIR/{party}'\nname = '{party}.example'\n{log}"));
            keys.push(
                self.json(&["registrar", "init"], party, &[]).await["vkey"].as_str().unwrap().to_owned(),
            );
        }
        self.submitters.extend(keys.into_iter().zip([kinds::REGISTRAR, kinds::OPERATOR]));
        self.path("policy-doc.txt")
    }

    /// The rules, when everybody whom they name has a key.
    async fn write_rules(&self, rules: &Path) {
        let mut words = vec!["registrar", "rules", "--to", text(rules)];
        words.extend(["--registrar", &self.submitters[0].0, "--operator", &self.submitters[1].0]);
        self.trustees.iter().for_each(|(_, _, vkey)| words.extend(["--trustee", vkey]));
        assert_eq!(run(&words).await.code, Some(0));
    }

    async fn trustees(&mut self, rules: &Path) {
        let log = self.log();
        let clerk_key = self.path("clerk.key");
        let clerk =
            run(&["trustee", "approver", "--json", "--key", text(&clerk_key), "clerk.example/clerk-1"]).await;
        let clerk: Value = serde_json::from_str(&clerk.stdout).unwrap();
        for n in 1..=3 {
            let (name, port) = (format!("t{n}"), free_port());
            self.config(
                &name,
                &format!(
                    "listen = '127.0.0.1:{port}'\ndata = 'DIR/{name}'\nname = '{name}.example'\npolicy_doc = '{}'\n\
                     approvers = [{}]\nretention_days = 30\ndays_ahead = 2\npoll_ms = 200\n{log}",
                    text(rules),
                    clerk["vkey"]
                ),
            );
            let vkey = self.json(&["trustee", "init"], &name, &[]).await["vkey"].as_str().unwrap().to_owned();
            self.submitters.push((vkey.clone(), kinds::TRUSTEE));
            self.trustees.push((name, port, vkey));
        }
    }

    async fn relay_owner_and_requester(&mut self, rules: &Path) {
        let log = self.log();
        self.relay_config("", "");
        self.relay.1 = self.json(&["relay", "init"], "relay", &[]).await;
        let (port, key) = (self.relay.0, &self.relay.1["link_key"]);
        let link = format!("[relay]\naddresses = ['127.0.0.1:{port}']\nkey = {key}\n");
        let rules = text(rules);
        let mut owner = format!(
            "keybook = 'DIR/keybook'\n{link}sponsor = 'relay.example'\n{log}[footage]\nepoch_seconds = 10\nretention_days = 30\n\
             [escrow]\npolicy_doc = '{rules}'\nthreshold = 2\nclasses = ['legal', 'emergency']\n"
        );
        for (name, port, vkey) in &self.trustees {
            owner.push_str(&format!(
                "[[escrow.trustees]]\nname = '{name}.example'\nvkey = '{vkey}'\nurl = 'http://127.0.0.1:{port}'\n"
            ));
        }
        self.config("owner", &owner);
        let owner = self.json(&["owner", "init"], "owner", &[]).await;
        self.config(
            "requester",
            &format!(
                "keys = 'DIR/requester-keys'\ncountry = 'US'\npolicy_doc = '{rules}'\n[names]\nagency = '{AGENCY}'\n\
                 officer = '{AGENCY}/officer-1182'\nsupervisor = '{AGENCY}/supervisor-7'\nsponsor = 'sponsor.example'\n{link}{log}"
            ),
        );
        self.requester = self.json(&["request", "init"], "requester", &[]).await;
        self.relay_config(&owner["root_key"].to_string(), &self.requester["link_key"].to_string());
        for vkey in [&self.relay.1["sponsor_vkey"], &self.requester["sponsor_vkey"]] {
            self.submitters.push((vkey.as_str().unwrap().to_owned(), kinds::SPONSOR));
        }
    }

    fn relay_config(&self, owner: &str, requester: &str) {
        let mut relay = format!(
            "listen = '127.0.0.1:{}'\ndata = 'DIR/relay'\nowners = [{owner}]\nsponsors = [{requester}]\n{}sponsor = 'relay.example'\n",
            self.relay.0,
            self.log()
        );
        for (name, port, _) in &self.trustees {
            relay.push_str(&format!(
                "[[trustees]]\nname = '{name}.example'\nurl = 'http://127.0.0.1:{port}'\n"
            ));
        }
        self.config("relay", &relay);
    }

    /// The log opens; rules and keys go into it; trustees and relay begin.
    async fn publish_and_register(&mut self, rules: &Path) {
        self.log_config();
        self.serve("log", "serve", "log");
        self.listens(self.log_port).await;
        self.well(&["registrar", "publish"], "operator", &[text(rules)]).await;
        self.config("court", &format!("data = 'DIR/court'\nname = 'court.example'\n{}", self.log()));
        let court = self.json(&["registrar", "init"], "court", &[]).await;
        let keys = [
            ("court", "court.example", &court["vkey"]),
            ("officer", AGENCY, &self.requester["officer_vkey"]),
            ("supervisor", AGENCY, &self.requester["supervisor_vkey"]),
            ("sponsor", "sponsor.example", &self.requester["sponsor_vkey"]),
            ("sponsor", "relay.example", &self.relay.1["sponsor_vkey"]),
        ];
        for (role, agency, vkey) in keys {
            let words = ["--role", role, "--agency", agency, "--vkey", vkey.as_str().unwrap()];
            self.well(&["registrar", "register"], "registrar", &words).await;
        }
        for (name, port) in
            self.trustees.iter().map(|(name, port, _)| (name.clone(), *port)).collect::<Vec<_>>()
        {
            self.serve("trustee", "serve", &name);
            self.listens(port).await;
        }
        self.serve("relay", "serve", "relay");
    }

    async fn monitor(&mut self) {
        let port = free_port();
        self.config(
            "monitor",
            &format!(
                "listen = '127.0.0.1:{port}'\ndata = 'DIR/monitor'\nlog = 'http://127.0.0.1:{}'\npolicy = 'DIR/log-policy.txt'\n\
                 peers = []\npoll_ms = 200\nwithheld_secs = 600\n",
                self.log_port,
            ),
        );
        self.well(&["monitor", "init"], "monitor", &[]).await;
        self.serve("monitor", "serve", "monitor");
        self.listens(port).await;
    }

    /// Invites, pairs and starts a camera; returns its id.
    async fn camera(&mut self) -> String {
        let film = footage().remove(0);
        self.config(
            "camera",
            &format!(
                "data = 'DIR/camera'\nmodel = 'door'\n[source]\npath = '{}'\nloop = true\n",
                text(&film)
            ),
        );
        let id =
            self.json(&["camera", "init"], "camera", &[]).await["camera_id"].as_str().unwrap().to_owned();
        let file = self.path("owner.toml");
        let mut invite = Process::start(&["owner", "invite", "--config", text(&file), "door"]);
        invite.says("candor://pair?").await;
        let said = invite.stdout() + &invite.stderr();
        let url = said.split_whitespace().find(|word| word.starts_with("candor://pair?")).unwrap().to_owned();
        self.well(&["camera", "pair"], "camera", &[&url]).await;
        assert_eq!(invite.ended().await.code, Some(0));
        self.serve("camera", "run", "camera");
        id
    }

    /// Waits for a whole epoch and one after it; returns a span inside it, Unix seconds.
    async fn filmed(&self) -> (u64, u64) {
        let from = host::clock::now().div_ceil(10) * 10;
        until("two epochs are stored", async || {
            tokio::time::sleep(Duration::from_millis(500)).await;
            let status = self.json(&["owner", "cameras"], "owner", &[]).await;
            status["cameras"][0]["newest_us"].as_u64().is_some_and(|newest| newest >= (from + 20) * 1_000_000)
        })
        .await;
        (from + 2, from + 8)
    }

    /// The person at this trustee sees the emergency's reasons and reads the other one's order, and approves.
    async fn a_person_approves_both(&self, trustee: &str, warrant: &Path) {
        let pending = self.json(&["trustee", "pending"], trustee, &[]).await;
        let [emergency, with_order] = &pending["pending"].as_array().unwrap()[..] else {
            panic!("{pending}")
        };
        assert!(
            emergency.to_string().contains("missing since 13:40 UTC"),
            "the clerk must see why: {pending}"
        );
        let saved = self.path(&format!("{trustee}-order"));
        let id = with_order["id"].as_str().unwrap();
        self.well(&["trustee", "order"], trustee, &["--out", text(&saved), id]).await;
        assert_eq!(std::fs::read(&saved).unwrap(), std::fs::read(warrant).unwrap());
        let id = emergency["id"].as_str().unwrap();
        let none = self.candor(&["trustee", "order"], trustee, &["--out", text(&saved), id]).await;
        assert!(none.code == Some(2) && none.stderr.contains("no order of a court came"), "{none:?}");
        let key = self.path("clerk.key");
        let called = ["--called", "Sgt. Byron", "--number", "555 0100", "--source", "the city's directory"];
        for waiting in [emergency, with_order] {
            let approve = [&["--key", text(&key)], &called[..], &[waiting["id"].as_str().unwrap()]].concat();
            self.well(&["trustee", "approve"], trustee, &approve).await;
        }
    }

    /// The address that `owner app` prints is a page, and Ctrl-C is its end.
    async fn the_owners_page_is_served_until_it_is_interrupted(&self) {
        let file = self.path("owner.toml");
        let mut app = Process::start(&["owner", "app", "--config", text(&file)]);
        app.says("Ctrl-C ends it").await;
        let said = app.stdout();
        let url = said.split_whitespace().find(|word| word.starts_with("http://127.0.0.1:")).unwrap();
        let fetch = Fetch::new(FetchLimits::default());
        let page = fetch.get(url).await.unwrap();
        assert_eq!(page.status, 200, "{}", page.excerpt());
        let cameras = fetch.get(&format!("{url}api/cameras")).await.unwrap();
        let cameras: Value = serde_json::from_slice(&cameras.ok().unwrap()).unwrap();
        assert_eq!(cameras["book"][0]["name"], "door", "{cameras}");
        let token = url.trim_end_matches('/').rsplit('/').next().unwrap();
        assert!(!app.stderr().contains(token), "the token is in the log: {}", app.stderr());
        app.interrupt();
        let ended = app.ended().await;
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert!(fetch.get(url).await.is_err(), "it goes on");
    }

    /// Ctrl-C for everybody, those first who dial the others.
    async fn end(mut self) {
        while let Some(process) = self.running.pop() {
            process.interrupt();
            let ended = process.ended().await;
            assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        }
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
