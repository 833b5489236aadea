//! Each instruction set against AWS-LC's plain update.

use proptest::prelude::*;

use super::portable::Portable;
use super::schedule::{Lanes, update_with};
use super::update_each;
use crate::md5::Md5;

/// Digests of one length each, and the calls that feed them.
#[derive(Clone, Debug)]
struct Plan {
    streams: Vec<Stream>,
    calls: usize,
}

#[derive(Clone, Debug)]
struct Stream {
    seed: u64,
    length: usize,
    /// Where the pieces end, one for each call but the last; and which pieces go alone.
    cuts: Vec<prop::sample::Index>,
    alone: Vec<bool>,
}

impl Stream {
    fn bytes(&self) -> Vec<u8> {
        let mut state = self.seed | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        };
        std::iter::repeat_with(&mut next)
            .take(self.length)
            .collect()
    }

    fn piece<'b>(&self, bytes: &'b [u8], call: usize) -> &'b [u8] {
        let mut ends: Vec<_> = self
            .cuts
            .iter()
            .map(|cut| cut.index(bytes.len() + 1))
            .collect();
        ends.sort_unstable();
        ends.insert(0, 0);
        ends.push(bytes.len());
        &bytes[ends[call]..ends[call + 1]]
    }
}

fn any_stream(calls: usize) -> impl Strategy<Value = Stream> {
    (
        any::<u64>(),
        prop_oneof![1 => Just(0), 2 => 1..200_usize, 4 => 0..20_000_usize],
        prop::collection::vec(any::<prop::sample::Index>(), calls - 1),
        prop::collection::vec(prop::bool::weighted(0.2), calls),
    )
        .prop_map(|(seed, length, cuts, alone)| Stream {
            seed,
            length,
            cuts,
            alone,
        })
}

fn any_plan() -> impl Strategy<Value = Plan> {
    (1..5_usize)
        .prop_flat_map(|calls| (prop::collection::vec(any_stream(calls), 0..40), Just(calls)))
        .prop_map(|(streams, calls)| Plan { streams, calls })
}

/// The contexts are compared whole: a partial block or a length that is off shows before `finish`.
fn assert_same(plan: &Plan, update_many: impl Fn(&mut [(&mut Md5, &[u8])])) {
    let files: Vec<_> = plan.streams.iter().map(Stream::bytes).collect();
    let mut expected = vec![Md5::new(); files.len()];
    let mut found = expected.clone();
    for call in 0..plan.calls {
        let mut batch = Vec::new();
        let digests = expected.iter_mut().zip(&mut found);
        for ((stream, file), (expected, found)) in plan.streams.iter().zip(&files).zip(digests) {
            let piece = stream.piece(file, call);
            expected.update(piece);
            if stream.alone[call] {
                found.update(piece);
            } else {
                batch.push((found, piece));
            }
        }
        update_many(&mut batch);
        assert!(batch.iter().all(|(_, piece)| piece.is_empty()));
        drop(batch);
        for (expected, found) in expected.iter().zip(&found) {
            assert_eq!(fields(expected), fields(found));
        }
    }
    for (expected, found) in expected.into_iter().zip(found) {
        assert_eq!(expected.finish(), found.finish());
    }
}

fn fields(md5: &Md5) -> ([u32; 4], u32, u32, [u8; 64], u32) {
    (md5.0.h, md5.0.Nl, md5.0.Nh, md5.0.data, md5.0.num)
}

fn check(lanes: impl Lanes) {
    proptest!(ProptestConfig::with_cases(CASES), |(plan in any_plan())| {
        assert_same(&plan, |batch| update_with(lanes, batch));
    });
}

#[test]
fn the_rounds_are_right_in_plain_arrays() {
    check(Portable);
}

#[cfg(target_arch = "x86_64")]
#[test]
fn avx2_gives_what_aws_lc_gives() {
    match super::avx2::Avx2::detect() {
        Some(lanes) => check(lanes),
        None => skipped("AVX2"),
    }
}

#[cfg(target_arch = "x86_64")]
#[test]
fn avx512_gives_what_aws_lc_gives() {
    match super::avx512::Avx512::detect() {
        Some(lanes) => check(lanes),
        None => skipped("AVX-512F"),
    }
}

#[test]
fn one_after_the_other_is_the_same_too() {
    proptest!(ProptestConfig::with_cases(CASES), |(plan in any_plan())| {
        assert_same(&plan, update_each);
    });
}

#[test]
fn what_this_cpu_chooses_is_right() {
    proptest!(ProptestConfig::with_cases(CASES), |(plan in any_plan())| {
        assert_same(&plan, Md5::update_many);
    });
}

/// The count is in bits, in two halves: 512 MiB overflow the lower one, 2 EiB both.
#[test]
fn lengths_carry_as_aws_lc_carries_them() {
    for (low, high) in [
        (u32::MAX - 511, 0),
        (u32::MAX - 7, 6),
        (u32::MAX - 511, u32::MAX),
    ] {
        let mut expected = Md5::new();
        [expected.0.Nl, expected.0.Nh] = [low, high];
        let mut found = expected.clone();
        let piece = [7; 200];
        expected.update(&piece);
        update_with(Portable, &mut [(&mut found, &piece)]);
        assert_eq!(fields(&expected), fields(&found), "{low} {high}");
    }
}

#[expect(
    clippy::print_stderr,
    reason = "who reads the test's output should know"
)]
fn skipped(what: &str) {
    eprintln!("skipped: this CPU has no {what}");
}

const CASES: u32 = 200;
