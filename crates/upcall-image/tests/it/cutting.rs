//! The network cuts a file anywhere; what is read of it must not change.

use proptest::prelude::*;

use crate::pictures::{PICTURES, picture};
use crate::{read, say};

/// Cuts at each of so many first bytes are tried.
const FIRST_BYTES: usize = 6000;

#[test]
fn a_cut_at_any_byte_changes_nothing() {
    for (name, wanted) in PICTURES {
        let file = picture(name);
        for at in 0..=file.len().min(FIRST_BYTES) {
            let (first, second) = file.split_at(at);
            assert_eq!(say(read([first, second])), *wanted, "{name} cut at {at}");
        }
    }
}

#[test]
fn a_file_in_crumbs_is_read_as_a_whole_one() {
    for (name, wanted) in PICTURES {
        let file = picture(name);
        for crumb in 1..=40 {
            assert_eq!(say(read(file.chunks(crumb))), *wanted, "{name} by {crumb}");
        }
    }
}

/// What broke off before its size says less, and never something else.
#[test]
fn a_file_that_breaks_off_has_its_size_or_none() {
    for (name, wanted) in PICTURES {
        let file = picture(name);
        let format = wanted.split(' ').next().unwrap();
        for length in 0..=file.len().min(FIRST_BYTES) {
            let said = say(read([&file[..length]]));
            let is_right = said == *wanted || said == format || said == "none";
            assert!(is_right, "{name} of {length} bytes: {said}");
        }
    }
}

proptest! {
    #[test]
    fn any_cutting_gives_the_same(
        index in 0..PICTURES.len(),
        mut cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..20),
        spoilt in any::<Option<(proptest::sample::Index, u8)>>(),
    ) {
        let mut file = picture(PICTURES[index].0);
        if let Some((place, byte)) = spoilt {
            let place = place.index(file.len().min(600));
            file[place] = byte;
        }
        let mut places: Vec<usize> = cuts.drain(..).map(|cut| cut.index(file.len())).collect();
        places.extend([0, file.len()]);
        places.sort_unstable();
        let pieces = places.windows(2).map(|ends| &file[ends[0]..ends[1]]);
        prop_assert_eq!(read(pieces), read([&*file]));
    }
}
