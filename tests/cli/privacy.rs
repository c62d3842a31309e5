//! The privacy switch of a camera on the command line, and what is said of modes that cannot be.

use world::config_files::write;
use world::processes::{Ended, run};

const WRONG: i32 = 2;

/// `candor camera privacy`, of the camera that a file configures.
async fn privacy(config: &str, words: &[&str]) -> Ended {
    run(&[&["camera", "privacy", "--config", config], words].concat()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_switch_is_thrown_and_read_as_text_and_as_json() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("camera");
    let config = write(dir.path(), "camera.toml", &format!("data = {data:?}\n[source]\npath = \"-\"\n"));
    let config = config.to_str().unwrap();
    assert_eq!(run(&["camera", "init", "--config", config]).await.code, Some(0));
    for (verb, is_on) in
        [("status", false), ("on", true), ("on", true), ("status", true), ("off", false), ("off", false)]
    {
        let said = privacy(config, &[verb, "--json"]).await;
        assert_eq!(said.code, Some(0), "{}", said.stderr);
        let said: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
        assert_eq!(said, serde_json::json!({ "privacy": is_on }), "{verb}");
        let said = privacy(config, &["status"]).await;
        assert_eq!(said.code, Some(0), "{}", said.stderr);
        let begins = if is_on { "on: nothing is filmed" } else { "off: the camera films" };
        assert!(said.stdout.starts_with(begins), "{verb}: {}", said.stdout);
        // It is durable, and where the running camera looks.
        assert_eq!(data.join("privacy").exists(), is_on);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_of_no_camera_is_told_and_nothing_is_thrown() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("camera");
    let config = write(dir.path(), "camera.toml", &format!("data = {data:?}\n[source]\npath = \"-\"\n"));
    let config = config.to_str().unwrap();
    for verb in ["on", "off", "status"] {
        let missing = privacy(config, &[verb]).await;
        assert_eq!((missing.code, missing.stdout.as_str()), (Some(WRONG), ""), "{verb}: {}", missing.stderr);
        for told in [data.to_str().unwrap(), "candor camera init --config"] {
            assert!(missing.stderr.contains(told), "{verb}: {}", missing.stderr);
        }
        assert!(!data.exists(), "{verb}: made its folder silently");
    }
    // A folder, but no camera's: who throws the switch there thinks that a camera obeys.
    std::fs::create_dir(&data).unwrap();
    for verb in ["on", "off", "status"] {
        let nobody = privacy(config, &[verb]).await;
        assert_eq!((nobody.code, nobody.stdout.as_str()), (Some(WRONG), ""), "{verb}: {}", nobody.stderr);
        assert!(nobody.stderr.contains("candor camera init"), "{verb}: {}", nobody.stderr);
        assert!(!data.join("privacy").exists(), "{verb}: thrown where nobody looks");
    }
    let unsaid = privacy(config, &[]).await;
    assert_eq!(unsaid.code, Some(WRONG));
    let unknown = privacy(config, &["maybe"]).await;
    assert_eq!(unknown.code, Some(WRONG));
    assert!(unknown.stderr.contains("on, off, status"), "{}", unknown.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_under_filming_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("camera");
    for (filming, said) in [
        ("mode = \"sometimes\"", "sometimes"),
        ("schedule = [\"daily 00:00-24:00\"]", "time_zone"),
        ("time_zone = \"Europe/Zurich\"\nschedule = [\"someday 00:00-24:00\"]", "mon-fri 08:00-18:00"),
        ("pad_to_bytes = 100", "1024 to 65536"),
    ] {
        let text = format!("data = {data:?}\n[source]\npath = \"-\"\n[filming]\n{filming}\n");
        let config = write(dir.path(), "camera.toml", &text);
        let ended = run(&["camera", "run", "--config", config.to_str().unwrap()]).await;
        assert_eq!(ended.code, Some(WRONG), "{}", ended.stderr);
        assert!(ended.stderr.contains(said), "{said}: {}", ended.stderr);
    }
}
