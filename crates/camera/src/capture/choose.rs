//! Which picture and which sound are filmed of what a source has: one choice, for filming, for
//! probing, and for every way in which a source is read.
//!
//! In scope: the choice, and what ffprobe tells. Out of scope: asking it (`ffmpeg`).

use crate::source::SourceError;

/// What is filmed, by its place in what is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) picture: usize,
    pub(crate) sound: Option<usize>,
}

impl Choice {
    /// Of streams in the source's order: what each is ("video", "audio") and its codec, as SDP or
    /// ffprobe name it. The first picture that can be carried, for a source names its best one
    /// first; and the first sound, which becomes AAC if it is none. None without a picture.
    pub(crate) fn of<'a>(offered: impl IntoIterator<Item = (&'a str, &'a str)>) -> Option<Self> {
        let (mut picture, mut sound) = (None, None);
        for (at, (what, codec)) in offered.into_iter().enumerate() {
            let is_carried = ["h264", "h265", "hevc"].iter().any(|known| codec.eq_ignore_ascii_case(known));
            match what {
                "video" if is_carried && picture.is_none() => picture = Some(at),
                // A codec without a name is one that nothing here decodes.
                "audio" if !matches!(codec, "" | "unknown" | "none") && sound.is_none() => sound = Some(at),
                _ => {}
            }
        }
        Some(Self { picture: picture?, sound })
    }
}

/// What ffprobe tells of a source.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct Shown {
    #[serde(default)]
    pub(crate) streams: Vec<Offered>,
    /// Of those that it looked at.
    #[serde(default)]
    pub(crate) packets: Vec<Packet>,
    #[serde(default)]
    format: Format,
}

/// One stream.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct Offered {
    pub(crate) index: u32,
    pub(crate) codec_type: Option<String>,
    pub(crate) codec_name: Option<String>,
    pub(crate) profile: Option<String>,
    pub(crate) width: Option<u32>,
    pub(crate) height: Option<u32>,
    pub(crate) has_b_frames: Option<u32>,
    pub(crate) sample_rate: Option<String>,
    pub(crate) channels: Option<u32>,
    /// Bytes that a decoder is told before the first packet.
    extradata_size: Option<u32>,
}

#[derive(Debug, serde::Deserialize)]
pub(crate) struct Packet {
    pub(crate) stream_index: u32,
    pts_time: Option<String>,
    dts_time: Option<String>,
    flags: Option<String>,
    pub(crate) size: Option<String>,
}

#[derive(Debug, Default, serde::Deserialize)]
struct Format {
    start_time: Option<String>,
}

impl Shown {
    pub(crate) fn parse(json: &str) -> Result<Self, SourceError> {
        serde_json::from_str(json)
            .map_err(|error| SourceError::Unreadable(format!(": ffprobe said what is no answer: {error}")))
    }

    /// The picture and the sound that are filmed.
    pub(crate) fn chosen(&self) -> Result<(&Offered, Option<&Offered>), SourceError> {
        let choice = Choice::of(self.streams.iter().map(|stream| (stream.what(), stream.codec())));
        let choice = choice.ok_or(SourceError::NoPicture)?;
        let picture = self.streams.get(choice.picture).ok_or(SourceError::NoPicture)?;
        Ok((picture, choice.sound.and_then(|at| self.streams.get(at))))
    }

    /// How long before its own zero a source begins, seconds: with pictures that are there to be
    /// decoded, or with what an encoder of sound begins with.
    pub(crate) fn lead_s(&self) -> f64 {
        let start = seconds(self.format.start_time.as_ref()).unwrap_or(0.0);
        let times = self.packets.iter().filter_map(|packet| seconds(packet.dts_time.as_ref()));
        times.fold(0.0, |lead, time| lead.max(start - time))
    }

    /// Whether its first pictures are not shown: an edit list begins behind them.
    pub(crate) fn hides_pictures_of(&self, picture: &Offered) -> bool {
        let mut pictures = self.packets.iter().filter(|packet| packet.stream_index == picture.index);
        pictures.any(|packet| packet.flags.as_ref().is_some_and(|flags| flags.contains('D')))
    }
}

impl Offered {
    pub(crate) fn what(&self) -> &str {
        self.codec_type.as_deref().unwrap_or_default()
    }

    pub(crate) fn codec(&self) -> &str {
        self.codec_name.as_deref().unwrap_or_default()
    }

    /// Whether its sound is carried as it is.
    pub(crate) fn is_aac(&self) -> bool {
        self.codec() == "aac"
    }

    /// Whether each packet says itself how it is decoded, as AAC in MPEG-TS does.
    pub(crate) fn says_nothing_before(&self) -> bool {
        self.extradata_size.is_none_or(|size| size == 0)
    }
}

impl Packet {
    pub(crate) fn shown_at_s(&self) -> Option<f64> {
        seconds(self.pts_time.as_ref())
    }

    pub(crate) fn is_key(&self) -> bool {
        self.flags.as_ref().is_some_and(|flags| flags.starts_with('K'))
    }
}

fn seconds(text: Option<&String>) -> Option<f64> {
    text?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_picture_that_is_carried_and_the_first_sound_are_chosen() {
        let some = |picture, sound| Some(Choice { picture, sound });
        for (offered, chosen) in [
            (&[("video", "h264"), ("audio", "aac")][..], some(0, Some(1))),
            (&[("audio", "pcm_alaw"), ("audio", "aac"), ("video", "hevc")], some(2, Some(0))),
            (&[("video", "mjpeg"), ("video", "h264")], some(1, None)),
            (&[("video", "h264"), ("video", "hevc"), ("video", "h264")], some(0, None)),
            (
                &[("application", "vnd.onvif.metadata"), ("video", "H265"), ("audio", "PCMU")],
                some(1, Some(2)),
            ),
            (&[("audio", ""), ("video", "h264"), ("audio", "ac3")], some(1, Some(2))),
            (&[("video", "mjpeg"), ("audio", "aac")], None),
            (&[("audio", "h264")], None),
            (&[], None),
        ] {
            assert_eq!(Choice::of(offered.iter().copied()), chosen, "{offered:?}");
        }
    }
}
