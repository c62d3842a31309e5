//! `proto/session.md` states the refusals and the numbers that the code has.

use media::limits;
use media::message::{Judges, RefusalCode};

fn contract() -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto/session.md");
    std::fs::read_to_string(path).unwrap()
}

fn section<'a>(text: &'a str, heading: &str) -> &'a str {
    let from = text.find(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no section {heading}"));
    let body = &text[from + 4..];
    &body[..body.find("\n## ").unwrap_or(body.len())]
}

#[test]
fn the_table_of_refusals_is_one_to_one() {
    let text = contract();
    let stated: Vec<(u16, &str, &str)> = section(&text, "Refusals")
        .lines()
        .filter_map(|line| {
            let mut cells = line.split('|').map(str::trim).skip(1);
            Some((cells.next()?.parse().ok()?, cells.next()?, cells.next()?))
        })
        .collect();
    let judges = |code: &RefusalCode| match code.judges() {
        Judges::Nothing => "nothing",
        Judges::Absence => "absence",
        Judges::Object => "object",
        Judges::Sender => "sender",
    };
    let held: Vec<_> = RefusalCode::ALL.iter().map(|code| (code.code(), code.word(), judges(code))).collect();
    assert_eq!(stated, held);
}

#[test]
fn every_number_that_bounds_a_peer_is_stated() {
    let text = contract();
    let limits_stated = section(&text, "Limits");
    let row = |what: &str, values: &[u64]| {
        let line = limits_stated.lines().find(|line| line.starts_with(&format!("| {what}")));
        let line = line.unwrap_or_else(|| panic!("no line for {what}"));
        let cell = line.split('|').nth(2).unwrap();
        let digits = |word: &str| word.trim_matches(|c: char| !c.is_ascii_digit()).parse::<u64>().ok();
        let stated: Vec<u64> = cell.split_whitespace().filter_map(digits).collect();
        assert_eq!(stated, values, "{line}");
    };
    let size = |bytes: usize| bytes as u64;
    row("message", &[size(limits::MESSAGE)]);
    row("segment;", &[size(limits::SEGMENT), size(limits::FRAGMENT), limits::FRAGMENTS.into()]);
    assert_eq!(limits::EPOCH_OPEN, limits::POLICY);
    row("EpochOpen;", &[size(limits::EPOCH_OPEN)]);
    row("leaf;", &[size(limits::LEAF), size(limits::PROOF), size(limits::DAY_KEYS)]);
    row("mail", &[size(limits::MAIL)]);
    let per_answer = [limits::EPOCHS_PER_ANSWER, limits::CAMERAS_PER_ANSWER, limits::TRACKS_PER_CAMERA];
    row("EpochOpens in", &per_answer.map(size));
    row("name;", &[size(limits::NAME), size(limits::TEXT)]);
    row("from the first", &[quic::limits::HANDSHAKE.as_secs()]);
    row("silence", &[quic::limits::IDLE.as_secs(), quic::limits::KEEP_ALIVE.as_secs()]);
    row("a call", &[quic::limits::REQUEST.as_secs(), quic::limits::CALL.as_secs()]);
    row("between two", &[quic::limits::STALL.as_secs()]);
    row("calls open", &[quic::limits::CALLS.into()]);
    row("segments open", &[quic::limits::SEGMENTS_UP.into(), quic::limits::SEGMENTS_DOWN.into()]);
    let windows =
        [quic::limits::STREAM_WINDOW.into(), quic::limits::RECEIVE_WINDOW.into(), quic::limits::SEND_WINDOW];
    row("unread bytes", &windows);
    row("control messages", &[size(quic::limits::CONTROL_QUEUE)]);
}
