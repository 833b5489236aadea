//! Image format and size in pixels, for `${imageInfo.…}`.
//!
//! [`upcall_image`] reads them from the file's bytes as they pass; what it found is put here into the
//! callback's terms.

use upcall::callback::{ImageInfo, ImageSize};
use upcall::form::Strictness;
use upcall_image::{ImageFacts, ImageFormat};

/// What the callback says of an image.
///
/// A strict server says nothing of formats that OSS says nothing of.
pub(super) fn image_info(facts: ImageFacts, strictness: Strictness) -> Option<ImageInfo> {
    if strictness == Strictness::Strict && !is_of_oss(facts.format) {
        return None;
    }
    Some(ImageInfo {
        format: facts.format.name().to_owned(),
        size: facts.size.map(|size| ImageSize {
            width: size.width.into(),
            height: size.height.into(),
        }),
    })
}

/// Whether OSS's callbacks know the format. Source: OSS, "Callback" (`imageInfo.format`).
const fn is_of_oss(format: ImageFormat) -> bool {
    match format {
        ImageFormat::Bmp
        | ImageFormat::Gif
        | ImageFormat::Heic
        | ImageFormat::Jpg
        | ImageFormat::Png
        | ImageFormat::Tiff
        | ImageFormat::Webp => true,
        ImageFormat::Avif | ImageFormat::Ico | ImageFormat::Jxl => false,
    }
}
