use super::*;

use std::path::Path;

fn clips(to: &str) -> Clips {
    Clips::new(to.into()).unwrap()
}

#[test]
fn each_run_has_a_file_of_its_own_name() {
    let named = |to: &str, number| Target::from(to).numbered(number).path().to_owned();
    assert_eq!(named("/tmp/a.b/clip.mp4", 1), Path::new("/tmp/a.b/clip.mp4"));
    assert_eq!(named("/tmp/a.b/clip.mp4", 2), Path::new("/tmp/a.b/clip-2.mp4"));
    assert_eq!(named("clip", 3), Path::new("clip-3"));
    let no_name = Clips::new("/".into()).err();
    assert!(matches!(no_name, Some(ExportError::Target(TargetError::NoName { .. }))), "{no_name:?}");
}

#[test]
fn nothing_recorded_is_no_file_and_gaps_alone_are_none_either() {
    let gap = Event::Gap { from_us: 1, to_us: 2, reason: "r".to_owned() };
    let clips = clips("clip.mp4").take(vec![Output::Event(gap)]).unwrap();
    assert!(matches!(clips.finish(), Err(ExportError::Nothing)));
}

#[test]
fn what_is_no_mp4_leaves_no_file_behind() {
    let dir = tempfile::tempdir().unwrap();
    let clips = Clips::new(dir.path().join("clip.mp4").into()).unwrap();
    let failed = clips.take(vec![Output::Init(b"init".to_vec()), Output::Fragment(b"x".to_vec())]);
    assert!(matches!(failed, Err(ExportError::Container(_))));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}
