//! Image format and size in pixels, for `${imageInfo.…}`.
//!
//! [`upcall_image`] reads them from the file's bytes as they pass; what it found is put here into the
//! callback's terms.

use upcall::callback::{ImageInfo, ImageSize};
use upcall_image::ImageFacts;

/// What the callback says of an image.
pub(super) fn image_info(facts: ImageFacts) -> ImageInfo {
    ImageInfo {
        format: facts.format.name().to_owned(),
        size: facts.size.map(|size| ImageSize {
            width: size.width.into(),
            height: size.height.into(),
        }),
    }
}
