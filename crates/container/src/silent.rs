//! A run without its sound: what a camera keeps whose sound is switched off, of a source that has
//! some. Nothing of the sound's bytes is left.
//!
//! In scope: init segment and fragments with the first picture alone. Out of scope: who wants it.

use crate::fragment::samples;
use crate::init::malformed;
use crate::{BoxError, Fragment, Init};
use mp4_atom::{Decode as _, Encode as _, Moof};

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
        let kept: Vec<_> = samples.filter(|sample| Some(sample.track) == place).collect();
        if kept.is_empty() {
            return Ok(None);
        }
        let truns = |moof: &mut Moof, data: usize| -> Result<(), BoxError> {
            let mut lens = kept.iter().map(|sample| sample.at.len());
            let mut at = data;
            for trun in moof.traf.iter_mut().flat_map(|traf| &mut traf.trun) {
                trun.data_offset = Some(i32::try_from(at).map_err(malformed("trun"))?);
                at += lens.by_ref().take(trun.samples.len()).sum::<usize>();
            }
            Ok(())
        };
        // The offsets' size does not depend on where they point.
        truns(&mut moof, 0)?;
        let mut bytes = Vec::new();
        moof.encode(&mut bytes).map_err(malformed("moof"))?;
        truns(&mut moof, bytes.len() + 8)?;
        bytes.clear();
        moof.encode(&mut bytes).map_err(malformed("moof"))?;
        let media: usize = kept.iter().map(|sample| sample.at.len()).sum();
        bytes.extend_from_slice(&u32::try_from(media + 8).map_err(malformed("mdat"))?.to_be_bytes());
        bytes.extend_from_slice(b"mdat");
        for sample in kept {
            bytes.extend_from_slice(fragment.bytes().get(sample.at).ok_or(BoxError::OutOfBounds("sample"))?);
        }
        let mut silent = Fragment::parse(&self.silent, &bytes)?;
        silent.produced_us = fragment.produced_us;
        Ok(Some(silent))
    }
}
