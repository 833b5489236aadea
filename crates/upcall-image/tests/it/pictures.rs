//! Whole pictures, made by others' programs, and what is read of them.

use std::fs;
use std::path::Path;

use crate::brief;

/// Names in `tests/pictures`, and what independent readers say of them.
pub(crate) const PICTURES: &[(&str, &str)] = &[
    ("bare.jxl", "jxl 23x17"),
    ("baseline.jpg", "jpg 23x17"),
    ("big.tif", "tiff 23x17"),
    ("bitmap.ico", "ico 16x16"),
    ("bmp-os2core.bmp", "bmp 97x61"),
    ("bmp-topdown.bmp", "bmp 97x61"),
    ("container.jxl", "jxl 23x17"),
    ("cropped-turned.avif", "avif 12x16"),
    ("gray.tif", "tiff 23x17"),
    ("heic-cropped.heic", "heic 97x61"),
    ("heic-plain.heic", "heic 64x48"),
    ("heic-tiles-turned.heic", "heic 3024x4032"),
    ("ico-three.ico", "ico 48x48"),
    ("jpeg-fill.jpg", "jpg 97x61"),
    ("lossless.webp", "webp 23x17"),
    ("lossy.webp", "webp 23x17"),
    ("motorola.tif", "tiff 23x17"),
    ("palette.png", "png 23x17"),
    ("plain.avif", "avif 23x17"),
    // Begins with a chunk of Apple's; only their devices show it.
    ("png-cgbi.png", "png"),
    ("progressive.jpg", "jpg 23x17"),
    // Camera raw, which is no picture.
    ("raw-cr2.cr2", "none"),
    ("still.gif", "gif 23x17"),
    ("text-that-begins-with-BM.txt", "none"),
    // Turned by Exif: the coded size.
    ("turned.jpg", "jpg 23x17"),
    ("turned.webp", "webp 23x17"),
    ("windows.bmp", "bmp 23x17"),
];

pub(crate) fn picture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pictures");
    fs::read(folder.join(name)).unwrap()
}

#[test]
fn every_picture_has_the_size_that_others_read() {
    for (name, wanted) in PICTURES {
        assert_eq!(brief(&picture(name)), *wanted, "{name}");
    }
}

#[test]
fn every_file_of_the_folder_is_in_the_table() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pictures");
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let listed: Vec<&str> = PICTURES.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, listed);
}
