//! HEIC and AVIF: which item, which properties, in which order.

use crate::brief;

/// A box.
fn boxed(kind: &[u8], content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len() + 8).unwrap();
    [&length.to_be_bytes(), kind, content].concat()
}

/// A box with version and flags.
fn full(kind: &[u8], version: u8, flags: u8, content: &[u8]) -> Vec<u8> {
    boxed(kind, &[&[version, 0, 0, flags], content].concat())
}

fn extents(width: u32, height: u32) -> Vec<u8> {
    full(
        b"ispe",
        0,
        0,
        &[width.to_be_bytes(), height.to_be_bytes()].concat(),
    )
}

fn turn(quarters: u8) -> Vec<u8> {
    boxed(b"irot", &[quarters])
}

/// Width, height, and how far the middle is moved: numerators and denominators.
fn aperture(numbers: [i32; 8]) -> Vec<u8> {
    boxed(b"clap", &numbers.map(i32::to_be_bytes).concat())
}

/// A HEIC whose items have these associations.
struct Heic {
    brands: &'static [u8],
    primary: Vec<u8>,
    properties: Vec<Vec<u8>>,
    associations: Vec<Vec<u8>>,
    is_primary_last: bool,
}

impl Default for Heic {
    fn default() -> Self {
        Self {
            brands: b"heic\0\0\0\0mif1heic",
            primary: full(b"pitm", 0, 0, &[0, 1]),
            properties: vec![boxed(b"hvcC", b""), extents(70, 50)],
            associations: vec![associations(&[(1, &[1, 2])])],
            is_primary_last: false,
        }
    }
}

/// Items and the numbers of their properties, in the short form.
fn associations(items: &[(u16, &[u8])]) -> Vec<u8> {
    let mut content = u32::try_from(items.len()).unwrap().to_be_bytes().to_vec();
    for (id, numbers) in items {
        content.extend(id.to_be_bytes());
        content.push(u8::try_from(numbers.len()).unwrap());
        content.extend(*numbers);
    }
    full(b"ipma", 0, 0, &content)
}

impl Heic {
    fn with(properties: Vec<Vec<u8>>, items: &[(u16, &[u8])]) -> Self {
        Self {
            properties,
            associations: vec![associations(items)],
            ..Self::default()
        }
    }

    fn meta(&self) -> Vec<u8> {
        let shared = boxed(b"ipco", &self.properties.concat());
        let properties = boxed(b"iprp", &[shared, self.associations.concat()].concat());
        let handler = full(b"hdlr", 0, 0, b"\0\0\0\0pict\0\0\0\0\0\0\0\0\0\0\0\0\0");
        if self.is_primary_last {
            [handler, properties, self.primary.clone()].concat()
        } else {
            [handler, self.primary.clone(), properties].concat()
        }
    }

    fn file(&self) -> Vec<u8> {
        let meta = full(b"meta", 0, 0, &self.meta());
        [boxed(b"ftyp", self.brands), meta, boxed(b"mdat", &[0; 40])].concat()
    }

    fn said(&self) -> String {
        brief(&self.file())
    }
}

#[test]
fn the_primary_item_counts_wherever_it_is_named() {
    let properties = vec![
        extents(512, 512),
        extents(4000, 3000),
        extents(70, 50),
        turn(1),
    ];
    let items: &[(u16, &[u8])] = &[(1, &[1]), (2, &[2]), (3, &[0x83, 4])];
    for (id, wanted) in [(1, "512x512"), (2, "4000x3000"), (3, "50x70")] {
        for (is_primary_last, primary) in [
            (false, full(b"pitm", 0, 0, &[0, id])),
            (true, full(b"pitm", 0, 0, &[0, id])),
            (true, full(b"pitm", 1, 0, &[0, 0, 0, id])),
        ] {
            let heic = Heic {
                primary,
                is_primary_last,
                brands: b"mif1\0\0\0\0heic",
                ..Heic::with(properties.clone(), items)
            };
            assert_eq!(
                heic.said(),
                format!("heic {wanted}"),
                "{id} {is_primary_last}"
            );
        }
    }
    let of_none = Heic {
        primary: full(b"pitm", 0, 0, &[0, 9]),
        ..Heic::with(properties.clone(), items)
    };
    assert_eq!(of_none.said(), "heic");
    let unnamed = Heic {
        primary: Vec::new(),
        ..Heic::with(properties, items)
    };
    assert_eq!(unnamed.said(), "heic");
}

#[test]
fn crops_and_turns_apply_in_the_order_in_which_they_are_associated() {
    let crop = aperture([40, 1, 20, 1, 0, 1, 0, 1]);
    let properties = vec![extents(70, 50), crop, turn(1), turn(2), turn(3)];
    for (numbers, wanted) in [
        (&[1][..], "heic 70x50"),
        (&[1, 2], "heic 40x20"),
        (&[1, 0x82, 0x83], "heic 20x40"),
        (&[1, 3, 2], "heic 40x20"),
        (&[1, 4], "heic 70x50"),
        (&[1, 5], "heic 50x70"),
        (&[1, 3, 5], "heic 70x50"),
        // The extents are what they are of, wherever they stand.
        (&[2, 3, 1], "heic 20x40"),
        (&[2, 3], "heic"),
        (&[9], "heic"),
        (&[0], "heic"),
    ] {
        let heic = Heic::with(properties.clone(), &[(1, numbers)]);
        assert_eq!(heic.said(), wanted, "{numbers:?}");
    }
}

#[test]
fn an_aperture_lies_within_the_picture() {
    for (numbers, wanted) in [
        ([69, 1, 49, 1, -1, 2, 1, 2], "heic 69x49"),
        ([70, 1, 50, 1, 0, 1, 0, 1], "heic 70x50"),
        ([139, 2, 99, 2, 0, 1, 0, 1], "heic 70x50"),
        ([60, 1, 50, 1, 5, 1, 0, 1], "heic 60x50"),
        ([60, 1, 50, 1, 6, 1, 0, 1], "heic"),
        ([71, 1, 50, 1, 0, 1, 0, 1], "heic"),
        ([0, 1, 50, 1, 0, 1, 0, 1], "heic"),
        ([1, 4, 50, 1, 0, 1, 0, 1], "heic"),
        ([60, 0, 50, 1, 0, 1, 0, 1], "heic"),
        ([60, 1, -50, 1, 0, 1, 0, 1], "heic"),
        ([60, 1, 50, 1, 0, 0, 0, 1], "heic"),
        ([i32::MIN, 1, 50, 1, i32::MIN, 1, i32::MAX, 1], "heic"),
    ] {
        let heic = Heic::with(vec![extents(70, 50), aperture(numbers)], &[(1, &[1, 2])]);
        assert_eq!(heic.said(), wanted, "{numbers:?}");
    }
}

#[test]
fn long_ids_long_numbers_and_several_boxes_are_read() {
    let mut properties = vec![boxed(b"hvcC", b"")];
    properties.extend((0..300).map(|_| boxed(b"pixi", b"x")));
    properties.push(extents(70, 50));
    let mut content = vec![0, 0, 0, 2];
    content.extend([0, 0, 0, 7, 1, 0x80, 1]);
    content.extend([0, 1, 0, 1, 2, 0x80, 1]);
    content.extend([0x81, 0x2e]); // 302, essential
    let heic = Heic {
        primary: full(b"pitm", 1, 0, &[0, 1, 0, 1]),
        properties,
        associations: vec![associations(&[(9, &[1])]), full(b"ipma", 1, 1, &content)],
        ..Heic::default()
    };
    assert_eq!(heic.said(), "heic 70x50");
}

#[test]
fn brands_and_codecs_tell_the_format() {
    for (brands, codec, wanted) in [
        (&b"heic\0\0\0\0mif1"[..], "hvcC", "heic 70x50"),
        (b"avif\0\0\0\0mif1", "av1C", "avif 70x50"),
        (b"mif1\0\0\0\0avif", "av1C", "avif 70x50"),
        (b"mif1\0\0\0\0mif1miafMA1Bavif", "av1C", "avif 70x50"),
        (b"mif1\0\0\0\0miafheix", "hvcC", "heic 70x50"),
        (b"mif1\0\0\0\0heicavif", "av1C", "avif 70x50"),
        (b"mif1\0\0\0\0heicavif", "hvcC", "heic 70x50"),
        (b"mif1\0\0\0\0mif1", "av1C", "avif 70x50"),
        (b"mif1\0\0\0\0", "hvcC", "heic 70x50"),
        // JPEG or another codec inside.
        (b"mif1\0\0\0\0mif1", "jpgC", "none"),
        // A video, and Canon's raw files.
        (b"isom\0\0\0\0mp42avc1", "hvcC", "none"),
        (b"crx \0\0\0\x01crx isom", "hvcC", "none"),
    ] {
        let heic = Heic {
            brands,
            properties: vec![boxed(codec.as_bytes(), b""), extents(70, 50)],
            ..Heic::default()
        };
        let name = String::from_utf8_lossy(brands);
        assert_eq!(heic.said(), wanted, "{name} {codec}");
    }
}

#[test]
fn lengths_of_boxes_are_held_to_the_boxes_around_them() {
    let heic = Heic::default();
    let whole = heic.file();
    assert_eq!(brief(&whole), "heic 70x50");
    // Each length in turn is made longer, shorter, too short for itself.
    for kind in ["hdlr", "pitm", "iprp", "ipco", "hvcC", "ispe", "ipma"] {
        let at = position(&whole, kind);
        for wrong in [u32::MAX, 4096, 7, 2] {
            let mut file = whole.clone();
            file[at..at + 4].copy_from_slice(&wrong.to_be_bytes());
            assert_eq!(brief(&file), "heic", "{kind}: {wrong}");
        }
    }
    for (kind, cut) in [
        ("meta", 20),
        ("iprp", 2),
        ("ipco", 2),
        ("ispe", 1),
        ("ipma", 1),
    ] {
        let mut file = whole.clone();
        let at = position(&whole, kind);
        let length = u32::from_be_bytes(*file[at..].first_chunk().unwrap()) - cut;
        file[at..at + 4].copy_from_slice(&length.to_be_bytes());
        assert_eq!(brief(&file), "heic", "{kind}: {cut} fewer");
    }
}

/// Where the first box of this kind begins.
fn position(file: &[u8], kind: &str) -> usize {
    let kind_at = file.windows(4).position(|four| four == kind.as_bytes());
    kind_at.unwrap() - 4
}

#[test]
fn metadata_may_reach_to_the_end_of_the_file() {
    for is_primary_last in [false, true] {
        let heic = Heic {
            is_primary_last,
            ..Heic::default()
        };
        let meta = full(b"meta", 0, 0, &heic.meta());
        let mut file = [boxed(b"ftyp", heic.brands), meta].concat();
        let at = 8 + heic.brands.len();
        file[at..at + 4].fill(0);
        assert_eq!(brief(&file), "heic 70x50");
    }
    let pixels = [0, 0, 0, 0].into_iter().chain(*b"mdat");
    let file = [boxed(b"ftyp", Heic::default().brands), pixels.collect()].concat();
    assert_eq!(brief(&file), "heic");
}

#[test]
fn too_many_properties_items_and_turns_make_the_size_unknown() {
    for (count, wanted) in [(1023, "heic 70x50"), (1024, "heic")] {
        let mut properties = vec![extents(70, 50)];
        properties.extend((0..count).map(|_| extents(9, 9)));
        assert_eq!(Heic::with(properties, &[(1, &[1])]).said(), wanted);
    }
    for (count, wanted) in [(8, "heic 70x50"), (9, "heic")] {
        let mut numbers = vec![1];
        numbers.extend(vec![2; count]);
        let heic = Heic::with(vec![extents(70, 50), turn(1)], &[(1, &numbers)]);
        assert_eq!(heic.said(), wanted, "{count}");
    }
    for (count, wanted) in [(4095, "heic 70x50"), (4096, "heic")] {
        let mut items: Vec<(u16, &[u8])> = (2..count + 2).map(|id| (id, &[1][..])).collect();
        items.push((1, &[1]));
        let heic = Heic {
            is_primary_last: true,
            ..Heic::with(vec![extents(70, 50)], &items)
        };
        assert_eq!(heic.said(), wanted);
        // Where it is named first, the others are not kept.
        assert_eq!(
            Heic::with(vec![extents(70, 50)], &items).said(),
            "heic 70x50"
        );
    }
}
