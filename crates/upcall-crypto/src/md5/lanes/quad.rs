//! Four words of one block, as any x86-64 loads them.

use std::arch::x86_64::{__m128i, _mm_loadu_si128};

use super::schedule::BLOCK_BYTES;

/// The four words from `word` on, which is a multiple of 4.
#[inline]
pub(super) fn quad(block: &[u8; BLOCK_BYTES], word: usize) -> __m128i {
    let bytes: &[u8; 16] = &block.as_chunks().0[word / 4];
    // SAFETY: reads 16 bytes, all of `bytes`; any alignment will do.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}
