//! A trustee is away: the camera films on without it and signs that it does; then it is back.

use super::{Story, StoryError, at};
use crate::demo::report::Away;
use media::time::Micros;
use owner::audit::Since;
use owner::holders::Why;

impl Story<'_> {
    /// What the owner sees of the trustee that was away while everything so far was filmed; then it is
    /// started.
    pub(super) async fn away(&mut self) -> Result<Away, StoryError> {
        self.chapter("A trustee is away");
        let camera = self.camera()?.name.clone();
        let audited = owner::audit::audit(&self.cast.people.owner, Since::LastHead, &mut |_| {}).await;
        let of = audited.map_err(at("audit"))?.holders.into_iter().find(|of| of.camera == camera);
        let of = of.ok_or(StoryError::Never("an EpochOpen of the camera's"))?;
        let away = of.without.iter().find(|one| one.why == Why::NotDealt);
        let trustee = away.map_or_else(String::new, |one| one.trustee.clone());
        self.says(format!(
            "{trustee} has not been there since the beginning. {camera} films all the same, and signs in each EpochOpen to whom it deals:"
        ));
        self.says(format!("  epoch {}: {}", of.epoch, of.text(Micros(host::clock::now_us()))));
        self.cast.complete().await?;
        self.says(format!(
            "Now {trustee} is back. What it was dealt no share of, the others can still release."
        ));
        let (holding, trustees, needed) = (of.holding, of.trustees, of.needed);
        Ok(Away { trustee, holding, trustees, needed, granted_by: Vec::new() })
    }
}
