//! Images: format and size.

use upcall_image::{ImageFacts, ImageFormat, ImageReader};

/// Any bytes as a file: however it is cut, the same is read of it, and nothing that its format does
/// not allow.
pub fn image(data: &[u8]) {
    let whole = read([data]);
    let cut = data.first().map_or(0, |first| usize::from(*first));
    let (first, second) = data.split_at(cut.min(data.len()));
    assert_eq!(read([first, second]), whole, "cut in two");
    assert_eq!(read(data.chunks(1)), whole, "byte by byte");
    assert_eq!(read(data.chunks(13)), whole, "in pieces");
    if let Some(facts) = whole {
        assert_within_bounds(facts);
    }
}

fn read<'d>(pieces: impl IntoIterator<Item = &'d [u8]>) -> Option<ImageFacts> {
    let mut reader = ImageReader::default();
    for piece in pieces {
        reader.feed(piece);
    }
    reader.finish()
}

fn assert_within_bounds(facts: ImageFacts) {
    let Some(size) = facts.size else {
        return;
    };
    let largest = match facts.format {
        ImageFormat::Gif | ImageFormat::Jpg => 0xffff,
        ImageFormat::Webp => 1 << 24,
        ImageFormat::Jxl => 1 << 30,
        ImageFormat::Bmp | ImageFormat::Ico | ImageFormat::Png => 0x7fff_ffff,
        ImageFormat::Avif | ImageFormat::Heic | ImageFormat::Tiff => u32::MAX,
    };
    let (shorter, longer) = (size.width.min(size.height), size.width.max(size.height));
    assert!(shorter > 0 && longer <= largest, "{facts:?}");
}
