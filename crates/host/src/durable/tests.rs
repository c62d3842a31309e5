use super::*;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn an_atomic_write_replaces_and_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("head");
    write_atomic(&path, b"one").unwrap();
    write_atomic(&path, b"two").unwrap();
    assert_eq!(read_limited(&path, 3).unwrap().unwrap(), b"two");
    assert_eq!(names(dir.path()), ["head"]);
}

#[test]
fn an_exclusive_file_is_never_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key");
    create_exclusive(&path, b"one").unwrap();
    assert!(matches!(create_exclusive(&path, b"one"), Err(DurableError::Exists { .. })));
    assert_eq!(std::fs::read(&path).unwrap(), b"one");
    assert_eq!(names(dir.path()), ["key"]);
}

#[test]
fn a_link_accepts_the_same_bytes_and_refuses_others() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tile");
    assert_eq!(link_exclusive(&path, b"bytes").unwrap(), Linked::Created);
    assert_eq!(link_exclusive(&path, b"bytes").unwrap(), Linked::AlreadySame);
    for other in [&b"bytez"[..], b"byte", b"bytes!", b""] {
        assert!(matches!(link_exclusive(&path, other), Err(DurableError::Different { .. })));
    }
    assert_eq!(std::fs::read(&path).unwrap(), b"bytes");
    assert_eq!(names(dir.path()), ["tile"]);
}

#[test]
fn racing_links_agree_on_one_winner() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tile");
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let racers: Vec<_> = (0u8..8)
            .map(|n| {
                scope.spawn({
                    let path = &path;
                    move || link_exclusive(path, &[n])
                })
            })
            .collect();
        racers.into_iter().map(|racer| racer.join().unwrap()).collect()
    });
    assert_eq!(outcomes.iter().filter(|outcome| matches!(outcome, Ok(Linked::Created))).count(), 1);
    assert_eq!(
        outcomes.iter().filter(|outcome| matches!(outcome, Err(DurableError::Different { .. }))).count(),
        7
    );
}

#[test]
fn a_full_disk_is_named() {
    let error = DurableError::at(Path::new("tile"), io::ErrorKind::StorageFull.into());
    assert!(matches!(error, DurableError::DiskFull { .. }));
    assert!(error.to_string().contains("the disk is full"));
    // /dev/full answers every write with ENOSPC: the real error, from the real system call.
    let source = File::options().write(true).open("/dev/full").unwrap().write_all(b"x").unwrap_err();
    assert!(matches!(DurableError::at(Path::new("tile"), source), DurableError::DiskFull { .. }));
}

#[test]
fn a_folder_has_one_holder_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let held = FolderLock::acquire(dir.path()).unwrap();
    assert!(matches!(FolderLock::acquire(dir.path()), Err(DurableError::Locked { .. })));
    drop(held);
    FolderLock::acquire(dir.path()).unwrap();
    let missing = FolderLock::acquire(&dir.path().join("nowhere")).unwrap_err();
    assert!(missing.to_string().contains("init"), "{missing}");
}

#[test]
fn folders_are_made_and_a_file_in_the_way_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let deep = dir.path().join("x001/x002");
    create_dirs(&deep).unwrap();
    create_dirs(&deep).unwrap();
    assert!(deep.is_dir());
    std::fs::write(dir.path().join("file"), b"").unwrap();
    assert!(create_dirs(&dir.path().join("file")).is_err());
}

#[test]
fn a_reader_stops_at_its_limit() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("note");
    assert_eq!(read_limited(&path, 4).unwrap(), None);
    std::fs::write(&path, b"12345").unwrap();
    assert!(matches!(read_limited(&path, 4), Err(DurableError::Io { .. })));
    assert_eq!(read_limited(&path, 5).unwrap().unwrap(), b"12345");
}

#[test]
fn the_mode_is_set_before_the_name_appears() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("secret");
    create_exclusive(&path, b"x").unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(free_bytes(dir.path()).unwrap() > 0);
}
