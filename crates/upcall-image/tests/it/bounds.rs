//! What hostile files can cost.

use upcall_image::ImageReader;

use crate::pictures::picture;
use crate::{brief, read, say};

#[test]
fn a_reader_is_small_however_long_the_file_is() {
    assert!(
        size_of::<ImageReader>() <= 512,
        "{}",
        size_of::<ImageReader>()
    );
}

#[test]
fn stray_bytes_are_passed_over_up_to_a_million() {
    for (stray, wanted) in [(900_000, "jpg 23x17"), (1_100_000, "jpg")] {
        let mut file = picture("baseline.jpg");
        let segment_end = 4 + usize::from(u16::from_be_bytes([file[4], file[5]]));
        file.splice(segment_end..segment_end, std::iter::repeat_n(b'x', stray));
        assert_eq!(say(read(file.chunks(4096))), wanted, "{stray}");
    }
}

#[test]
fn a_file_of_the_shortest_segments_ends_without_a_size() {
    let mut file = vec![0xff, 0xd8];
    file.extend([0xff, 0xe1, 0, 2].repeat(1 << 20));
    let mut reader = ImageReader::default();
    for piece in file.chunks(3) {
        reader.feed(piece);
    }
    assert!(reader.is_over(), "more is looked at than the bound says");
    assert_eq!(brief(&file), "jpg");
}

#[test]
fn what_is_no_image_is_over_at_once() {
    let mut reader = ImageReader::default();
    reader.feed(b"hello, world");
    assert!(reader.is_over());
    assert_eq!(reader.finish(), None);
}
