//! What a file says of itself in its first bytes: image format and size in pixels.
//!
//! In: the file's bytes as they pass. Out: [`ImageInfo`], or nothing if it is no image, or one whose
//! size does not come early enough. No pixel is decoded. Only a file that begins like an image costs
//! memory, and at most [`limits::IMAGE_HEADER_BYTES`].

use imagesize::{Compression, ImageType};
use upcall::callback::ImageInfo;

use crate::limits;

/// Looks at a file's beginning.
#[derive(Debug, Default)]
pub(crate) struct ImageProbe {
    head: Vec<u8>,
    state: State,
    /// How much must have come before it is worth looking again.
    look_at: usize,
}

#[derive(Clone, Debug, Default, Eq, PartialEq)]
enum State {
    /// The beginning may still be an image's.
    #[default]
    Undecided,
    Known(ImageInfo),
    NoImage,
}

impl ImageProbe {
    /// Looks at the next bytes of the file.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        if self.state != State::Undecided {
            return;
        }
        // The first piece mostly says it all; then nothing is copied.
        let looked_at = if self.head.is_empty() {
            look(bytes)
        } else {
            self.collect(bytes);
            // A file that comes byte by byte is looked at as often as one that comes in doubling
            // pieces: each look begins at the beginning.
            if self.head.len() < self.look_at {
                return;
            }
            look(&self.head)
        };
        self.state = looked_at;
        if self.state == State::Undecided {
            if self.head.is_empty() {
                self.collect(bytes);
            }
            self.look_at = (self.head.len() * 2).min(limits::IMAGE_HEADER_BYTES);
            if self.head.len() >= limits::IMAGE_HEADER_BYTES {
                self.state = State::NoImage;
            }
        }
        if self.state != State::Undecided {
            self.head = Vec::new();
        }
    }

    /// What was found, when the file is over.
    pub(crate) fn finish(self) -> Option<ImageInfo> {
        let state = match self.state {
            State::Undecided => look(&self.head),
            decided @ (State::Known(_) | State::NoImage) => decided,
        };
        match state {
            State::Known(info) => Some(info),
            State::Undecided | State::NoImage => None,
        }
    }

    fn collect(&mut self, bytes: &[u8]) {
        let room = limits::IMAGE_HEADER_BYTES.saturating_sub(self.head.len());
        self.head.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}

fn look(head: &[u8]) -> State {
    let Ok(kind) = imagesize::image_type(head) else {
        // Sixteen bytes tell every format that we know; fewer may be the start of one.
        return if head.len() < LONGEST_MAGIC {
            State::Undecided
        } else {
            State::NoImage
        };
    };
    let Some(format) = format_name(kind) else {
        return State::NoImage;
    };
    match imagesize::blob_size(head) {
        Ok(size) if size.width > 0 && size.height > 0 => State::Known(ImageInfo {
            width: size.width as u64,
            height: size.height as u64,
            format: format.to_owned(),
        }),
        _ => State::Undecided,
    }
}

/// The value of `imageInfo.format`. Source: OSS, "Callback"; `jpg` and `png` are printed there, the
/// others are the names of OSS's image processing.
fn format_name(kind: ImageType) -> Option<&'static str> {
    match kind {
        ImageType::Bmp => Some("bmp"),
        ImageType::Gif => Some("gif"),
        ImageType::Heif(Compression::Av1) => Some("avif"),
        ImageType::Heif(_) => Some("heic"),
        ImageType::Ico => Some("ico"),
        ImageType::Jpeg => Some("jpg"),
        ImageType::Jxl => Some("jxl"),
        ImageType::Png => Some("png"),
        ImageType::Tiff => Some("tiff"),
        ImageType::Webp => Some("webp"),
        // `ImageType` grows with the crate's features; what is not named here is not announced.
        _ => None,
    }
}

/// Bytes after which every known format has shown its magic number.
const LONGEST_MAGIC: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    /// A JPEG with `padding` bytes of application segments before its frame header.
    fn jpeg(padding: usize) -> Vec<u8> {
        let mut file = vec![0xff, 0xd8];
        let mut left = padding;
        while left > 0 {
            let length = left.min(60_000);
            file.extend_from_slice(&[0xff, 0xe1]);
            file.extend_from_slice(&u16::try_from(length + 2).unwrap().to_be_bytes());
            file.resize(file.len() + length, 0x55);
            left -= length;
        }
        file.extend_from_slice(&[
            0xff, 0xc0, 0, 11, 8, 0, 48, 0, 64, 1, 1, 0x11, 0, 0xff, 0xda,
        ]);
        file.resize(file.len() + 4096, 0);
        file
    }

    fn probe(file: &[u8], piece: usize) -> Option<(u64, u64, String)> {
        let mut probe = ImageProbe::default();
        for piece in file.chunks(piece) {
            probe.feed(piece);
            assert!(probe.head.len() <= limits::IMAGE_HEADER_BYTES);
        }
        probe
            .finish()
            .map(|info| (info.width, info.height, info.format))
    }

    #[test]
    fn a_frame_header_behind_previews_is_found_however_the_file_is_cut() {
        for padding in [0, 100, 70_000, 200_000] {
            for piece in [1009, 4096, 65_536, 1 << 20] {
                let found = probe(&jpeg(padding), piece);
                assert_eq!(found, Some((64, 48, "jpg".to_owned())), "{padding} {piece}");
            }
        }
    }

    #[test]
    fn a_frame_header_that_comes_too_late_makes_an_unknown_image() {
        assert_eq!(probe(&jpeg(300_000), 65_536), None);
    }

    #[test]
    fn a_file_that_comes_in_crumbs_is_not_looked_at_for_each() {
        let mut file = b"\xff\xd8".to_vec();
        file.resize(200_000, 0);
        for segment in file[2..].chunks_exact_mut(4) {
            segment.copy_from_slice(&[0xff, 0xe1, 0, 2]);
        }
        let started = std::time::Instant::now();
        assert_eq!(probe(&file, 4), None);
        let took = started.elapsed();
        assert!(took < std::time::Duration::from_secs(5), "{took:?}");

        // The last look is when the file is over.
        assert!(probe(&jpeg(1000), 700).is_some());
        assert!(probe(&jpeg(1000), 1).is_some());
    }

    #[test]
    fn what_is_no_image_costs_nothing() {
        let mut probe = ImageProbe::default();
        probe.feed(&[b'x'; 64]);
        assert_eq!(probe.state, State::NoImage);
        assert_eq!(probe.head.capacity(), 0);
    }
}
