//! A newcomer's mistakes, each made with the real binary: the documented exit code, nothing on
//! standard output, and one message on standard error that names what is wrong and what to do.

use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use world::config_files::write;
use world::processes::{Ended, Process, run};

const WRONG: i32 = 2;
const NOT_NOW: i32 = 4;

/// A folder in which a newcomer has made everybody's keys and configurations, and has started
/// nobody.
struct Newcomer {
    dir: tempfile::TempDir,
    policy: PathBuf,
    rules: PathBuf,
}

impl Newcomer {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let (policy, rules) = (at("log-policy.txt"), at("policy-doc.txt"));
        let it = Self { policy, rules, dir };
        it.configure("127.0.0.1:1");
        let log = it.init("log").await["vkeys"][0].as_str().unwrap().to_owned();
        let witness = it.init("witness").await["vkeys"][0].as_str().unwrap().to_owned();
        let text = format!("log {log}\nwitness w1 {witness} http://127.0.0.1:1/\nquorum w1\n");
        std::fs::write(&it.policy, text).unwrap();
        let key = it.init("registrar").await["vkey"].as_str().unwrap().to_owned();
        let rules = it.rules.to_str().unwrap();
        let written = run(&[
            "registrar",
            "rules",
            "--to",
            rules,
            "--operator",
            &key,
            "--registrar",
            &key,
            "--trustee",
            &key,
        ])
        .await;
        assert_eq!(written.code, Some(0), "{}", written.stderr);
        for party in ["relay", "trustee", "monitor", "camera", "owner", "request"] {
            it.init(party).await;
        }
        it
    }

    /// Writes every party's file; whoever listens, listens at `listen`.
    fn configure(&self, listen: &str) {
        let folder = self.dir.path();
        let (policy, rules) = (&self.policy, &self.rules);
        let data = |name: &str| folder.join(format!("{name}-data"));
        let log = format!("[log]\nurl = \"http://127.0.0.1:1\"\npolicy = {policy:?}\n");
        let key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        let relay = format!("[relay]\naddresses = [\"127.0.0.1:1\"]\nkey = \"{key}\"\n");
        let listens = |name: &str| format!("listen = \"{listen}\"\ndata = {:?}\n", data(name));
        let served = |name: &str| format!("{}name = \"{name}.example\"\n", listens(name));
        let files = [
            (
                "log",
                format!("{}origin = \"log.example\"\npolicy = {policy:?}\nsubmitters = []\n", listens("log")),
            ),
            ("witness", format!("{}logs = []\n", served("witness"))),
            ("relay", format!("{}{log}sponsor = \"relay.example\"\n", listens("relay"))),
            (
                "trustee",
                format!(
                    "{}policy_doc = {rules:?}\nauto_approve = true\nretention_days = 30\n{log}",
                    served("trustee")
                ),
            ),
            (
                "monitor",
                format!(
                    "{}log = \"http://127.0.0.1:1\"\npolicy = {policy:?}\npeers = []\n",
                    listens("monitor")
                ),
            ),
            ("registrar", format!("name = \"registrar.example\"\ndata = {:?}\n{log}", data("registrar"))),
            (
                "camera",
                format!("data = {:?}\n[source]\npath = {:?}\n", data("camera"), folder.join("no-film.mp4")),
            ),
            ("owner", format!("keybook = {:?}\n{relay}sponsor = \"relay.example\"\n{log}", data("owner"))),
            (
                "request",
                format!(
                    "keys = {:?}\ncountry = \"US\"\npolicy_doc = {rules:?}\n[names]\nagency = \"police.example\"\n\
                     officer = \"police.example/officer\"\nsupervisor = \"police.example/supervisor\"\n\
                     sponsor = \"sponsor.example\"\n{relay}{log}",
                    data("request")
                ),
            ),
        ];
        for (party, text) in files {
            write(folder, party, &text);
        }
    }

    fn config(&self, party: &str) -> String {
        self.path(&format!("{party}.toml"))
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().unwrap().to_owned()
    }

    async fn init(&self, party: &str) -> serde_json::Value {
        let made = run(&[party, "init", "--json", "--config", &self.config(party)]).await;
        assert_eq!(made.code, Some(0), "{party}: {}", made.stderr);
        serde_json::from_str(&made.stdout).unwrap()
    }

    /// Runs `line`, in which a word `PARTY.toml` is that party's file and `@name` a path in the
    /// folder.
    async fn says(&self, line: &str) -> Ended {
        let words = line.split_whitespace().map(|word| match word.strip_prefix('@') {
            Some(name) => self.path(name),
            None if word.ends_with(".toml") => self.path(word),
            None => word.to_owned(),
        });
        run(&words.collect::<Vec<_>>()).await
    }

    /// The mistake `line` ends with `code`, and its message has all of `words`.
    async fn is_told(&self, line: &str, code: i32, words: &[&str]) {
        let ended = self.says(line).await;
        told(line, &ended, code, words);
        let json = self.says(&format!("{line} --json")).await;
        assert_eq!((json.code, json.stdout.as_str()), (Some(code), ""), "{line} --json: {}", json.stderr);
    }
}

fn told(line: &str, ended: &Ended, code: i32, words: &[&str]) {
    let Ended { code: ended_with, stdout, stderr } = ended;
    assert_eq!(*ended_with, Some(code), "candor {line}: {stderr}");
    assert_eq!(stdout, "", "candor {line}: standard output is for answers");
    assert!(!stderr.contains("panicked") && !stderr.contains("RUST_BACKTRACE"), "candor {line}: {stderr}");
    for word in words {
        assert!(stderr.contains(word), "candor {line}: does not say {word:?}: {stderr}");
    }
}

const PARTIES: [&str; 9] =
    ["camera", "owner", "relay", "log", "witness", "monitor", "trustee", "registrar", "request"];

/// A verb of each party that works with what `init` made.
fn works(party: &str) -> String {
    let rest = match party {
        "camera" => "run --source @film.mp4",
        "owner" => "cameras",
        "registrar" => "publish @policy-doc.txt",
        "request" => "open @case",
        _ => "serve",
    };
    format!("{party} {rest} --config {party}.toml")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_file_a_missing_folder_and_a_second_init_are_told_with_the_way_out() {
    let it = Newcomer::new().await;
    std::fs::copy(&world::footage()[0], it.path("film.mp4")).unwrap();
    for party in PARTIES {
        let line = works(party).replace(&format!("{party}.toml"), "nobody.toml");
        it.is_told(&line, WRONG, &["nobody.toml: no such file", "deploy/config", "--config"]).await;
        let again = format!("{party} init --config {party}.toml");
        it.is_told(&again, WRONG, &["already exists", "never overwritten"]).await;
        let data = it.path(&format!("{party}-data"));
        std::fs::rename(&data, it.path("elsewhere")).unwrap();
        let way_out = format!("candor {party} init --config {}", it.config(party));
        it.is_told(&works(party), WRONG, &[&data, &way_out]).await;
        assert!(!Path::new(&data).exists(), "{party}: made its folder silently");
        std::fs::rename(it.path("elsewhere"), &data).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_key_and_a_broken_file_are_told_with_the_line() {
    let it = Newcomer::new().await;
    for party in PARTIES {
        let text = std::fs::read_to_string(it.config(party)).unwrap();
        std::fs::write(it.config(party), format!("colour = \"red\"\n{text}")).unwrap();
        let place = format!("{party}.toml:1: unknown field `colour`, expected");
        it.is_told(&works(party), WRONG, &[&place]).await;
        std::fs::write(it.config(party), format!("{text}\nthis is no TOML\n")).unwrap();
        let place = format!("{party}.toml:{}:", text.lines().count() + 2);
        it.is_told(&works(party), WRONG, &[&place]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_in_use_is_named_with_what_to_do() {
    let it = Newcomer::new().await;
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap();
    let _udp = UdpSocket::bind(listen).unwrap();
    it.configure(&listen.to_string());
    for party in ["log", "witness", "relay", "trustee", "monitor"] {
        let line = format!("{party} serve --config {party}.toml");
        let place = format!("cannot listen on {listen}");
        told(&line, &it.says(&line).await, NOT_NOW, &[&place, "ss -lntup", "change `listen`"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_missing_or_no_video_is_told_before_anything_is_filmed() {
    let it = Newcomer::new().await;
    std::fs::write(it.path("text.mp4"), "no film\n").unwrap();
    it.is_told("camera run --config camera.toml", WRONG, &["no-film.mp4: no such video file", "--source"])
        .await;
    it.is_told("camera run --config camera.toml --source @text.mp4", WRONG, &["text.mp4", "not readable"])
        .await;
    it.is_told("demo --once --source @text.mp4", WRONG, &["text.mp4", "not readable"]).await;
    it.is_told("demo --once --source @none.mp4", WRONG, &["none.mp4: no such video file"]).await;
    it.is_told("demo --once --footage @nowhere", WRONG, &["no footage in", "deploy/footage.sh", "--source"])
        .await;
    // A sound file, to be sure that the film is looked at and not its name.
    let sound = it.path("sound.mp4");
    let made = tokio::process::Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-f", "lavfi", "-i", "sine=d=1", "-c:a", "aac", &sound])
        .status();
    assert!(made.await.unwrap().success());
    it.is_told("camera run --config camera.toml --source @sound.mp4", WRONG, &["no H.264 or H.265 picture"])
        .await;
    std::fs::copy(&world::footage()[0], it.path("film.mp4")).unwrap();
    let line = "camera run --config camera.toml --source film.mp4";
    let [config, film] = [it.config("camera"), it.path("film.mp4")];
    let args = ["camera", "run", "--config", &config, "--source", &film];
    let without_ffmpeg = Process::start_with(&args, &[("PATH", it.dir.path())]).ended().await;
    told(line, &without_ffmpeg, NOT_NOW, &["ffprobe could not be started", "apt-get install ffmpeg"]);
    let unpaired = "camera run --config camera.toml --source @film.mp4";
    it.is_told(unpaired, WRONG, &["not paired yet", "candor camera pair"]).await;
}

/// A film was written over a configuration, a key, another film: one wrong completion of a name was enough.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_over_a_file_that_is_there() {
    let it = Newcomer::new().await;
    let of = |verb: &str| format!("owner {verb} --config owner.toml door");
    let lines = [
        of("live"),
        of("play") + " --from 5m",
        of("export") + " --from 5m",
        of("evidence") + " --from 5m",
        "verify @owner.toml".to_owned(),
    ];
    let before = std::fs::read(it.path("owner.toml")).unwrap();
    for line in lines {
        let to = if line.starts_with("verify") { "--write" } else { "-o" };
        let line = format!("{line} {to} @owner.toml");
        it.is_told(&line, WRONG, &["owner.toml: already exists", "--overwrite"]).await;
        it.is_told(&format!("{line} --overwrite"), WRONG, &["owner.toml: is a file of another kind"]).await;
    }
    assert_eq!(std::fs::read(it.path("owner.toml")).unwrap(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_names_and_requests_that_cannot_be_are_told_before_anybody_is_asked() {
    let it = Newcomer::new().await;
    let play = "owner play --config owner.toml";
    it.is_told(&format!("{play} door --from 10m"), WRONG, &["\"door\"", "candor owner cameras"]).await;
    it.is_told(&format!("{play} door --from 5m --to 10m"), WRONG, &["ends before it begins"]).await;
    it.is_told(&format!("{play} door --from soon"), WRONG, &["soon", "2026-11-25T14:03:00Z"]).await;
    it.is_told("owner live --config owner.toml door", WRONG, &["\"door\"", "candor owner cameras"]).await;
    let export = "owner export --config owner.toml door --from 5m";
    it.is_told(&format!("{export} -o @clip.mp4"), WRONG, &["\"door\""]).await;
    it.is_told(&format!("{play} door --from 5m -o @none/x.mp4"), WRONG, &["none/x.mp4: cannot be written"])
        .await;
    it.is_told("owner invite --config owner.toml a/b", WRONG, &["cannot name a camera"]).await;
    let camera = |verb: &str| format!("owner camera {verb} --config owner.toml");
    for verb in ["retire", "rekey"] {
        it.is_told(&format!("{} door", camera(verb)), WRONG, &["\"door\"", "candor owner cameras"]).await;
    }
    it.is_told(&format!("{} door gate", camera("rename")), WRONG, &["\"door\""]).await;
    it.is_told(&format!("{} door a/b", camera("rename")), WRONG, &["cannot name a camera"]).await;
    let token = |verb: &str| format!("owner token {verb} --config owner.toml hass");
    it.is_told(&format!("{} --cameras door", token("add")), WRONG, &["\"door\"", "candor owner cameras"])
        .await;
    it.is_told(&format!("{} --until 2020-01-01", token("add")), WRONG, &["give a time to come"]).await;
    it.is_told(&token("remove"), WRONG, &["\"hass\"", "candor owner token list"]).await;

    let new = "request new --config request.toml @case --ask @ask.json";
    it.is_told(new, WRONG, &["ask.json", "candor request example"]).await;
    let example = it.says("request example").await.stdout;
    let mut ask: serde_json::Value = serde_json::from_str(&example).unwrap();
    for [from, to] in [["from", "to"], ["from_us", "to_us"]] {
        if let (Some(first), Some(last)) = (ask.get(from).cloned(), ask.get(to).cloned()) {
            ask[from] = last;
            ask[to] = first;
        }
    }
    std::fs::write(it.path("ask.json"), ask.to_string()).unwrap();
    it.is_told(new, WRONG, &["ends before it begins"]).await;
    std::fs::write(it.path("ask.json"), "{}").unwrap();
    it.is_told(new, WRONG, &["ask.json: not an ask", "missing field"]).await;
    it.is_told("request submit --config request.toml @case", WRONG, &["candor request"]).await;
    it.is_told("request open --config request.toml @case", WRONG, &["candor request"]).await;
    let key = "registrar register --config registrar.toml --agency police.example --vkey nonsense";
    it.is_told(&format!("{key} --role officer"), WRONG, &["nonsense", "not a verifier key"]).await;
    it.is_told(&format!("{key} --role king"), WRONG, &["king", "officer, supervisor, sponsor or court"])
        .await;
    let trustee =
        "trustee approve --config trustee.toml --key @clerk.key --called Byron --number 1 --source directory";
    it.is_told(&format!("{trustee} nonsense"), WRONG, &["nonsense", "candor trustee pending"]).await;
    let order = "trustee order --config trustee.toml --out @order";
    it.is_told(&format!("{order} nonsense"), WRONG, &["nonsense", "candor trustee pending"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_as_evidence_is_told_as_such_and_never_as_false() {
    let it = Newcomer::new().await;
    it.is_told("verify @none", WRONG, &["none: no such file", "evidence file"]).await;
    it.is_told("verify .", WRONG, &["no such file"]).await;
    for (name, bytes) in
        [("empty", &b""[..]), ("text", b"this is no evidence, it is a text\n"), ("zeros", &[0; 64])]
    {
        std::fs::write(it.path(name), bytes).unwrap();
        it.is_told(&format!("verify @{name}"), WRONG, &[name, "cannot be read as evidence"]).await;
        let against = format!("monitor evidence --policy @log-policy.txt @{name}");
        it.is_told(&against, WRONG, &["neither a fork proof nor a stamp fault"]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn invites_that_are_none_are_told_before_anybody_is_dialled() {
    let it = Newcomer::new().await;
    for invite in ["hello", "candor://pair?relay=127.0.0.1", "candor://pair?relay=127.0.0.1:1&rk=x&ok=y&s=z"]
    {
        let line = format!("camera pair --config camera.toml {invite}");
        it.is_told(&line, WRONG, &["not an invite", "candor://pair?relay="]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_cannot_be_used_is_told_and_its_url_is_not_repeated() {
    let it = Newcomer::new().await;
    let alarm = "owner alarm --config owner.toml";
    let told = async |line: String, words: &[&str]| {
        let ended = it.says(&line).await;
        told(&line, &ended, WRONG, words);
        assert!(!ended.stderr.contains("s3cret"), "{}", ended.stderr);
    };
    for (name, url, words) in [
        ("none", "s3cret", ["cannot be posted to", "https://HOST/"]),
        ("user", "https://me:s3cret@127.0.0.1:1/", ["a user or a password", "not sent"]),
    ] {
        told(format!("{alarm} --webhook {url}"), &words).await;
        host::secret::create_line(Path::new(&it.path(name)), url).unwrap();
        told(format!("{alarm} --webhook-file @{name}"), &words).await;
    }
    let file = it.path("door.webhook");
    let from_file = format!("{alarm} --webhook-file @door.webhook");
    told(from_file.clone(), &["door.webhook", "no such file", "chmod 600"]).await;
    std::fs::write(&file, "https://127.0.0.1:1/s3cret\n").unwrap();
    let mode = |mode| std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
    mode(0o640);
    told(from_file.clone(), &["door.webhook", "readable by others (mode 640)", "chmod 600"]).await;
    mode(0o600);
    std::fs::write(&file, "https://127.0.0.1:1/\ns3cret\n").unwrap();
    told(from_file.clone(), &["door.webhook", "not one line", "on one line"]).await;
    told(format!("{from_file} --webhook https://127.0.0.1:1/s3cret"), &["cannot be used with"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_on_the_command_line_is_told_with_where_help_is() {
    let it = Newcomer::new().await;
    for line in [
        "fly",
        "--colour",
        "relay fly",
        "relay serve",
        "relay serve --config",
        "relay serve --config relay.toml --colour",
        "demo --epoch 3",
        "demo --epoch ten",
        "trustee deny --config trustee.toml 00",
        "request collect --config request.toml @case --within -1",
        "owner play --config owner.toml",
        "verify",
        "verify a b c",
    ] {
        told(line, &it.says(line).await, WRONG, &["--help"]);
    }
    for line in ["", "relay"] {
        told(line, &it.says(line).await, WRONG, &["Usage: candor", "Commands:"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_party_that_does_not_answer_is_not_possible_now() {
    let it = Newcomer::new().await;
    it.is_told("monitor check --config monitor.toml", NOT_NOW, &["the log cannot be read", "try again"])
        .await;
}
