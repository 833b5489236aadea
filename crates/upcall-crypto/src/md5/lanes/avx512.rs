//! AVX-512F: vectors of 16 lanes. Rotations and MD5's functions are one instruction each.

use std::arch::is_x86_feature_detected;
use std::arch::x86_64::{
    __m512i, _mm512_add_epi32, _mm512_castsi128_si512, _mm512_inserti32x4, _mm512_loadu_si512,
    _mm512_rol_epi32, _mm512_set1_epi32, _mm512_setzero_si512, _mm512_storeu_si512,
    _mm512_ternarylogic_epi32, _mm512_unpackhi_epi32, _mm512_unpackhi_epi64, _mm512_unpacklo_epi32,
    _mm512_unpacklo_epi64,
};

use super::quad::quad;
use super::rounds;
use super::schedule::{BLOCK_BYTES, Lanes, run_lanes};
use crate::md5::Md5;

/// There is one way to obtain it, [`detect`](Self::detect): whoever holds it is on a CPU with
/// AVX-512F.
#[derive(Clone, Copy, Debug)]
pub(super) struct Avx512(());

impl Avx512 {
    pub(super) fn detect() -> Option<Self> {
        is_x86_feature_detected!("avx512f").then_some(Self(()))
    }
}

impl Lanes for Avx512 {
    fn take(self, live: usize) -> usize {
        if live < LEAST { 0 } else { live.min(LANES) }
    }

    fn run(self, taken: &mut [(&mut Md5, &[u8])], blocks: usize) {
        run_lanes(taken, blocks, |chaining, pieces| {
            // SAFETY: an `Avx512` exists, so the CPU has AVX-512F.
            unsafe { compress::<1>(chaining, pieces, blocks) }
        });
    }
}

type Vector = __m512i;

const LANES: usize = 16;

/// With fewer digests AWS-LC is faster. With two the vector is, by a fifth; with 16 it does 7.8 GB/s
/// where AWS-LC does 0.8 (example `lanes`, an AMD EPYC).
const LEAST: usize = 2;

rounds::define_compress!(#[target_feature(enable = "avx512f")]);

#[inline]
#[target_feature(enable = "avx512f")]
fn zero() -> Vector {
    _mm512_setzero_si512()
}

#[inline]
#[target_feature(enable = "avx512f")]
fn splat(word: u32) -> Vector {
    _mm512_set1_epi32(word.cast_signed())
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(words: &[u32; LANES]) -> Vector {
    // SAFETY: reads 64 bytes, all of `words`; any alignment will do.
    unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store(words: &mut [u32; LANES], vector: Vector) {
    // SAFETY: writes 64 bytes, all of `words`; any alignment will do.
    unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), vector) };
}

#[inline]
#[target_feature(enable = "avx512f")]
fn add(x: Vector, y: Vector) -> Vector {
    _mm512_add_epi32(x, y)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn rotate<const LEFT: i32, const RIGHT: i32>(x: Vector) -> Vector {
    _mm512_rol_epi32::<LEFT>(x)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn f(b: Vector, c: Vector, d: Vector) -> Vector {
    _mm512_ternarylogic_epi32::<{ ((B & C) | (!B & D)) & 0xFF }>(b, c, d)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn g(b: Vector, c: Vector, d: Vector) -> Vector {
    _mm512_ternarylogic_epi32::<{ ((B & D) | (C & !D)) & 0xFF }>(b, c, d)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn h(b: Vector, c: Vector, d: Vector) -> Vector {
    _mm512_ternarylogic_epi32::<{ B ^ C ^ D }>(b, c, d)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn i(b: Vector, c: Vector, d: Vector) -> Vector {
    _mm512_ternarylogic_epi32::<{ (C ^ (B | !D)) & 0xFF }>(b, c, d)
}

// The columns of `vpternlogd`'s truth table. A function of them is its own column, which is what
// the instruction wants to be told.
const B: i32 = 0b1111_0000;
const C: i32 = 0b1100_1100;
const D: i32 = 0b1010_1010;

/// Four words of each lane: lanes 0 to 3 in the first quarters of the rows, 4 to 7 in the second
/// ones, and so on.
#[inline]
#[target_feature(enable = "avx512f")]
fn quads(pieces: &[&[[u8; BLOCK_BYTES]]; LANES], block: usize, word: usize) -> [Vector; 4] {
    let mut rows = [zero(); 4];
    for (row, vector) in rows.iter_mut().enumerate() {
        let first = _mm512_castsi128_si512(quad(&pieces[row][block], word));
        let two = _mm512_inserti32x4::<1>(first, quad(&pieces[row + 4][block], word));
        let three = _mm512_inserti32x4::<2>(two, quad(&pieces[row + 8][block], word));
        *vector = _mm512_inserti32x4::<3>(three, quad(&pieces[row + 12][block], word));
    }
    rows
}

#[inline]
#[target_feature(enable = "avx512f")]
fn low_words(x: Vector, y: Vector) -> Vector {
    _mm512_unpacklo_epi32(x, y)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn high_words(x: Vector, y: Vector) -> Vector {
    _mm512_unpackhi_epi32(x, y)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn low_pairs(x: Vector, y: Vector) -> Vector {
    _mm512_unpacklo_epi64(x, y)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn high_pairs(x: Vector, y: Vector) -> Vector {
    _mm512_unpackhi_epi64(x, y)
}
