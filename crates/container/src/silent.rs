//! A run without its sound: what a camera keeps whose sound is switched off, of a source that has
//! some. Nothing of the sound's bytes is left.
//!
//! In scope: init segment and fragments with the first picture alone. Out of scope: who wants it.

use crate::fragment::{boxed, samples};
use crate::init::malformed;
use crate::{BoxError, Fragment, Init};
use mp4_atom::{Decode as _, Moof};

/// A run that is being silenced.
#[derive(Debug, Clone)]
pub struct Silenced {
    whole: Init,
    silent: Init,
    picture: u32,
}

impl Silenced {
    /// Begins with the run's init segment.
    ///
    /// # Errors
    /// [`BoxError`].
    pub fn new(whole: Init) -> Result<Self, BoxError> {
        let picture = whole.video().map(|track| track.id).ok_or(BoxError::OutOfBounds("track number"))?;
        let mut moov = whole.moov.clone();
        moov.trak.retain(|trak| trak.tkhd.track_id == picture);
        if let Some(mvex) = &mut moov.mvex {
            mvex.trex.retain(|trex| trex.track_id == picture);
        }
        let silent = whole.with(&moov)?;
        Ok(Self { whole, silent, picture })
    }

    /// The init segment of what is left.
    pub fn init(&self) -> &Init {
        &self.silent
    }

    /// What is left of a fragment; none if it had no picture.
    ///
    /// # Errors
    /// [`BoxError`].
    pub fn fragment(&self, fragment: &Fragment) -> Result<Option<Fragment>, BoxError> {
        let mut moof = Moof::decode(&mut fragment.bytes()).map_err(malformed("moof"))?;
        moof.traf.retain(|traf| traf.tfhd.track_id == self.picture);
        let place = self.whole.tracks().iter().position(|track| track.id == self.picture);
        let samples = samples(&self.whole, fragment.bytes())?.into_iter();
        let kept = samples.filter(|sample| Some(sample.track) == place);
        let media = |at| fragment.bytes().get(at).ok_or(BoxError::OutOfBounds("sample"));
        let kept = kept.map(|sample| media(sample.at)).collect::<Result<Vec<_>, _>>()?;
        if kept.is_empty() {
            return Ok(None);
        }
        let bytes = boxed(moof, &kept)?;
        Ok(Some(Fragment::parse(&self.silent, &bytes)?))
    }
}
