//! How a camera is: by its own word, which it signs and dates, beside the relay's, whether it is
//! connected and what it stored. Contract: `proto/session.md#health`.
//!
//! What cannot be shown is said to be not shown: a relay can keep a word back, and cannot make one
//! or date one anew. So a camera is never well because nothing was heard. In scope:
//! the sentence for people, which command line, page and alarm say alike. Out of scope: their looks.

use super::{CLOCK_TOLERANCE_MS, Status};
use crate::book::{BookError, StoredCamera, notice};
use crate::state::Owner;
use escrow::record::is_visible;
use host::blocking;
use media::health::Health;
use media::id::TrackId;
use media::time::Micros;
use seal::health::{Picture, PictureState, Said, Trouble, TroubleKind};
use serde::Serialize;
use std::path::Path;
use std::time::Duration;

/// A word is of now for so long: a camera says it again every 30 s, and two of them may be late.
const FRESH: Duration = Duration::from_secs(120);
/// Its clock may be ahead of this device's by so much. A word that was signed for a time to come can be
/// kept until then.
const AHEAD: Duration = Duration::from_millis(CLOCK_TOLERANCE_MS);
/// More segments than this are never under way.
const WAITING: u32 = 60;
/// What is filmed is stored within this.
const STORED: Duration = Duration::from_secs(60);

/// How a camera is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Condition {
    pub state: CameraState,
    /// Since when, Unix seconds, by the clock of whoever says it; 0 where nobody does.
    pub since: u64,
    /// The state in a few words.
    pub word: String,
    /// The same in a sentence, with the reason.
    pub text: String,
    /// What else it says is wrong, the worst first.
    pub troubles: Vec<Complaint>,
    /// What its configuration chose, by its own word: nothing is wrong.
    pub notes: Vec<String>,
}

/// In one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CameraState {
    /// It films, and the relay says that it stores it.
    Filming,
    /// It films events only, and nothing moves.
    NothingMoves,
    /// It does not film by its owner's rule.
    Resting,
    /// It should film, and has no picture.
    NoPicture,
    /// It films, and nothing of it is stored.
    NotStored,
    /// It is connected by the relay's word, and has said nothing of late.
    #[default]
    Silent,
    /// It is not connected, by the relay's word.
    Offline,
}

/// What a camera says is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Complaint {
    pub kind: &'static str,
    pub text: String,
}

/// What a camera said last, verified.
#[derive(Debug, Clone)]
pub(super) struct Word {
    at_us: Micros,
    no_picture_since_us: Option<Micros>,
    /// None where this device cannot open it.
    said: Option<Said>,
}

impl Word {
    /// Numbers only grow: what it followed once it follows, or something later.
    pub(super) fn settings(&self) -> Option<u64> {
        self.said.as_ref().map(|said| said.settings)
    }
}

/// What was heard of a camera from one question to the next.
#[derive(Debug, Default)]
pub(super) struct Heard {
    signed: Vec<u8>,
    word: Option<Word>,
}

impl Heard {
    pub(super) fn word(&self) -> Option<&Word> {
        self.word.as_ref()
    }

    /// Takes what the relay passes on, if the camera signed it and it is news.
    pub(super) async fn take(&mut self, owner: &Owner, camera: &StoredCamera, signed: Option<&Vec<u8>>) {
        let Some(signed) = signed.filter(|signed| !signed.is_empty() && **signed != self.signed) else {
            return;
        };
        self.signed.clone_from(signed);
        let (folder, of, bytes) = (owner.folder().to_owned(), camera.clone(), signed.clone());
        match blocking::run(move || read(&folder, &of, &bytes)).await {
            Ok(Some(word)) => self.replace(word, owner.now_us()),
            Ok(None) => {
                tracing::warn!(camera = %camera.camera_id, "the relay passes on what the camera did not sign")
            }
            Err(error) => {
                tracing::warn!(%error, camera = %camera.camera_id, "the camera's notice root is not read")
            }
        }
    }

    // SPEC: session.md#health: an older word MUST NOT take the place of one that is of now. A camera
    // whose clock was set back is heard again when that one is old.
    fn replace(&mut self, word: Word, now_us: Micros) {
        let holds = |held: &Word| held.at_us > word.at_us && is_fresh(held.at_us, now_us);
        if !self.word.as_ref().is_some_and(holds) {
            self.word = Some(word);
        }
    }
}

/// `None` for what is no word of this camera's.
fn read(folder: &Path, camera: &StoredCamera, signed: &[u8]) -> Result<Option<Word>, BookError> {
    // SPEC: session.md#health: what the camera did not sign MUST NOT be believed.
    let health = camera.camera_key().ok().and_then(|key| Health::decode_verified(signed, &key).ok());
    let Some(health) = health else { return Ok(None) };
    let root = notice::root_of(folder, camera, health.day)?;
    let said = root.and_then(|root| root.health_key(&camera.camera_id, health.day).open(&health.sealed));
    let Health { at_us, no_picture_since_us, .. } = health;
    Ok(Some(Word { at_us, no_picture_since_us, said }))
}

fn is_fresh(at_us: Micros, now_us: Micros) -> bool {
    now_us.since(at_us) <= FRESH && at_us.since(now_us) <= AHEAD
}

/// How it is now.
pub(super) fn of(status: &Status, word: Option<&Word>, now_us: Micros) -> Condition {
    let told = |state, since_us: Micros, word: String, text: String| Condition {
        state,
        since: since_us.seconds().0,
        word,
        text,
        troubles: Vec::new(),
        notes: Vec::new(),
    };
    let newest_us =
        Micros(status.tracks.iter().map(|track| track.newest_us).fold(status.newest_us, u64::max));
    if !status.online {
        let stored = match newest_us {
            Micros(0) => "nothing of it is stored yet".to_owned(),
            newest_us => format!("its newest picture is {} old", lasting(now_us.since(newest_us))),
        };
        let text = format!("not connected, says the relay; {stored}");
        return told(CameraState::Offline, newest_us, "offline".to_owned(), text);
    }
    let silent = |since_us, word: String, text: String| told(CameraState::Silent, since_us, word, text);
    let Some(word) = word else {
        let text = "connected, says the relay; of the camera itself nothing was heard yet";
        return silent(Micros(0), "connected, says nothing".to_owned(), text.to_owned());
    };
    if !is_fresh(word.at_us, now_us) {
        let (ahead, old) = (lasting(word.at_us.since(now_us)), lasting(now_us.since(word.at_us)));
        let (short, what) = if word.at_us > now_us {
            let what =
                format!("what it said last is dated {ahead} ahead: its clock is wrong, or this device's");
            (format!("dated {ahead} ahead"), what)
        } else {
            let what = format!("what it said last is {old} old, if its clock and this device's are right");
            (format!("silent for {old}"), what)
        };
        // Whether it was well then says nothing of now; that it was not may help.
        let said = word.said.as_ref();
        let no_picture = said.and_then(reason).map(|why| format!("; it said: no picture, {why}"));
        let clock = said.and_then(|said| said.troubles.iter().find(|it| it.kind == TroubleKind::Clock));
        let clock = clock.map(|trouble| format!("; it said: {}", shown(&trouble.text)));
        let then = [no_picture, clock].map(Option::unwrap_or_default).concat();
        return silent(word.at_us, short, format!("connected, says the relay; {what}{then}"));
    }
    let main = word.said.as_ref().and_then(main);
    match (main, word.no_picture_since_us) {
        (Some((said, picture)), _) => {
            // All by its own clock: how far that is from this device's does not matter.
            let main_us = Micros(status.track(TrackId::MAIN).map_or(0, |main| main.newest_us));
            let unstored = word.at_us.since(main_us.max(picture.since_us));
            by_its_word(said, picture, unstored, word.at_us)
        }
        (None, Some(since_us)) => {
            let what = format!("no picture for {}", lasting(word.at_us.since(since_us)));
            let text = format!("{what}; why does not open on this device");
            told(CameraState::NoPicture, since_us, what, text)
        }
        (None, None) => {
            let text = "connected; what it says of itself does not open on this device";
            silent(word.at_us, "connected, unread".to_owned(), text.to_owned())
        }
    }
}

fn by_its_word(said: &Said, picture: &Picture, unstored: Duration, at_us: Micros) -> Condition {
    let since_us = picture.since_us;
    let so_long = lasting(at_us.since(since_us));
    let (state, word, text) = match picture.state {
        PictureState::Missing => {
            let word = format!("no picture for {so_long}");
            let text = reason(said).map_or_else(|| word.clone(), |why| format!("{word}: {why}"));
            (CameraState::NoPicture, word, text)
        }
        PictureState::Filmed if unstored > STORED => {
            let word = format!("nothing stored for {}", lasting(unstored));
            let text = format!("it films, and the relay has {word}");
            (CameraState::NotStored, word, text)
        }
        PictureState::Filmed => {
            (CameraState::Filming, "filming".to_owned(), "it films, as it says".to_owned())
        }
        PictureState::NothingMoves => {
            let text = format!("it watches; nothing has moved for {so_long}");
            (CameraState::NothingMoves, "nothing moves".to_owned(), text)
        }
        PictureState::Private => {
            let text = format!("its privacy switch has been on for {so_long}");
            (CameraState::Resting, "privacy on".to_owned(), text)
        }
        PictureState::OutsideHours => {
            let text = format!("outside its hours for {so_long}");
            (CameraState::Resting, "outside its hours".to_owned(), text)
        }
    };
    // What the sentence says already is no further trouble.
    let is_told = |trouble: &&Trouble| trouble.kind == TroubleKind::Picture && trouble.track == TrackId::MAIN;
    let (chosen, wrong): (Vec<_>, Vec<_>) = said
        .troubles
        .iter()
        .filter(|trouble| !is_told(trouble))
        .partition(|it| it.kind == TroubleKind::Chosen);
    let notes = chosen.into_iter().map(|note| complaint(note).text).collect();
    let mut troubles: Vec<_> = wrong.into_iter().map(complaint).collect();
    if picture.state == PictureState::Filmed && said.waiting > WAITING {
        let text = format!("{} segments wait at the camera for the relay", said.waiting);
        troubles.push(Complaint { kind: "relay", text });
    }
    Condition { state, since: since_us.seconds().0, word, text, troubles, notes }
}

/// The main picture, and all that was said with it.
fn main(said: &Said) -> Option<(&Said, &Picture)> {
    said.pictures.iter().find(|picture| picture.track == TrackId::MAIN).map(|picture| (said, picture))
}

/// Why the main picture is missing, if it is: what is wrong, without what to do.
fn reason(said: &Said) -> Option<String> {
    main(said).filter(|(_, picture)| picture.state == PictureState::Missing)?;
    let is_why = |trouble: &&Trouble| trouble.kind == TroubleKind::Picture && trouble.track == TrackId::MAIN;
    let text = shown(&said.troubles.iter().find(is_why)?.text);
    Some(text.split("; ").next().unwrap_or_default().to_owned())
}

fn complaint(trouble: &Trouble) -> Complaint {
    let kind = match trouble.kind {
        TroubleKind::Picture => "picture",
        TroubleKind::Sound => "sound",
        TroubleKind::CameraClock => "camera-clock",
        TroubleKind::Clock => "clock",
        TroubleKind::Relay => "relay",
        TroubleKind::Identity => "identity",
        TroubleKind::Policy => "policy",
        TroubleKind::Trustees => "trustees",
        TroubleKind::Spool => "spool",
        TroubleKind::Chosen => "chosen",
        TroubleKind::Settings => "settings",
        TroubleKind::Sensor => "sensor",
    };
    let which = if trouble.track == TrackId::MAIN { "" } else { "second picture: " };
    Complaint { kind, text: format!("{which}{}", shown(&trouble.text)) }
}

/// Words of a source may stand in it: no character hides what it says.
fn shown(text: &str) -> String {
    text.chars().filter(|c| is_visible(c.encode_utf8(&mut [0; 4]))).collect()
}

/// A length of time as people say it.
fn lasting(length: Duration) -> String {
    match length.as_secs() {
        secs @ 0..120 => format!("{secs} s"),
        secs @ 120..7_200 => format!("{} min", secs / 60),
        secs @ 7_200..172_800 => format!("{} h", secs / 3600),
        secs => format!("{} days", secs / 86_400),
    }
}

#[cfg(test)]
mod tests;
