//! Files as people have them: what is chosen of them, and that what is filmed is the source's,
//! picture for picture and on its own time.

use super::*;
use container::export::Exporter;
use container::{Fragment, Init};

/// Ten pictures a second, each of them different.
const PICTURES: &str = "-f lavfi -i testsrc2=size=160x120:rate=10";
const H264: &str = "-preset ultrafast -g 10 -pix_fmt yuv420p -x265-params log-level=none";

/// A file that ffmpeg makes.
async fn made(path: &Path, args: &str) {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-nostdin", "-v", "error"]).args(args.split_whitespace()).arg(path);
    let made = ffmpeg.output().await.unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

/// What became of a file that is played once.
struct Filmed {
    init: Init,
    fragments: Vec<Fragment>,
    export: PathBuf,
}

async fn filmed(path: &Path) -> Filmed {
    let mut capture = start(&SourceConfig::file(path, false)).await.unwrap();
    let Piece::Init(init) = next(&mut capture).await.unwrap() else { panic!("no init") };
    let mut fragments: Vec<Fragment> = Vec::new();
    let ended = loop {
        match next(&mut capture).await {
            Ok(Piece::Fragment(fragment)) => fragments.push(fragment),
            Ok(Piece::Init(_)) => panic!("a second init"),
            Err(error) => break error,
        }
    };
    assert!(matches!(ended, SourceError::Finished), "{}: {ended}", path.display());
    let mut exporter = Exporter::new(init.bytes()).unwrap();
    let media: Vec<u8> = fragments.iter().flat_map(|found| exporter.add(found.bytes()).unwrap()).collect();
    let export = path.with_extension("export.mp4");
    std::fs::write(&export, [exporter.finish().unwrap(), media].concat()).unwrap();
    Filmed { init: *init, fragments, export }
}

/// A hash of each picture that is shown of a stream.
async fn shown(path: &Path, stream: &str) -> Vec<String> {
    let args = ["-map", stream, "-fps_mode", "passthrough", "-f", "framehash", "-hash", "md5", "-"];
    let mut ffmpeg = Command::new("ffmpeg");
    let out = ffmpeg.args(["-nostdin", "-v", "error", "-i"]).arg(path).args(args).output().await.unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.rsplit(',').next().unwrap().trim().to_owned()).collect()
}

/// Films a file of these arguments: its pictures are those of the source's stream, all of them.
async fn is_filmed(name: &str, args: &str, stream: &str, pictures: usize, codecs: &str) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    made(&path, args).await;
    let Filmed { init, export, .. } = filmed(&path).await;
    assert!(
        init.codecs().starts_with(codecs) && init.codecs().contains(',') == codecs.contains(','),
        "{}",
        init.codecs()
    );
    let (source, film) = tokio::join!(shown(&path, stream), shown(&export, "0:v"));
    assert_eq!((source.len(), film.len()), (pictures, pictures), "{name}");
    assert_eq!(source, film, "{name}");
}

#[tokio::test]
async fn the_first_sound_becomes_aac_though_a_later_one_is_it() {
    let sounds = "-f lavfi -i sine=440 -f lavfi -i sine=880 -map 0 -map 1 -map 2";
    let args =
        format!("{PICTURES} {sounds} -t 2 -c:v libx264 {H264} -c:a:0 pcm_alaw -ar:a:0 8000 -c:a:1 aac");
    is_filmed("two-sounds.mkv", &args, "0:v", 20, "avc1.42C00A,mp4a.40.2").await;
    for (codec, name) in [("mp2", "a.ts"), ("ac3", "b.mkv"), ("libopus", "c.mkv"), ("pcm_s16le", "d.mkv")] {
        let args = format!("{PICTURES} -f lavfi -i sine=440 -t 1 -c:v libx264 {H264} -c:a {codec}");
        is_filmed(name, &args, "0:v", 10, "avc1.42C00A,mp4a.40.2").await;
    }
}

#[tokio::test]
async fn the_first_picture_that_can_be_carried_is_filmed_and_not_the_first() {
    let two = format!("{PICTURES} -f lavfi -i testsrc=size=128x96:rate=10 -map 0 -map 1 -t 2 {H264}");
    let [first, second] = [("mjpeg", "libx264"), ("libx264", "libx265")]
        .map(|(first, second)| format!("{two} -c:v:0 {first} -c:v:1 {second}"));
    tokio::join!(
        is_filmed("mjpeg.mkv", &first, "0:1", 20, "avc1."),
        is_filmed("h265.mkv", &second, "0:0", 20, "avc1."),
    );
}

#[tokio::test]
async fn aac_in_a_transport_stream_is_one_run_and_decodes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("aac.ts");
    let args = format!("{PICTURES} -f lavfi -i sine=440 -t 3 -c:v libx264 {H264} -c:a aac");
    made(&path, &args).await;
    let Filmed { init, export, .. } = filmed(&path).await;
    assert!(init.codecs().ends_with(",mp4a.40.2"), "{}", init.codecs());
    assert_eq!(shown(&export, "0:v").await, shown(&path, "0:v").await);
    let (sound, source) = tokio::join!(shown(&export, "0:a"), shown(&path, "0:a"));
    assert!(source.len() > 100 && source.ends_with(&sound[2..]), "{} of {}", sound.len(), source.len());
}

#[tokio::test]
async fn an_edit_list_that_begins_within_hides_what_stands_before() {
    let dir = tempfile::tempdir().unwrap();
    let whole = dir.path().join("whole.mp4");
    made(&whole, &format!("{PICTURES} -t 4 -c:v libx264 -g 20 -pix_fmt yuv420p")).await;
    let args = format!("-ss 1.3 -i {} -c copy", whole.display());
    is_filmed("cut.mp4", &args, "0:v", 27, "avc1.").await;
}

#[tokio::test]
async fn sound_that_begins_before_the_picture_stays_before_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("late.mp4");
    let late = format!("-itsoffset 1.5 {PICTURES}:duration=1 -f lavfi -i sine=440:duration=3");
    made(&path, &format!("{late} -fps_mode passthrough -c:v libx264 {H264} -c:a aac")).await;
    let film = filmed(&path).await;
    assert_eq!(film.fragments[0].duration_us, 0, "it begins with sound alone");
    let picture = film.fragments.iter().find(|found| found.duration_us > 0).unwrap();
    let late_us = picture.decode_us - film.fragments[0].decode_us;
    assert!((late_us - 1_500_000).abs() < 50_000, "{late_us}");
}

/// A camera that says another tick rate in every second group of pictures: one run, and every
/// picture decodes to the source's.
async fn is_one_run(codec: &str, metadata: &str, name: &str) {
    let dir = tempfile::tempdir().unwrap();
    let parts = [("testsrc2", ""), ("testsrc", ":tick_rate=48:video_full_range_flag=0")];
    let mut groups = Vec::new();
    for (pictures, more) in parts {
        let part = dir.path().join(format!("{pictures}.{name}"));
        let made_of = format!("-f lavfi -i {pictures}=size=160x120:rate=10 -t 1 -c:v {codec} {H264}");
        made(&part, &format!("{made_of} -tune zerolatency -bsf:v {metadata}=aud=insert{more} -f {name}"))
            .await;
        groups.push(std::fs::read(part).unwrap());
    }
    assert_ne!(groups[0][..60], groups[1][..60]);
    let toggling = dir.path().join(format!("toggling.{name}"));
    std::fs::write(&toggling, [&groups[..], &groups].concat().concat()).unwrap();
    let Filmed { export, .. } = filmed(&toggling).await;
    let (film, source) = tokio::join!(shown(&export, "0:v"), shown(&toggling, "0:v"));
    assert_eq!((film.len(), source.len()), (40, 40), "{codec}");
    assert_eq!(film, source, "{codec}");
}

#[tokio::test]
async fn parameters_that_say_the_same_picture_in_other_bytes_are_the_same_run() {
    tokio::join!(
        is_one_run("libx264", "h264_metadata", "h264"),
        is_one_run("libx265", "hevc_metadata", "hevc"),
    );
}

#[tokio::test]
async fn where_sound_is_off_no_byte_of_it_is_filmed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sounding.mp4");
    made(&path, &format!("{PICTURES} -f lavfi -i sine=440 -t 2 -c:v libx264 {H264} -c:a aac")).await;
    // As a file, and as it comes on standard input, where nobody can be told to leave it out.
    let fragmented = dir.path().join("fragmented.mp4");
    let flags = "empty_moov+default_base_moof+frag_keyframe";
    made(&fragmented, &format!("-i {} -c copy -movflags {flags}", path.display())).await;
    let clocks = Clocks::new(host::clock::Clock::system());
    let file = Capture::start(&SourceConfig::file(&path, false), SoundMode::Off, &clocks).await.unwrap();
    let piped = Piped::reading(std::io::Cursor::new(std::fs::read(&fragmented).unwrap()));
    let input = Capture::Piped(Box::new(Piped { sound: SoundMode::Off, ..piped }));
    let source = shown(&path, "0:v").await;
    for mut capture in [file, input] {
        let Piece::Init(init) = next(&mut capture).await.unwrap() else { panic!("no init") };
        assert_eq!((init.tracks().len(), init.codecs()), (1, "avc1.42C00A"));
        let mut exporter = Exporter::new(init.bytes()).unwrap();
        let (mut media, mut bytes) = (Vec::new(), 0);
        while let Ok(Piece::Fragment(fragment)) = next(&mut capture).await {
            bytes += fragment.bytes().len();
            media.extend(exporter.add(fragment.bytes()).unwrap());
        }
        // Beside the pictures there are the heads of fragments, and nothing else.
        assert!(bytes < media.len() + 20 * 200, "{bytes} for {}", media.len());
        let export = dir.path().join("silent.mp4");
        std::fs::write(&export, [exporter.finish().unwrap(), media].concat()).unwrap();
        assert_eq!(shown(&export, "0:v").await, source);
    }
}
