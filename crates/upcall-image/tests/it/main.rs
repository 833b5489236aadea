//! The image reader against pictures, and against what only looks like one.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop where it is"
)]

mod bounds;
mod cutting;
mod far;
mod heif;
mod pictures;
mod rules;

use upcall_image::{ImageFacts, ImageReader};

/// What is read of a file that comes in these pieces.
fn read<'p>(pieces: impl IntoIterator<Item = &'p [u8]>) -> Option<ImageFacts> {
    let mut reader = ImageReader::default();
    for piece in pieces {
        reader.feed(piece);
    }
    reader.finish()
}

/// What is read of a file, briefly: `png 7x5`, `png` without a size, or `none`.
fn brief(file: &[u8]) -> String {
    say(read([file]))
}

fn say(facts: Option<ImageFacts>) -> String {
    match facts {
        None => "none".to_owned(),
        Some(ImageFacts { format, size: None }) => format.to_string(),
        Some(ImageFacts {
            format,
            size: Some(size),
        }) => format!("{format} {}x{}", size.width, size.height),
    }
}
