//! `candor owner cameras`.

use super::super::{Outcome, Terminal};
use crate::words::{or_dash, show_here_us, table};
use media::id::TrackId;
use media::time::Micros;
use owner::Owner;
use owner::holders::Holders;
use owner::status::{CameraState, Condition, Status, StoredTrack};

pub(super) async fn cameras(terminal: &Terminal, owner: &Owner) -> Outcome {
    let status = owner::status::status(owner).await?;
    let now = Micros(host::clock::now_us());
    terminal.done(&serde_json::json!({ "cameras": status }), |_| text(&status, now))
}

const HEADING: [&str; 11] = [
    "name", "camera", "policy", "state", "segments", "stored", "newest", "rate", "waiting", "clock", "shares",
];

/// A line for each camera and its main picture, and one below for each further picture; behind them
/// what is wrong, camera by camera.
fn text(cameras: &[Status], now: Micros) -> String {
    if cameras.is_empty() {
        return "no camera is paired: candor owner invite".to_owned();
    }
    let mut rows = vec![HEADING.map(str::to_owned).to_vec()];
    for camera in cameras {
        let [segments, stored, newest] = held(camera.track(TrackId::MAIN));
        rows.push(vec![
            camera.name.clone(),
            camera.camera_id.chars().take(12).collect(),
            format!("v{}", camera.policy_version),
            state(camera),
            segments,
            stored,
            newest,
            or_dash(camera.bits_per_second.map(rate)),
            or_dash(camera.waiting.map(|waiting| waiting.to_string())),
            format!("{:+.1} s", camera.clock_offset_ms as f64 / 1000.0),
            or_dash(camera.holders.as_ref().map(|of| shares(of, now))),
        ]);
        for track in camera.tracks.iter().filter(|track| track.track != TrackId::MAIN.0) {
            let name = match TrackId(track.track) {
                TrackId::SUB => "  sub".to_owned(),
                TrackId(other) => format!("  track {other}"),
            };
            let [segments, stored, newest] = held(Some(track));
            let none = String::new;
            rows.push(vec![name, none(), none(), none(), segments, stored, newest]);
        }
    }
    let wrong = cameras.iter().filter(|camera| !camera.retired).flat_map(wrong);
    std::iter::once(table(&rows)).chain(wrong).collect::<Vec<_>>().join("\n")
}

/// A line for each thing that is wrong with a camera, and for what its configuration chose.
fn wrong(camera: &Status) -> impl Iterator<Item = String> {
    let Condition { state, text, troubles, notes, .. } = &camera.condition;
    let is_said = match state {
        CameraState::Filming | CameraState::NothingMoves | CameraState::Resting => None,
        CameraState::NoPicture | CameraState::NotStored | CameraState::Silent | CameraState::Offline => {
            Some(text)
        }
    };
    let all = is_said.into_iter().chain(troubles.iter().map(|trouble| &trouble.text)).chain(notes);
    all.map(|text| format!("{}: {text}", camera.name))
}

/// How many segments, their bytes, and when the newest one began.
fn held(track: Option<&StoredTrack>) -> [String; 3] {
    match track {
        None => ["0", "-", "-"].map(str::to_owned),
        Some(track) => [track.segments.to_string(), size(track.bytes), show_here_us(track.newest_us)],
    }
}

/// How many trustees hold a share of what is filmed, how many must, and how far that is known.
fn shares(of: &Holders, now: Micros) -> String {
    let Holders { trustees, needed, holding, unread, .. } = of;
    let most = if *unread > 0 { format!(" to {}", holding + unread) } else { String::new() };
    let needed =
        if of.is_red() { format!(": TOO FEW, {needed} NEEDED") } else { format!(", {needed} needed") };
    let last = if of.is_over(now) { ", when it filmed last" } else { "" };
    let log = if of.is_fresh(now) { "" } else { "; run `candor owner audit`" };
    format!("{holding}{most} of {trustees}{needed}{last}{log}")
}

/// Bytes as people read them.
fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} kB", bytes / 1000),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

/// Bits per second as people read them.
fn rate(bits: u64) -> String {
    match bits {
        0..1_000_000 => format!("{} kbit/s", bits / 1000),
        _ => format!("{:.1} Mbit/s", bits as f64 / 1e6),
    }
}

fn state(camera: &Status) -> String {
    let state = &camera.condition.word;
    match &camera.to_do {
        Some(to_do) => return to_do.clone(),
        None if camera.retired => return "retired".to_owned(),
        None => {}
    }
    match (camera.conflicts, camera.replaced) {
        (0, 0) => state.clone(),
        (0, times) => format!("{state}, replaced {times} times: a copied key?"),
        _ => format!("{state}, two cameras with its key, or a backup: rekey it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use owner::status::Complaint;

    #[test]
    fn a_second_picture_has_a_line_of_its_own_below_its_camera() {
        let track =
            |track, segments, bytes| StoredTrack { track, segments, bytes, newest_us: 1_795_700_000_000_000 };
        let camera = |name: &str, tracks: Vec<StoredTrack>| Status {
            name: name.to_owned(),
            camera_id: "9f86d081884c7d659a2f".to_owned(),
            policy_version: 2,
            paired_at: 0,
            retired: false,
            to_do: None,
            condition: Condition {
                state: CameraState::Filming,
                word: "filming".to_owned(),
                ..Condition::default()
            },
            settings: None,
            online: true,
            segments: 99,
            bytes: 99,
            newest_us: 99,
            clock_offset_ms: -40,
            clock_is_off: false,
            replaced: 0,
            conflicts: 0,
            bits_per_second: Some(1_500_000),
            waiting: None,
            second: false,
            tracks,
            holders: None,
        };
        let door =
            camera("door", vec![track(0, 12, 3_400_000), track(1, 7, 90_400), track(3, 1, 2_000_000_000)]);
        let holding = |holding| Holders {
            camera: String::new(),
            epoch: 1,
            until_us: 2_000_000_000_000_001,
            trustees: 5,
            needed: 3,
            holding,
            unread: 0,
            read_at: 2_000_000_000,
            without: Vec::new(),
        };
        let dark = Condition {
            state: CameraState::NoPicture,
            word: "no picture".to_owned(),
            text: "no picture for 2 min: no route".to_owned(),
            troubles: vec![Complaint { kind: "sound", text: "no sound".to_owned() }],
            ..Condition::default()
        };
        let yard = Status { condition: dark, holders: Some(holding(2)), ..camera("yard", Vec::new()) };
        let now = Micros(2_000_000_000_000_000);
        let told = text(&[Status { holders: Some(holding(4)), ..door }, yard], now);
        let unsure = Holders { unread: 2, until_us: 1, read_at: 1, ..holding(2) };
        assert_eq!(
            shares(&unsure, now),
            "2 to 4 of 5, 3 needed, when it filmed last; run `candor owner audit`"
        );
        let lines: Vec<Vec<&str>> = told.lines().map(|line| line.split_whitespace().collect()).collect();
        let moment = show_here_us(1_795_700_000_000_000);
        let moment: Vec<&str> = moment.split_whitespace().collect();
        let expected = [
            HEADING.to_vec(),
            [
                &["door", "9f86d081884c", "v2", "filming", "12", "3.4", "MB"],
                &moment[..],
                &["1.5", "Mbit/s", "-", "-0.0", "s", "4", "of", "5,", "3", "needed"],
            ]
            .concat(),
            [&["sub", "7", "90", "kB"], &moment[..]].concat(),
            [&["track", "3", "1", "2.0", "GB"], &moment[..]].concat(),
            [
                &["yard", "9f86d081884c", "v2", "no", "picture", "0", "-", "-", "1.5", "Mbit/s", "-", "-0.0"],
                &["s", "2", "of", "5:", "TOO", "FEW,", "3", "NEEDED"][..],
            ]
            .concat(),
            ["yard:", "no", "picture", "for", "2", "min:", "no", "route"].to_vec(),
            ["yard:", "no", "sound"].to_vec(),
        ];
        assert_eq!(lines, expected, "{told}");
    }
}
