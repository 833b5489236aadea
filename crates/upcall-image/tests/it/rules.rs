//! What begins like an image and is none, or not one within the rules of its format.

use crate::brief;
use crate::pictures::picture;

/// A picture with these bytes at a place.
fn spoilt(name: &str, at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut file = picture(name);
    file[at..at + bytes.len()].copy_from_slice(bytes);
    file
}

fn assert_all(cases: &[(&str, usize, &[u8], &str)]) {
    for (name, at, bytes, wanted) in cases {
        let said = brief(&spoilt(name, *at, bytes));
        assert_eq!(said, *wanted, "{name} with {bytes:?} at {at}");
    }
}

#[test]
fn a_bitmap_has_one_plane_a_depth_and_a_known_header() {
    assert_all(&[
        ("windows.bmp", 14, b"\x29", "none"),
        ("windows.bmp", 26, b"\x02", "none"),
        ("windows.bmp", 28, b"\x03", "none"),
        ("windows.bmp", 30, b"\x07", "none"),
        ("windows.bmp", 10, b"\x08", "none"),
        // A height of the lowest number, a negative width, a side of nothing.
        ("windows.bmp", 22, b"\0\0\0\x80", "none"),
        ("windows.bmp", 18, b"\xff\xff\xff\xff", "none"),
        ("windows.bmp", 18, b"\0\0\0\0", "none"),
        ("windows.bmp", 22, b"\xef\xff\xff\xff", "bmp 23x17"),
        ("bmp-os2core.bmp", 22, b"\0", "none"),
        ("bmp-os2core.bmp", 18, b"\0\0", "none"),
    ]);
}

#[test]
fn texts_are_no_images() {
    for text in [
        "BM and nothing else",
        "BMW X5 price list, spring 2026: from 84,900 upwards, all of them",
        "GIF89a is the name of a format, GIF87a the one before it",
        "II*\0 is how a picture begins, and this is none",
        "RIFF is a container",
        "<svg width=\"7\" height=\"5\"/>",
    ] {
        assert_eq!(brief(text.as_bytes()), "none", "{text}");
    }
}

#[test]
fn a_png_begins_with_its_header() {
    assert_all(&[
        ("palette.png", 11, b"\x0e", "png"),
        ("palette.png", 12, b"IDAT", "png"),
        ("palette.png", 16, b"\x80", "png"),
        ("palette.png", 16, b"\0\0\0\0", "png"),
        ("palette.png", 24, b"\x10", "png"),
        ("palette.png", 25, b"\x01", "png"),
        ("palette.png", 26, b"\x01", "png"),
        ("palette.png", 27, b"\x01", "png"),
        ("palette.png", 28, b"\x02", "png"),
        ("palette.png", 16, b"\x7f\xff\xff\xff", "png 2147483647x17"),
    ]);
}

#[test]
fn a_frame_of_jpeg_counts_its_components() {
    let file = picture("baseline.jpg");
    let frame = file.windows(2).position(|two| two == [0xff, 0xc0]).unwrap();
    assert_all(&[
        ("baseline.jpg", frame + 3, b"\x10", "jpg"),
        ("baseline.jpg", frame + 4, b"\x01", "jpg"),
        ("baseline.jpg", frame + 4, b"\x11", "jpg"),
        ("baseline.jpg", frame + 9, b"\x04", "jpg"),
        // Its height would follow the first scan.
        ("baseline.jpg", frame + 5, b"\0\0", "jpg"),
        ("baseline.jpg", frame + 7, b"\0\0", "jpg"),
        // Tables whose code lies between those of frames are passed over; then comes the scan.
        ("baseline.jpg", frame + 1, b"\xc8", "jpg"),
        // A scan, and the end, without a frame.
        ("baseline.jpg", frame, b"\xff\xda", "jpg"),
        ("baseline.jpg", frame, b"\xff\xd9", "jpg"),
        ("baseline.jpg", 3, b"\xd9", "none"),
    ]);
}

#[test]
fn bytes_that_fill_and_stray_ones_are_passed_over() {
    let file = picture("baseline.jpg");
    let frame = file.windows(2).position(|two| two == [0xff, 0xc0]).unwrap();
    for between in [
        &[0xff; 300][..],
        b"stray",
        b"\0",
        b"\xff\0",
        b"\xff\xd0",
        b"\xff\x01",
    ] {
        let file = [&file[..frame], between, &file[frame..]].concat();
        assert_eq!(brief(&file), "jpg 23x17", "{between:?}");
    }
}

#[test]
fn a_gif_has_a_frame_that_may_reach_beyond_its_screen() {
    let frame = picture("still.gif")
        .iter()
        .position(|byte| *byte == b',')
        .unwrap();
    assert_all(&[
        ("still.gif", 6, b"\0\0\0\0", "gif 23x17"),
        ("still.gif", 6, b"\x64\0\x05\0", "gif 100x17"),
        ("still.gif", frame + 1, b"\x02\0\x03\0", "gif 25x20"),
        ("still.gif", frame + 1, b"\xff\xff", "gif"),
        ("still.gif", frame, b"x", "none"),
        ("still.gif", frame, b";", "gif 23x17"),
    ]);
    let neither = [(6, &b"\0\0\0\0"[..]), (frame + 5, b"\0\0\0\0")];
    let mut file = picture("still.gif");
    for (at, bytes) in neither {
        file[at..at + 4].copy_from_slice(bytes);
    }
    assert_eq!(brief(&file), "gif");
}

#[test]
fn a_webp_begins_with_a_frame_or_a_canvas() {
    assert_all(&[
        ("lossy.webp", 12, b"ICCP", "webp"),
        ("lossy.webp", 16, b"\x09", "webp"),
        ("lossy.webp", 20, b"\x01", "webp"),
        ("lossy.webp", 23, b"\x9e", "webp"),
        ("lossy.webp", 26, b"\0\0", "webp"),
        ("lossy.webp", 26, b"\x17\xc0", "webp 23x17"),
        ("lossless.webp", 20, b"\x2e", "webp"),
        ("lossless.webp", 24, b"\xf0", "webp"),
        ("turned.webp", 24, b"\xff\xff\xff\xff\xff\xff", "webp"),
    ]);
}

#[test]
fn an_icon_is_what_its_directory_says() {
    assert_all(&[
        ("bitmap.ico", 2, b"\x02", "none"),
        ("bitmap.ico", 4, b"\0", "none"),
        ("bitmap.ico", 10, b"\x02", "none"),
        ("bitmap.ico", 12, b"\x07", "none"),
        ("bitmap.ico", 14, b"\0\0\0\0", "none"),
        ("bitmap.ico", 18, b"\x15", "none"),
        ("bitmap.ico", 18, b"\x17", "none"),
        // The bitmap itself says otherwise, and is right if it is no larger than icons of 255 are.
        ("bitmap.ico", 26, b"\x20\0\0\0\x30", "ico 32x24"),
        ("bitmap.ico", 26, b"\0\x01", "none"),
        ("bitmap.ico", 26, b"\0\0", "none"),
    ]);
    let mut large = spoilt("bitmap.ico", 6, b"\0\0");
    large[26..34].copy_from_slice(b"\0\x02\0\0\0\x04\0\0");
    assert_eq!(brief(&large), "ico 512x512");
}

#[test]
fn a_codestream_begins_with_its_signature_and_is_within_its_level() {
    assert_all(&[
        ("container.jxl", 3, b"\x0d", "none"),
        // 30 bits for the height.
        ("bare.jxl", 2, b"\xfe\xff\xff\xff\xff\xff\xff\xff", "none"),
    ]);
    let codestream = picture("container.jxl")
        .windows(2)
        .position(|two| two == [0xff, 0x0a]);
    assert_all(&[("container.jxl", codestream.unwrap(), b"\xfe", "jxl")]);
}

/// A TIFF, in either order of bytes, with the entries of its first directory: tag, type, value.
fn tiff(is_big_endian: bool, entries: &[(u16, u16, u32)]) -> Vec<u8> {
    let u16 = |value: u32| match (u16::try_from(value).unwrap(), is_big_endian) {
        (value, true) => value.to_be_bytes(),
        (value, false) => value.to_le_bytes(),
    };
    let u32 = |value: u32| match (value, is_big_endian) {
        (value, true) => value.to_be_bytes(),
        (value, false) => value.to_le_bytes(),
    };
    let mut file = if is_big_endian { b"MM" } else { b"II" }.to_vec();
    file.extend(u16(42));
    file.extend(u32(8));
    file.extend(u16(u32::try_from(entries.len()).unwrap()));
    for (tag, kind, value) in entries {
        file.extend(u16((*tag).into()));
        file.extend(u16((*kind).into()));
        file.extend(u32(1));
        if *kind == 3 {
            file.extend(u16(*value));
            file.extend([0, 0]);
        } else {
            file.extend(u32(*value));
        }
    }
    file.extend([0; 4]);
    file
}

#[test]
fn a_directory_says_width_and_height_as_whole_numbers() {
    for is_big_endian in [false, true] {
        let said = |entries: &[(u16, u16, u32)]| brief(&tiff(is_big_endian, entries));
        assert_eq!(said(&[(256, 3, 7), (257, 3, 5)]), "tiff 7x5");
        assert_eq!(said(&[(256, 4, 70_000), (257, 4, 5)]), "tiff 70000x5");
        assert_eq!(said(&[(256, 3, 7), (257, 3, 5), (274, 3, 6)]), "tiff 7x5");
        assert_eq!(said(&[(256, 3, 7)]), "none");
        assert_eq!(said(&[(256, 3, 7), (257, 3, 5), (257, 3, 6)]), "none");
        assert_eq!(said(&[(256, 3, 7), (257, 3, 0)]), "none");
        assert_eq!(said(&[(256, 5, 7), (257, 3, 5)]), "none");
        assert_eq!(said(&[(256, 3, 7), (257, 16, 5)]), "none");
        assert_eq!(said(&[]), "none");
    }
}

#[test]
fn a_preview_of_something_else_has_no_size_and_raw_is_no_image() {
    let size = [(256, 3, 160), (257, 3, 120)];
    let said = |more: &[(u16, u16, u32)]| brief(&tiff(false, &[&size[..], more].concat()));
    assert_eq!(said(&[(254, 4, 0)]), "tiff 160x120");
    assert_eq!(said(&[(254, 4, 1)]), "tiff");
    // Nikon and most others: a preview, and the sensor's picture in a directory below.
    assert_eq!(said(&[(254, 4, 1), (330, 4, 400)]), "none");
    // A layer's mask, or pyramids, below the picture itself.
    assert_eq!(said(&[(254, 4, 0), (330, 4, 400)]), "tiff 160x120");
    for raw in [
        (259, 3, 34713),
        (259, 3, 65535),
        (262, 3, 32803),
        (262, 3, 34892),
        (33422, 1, 4),
        (50706, 1, 1),
    ] {
        assert_eq!(said(&[raw]), "none", "{raw:?}");
    }
    for mark in [&b"CR\x02\0"[..], b"IIII"] {
        let mut file = b"II*\0\x10\0\0\0".to_vec();
        file.extend(mark);
        file.extend([0; 4]);
        file.extend(&tiff(false, &size)[8..]);
        assert_eq!(brief(&file), "none");
        file[8..12].fill(0);
        assert_eq!(brief(&file), "tiff 160x120");
    }
}

#[test]
fn a_directory_is_not_before_the_place_that_names_it() {
    for offset in [0, 4, 7] {
        assert_eq!(brief(&spoilt("gray.tif", 4, &[offset, 0, 0, 0])), "none");
    }
    assert_all(&[
        ("big.tif", 4, b"\x04", "none"),
        ("big.tif", 6, b"\x01", "none"),
        ("big.tif", 8, b"\x08", "none"),
    ]);
}
