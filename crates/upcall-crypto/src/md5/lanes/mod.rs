//! Several digests at once, one in each lane of a vector.
//!
//! In: pairs of a digest and its next piece. Out: the same digests, further on; they stay AWS-LC's
//! contexts, and any of them may take the other road next time.
//!
//! A context's partial block is filled by AWS-LC, whole blocks are run here straight on its
//! chaining value, and the rest of the piece is AWS-LC's again. [`schedule`] says who runs when.
//!
//! The 64 steps stand once, in [`rounds`]; an instruction set adds some twenty operations on its
//! vector. Tests run the steps over plain arrays as well (`portable`). Those of AVX2 and AVX-512 skip
//! themselves where the CPU has none; both were run on one that has both (an AMD EPYC).
//!
//! Source: RFC 1321, 3.4.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(test)]
mod portable;
#[cfg(target_arch = "x86_64")]
mod quad;
#[cfg(any(test, target_arch = "x86_64"))]
mod rounds;
#[cfg(any(test, target_arch = "x86_64"))]
mod schedule;
#[cfg(test)]
mod tests;

use super::Md5;

/// [`Md5::update_many`], with the widest lanes that this CPU has.
pub(super) fn update_many(batch: &mut [(&mut Md5, &[u8])]) {
    // The standard library asks the CPU once and remembers.
    #[cfg(target_arch = "x86_64")]
    {
        if let Some(lanes) = avx512::Avx512::detect() {
            return schedule::update_with(lanes, batch);
        }
        if let Some(lanes) = avx2::Avx2::detect() {
            return schedule::update_with(lanes, batch);
        }
    }
    update_each(batch);
}

/// [`Md5::update`] with each pair.
fn update_each(batch: &mut [(&mut Md5, &[u8])]) {
    for (md5, piece) in batch {
        md5.update(piece);
        *piece = &[];
    }
}
