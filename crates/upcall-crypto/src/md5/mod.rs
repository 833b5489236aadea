//! MD5 over pieces: what an object's entity tag and a callback's `Content-MD5` are made of.

mod lanes;

use std::fmt;

use aws_lc_sys::{MD5_CTX, MD5_Final, MD5_Init, MD5_Update};

/// MD5 of bytes that come in pieces.
///
/// A clone goes its own way from where it was taken.
#[derive(Clone)]
pub struct Md5(MD5_CTX);

impl Md5 {
    /// The digest of nothing yet.
    pub fn new() -> Self {
        let mut state = MD5_CTX {
            h: [0; 4],
            Nl: 0,
            Nh: 0,
            data: [0; 64],
            num: 0,
        };
        // SAFETY: `state` is a valid, exclusively borrowed MD5_CTX; the call writes to it and to
        // nothing else.
        unsafe { MD5_Init(&raw mut state) };
        Self(state)
    }

    /// The digest of `bytes` alone.
    pub fn digest(bytes: &[u8]) -> [u8; 16] {
        let mut md5 = Self::new();
        md5.update(bytes);
        md5.finish()
    }

    /// Adds the next piece.
    pub fn update(&mut self, bytes: &[u8]) {
        // SAFETY: the state was initialised by `new` and is exclusively borrowed; the pointer and
        // the length are those of one slice, which is only read, and not kept. For an empty slice
        // the call returns before it looks at the pointer.
        unsafe { MD5_Update(&raw mut self.0, bytes.as_ptr().cast(), bytes.len()) };
    }

    /// Adds the next piece to each of several digests: the same as [`update`](Self::update) with
    /// each pair, in less time.
    ///
    /// One digest cannot go faster than its chain of additions and rotations; several can go side
    /// by side in the lanes of the CPU's vectors, up to 16, if it has AVX2 or AVX-512. Elsewhere,
    /// and for what is left when too few pieces have a whole block of 64 bytes, the digests go one
    /// after the other. Any number of pairs and any lengths will do; it pays from 2 pieces on, most
    /// with 8 or 16 of like length.
    ///
    /// On return all slices of `batch` are empty, and its pairs may stand in another order. Nothing
    /// is allocated.
    pub fn update_many(batch: &mut [(&mut Self, &[u8])]) {
        lanes::update_many(batch);
    }

    /// The digest of all pieces.
    pub fn finish(mut self) -> [u8; 16] {
        let mut digest = [0; 16];
        // SAFETY: the state was initialised by `new`; the call writes MD5_DIGEST_LENGTH, that is
        // 16, bytes to `digest`. The state is dropped with `self` and not used again.
        unsafe { MD5_Final(digest.as_mut_ptr(), &raw mut self.0) };
        digest
    }
}

impl Default for Md5 {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Md5 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Md5").finish_non_exhaustive()
    }
}
