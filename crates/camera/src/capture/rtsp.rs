//! A camera over RTSP (TCP, UDP, or TLS through a tunnel), read by `retina`: one connection a try,
//! nothing probed before.
//!
//! ```text
//! DESCRIBE -> which picture, which sound -> SETUP -> PLAY -> packets -> units, aac -> montage -> Shot     TEARDOWN
//! ```
//! Its packets are taken, not its frames: a packet shows that a camera lives even where no picture
//! comes of it, and pictures come of packets that strict readers refuse. In scope: the session, and
//! who is given up when. Out of scope: packets into pictures (`units`, `aac`), their times (`montage`).

mod aac;
mod look;

use super::choose::Choice;
use super::montage::{Montage, Remark, Shot};
use super::sound;
use super::units::{RtpPacket, Units};
use crate::clock::Clocks;
use crate::config::SoundMode;
use crate::source::{FROZEN, PROBE, SourceError, Stream, Transport, without_passwords};
use aac::AacPackets;
use container::mux::{Parameters, Sound};
use container::sps::Coding;
use container::{BOX_MAX, BoxError};
use futures_core::Stream as _;
use host::tunnel::Tunnel;
use retina::client::{
    Credentials, Described, InitialSequenceNumberPolicy, InitialTimestampPolicy, PacketItem, PlayOptions,
    Playing, Session, SessionGroup, SessionIdPolicy, SessionOptions, SetupOptions, State,
};
use retina::codec::{ParametersRef, VideoParametersCodec};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::timeout;

#[cfg(test)]
pub(crate) use look::SeenPicture;
pub(crate) use look::{Looked, Offer, OfferCarried, look};

/// The most of a picture that is taken; what is larger is left out and named.
const PICTURE_MAX: usize = BOX_MAX - (64 << 10);
/// Without a packet for so many times what usually lies between two pictures a source is frozen,
const FROZEN_PICTURES: i64 = 3;
/// but after this at the latest.
const FROZEN_MOST: Duration = Duration::from_secs(60);
/// So long a camera may take for its goodbye.
const GOODBYE: Duration = Duration::from_secs(2);
/// After a fault, of which some come at each turn.
const FAULT_PAUSE: Duration = Duration::from_millis(5);
/// RFC 7826, 19.2: the port of RTSP over TLS.
const TLS_PORT: u16 = 322;
/// What an error repeats.
const WORDS: usize = 300;

/// A running session. Dropping it says goodbye in the background; [`Rtsp::end`] waits for that.
pub(crate) struct Rtsp {
    session: Session<Playing>,
    group: Arc<SessionGroup>,
    video: usize,
    sound: Option<(usize, Ear)>,
    units: Units,
    montage: Montage,
    clocks: Clocks,
    /// When the picture's stream sent a packet last, or the session began, and the longest that two
    /// pictures were apart.
    packet: i64,
    longest: i64,
    has_packets: bool,
    /// When a picture was made of packets last, or the session began.
    made: i64,
    /// Why nothing more comes, once all that came is given.
    ended: Option<SourceError>,
    /// The pictures that came, if somebody looks.
    seen: Option<Vec<look::SeenPicture>>,
    /// Where it speaks TLS; the last to go.
    tunnel: Option<Tunnel>,
}

/// How sound becomes AAC frames.
enum Ear {
    Passed(AacPackets),
    Made(sound::Sound),
}

/// What sound is to be carried, and how.
enum Carried {
    Passed(Sound),
    Made(sound::Format),
}

/// What a session brings.
enum Brought {
    Packet(Option<Result<PacketItem, retina::Error>>),
    Frame(sound::Frame),
}

impl Rtsp {
    /// Connects.
    pub(super) async fn open(
        stream: &Stream,
        wanted: SoundMode,
        clocks: &Clocks,
    ) -> Result<Self, SourceError> {
        timeout(PROBE, Self::connect(stream, wanted, clocks)).await.map_err(|_| SourceError::Silent)?
    }

    async fn connect(stream: &Stream, wanted: SoundMode, clocks: &Clocks) -> Result<Self, SourceError> {
        let group = Arc::new(SessionGroup::default());
        let (mut session, tunnel) = describe(stream, group.clone()).await?;
        let (Choice { picture: video, sound }, coding) = chosen(&session)?;
        let parameters = Parameters { coding, sets: offered(session.streams().get(video)) };
        let of_sound = |at: usize| Some((at, carried(session.streams().get(at)?)?));
        let mut sound = sound.filter(|_| wanted == SoundMode::On).and_then(of_sound);
        let mut refused = session.streams().iter().find(|found| found.media() == "audio").map(|found| {
            let name = without_passwords(found.encoding_name());
            format!("the camera's sound ({name}) is of a kind that is not read; set it to AAC or G.711")
        });
        if sound.is_some() {
            refused = None;
        }
        let transport = || {
            SetupOptions::default().transport(match stream.transport {
                Transport::Tcp => retina::client::Transport::Tcp(Default::default()),
                Transport::Udp => retina::client::Transport::Udp(Default::default()),
            })
        };
        session.setup(video, transport()).await.map_err(failed)?;
        if let Some((at, _)) = sound
            && let Err(error) = session.setup(at, transport()).await
        {
            refused = Some(format!("the camera refuses its sound{}", words(&error)));
            sound = None;
        }
        let options = PlayOptions::default()
            .initial_timestamp(InitialTimestampPolicy::Ignore)
            .initial_seq(InitialSequenceNumberPolicy::Ignore);
        let session = session.play(options).await.map_err(failed)?;
        let packet = micros(clocks);
        let (format, sound) = match sound {
            None => (None, None),
            Some((at, Carried::Passed(format))) => {
                (Some(format), Some((at, Ear::Passed(AacPackets::default()))))
            }
            Some((at, Carried::Made(format))) => {
                (Some(aac_of(&format)), Some((at, Ear::Made(sound::Sound::start(format)))))
            }
        };
        let mut montage = Montage::new(parameters, format);
        if wanted == SoundMode::On {
            // Also that nothing is wrong any more, of a session before.
            montage.remark(Remark::Sound(refused));
        }
        Ok(Self {
            session,
            group,
            video,
            sound,
            units: Units::new(coding, PICTURE_MAX),
            montage,
            clocks: clocks.clone(),
            packet,
            longest: 0,
            has_packets: false,
            made: packet,
            ended: None,
            seen: None,
            tunnel,
        })
    }

    /// What comes next. Cancel-safe.
    pub(super) async fn next(&mut self) -> Result<Shot, SourceError> {
        loop {
            if let Some(shot) = self.montage.next() {
                return Ok(shot);
            }
            if let Some(error) = self.ended.take() {
                return Err(error);
            }
            let now = micros(&self.clocks);
            let patience = patience(self.longest);
            let frozen_at = self.packet + i64::try_from(patience.as_micros()).unwrap_or(i64::MAX);
            let wakes_at = self.montage.wakes_at().unwrap_or(i64::MAX).min(frozen_at);
            let sleep = Duration::from_micros(u64::try_from(wakes_at - now).unwrap_or(0));
            let brought = timeout(sleep, brought(&mut self.session, &mut self.sound)).await;
            let item = brought.map(|brought| match brought {
                Brought::Packet(item) => Some(item),
                Brought::Frame(sound::Frame { bytes, at_us }) => {
                    self.montage.sound(bytes, at_us);
                    None
                }
            });
            let item = match item {
                Ok(None) => continue,
                Ok(Some(item)) => Ok(item),
                Err(late) => Err(late),
            };
            match item {
                Ok(Some(Ok(item))) => {
                    self.take(item)?;
                    if is_without_pictures(self.packet, self.made) {
                        let why = ": packets come, and no picture is in them".to_owned();
                        self.finish(SourceError::Broken(why))?;
                    }
                }
                // Packets that are none, of sound that began anew, say, and keep-alives that are not
                // answered end no session in which the picture goes on.
                Ok(Some(Err(error))) if now < frozen_at => {
                    tracing::debug!(%error, "a packet of the camera is left out");
                    self.montage.tick(now)?;
                    tokio::time::sleep(FAULT_PAUSE).await;
                }
                Ok(Some(Err(error))) => self.finish(SourceError::Broken(words(&error)))?,
                Ok(None) => self.finish(SourceError::Closed)?,
                Err(_) if micros(&self.clocks) < frozen_at => self.montage.tick(micros(&self.clocks))?,
                Err(_) if !self.has_packets => self.finish(SourceError::Silent)?,
                Err(_) => self.finish(SourceError::Frozen(patience))?,
            }
        }
    }

    /// Says goodbye: a camera serves only few.
    pub(super) async fn end(self) {
        let Self { session, group, tunnel, .. } = self;
        drop(session);
        if timeout(GOODBYE, group.await_teardown()).await.is_err() {
            tracing::debug!("the camera did not answer a goodbye");
        }
        drop(tunnel);
    }

    fn take(&mut self, item: PacketItem) -> Result<(), SourceError> {
        match item {
            PacketItem::Rtp(packet) if packet.stream_id() == self.video => {
                self.has_packets = true;
                let arrived = self.at(packet.ctx().received());
                self.packet = self.packet.max(arrived);
                self.units.push(&RtpPacket {
                    payload: packet.payload(),
                    stamp: packet.timestamp().timestamp(),
                    is_marked: packet.mark(),
                    lost: packet.loss(),
                    arrived,
                });
                self.take_units()?;
            }
            PacketItem::Rtp(packet) => {
                let arrived = self.at(packet.ctx().received());
                if let Some((at, ear)) = &mut self.sound
                    && packet.stream_id() == *at
                {
                    hear(ear, &mut self.montage, &packet, arrived);
                }
            }
            PacketItem::Rtcp(packet) if packet.stream_id() == self.video => {
                let report = packet.pkts().next().and_then(|first| first.as_sender_report().ok().flatten());
                let theirs = report.and_then(|report| container::split::unix_us(report.ntp_timestamp().0));
                if let (Some(theirs), Some(stamp)) = (theirs, packet.rtp_timestamp()) {
                    self.montage.clock(i64::try_from(theirs).unwrap_or(i64::MAX), stamp.timestamp());
                }
            }
            PacketItem::Rtcp(_) | _ => {}
        }
        Ok(())
    }

    fn take_units(&mut self) -> Result<(), SourceError> {
        while let Some(unit) = self.units.next() {
            self.made = self.made.max(unit.arrived);
            self.seen.iter_mut().for_each(|seen| seen.push(look::SeenPicture::of(&unit)));
            let apart = self.montage.picture(unit)?;
            self.longest = self.longest.max(apart);
        }
        match self.units.take_too_large() {
            Some(len) => Err(BoxError::LeftOut { size: len as u64 }.into()),
            None => Ok(()),
        }
    }

    /// What came is given before the error.
    fn finish(&mut self, error: SourceError) -> Result<(), SourceError> {
        self.ended = Some(error);
        self.units.finish();
        let taken = self.take_units();
        self.montage.finish()?;
        taken
    }

    fn at(&self, received: Instant) -> i64 {
        let ago = i64::try_from(received.elapsed().as_micros()).unwrap_or(0);
        micros(&self.clocks) - ago
    }
}

/// How long no packet may come, where pictures have been so far apart. A camera that is slow to begin
/// is waited for.
fn patience(longest: i64) -> Duration {
    if longest == 0 {
        return PROBE;
    }
    let usual = u64::try_from(longest.saturating_mul(FROZEN_PICTURES)).unwrap_or(0);
    Duration::from_micros(usual).clamp(FROZEN, FROZEN_MOST)
}

/// Whether packets have come for long of which no picture is made: the session is described anew.
fn is_without_pictures(packet: i64, made: i64) -> bool {
    i128::from(packet - made) > FROZEN_MOST.as_micros() as i128
}

/// Whether a camera is there, and has a picture that can be carried.
pub(super) async fn check(stream: &Stream) -> Result<(), SourceError> {
    let looking = describe(stream, Arc::new(SessionGroup::default()));
    let (session, _tunnel) = timeout(PROBE, looking).await.map_err(|_| SourceError::Silent)??;
    chosen(&session).map(|_| ())
}

/// Which of a session's streams are filmed.
fn chosen<S: State>(session: &Session<S>) -> Result<(Choice, Coding), SourceError> {
    // A sound that cannot be carried is as one without a name.
    let name = |found: &retina::client::Stream| match found.media() {
        "audio" if carried(found).is_none() => String::new(),
        _ => found.encoding_name().to_owned(),
    };
    let offered: Vec<_> = session.streams().iter().map(|found| (found.media(), name(found))).collect();
    let offered = offered.iter().map(|(what, codec)| (*what, codec.as_str()));
    let choice = Choice::of(offered).ok_or(SourceError::NoPicture)?;
    let picture = session.streams().get(choice.picture).ok_or(SourceError::NoPicture)?;
    Ok((choice, if picture.encoding_name() == "h264" { Coding::H264 } else { Coding::H265 }))
}

/// A packet of sound into frames: at once, or some time after.
fn hear(ear: &mut Ear, montage: &mut Montage, packet: &retina::rtp::ReceivedPacket, arrived: i64) {
    let stamp = packet.timestamp();
    let us_of = |ticks| super::montage::us(ticks, stamp.clock_rate().get());
    let at = montage.hear(us_of(stamp.timestamp()), arrived);
    match ear {
        Ear::Passed(aac) => {
            for (later, frame) in aac.push(packet.payload(), stamp.timestamp(), packet.loss()) {
                montage.sound(frame, at + us_of(later - stamp.timestamp()));
            }
        }
        Ear::Made(sound) => {
            sound.feed(packet.payload(), at, packet.loss());
            montage.deaf(sound.trouble());
        }
    }
}

fn micros(clocks: &Clocks) -> i64 {
    i64::try_from(clocks.steady_us()).unwrap_or(i64::MAX)
}

/// Cancel-safe.
async fn brought(session: &mut Session<Playing>, sound: &mut Option<(usize, Ear)>) -> Brought {
    let packet = std::future::poll_fn(|cx| Pin::new(&mut *session).poll_next(cx));
    match sound {
        Some((_, Ear::Made(sound))) => tokio::select! {
            packet = packet => Brought::Packet(packet),
            frame = sound.next() => Brought::Frame(frame),
        },
        Some((_, Ear::Passed(_))) | None => Brought::Packet(packet.await),
    }
}

/// Where it speaks TLS, retina is led through a tunnel: it speaks plain TCP alone.
async fn describe(
    stream: &Stream,
    group: Arc<SessionGroup>,
) -> Result<(Session<Described>, Option<Tunnel>), SourceError> {
    let credentials = stream
        .credentials()?
        .map(|(user, password)| Credentials { username: user.to_string(), password: password.to_string() });
    let wrong = |error: &dyn std::fmt::Display| SourceError::Unreadable(format!(": {error}"));
    let mut url = url::Url::parse(&stream.url.to_string()).map_err(|error| wrong(&error))?;
    let mut tunnel = None;
    if stream.url.is_encrypted() {
        let (host, port) = (url.host_str().unwrap_or_default(), url.port().unwrap_or(TLS_PORT));
        let through = tunnel.insert(Tunnel::open(host, port, stream.pinned).await?).port();
        let is_led = url.set_scheme("rtsp").is_ok() && url.set_port(Some(through)).is_ok();
        url.set_host(Some("127.0.0.1")).map_err(|error| wrong(&error))?;
        if !is_led {
            return Err(wrong(&"no address of RTSP"));
        }
    }
    let options = SessionOptions::default()
        .creds(credentials)
        .session_group(group)
        .session_id(SessionIdPolicy::UseFirst);
    Ok((Session::describe(url, options).await.map_err(failed)?, tunnel))
}

/// The parameter sets that a session's description holds.
fn offered(stream: Option<&retina::client::Stream>) -> Vec<Vec<u8>> {
    let Some(ParametersRef::Video(video)) = stream.and_then(|stream| stream.parameters()) else {
        return Vec::new();
    };
    match video.codec_params() {
        VideoParametersCodec::H264 { sps, pps } => vec![sps.to_vec(), pps.to_vec()],
        VideoParametersCodec::H265 { vps, sps, pps } => vec![vps.to_vec(), sps.to_vec(), pps.to_vec()],
        VideoParametersCodec::Jpeg | _ => Vec::new(),
    }
}

/// AAC-LC of one or two channels: its AudioSpecificConfig begins with the object type 2, and says
/// frames of 1024 samples.
fn passed_through(stream: &retina::client::Stream) -> Option<Sound> {
    let Some(ParametersRef::Audio(audio)) = stream.parameters() else { return None };
    let channels = audio.channels().get();
    let config = audio.extra_data();
    let is_carried = stream.encoding_name() == "mpeg4-generic"
        && config.first().is_some_and(|head| head >> 3 == 2)
        && config.get(1).is_some_and(|second| second & 0b100 == 0)
        && channels <= 2;
    is_carried.then(|| Sound { sample_rate: audio.clock_rate(), channels, config: config.to_vec() })
}

/// How a sound is carried: as it is, or made AAC here; none if it cannot be.
fn carried(stream: &retina::client::Stream) -> Option<Carried> {
    let made = || {
        let channels = stream.channels().map_or(1, std::num::NonZeroU16::get);
        sound::Format::of(stream.encoding_name(), stream.clock_rate_hz(), channels)
    };
    passed_through(stream).map(Carried::Passed).or_else(|| made().map(Carried::Made))
}

/// ISO/IEC 14496-3, 1.6.2.1: AAC-LC, the index of its rate, its channels.
fn aac_of(format: &sound::Format) -> Sound {
    let sound::Aac { rate, channels } = format.aac();
    let index = if rate == 48_000 { 3 } else { 8 };
    let config = (2 << 11 | index << 7 | channels << 3).to_be_bytes().to_vec();
    Sound { sample_rate: rate, channels, config }
}

fn failed(error: retina::Error) -> SourceError {
    match error.status_code() {
        Some(401) => SourceError::Unauthorized,
        Some(453 | 503) => SourceError::Busy,
        Some(_) | None => SourceError::Unreadable(words(&error)),
    }
}

/// The first line of what went wrong, without passwords.
fn words(error: &retina::Error) -> String {
    let text = error.to_string();
    let line: String = text.lines().next().unwrap_or_default().chars().take(WORDS).collect();
    format!(": {}", without_passwords(&line))
}

#[cfg(test)]
mod tests;
