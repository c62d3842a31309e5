//! What may be said, and that a password is never shown.

use super::*;

fn source(text: &str) -> Result<SourceConfig, String> {
    host::config::parse(text, Path::new("c.toml")).map_err(|error| error.to_string())
}

fn stream(text: &str) -> Stream {
    match source(text).unwrap() {
        SourceConfig::Stream(stream) => stream,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_source_is_a_file_standard_input_or_a_camera() {
    assert!(matches!(source("path = \"a.mp4\"").unwrap(), SourceConfig::File { looped: false, .. }));
    assert!(matches!(
        source("path = \"a.mp4\"\nloop = true").unwrap(),
        SourceConfig::File { looped: true, .. }
    ));
    assert!(matches!(source("path = \"-\"").unwrap(), SourceConfig::Input));
    assert_eq!(stream("url = \"rtsp://h/1\"").transport, Transport::Tcp);
    assert_eq!(stream("url = \"RTSP://h/1\"\ntransport = \"udp\"").transport, Transport::Udp);
    for (text, said) in [
        ("", "either a `path`"),
        ("path = \"a\"\nurl = \"rtsp://h\"", "either a `path`"),
        ("path = \"rtsp://h/1\"", "goes into `url`"),
        ("path = \"a\"\nuser = \"u\"", "`user`"),
        ("path = \"a\"\npassword_file = \"p\"", "`password_file`"),
        ("path = \"a\"\ntransport = \"udp\"", "`transport`"),
        ("url = \"rtsp://h\"\nloop = true", "`loop`"),
        ("url = \"http://h\"", "rtsp://HOST/PATH"),
        ("url = \"rtsp://\"", "no host"),
        ("url = \"rtsp://u:p@/1\"", "no host"),
        ("url = \"rtsp://h/a b\"", "percent-encode"),
        ("url = \"rtsp://h/a'b\"", "percent-encode"),
        ("url = \"rtsp://u:p@h\"\nuser = \"u\"", "keep one"),
        ("url = \"rtsps://h\"\ntransport = \"udp\"", "in clear"),
        ("url = \"rtsps://h\"\ntls_fingerprint = \"ab\"", "64 hexadecimal digits"),
        ("path = \"a\"\ntls_fingerprint = \"ab\"", "`tls_fingerprint`"),
        ("url = \"rtsp://h\"\npasword_file = \"p\"", "unknown field `pasword_file`"),
    ] {
        let error = source(text).unwrap_err();
        assert!(error.contains(said), "{text}: {error}");
    }
}

#[test]
fn a_password_is_used_and_never_shown() {
    let inline = "url = \"rtsp://me:s%40cret@h:554/1?a=b\"";
    let shown = stream(inline);
    assert!(source(inline).unwrap().has_inline_password());
    let (user, password) = shown.credentials().unwrap().unwrap();
    assert_eq!((user.as_str(), password.as_str()), ("me", "s@cret"));
    for text in [format!("{shown:?}"), source(inline).unwrap().to_string()] {
        assert!(text.contains("rtsp://h:554/1?a=b") && !text.contains("cret"), "{text}");
    }
    for wrong in ["rtsp://me:s@cret@/", "rtsp://me:s cret@h", "rtp://me:secret@h"] {
        let error = source(&format!("url = {wrong:?}")).unwrap_err();
        assert!(!error.contains("cret"), "{error}");
    }
    let said =
        "[concat @ 0x1] Impossible to open 'rtsp://me:s%40cret@h:554/1'\nrtsp://a:b@c: no; rtsp://h/x@y";
    let shown = "[concat @ 0x1] Impossible to open 'rtsp://h:554/1'\nrtsp://c: no; rtsp://h/x@y";
    assert_eq!(without_passwords(said), shown);
}

#[test]
fn a_password_comes_from_a_file_that_nobody_else_reads() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("password");
    let stream = stream(&format!("url = \"rtsp://h/1\"\nuser = \"vi ewer\"\npassword_file = {path:?}"));
    let error = |stream: &Stream| stream.credentials().unwrap_err().to_string();
    assert!(error(&stream).contains("no such file") && error(&stream).contains("chmod 600"));
    host::secret::create_line(&path, "p@ss:w/ö%'x").unwrap();
    let (user, password) = stream.credentials().unwrap().unwrap();
    assert_eq!((user.as_str(), password.as_str()), ("vi ewer", "p@ss:w/ö%'x"));
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    assert!(error(&stream).contains("readable by others (mode 644)"), "{}", error(&stream));
    assert!(!error(&stream).contains("p@ss"));

    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let stream = Stream { user: Some("a:b".to_owned()), ..stream };
    assert!(error(&stream).contains("must not hold a colon"), "{}", error(&stream));
}

#[test]
fn a_certificate_is_pinned_where_there_is_one() {
    let digits = "0123456789abcdef".repeat(4);
    let pinned = |scheme: &str| source(&format!("url = \"{scheme}://h/1\"\ntls_fingerprint = {digits:?}"));
    let SourceConfig::Stream(stream) = pinned("rtsps").unwrap() else { panic!() };
    assert_eq!(stream.pinned.map(|pinned| pinned.to_string()), Some(digits.clone()));
    let error = pinned("rtsp").unwrap_err();
    assert!(error.contains("`tls_fingerprint`") && error.contains("rtsps://"), "{error}");
}
