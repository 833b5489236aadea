//! Facts that stand far behind the file's beginning.

use std::iter;

use crate::pictures::picture;
use crate::{read, say};

/// More than any reader of a prefix would keep.
const FAR: usize = 2 << 20;

/// A segment of JPEG, or several, with so many bytes.
fn segments(marker: u8, mut bytes: usize) -> Vec<u8> {
    let mut segments = Vec::new();
    while bytes > 0 {
        let length = bytes.min(65_533);
        segments.extend([0xff, marker]);
        segments.extend(u16::try_from(length + 2).unwrap().to_be_bytes());
        // Looks like a frame of another size.
        segments.extend(
            [0xff, 0xc0, 0, 11, 8, 0, 1, 0, 1, 1]
                .iter()
                .cycle()
                .take(length),
        );
        bytes -= length;
    }
    segments
}

fn assert_read(file: &[u8], wanted: &str) {
    for piece in [1009, 65_536, file.len()] {
        assert_eq!(say(read(file.chunks(piece))), wanted, "by {piece}");
    }
}

#[test]
fn a_frame_behind_profiles_is_found() {
    for bytes in [100, 60_000, 300_000, FAR] {
        let mut file = picture("baseline.jpg");
        file.splice(2..2, segments(0xe2, bytes));
        assert_read(&file, "jpg 23x17");
    }
}

#[test]
fn a_directory_behind_the_pixels_is_found() {
    // In a picture of others', the directory is moved behind so many bytes.
    for (name, is_big) in [("gray.tif", false), ("big.tif", true)] {
        let whole = picture(name);
        let header_bytes = if is_big { 16 } else { 8 };
        let offset_at = header_bytes / 2;
        let mut offset = [0; 8];
        offset[..header_bytes / 2].copy_from_slice(&whole[offset_at..header_bytes]);
        let directory = usize::try_from(u64::from_le_bytes(offset)).unwrap();
        let mut file = whole[..header_bytes].to_vec();
        file.resize(FAR, 0xaa);
        file[offset_at..header_bytes]
            .copy_from_slice(&(FAR as u64).to_le_bytes()[..header_bytes / 2]);
        file.extend(&whole[directory..]);
        assert_read(&file, "tiff 23x17");
    }
}

#[test]
fn metadata_behind_the_pixels_is_found() {
    for (name, wanted) in [
        ("heic-plain.heic", "heic 64x48"),
        ("heic-cropped.heic", "heic 97x61"),
        ("heic-tiles-turned.heic", "heic 3024x4032"),
        ("cropped-turned.avif", "avif 12x16"),
    ] {
        let whole = picture(name);
        let boxes = boxes(&whole);
        let (brands, rest) = boxes.split_first().unwrap();
        let pixels = |length: usize| {
            let length = u32::try_from(length + 8).unwrap();
            let head = length.to_be_bytes().into_iter().chain(*b"mdat");
            head.chain(iter::repeat_n(0xaa, FAR)).collect::<Vec<u8>>()
        };
        let file = [brands.to_vec(), pixels(FAR), rest.concat()].concat();
        assert_read(&file, wanted);

        // The same with a length of 64 bits.
        let mut long = vec![0, 0, 0, 1];
        long.extend(b"mdat");
        long.extend((FAR as u64 + 16).to_be_bytes());
        long.resize(FAR + 16, 0xaa);
        let file = [brands.to_vec(), long, rest.concat()].concat();
        assert_read(&file, wanted);
    }
}

/// The boxes of a file, one after the other.
fn boxes(mut file: &[u8]) -> Vec<&[u8]> {
    let mut boxes = Vec::new();
    while !file.is_empty() {
        let length = u32::from_be_bytes(*file.first_chunk().unwrap());
        let (first, rest) = file.split_at(length.try_into().unwrap());
        boxes.push(first);
        file = rest;
    }
    boxes
}

#[test]
fn a_codestream_behind_other_boxes_or_in_pieces_is_found() {
    let whole = picture("container.jxl");
    let codestream = picture("bare.jxl");
    let signature = &whole[..12];
    let boxed = |kind: &[u8], content: &[u8]| {
        let length = u32::try_from(content.len() + 8).unwrap();
        [&length.to_be_bytes(), kind, content].concat()
    };
    let far = boxed(b"Exif", &vec![0xaa; FAR]);
    assert_read(
        &[signature, &far, &boxed(b"jxlc", &codestream)].concat(),
        "jxl 23x17",
    );

    let piece =
        |number: u32, content: &[u8]| boxed(b"jxlp", &[&number.to_be_bytes(), content].concat());
    let pieces = [
        signature,
        &piece(0, &codestream[..3]),
        &far,
        &piece(1, &[]),
        &piece(2, &codestream[3..7]),
        &piece(1 << 31 | 3, &codestream[7..]),
    ];
    assert_read(&pieces.concat(), "jxl 23x17");
}

#[test]
fn a_frame_behind_comments_and_the_largest_icon_behind_others_are_found() {
    let whole = picture("still.gif");
    let colors_end = 13 + (6 << (whole[10] & 7));
    let comment = [255].into_iter().chain([b'x'; 255]);
    let comments = comment.cycle().take(256 * 4096);
    let mut file = whole[..colors_end].to_vec();
    file.extend([b'!', 0xfe]);
    file.extend(comments);
    file.push(0);
    file.extend(&whole[colors_end..]);
    assert_read(&file, "gif 23x17");

    let mut icon = picture("ico-three.ico");
    let offset = u32::try_from(icon.len() + FAR).unwrap();
    let largest = icon[icon.len() - 138..].to_vec();
    icon[6 + 32 + 12..6 + 48].copy_from_slice(&offset.to_le_bytes());
    icon.resize(icon.len() + FAR, 0xaa);
    icon.extend(largest);
    assert_read(&icon, "ico 48x48");
}
