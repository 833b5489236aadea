//! Lanes made of plain arrays: what the shared rounds are tested with on any CPU.

use super::rounds;
use super::schedule::{BLOCK_BYTES, Lanes, run_lanes};
use crate::md5::Md5;

/// Twice 8 lanes, as with AVX2; runs from one digest on, so that a test finds idle lanes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Portable;

impl Lanes for Portable {
    fn take(self, live: usize) -> usize {
        live.min(2 * LANES)
    }

    fn run(self, taken: &mut [(&mut Md5, &[u8])], blocks: usize) {
        if taken.len() > LANES {
            run_lanes(taken, blocks, |chaining, pieces| {
                compress::<2>(chaining, pieces, blocks);
            });
        } else {
            run_lanes(taken, blocks, |chaining, pieces| {
                compress::<1>(chaining, pieces, blocks);
            });
        }
    }
}

type Vector = [u32; LANES];

const LANES: usize = 8;

rounds::define_compress!();

fn zero() -> Vector {
    splat(0)
}

fn splat(word: u32) -> Vector {
    [word; LANES]
}

fn load(words: &[u32; LANES]) -> Vector {
    *words
}

fn store(words: &mut [u32; LANES], vector: Vector) {
    *words = vector;
}

fn add(x: Vector, y: Vector) -> Vector {
    std::array::from_fn(|lane| x[lane].wrapping_add(y[lane]))
}

fn rotate<const LEFT: u32, const RIGHT: u32>(x: Vector) -> Vector {
    x.map(|word| (word << LEFT) | (word >> RIGHT))
}

fn f(b: Vector, c: Vector, d: Vector) -> Vector {
    std::array::from_fn(|lane| (b[lane] & c[lane]) | (!b[lane] & d[lane]))
}

fn g(b: Vector, c: Vector, d: Vector) -> Vector {
    std::array::from_fn(|lane| (b[lane] & d[lane]) | (c[lane] & !d[lane]))
}

fn h(b: Vector, c: Vector, d: Vector) -> Vector {
    std::array::from_fn(|lane| b[lane] ^ c[lane] ^ d[lane])
}

fn i(b: Vector, c: Vector, d: Vector) -> Vector {
    std::array::from_fn(|lane| c[lane] ^ (b[lane] | !d[lane]))
}

fn quads(pieces: &[&[[u8; BLOCK_BYTES]]; LANES], block: usize, word: usize) -> [Vector; 4] {
    std::array::from_fn(|row| {
        std::array::from_fn(|place| {
            let words = pieces[place / 4 * 4 + row][block].as_chunks().0;
            u32::from_le_bytes(words[word + place % 4])
        })
    })
}

fn low_words(x: Vector, y: Vector) -> Vector {
    [x[0], y[0], x[1], y[1], x[4], y[4], x[5], y[5]]
}

fn high_words(x: Vector, y: Vector) -> Vector {
    [x[2], y[2], x[3], y[3], x[6], y[6], x[7], y[7]]
}

fn low_pairs(x: Vector, y: Vector) -> Vector {
    [x[0], x[1], y[0], y[1], x[4], x[5], y[4], y[5]]
}

fn high_pairs(x: Vector, y: Vector) -> Vector {
    [x[2], x[3], y[2], y[3], x[6], x[7], y[6], y[7]]
}
