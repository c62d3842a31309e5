//! A camera over RTSP with its faults: each picture is sent when it was made or some time after, and
//! bears the stamp that it is told to.

use crate::capture::units::Unit;
use crate::clock::Clocks;
use base64::Engine as _;
use container::mux::Parameters;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

pub(super) struct Behaviour {
    pub(super) film: (Vec<Unit>, Parameters),
    /// How far pictures lie apart.
    pub(super) apart: Duration,
    /// The stamp of a picture that is made so many seconds after the first, seconds.
    pub(super) stamp: fn(f64) -> f64,
    /// How long it is held up, seconds.
    pub(super) delay: fn(f64) -> f64,
    pub(super) leaves_out: Range<usize>,
    pub(super) joined_at: usize,
    pub(super) ends_at: usize,
    /// Whether the session's description holds parameter sets.
    pub(super) has_sets: bool,
    pub(super) sound: Option<Sound>,
}

/// G.711, announced as that or as something else.
#[derive(Clone, Copy)]
pub(super) struct Sound {
    /// The kind of its packets, and what that is by the session's description.
    pub(super) named: (u8, &'static str),
    pub(super) is_heard: fn(f64) -> bool,
    /// So many seconds before the picture.
    pub(super) leads_secs: u64,
    /// On so many connections it is refused.
    pub(super) refusals: usize,
    /// Its encoder begins anew, seconds after the first: under another name of the source.
    pub(super) restarts_at: f64,
}

impl Default for Sound {
    fn default() -> Self {
        let named = (0, "PCMU/8000");
        Self { named, is_heard: |_| true, leads_secs: 0, refusals: 0, restarts_at: f64::MAX }
    }
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            film: (Vec::new(), Parameters { coding: container::sps::Coding::H264, sets: Vec::new() }),
            apart: Duration::from_millis(100),
            stamp: |since| since,
            delay: |_| 0.0,
            leaves_out: 0..0,
            joined_at: 0,
            ends_at: usize::MAX,
            has_sets: true,
            sound: None,
        }
    }
}

#[derive(Clone)]
pub(super) struct Camera {
    pub(super) port: u16,
    behaviour: Arc<Behaviour>,
    clocks: Clocks,
    seen: Arc<Counted>,
}

#[derive(Default)]
struct Counted {
    connections: AtomicUsize,
    goodbyes: AtomicUsize,
    /// Pictures of the newest connection.
    sent: AtomicUsize,
    /// When its first picture was made, microseconds of the steady clock.
    began_us: AtomicUsize,
}

impl Camera {
    pub(super) async fn start(behaviour: Behaviour, clocks: Clocks) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let camera = Self { port, behaviour: Arc::new(behaviour), clocks, seen: Arc::default() };
        let serving = camera.clone();
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(serving.clone().serve(connection));
            }
        });
        camera
    }

    pub(super) fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }

    pub(super) fn goodbyes(&self) -> usize {
        self.seen.goodbyes.load(Ordering::SeqCst)
    }

    fn refuses_sound(&self) -> bool {
        self.behaviour.sound.is_some_and(|sound| self.connections() <= sound.refusals)
    }

    /// How many pictures were made.
    pub(super) fn sent(&self) -> usize {
        self.seen.sent.load(Ordering::SeqCst)
    }

    pub(super) fn made_us(&self, number: usize) -> i64 {
        let since = self.behaviour.apart * (number - self.behaviour.joined_at) as u32;
        (self.seen.began_us.load(Ordering::SeqCst) + since.as_micros() as usize) as i64
    }

    /// The first picture of a fragment.
    pub(super) fn number_of(&self, fragment: &[u8]) -> usize {
        self.numbers_of(fragment)[0]
    }

    pub(super) fn numbers_of(&self, fragment: &[u8]) -> Vec<usize> {
        let units = self.behaviour.film.0.iter().enumerate();
        units.filter(|(_, unit)| holds(fragment, &unit.data)).map(|(number, _)| number).collect()
    }

    async fn serve(self, connection: TcpStream) {
        connection.set_nodelay(true).unwrap();
        self.seen.connections.fetch_add(1, Ordering::SeqCst);
        let (reading, writing) = connection.into_split();
        let (mut lines, writing) = (BufReader::new(reading), Arc::new(Mutex::new(writing)));
        let mut playing = None;
        while let Some((verb, cseq)) = request(&mut lines).await {
            let body = if verb == "DESCRIBE" { self.description() } else { String::new() };
            let channel = if verb.starts_with("SETUP1") { "2-3" } else { "0-1" };
            let more = match verb.get(..5) {
                Some("SETUP") => format!(
                    "Transport: RTP/AVP/TCP;unicast;interleaved={channel}\r\nSession: 77;timeout=60\r\n"
                ),
                Some("DESCR") => {
                    format!("Content-Type: application/sdp\r\nContent-Length: {}\r\n", body.len())
                }
                _ => "Session: 77\r\n".to_owned(),
            };
            let refuses = verb == "SETUP1" && self.refuses_sound();
            let status = if refuses { "404 Not Found" } else { "200 OK" };
            let reply = format!("RTSP/1.0 {status}\r\nCSeq: {cseq}\r\n{more}\r\n{body}");
            if writing.lock().await.write_all(reply.as_bytes()).await.is_err() {
                break;
            }
            match verb.as_str() {
                "PLAY" => playing = Some(tokio::spawn(self.clone().play(writing.clone()))),
                "TEARDOWN" => {
                    self.seen.goodbyes.fetch_add(1, Ordering::SeqCst);
                    break;
                }
                _ => {}
            }
        }
        if let Some(playing) = playing {
            playing.abort();
        }
    }

    fn description(&self) -> String {
        let sets = self.behaviour.film.1.sets.iter();
        let sets: Vec<String> =
            sets.map(|set| base64::engine::general_purpose::STANDARD.encode(set)).collect();
        let sets = if self.behaviour.has_sets {
            format!(";sprop-parameter-sets={}", sets.join(","))
        } else {
            String::new()
        };
        let mut text = format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=camera\r\nt=0 0\r\na=control:*\r\nm=video 0 RTP/AVP 96\r\na=control:track0\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1{sets}\r\n"
        );
        if let Some(Sound { named: (kind, name), .. }) = self.behaviour.sound {
            text += &format!("m=audio 0 RTP/AVP {kind}\r\na=control:track1\r\na=rtpmap:{kind} {name}\r\n");
        }
        text
    }

    async fn play(self, writing: Arc<Mutex<OwnedWriteHalf>>) {
        let began = Instant::now();
        let mut leads = Duration::ZERO;
        if let Some(sound) = self.behaviour.sound.filter(|_| !self.refuses_sound()) {
            leads = Duration::from_secs(sound.leads_secs);
            tokio::spawn(hum(sound, writing.clone(), began));
        }
        let began = began + leads;
        sleep_until(began).await;
        let late = began.elapsed();
        let now_us = self.clocks.steady_us().saturating_sub(late.as_micros() as u64);
        self.seen.began_us.store(now_us as usize, Ordering::SeqCst);
        let mut sequence = 100u16;
        let joined_at = self.behaviour.joined_at;
        for (number, unit) in self.behaviour.film.0.iter().enumerate().skip(joined_at) {
            if number == self.behaviour.ends_at {
                break;
            }
            let due = self.behaviour.apart * (number - joined_at) as u32;
            let since = due.as_secs_f64();
            sleep_until(began + due + Duration::from_secs_f64((self.behaviour.delay)(since))).await;
            self.seen.sent.store(number + 1, Ordering::SeqCst);
            if self.behaviour.leaves_out.contains(&number) {
                continue;
            }
            let stamp = (5000.0 + (self.behaviour.stamp)(since) * 90_000.0) as i64 as u32;
            let mut packets = packets(&unit.data);
            let last = packets.pop().unwrap();
            for payload in packets {
                sequence = send(&writing, 0, 96, sequence, stamp, &payload).await;
            }
            sequence = send(&writing, 0, 96 | 0x80, sequence, stamp, &last).await;
        }
        let _ = writing.lock().await.shutdown().await;
    }
}

/// Twenty milliseconds of G.711 a packet.
async fn hum(sound: Sound, writing: Arc<Mutex<OwnedWriteHalf>>, began: Instant) {
    let mut sequence = 7;
    for n in 0.. {
        sleep_until(began + Duration::from_millis(20 * u64::from(n))).await;
        if (sound.is_heard)(f64::from(n) / 50.0) {
            let payload: Vec<u8> = (0..160u32).map(|at| if at / 8 % 2 == 0 { 0xa0 } else { 0x20 }).collect();
            let source = if f64::from(n) / 50.0 < sound.restarts_at { 2 } else { 3 };
            sequence = send_of(&writing, (2, source), sound.named.0, sequence, 900 + n * 160, &payload).await;
        }
    }
}

/// The number of the next packet.
async fn send(
    writing: &Mutex<OwnedWriteHalf>,
    channel: u8,
    kind: u8,
    sequence: u16,
    stamp: u32,
    payload: &[u8],
) -> u16 {
    send_of(writing, (channel, channel), kind, sequence, stamp, payload).await
}

/// On a channel, under a name of the source.
async fn send_of(
    writing: &Mutex<OwnedWriteHalf>,
    (channel, source): (u8, u8),
    kind: u8,
    sequence: u16,
    stamp: u32,
    payload: &[u8],
) -> u16 {
    let mut packet = vec![b'$', channel];
    packet.extend((12 + payload.len() as u16).to_be_bytes());
    packet.extend([0x80, kind]);
    packet.extend(sequence.to_be_bytes());
    packet.extend(stamp.to_be_bytes());
    packet.extend([0, 0, 0x10, source]);
    packet.extend(payload);
    // Whoever has gone hears no more.
    let _ = writing.lock().await.write_all(&packet).await;
    sequence.wrapping_add(1)
}

/// NAL units behind their lengths into payloads of packets.
fn packets(mut data: &[u8]) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    while let Some((len, rest)) = data.split_first_chunk::<4>() {
        let (unit, rest) = rest.split_at(u32::from_be_bytes(*len) as usize);
        let parts: Vec<&[u8]> = unit[1..].chunks(1300).collect();
        match &parts[..] {
            [_] => packets.push(unit.to_vec()),
            parts => {
                for (at, part) in parts.iter().enumerate() {
                    let begin = if at == 0 { 0x80 } else { 0 };
                    let end = if at + 1 == parts.len() { 0x40 } else { 0 };
                    packets.push([&[unit[0] & 0xe0 | 28, unit[0] & 0x1f | begin | end], *part].concat());
                }
            }
        }
        data = rest;
    }
    packets
}

/// Verb and number of the next request; what a client sends between them is passed over.
async fn request(lines: &mut BufReader<OwnedReadHalf>) -> Option<(String, String)> {
    let (mut verb, mut cseq) = (String::new(), String::new());
    loop {
        let mut line = Vec::new();
        if lines.read_until(b'\n', &mut line).await.ok()? == 0 {
            return None;
        }
        let line = String::from_utf8_lossy(&line).trim().to_owned();
        match line.split_once(' ') {
            _ if line.is_empty() && !cseq.is_empty() => return Some((verb, cseq)),
            Some((word, rest)) if rest.ends_with("RTSP/1.0") => {
                verb = word.to_owned();
                if verb == "SETUP" && rest.contains("track1") {
                    verb.push('1');
                }
            }
            Some(("CSeq:", rest)) => cseq = rest.to_owned(),
            _ => {}
        }
    }
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    let head = &part[..part.len().min(200)];
    bytes.windows(head.len()).any(|window| window == head)
}
