//! Which digests get a lane, and for how long.
//!
//! In: a batch and somebody's lanes. Out: the batch, with every piece used up.
//!
//! The longest pieces go first, and a lane is given to the next one as soon as it is free, so that
//! lanes are idle only at the end. When so few pieces are left that idle lanes cost more than the
//! busy ones save, AWS-LC finishes them.

use std::cmp::Reverse;

use super::update_each;
use crate::md5::Md5;

/// An instruction set whose vectors have lanes for digests. Who holds one may use it.
pub(super) trait Lanes: Copy {
    /// How many of `live` digests to run next: as many as there are lanes, and none if AWS-LC, one
    /// digest at a time, is faster with so few.
    fn take(self, live: usize) -> usize;

    /// Runs the first `blocks` blocks of each piece, for as many digests as [`take`](Self::take)
    /// said, and cuts them off.
    ///
    /// No digest has a partial block, and each piece has as many blocks.
    fn run(self, taken: &mut [(&mut Md5, &[u8])], blocks: usize);
}

/// `Md5::update_many` with these lanes.
pub(super) fn update_with(lanes: impl Lanes, batch: &mut [(&mut Md5, &[u8])]) {
    for (md5, piece) in &mut *batch {
        md5.fill_block(piece);
    }
    let mut live = batch.len();
    loop {
        let running = &mut batch[..live];
        running.sort_unstable_by_key(|(_, piece)| Reverse(whole_blocks(piece)));
        live = running.partition_point(|(_, piece)| whole_blocks(piece) > 0);
        let taken = lanes.take(live);
        let Some((_, shortest)) = batch[..taken].last() else {
            break;
        };
        let blocks = match whole_blocks(shortest) {
            // Others wait, and they will not fill the lanes by themselves: they take turns, so that
            // all end together and none is left to go alone.
            blocks if (taken + 1..taken * 2).contains(&live) => blocks.min(TURN_BLOCKS),
            blocks => blocks,
        };
        lanes.run(&mut batch[..taken], blocks);
    }
    update_each(batch);
}

const fn whole_blocks(piece: &[u8]) -> usize {
    piece.len() / BLOCK_BYTES
}

impl Md5 {
    /// Completes the partial block, if there is one and the piece reaches so far.
    fn fill_block(&mut self, piece: &mut &[u8]) {
        if self.0.num > 0 {
            let missing = BLOCK_BYTES - self.0.num as usize;
            let (head, rest) = piece.split_at(missing.min(piece.len()));
            self.update(head);
            *piece = rest;
        }
    }

    /// Counts blocks that were run on the chaining value: in bits, modulo 2^64.
    fn count_blocks(&mut self, blocks: usize) {
        let bits = (u64::from(self.0.Nh) << 32) | u64::from(self.0.Nl);
        let bits = bits.wrapping_add((blocks as u64).wrapping_mul(BLOCK_BYTES as u64 * 8));
        [self.0.Nl, self.0.Nh] = [(bits & 0xFFFF_FFFF) as u32, (bits >> 32) as u32];
    }
}

/// Lends the chaining values and the next blocks of `taken` to `compress`, for `G` vectors of `N`
/// lanes: one word of all lanes of a vector stands together.
///
/// A lane too many goes along with the first digest, and what it finds is thrown away.
#[inline]
pub(super) fn run_lanes<const N: usize, const G: usize>(
    taken: &mut [(&mut Md5, &[u8])],
    blocks: usize,
    compress: impl FnOnce(&mut [[[u32; N]; 4]; G], &[[&[[u8; BLOCK_BYTES]]; N]; G]),
) {
    debug_assert!((1..=N * G).contains(&taken.len()), "{}", taken.len());
    let mut chaining = [[[0; N]; 4]; G];
    let mut pieces = [[[].as_slice(); N]; G];
    for lane in 0..N * G {
        let (md5, piece) = &taken[if lane < taken.len() { lane } else { 0 }];
        for (word, value) in md5.0.h.into_iter().enumerate() {
            chaining[lane / N][word][lane % N] = value;
        }
        pieces[lane / N][lane % N] = &piece.as_chunks().0[..blocks];
    }
    compress(&mut chaining, &pieces);
    for (lane, (md5, piece)) in taken.iter_mut().enumerate() {
        md5.0.h = std::array::from_fn(|word| chaining[lane / N][word][lane % N]);
        md5.count_blocks(blocks);
        *piece = &piece[blocks * BLOCK_BYTES..];
    }
}

/// What MD5 takes in one go.
pub(super) const BLOCK_BYTES: usize = 64;

/// How long a digest keeps its lane while others wait for one: 1 KiB. Shorter turns cost more in
/// coming and going than they save at the end (example `lanes`).
const TURN_BLOCKS: usize = 16;
