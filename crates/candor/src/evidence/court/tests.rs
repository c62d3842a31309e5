use super::*;
use crate::evidence::statements::tests::bare;
use std::path::PathBuf;

const LEAD: &str = "evidence";

fn film(folder: &Path) -> Film {
    let mut file = Unfinished::create(&folder.join("film")).unwrap();
    file.write(b"moof mdat, twice").unwrap();
    Film { run: 1, file }
}

/// A court file with this for evidence: that it is none is its verifier's to say.
fn made(folder: &Path, page: &[u8]) -> (PathBuf, Vec<u8>) {
    let path = folder.join("court.zip");
    let mut films = [film(folder), film(folder)];
    let (made, _) = make(&mut &b"head, segments"[..], &mut films, page, &path).unwrap();
    made.rename(&path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    (path, bytes)
}

fn own_page() -> Vec<u8> {
    page::page(&bare(), 2).into_bytes()
}

fn compared(folder: &Path, path: &Path) -> anyhow::Result<Around> {
    compare(path, &bare(), &mut [film(folder), film(folder)], &folder.join("again"))
}

#[test]
fn no_byte_around_the_evidence_can_be_altered_added_or_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let (path, bytes) = made(dir.path(), &own_page());
    assert_eq!(compared(dir.path(), &path).unwrap(), Around::Same);
    let evidence_ends = (LOCAL_HEADER as usize) + LEAD.len() + b"head, segments".len();
    let mut named = std::collections::BTreeSet::new();
    let steps = (0..bytes.len()).filter(|at| *at < 400 || at % 97 == 0 || at + 400 > bytes.len());
    for at in steps {
        let mut altered = bytes.clone();
        altered[at] ^= 1;
        std::fs::write(&path, &altered).unwrap();
        match compared(dir.path(), &path) {
            // Its evidence is given back altered; the verifier of evidence is who looks at that.
            Ok(Around::Same) => assert!(at < evidence_ends, "byte {at} is free"),
            Ok(Around::OtherPage) => panic!("byte {at}: a page alone does not fit its directory"),
            Ok(Around::Other(member)) => drop(named.insert(member)),
            Err(_) => assert!(at < evidence_ends, "byte {at}: what stands behind is compared, not parsed"),
        }
    }
    let names = ["evidence", "film.mp4", "film-2.mp4", "README.html", "the zip"].map(str::to_owned);
    assert_eq!(named, names.into());
    let longer = [&bytes[..], b"x"].concat();
    for other in [&bytes[..bytes.len() - 1], &longer] {
        std::fs::write(&path, other).unwrap();
        assert_eq!(compared(dir.path(), &path).unwrap(), Around::Other("the zip".to_owned()));
    }
}

#[test]
fn a_page_in_other_words_is_told_from_a_file_that_was_altered() {
    let dir = tempfile::tempdir().unwrap();
    for page in [&b"other words"[..], b"", &own_page()[1..]] {
        let (path, bytes) = made(dir.path(), page);
        assert_eq!(compared(dir.path(), &path).unwrap(), Around::OtherPage);
        // With a page of other words nothing else may be another: not a film, not what lies behind.
        for at in [10, 135, bytes.len() - 1] {
            let mut altered = bytes.clone();
            altered[at] ^= 1;
            std::fs::write(&path, &altered).unwrap();
            assert!(matches!(compared(dir.path(), &path), Ok(Around::Other(_))), "byte {at}");
        }
        std::fs::write(&path, [&bytes[..], &bytes].concat()).unwrap();
        assert_eq!(compared(dir.path(), &path).unwrap(), Around::Other("README.html".to_owned()));
    }
    // A film more, before the page.
    let (path, _) = made(dir.path(), &own_page());
    let mut films = [film(dir.path()), film(dir.path()), film(dir.path())];
    let (more, _) = make(&mut &b"head, segments"[..], &mut films, &own_page(), &path).unwrap();
    more.rename(&path).unwrap();
    assert_eq!(compared(dir.path(), &path).unwrap(), Around::Other("README.html".to_owned()));
}

#[test]
fn another_zip_is_told_from_a_court_file() {
    let dir = tempfile::tempdir().unwrap();
    let (path, bytes) = made(dir.path(), &own_page());
    // Its first member under another name, cut before it, and what is no zip at all.
    let mut renamed = bytes.clone();
    renamed[30..38].copy_from_slice(b"evidenze");
    for (other, said) in
        [(&renamed[..], "no court file"), (&bytes[..20], "cannot be read"), (b"PK\x03", "cannot be read")]
    {
        std::fs::write(&path, other).unwrap();
        let error = compared(dir.path(), &path).unwrap_err();
        assert!(format!("{error:#}").contains(said), "{error:#}");
    }
    std::fs::write(&path, b"PK\x03").unwrap();
    assert!(!is_one(&mut File::open(&path).unwrap()).unwrap());
}

#[test]
fn the_zip_is_that_of_the_vectors() {
    #[derive(serde::Deserialize)]
    struct Vector {
        members: Vec<(String, String)>,
        zip: String,
    }
    let text = include_str!("../../../../../proto/vectors/court-file.json");
    let vectors: Vec<Vector> = serde_json::from_str(text).unwrap();
    assert!(vectors.len() >= 2);
    for vector in vectors {
        let mut zip = std::io::Cursor::new(Vec::new());
        let mut pack = Pack::new(&mut zip);
        for (name, bytes) in &vector.members {
            pack.add(name.clone(), &mut &hex::decode(bytes).unwrap()[..]).unwrap();
        }
        pack.finish().unwrap();
        assert_eq!(hex::encode(zip.into_inner()), vector.zip);
    }
}
