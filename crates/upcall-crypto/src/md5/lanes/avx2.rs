//! AVX2: vectors of 8 lanes, one of them or two side by side.
//!
//! Two take a fifth more time than one. A third would have been worth 11 %, with 24 digests.

use std::arch::is_x86_feature_detected;
use std::arch::x86_64::{
    __m256i, _mm256_add_epi32, _mm256_and_si256, _mm256_andnot_si256, _mm256_castsi128_si256,
    _mm256_inserti128_si256, _mm256_loadu_si256, _mm256_or_si256, _mm256_set1_epi32,
    _mm256_setzero_si256, _mm256_slli_epi32, _mm256_srli_epi32, _mm256_storeu_si256,
    _mm256_unpackhi_epi32, _mm256_unpackhi_epi64, _mm256_unpacklo_epi32, _mm256_unpacklo_epi64,
    _mm256_xor_si256,
};

use super::quad::quad;
use super::rounds;
use super::schedule::{BLOCK_BYTES, Lanes, run_lanes};
use crate::md5::Md5;

/// There is one way to obtain it, [`detect`](Self::detect): whoever holds it is on a CPU with AVX2.
#[derive(Clone, Copy, Debug)]
pub(super) struct Avx2(());

impl Avx2 {
    pub(super) fn detect() -> Option<Self> {
        is_x86_feature_detected!("avx2").then_some(Self(()))
    }
}

impl Lanes for Avx2 {
    fn take(self, live: usize) -> usize {
        match live {
            0..LEAST => 0,
            LEAST..LEAST_FOR_TWO => live.min(LANES),
            _ => live.min(2 * LANES),
        }
    }

    fn run(self, taken: &mut [(&mut Md5, &[u8])], blocks: usize) {
        if taken.len() > LANES {
            run_lanes(taken, blocks, |chaining, pieces| {
                // SAFETY: an `Avx2` exists, so the CPU has AVX2.
                unsafe { compress::<2>(chaining, pieces, blocks) }
            });
        } else {
            run_lanes(taken, blocks, |chaining, pieces| {
                // SAFETY: an `Avx2` exists, so the CPU has AVX2.
                unsafe { compress::<1>(chaining, pieces, blocks) }
            });
        }
    }
}

type Vector = __m256i;

const LANES: usize = 8;

/// One digest is faster with AWS-LC; two are faster here by a third, unless each has one block only
/// (example `lanes`).
const LEAST: usize = 2;

/// With fewer digests one vector, in turns, is as good or nearly so. Two would win 9 % with 10
/// digests on a core left alone, and lose a third where another thread keeps the core's units busy:
/// one vector waits for its own steps either way.
const LEAST_FOR_TWO: usize = 12;

rounds::define_compress!(#[target_feature(enable = "avx2")]);

#[inline]
#[target_feature(enable = "avx2")]
fn zero() -> Vector {
    _mm256_setzero_si256()
}

#[inline]
#[target_feature(enable = "avx2")]
fn splat(word: u32) -> Vector {
    _mm256_set1_epi32(word.cast_signed())
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(words: &[u32; LANES]) -> Vector {
    // SAFETY: reads 32 bytes, all of `words`; any alignment will do.
    unsafe { _mm256_loadu_si256(words.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn store(words: &mut [u32; LANES], vector: Vector) {
    // SAFETY: writes 32 bytes, all of `words`; any alignment will do.
    unsafe { _mm256_storeu_si256(words.as_mut_ptr().cast(), vector) };
}

#[inline]
#[target_feature(enable = "avx2")]
fn add(x: Vector, y: Vector) -> Vector {
    _mm256_add_epi32(x, y)
}

#[inline]
#[target_feature(enable = "avx2")]
fn rotate<const LEFT: i32, const RIGHT: i32>(x: Vector) -> Vector {
    _mm256_or_si256(_mm256_slli_epi32::<LEFT>(x), _mm256_srli_epi32::<RIGHT>(x))
}

#[inline]
#[target_feature(enable = "avx2")]
fn f(b: Vector, c: Vector, d: Vector) -> Vector {
    _mm256_xor_si256(d, _mm256_and_si256(b, _mm256_xor_si256(c, d)))
}

#[inline]
#[target_feature(enable = "avx2")]
fn g(b: Vector, c: Vector, d: Vector) -> Vector {
    _mm256_or_si256(_mm256_and_si256(b, d), _mm256_andnot_si256(d, c))
}

#[inline]
#[target_feature(enable = "avx2")]
fn h(b: Vector, c: Vector, d: Vector) -> Vector {
    _mm256_xor_si256(b, _mm256_xor_si256(c, d))
}

#[inline]
#[target_feature(enable = "avx2")]
fn i(b: Vector, c: Vector, d: Vector) -> Vector {
    let not_d = _mm256_xor_si256(d, _mm256_set1_epi32(-1));
    _mm256_xor_si256(c, _mm256_or_si256(b, not_d))
}

/// Four words of each lane: lanes 0 to 3 in the low halves of the rows, 4 to 7 in the high ones.
///
/// Loading halves this way leaves shuffles within halves only. Gathering the words one by one was
/// measured too: 3.7 GB/s of 16 digests where this gives 6.4.
#[inline]
#[target_feature(enable = "avx2")]
fn quads(pieces: &[&[[u8; BLOCK_BYTES]]; LANES], block: usize, word: usize) -> [Vector; 4] {
    let mut rows = [zero(); 4];
    for (row, vector) in rows.iter_mut().enumerate() {
        let low = quad(&pieces[row][block], word);
        let high = quad(&pieces[row + 4][block], word);
        *vector = _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(low), high);
    }
    rows
}

#[inline]
#[target_feature(enable = "avx2")]
fn low_words(x: Vector, y: Vector) -> Vector {
    _mm256_unpacklo_epi32(x, y)
}

#[inline]
#[target_feature(enable = "avx2")]
fn high_words(x: Vector, y: Vector) -> Vector {
    _mm256_unpackhi_epi32(x, y)
}

#[inline]
#[target_feature(enable = "avx2")]
fn low_pairs(x: Vector, y: Vector) -> Vector {
    _mm256_unpacklo_epi64(x, y)
}

#[inline]
#[target_feature(enable = "avx2")]
fn high_pairs(x: Vector, y: Vector) -> Vector {
    _mm256_unpackhi_epi64(x, y)
}
