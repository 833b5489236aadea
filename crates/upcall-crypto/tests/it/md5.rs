//! MD5: RFC 1321's own values, and `md-5` as the second opinion.

use md5::Digest;
use proptest::prelude::*;
use upcall_crypto::Md5;

#[test]
fn the_test_suite_of_rfc_1321_holds() {
    let eighty = "1234567890".repeat(8);
    for (message, digest) in [
        ("", "d41d8cd98f00b204e9800998ecf8427e"),
        ("a", "0cc175b9c0f1b6a831c399e269772661"),
        ("abc", "900150983cd24fb0d6963f7d28e17f72"),
        ("message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
        (
            "abcdefghijklmnopqrstuvwxyz",
            "c3fcd3d76192e4007dfb496cca67e13b",
        ),
        (&eighty, "57edf4a22be3c955ac49da2e2107b67a"),
    ] {
        let digest = u128::from_str_radix(digest, 16).unwrap().to_be_bytes();
        assert_eq!(Md5::digest(message.as_bytes()), digest, "{message}");
    }
}

#[test]
fn a_clone_goes_its_own_way() {
    let mut first = Md5::new();
    first.update(b"ab");
    let mut second = first.clone();
    first.update(b"c");
    second.update(b"d");
    assert_eq!(first.finish(), Md5::digest(b"abc"));
    assert_eq!(second.finish(), Md5::digest(b"abd"));
}

proptest! {
    #[test]
    fn any_cutting_gives_the_digest_that_md_5_gives(
        bytes in prop::collection::vec(any::<u8>(), 0..1000),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();

        let mut md5 = Md5::new();
        for ends in cuts.windows(2) {
            md5.update(&bytes[ends[0]..ends[1]]);
        }
        let expected: [u8; 16] = md5::Md5::digest(&bytes).into();
        prop_assert_eq!(md5.finish(), expected);
    }

    #[test]
    fn many_at_once_give_the_digests_that_md_5_gives(
        files in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..1000), 0..20),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut digests = vec![Md5::new(); files.len()];
        let (heads, tails): (Vec<_>, Vec<_>) =
            files.iter().map(|file| file.split_at(cut.index(file.len() + 1))).unzip();
        for pieces in [heads, tails] {
            let mut batch: Vec<_> = digests.iter_mut().zip(pieces).collect();
            Md5::update_many(&mut batch);
        }
        for (digest, file) in digests.into_iter().zip(&files) {
            let expected: [u8; 16] = md5::Md5::digest(file).into();
            prop_assert_eq!(digest.finish(), expected);
        }
    }
}
