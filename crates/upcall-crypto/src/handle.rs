//! Owners of what AWS-LC allocates: each frees its own on drop, and cannot be null.

use std::ptr::{self, NonNull};

use aws_lc_sys::{
    BIGNUM, BN_free, BN_new, CBB, CBB_cleanup, CBB_finish, CBB_init, EVP_MD_CTX, EVP_MD_CTX_free,
    EVP_MD_CTX_new, EVP_PKEY, EVP_PKEY_free, EVP_PKEY_new, OPENSSL_cleanse, OPENSSL_free, RSA,
    RSA_free, RSA_new,
};

/// Makes the owner of one AWS-LC object: a constructor, a destructor, and the pointer to lend.
macro_rules! owner {
    ($(#[$doc:meta])* $name:ident, $object:ty, $new:ident, $free:ident) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub(crate) struct $name(NonNull<$object>);

        impl $name {
            /// A new one, unless memory is out.
            pub(crate) fn new() -> Option<Self> {
                // SAFETY: takes nothing; returns null or an object that is ours to free.
                let object = unsafe { $new() };
                NonNull::new(object).map(Self)
            }

            /// The object, for as long as `self` lives.
            pub(crate) const fn as_ptr(&self) -> *mut $object {
                self.0.as_ptr()
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                // SAFETY: the pointer came from AWS-LC, this is its only owner, and nobody can use
                // it after drop.
                unsafe { $free(self.0.as_ptr()) };
            }
        }
    };
}

owner!(
    /// A number.
    BigNumber, BIGNUM, BN_new, BN_free
);
owner!(
    /// An RSA key, while it is being made.
    Rsa, RSA, RSA_new, RSA_free
);
owner!(
    /// A key of any kind.
    Key, EVP_PKEY, EVP_PKEY_new, EVP_PKEY_free
);
owner!(
    /// One signature, while it is being made.
    Signing, EVP_MD_CTX, EVP_MD_CTX_new, EVP_MD_CTX_free
);

impl Key {
    /// Owns what `object` points to, unless it is null.
    ///
    /// # Safety
    /// `object` is null, or one reference to it is the caller's to give away.
    pub(crate) unsafe fn from_raw(object: *mut EVP_PKEY) -> Option<Self> {
        NonNull::new(object).map(Self)
    }
}

/// Bytes that are wiped before their memory is given back.
pub(crate) struct SecretBytes(Vec<u8>);

impl SecretBytes {
    /// Room for `capacity` bytes; whoever stays within it leaves no copy behind.
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.0
    }

    pub(crate) const fn as_mut_vec(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

impl Drop for SecretBytes {
    fn drop(&mut self) {
        // SAFETY: pointer and length are those of one vector, exclusively borrowed; the call
        // writes zeros there and keeps nothing.
        unsafe { OPENSSL_cleanse(self.0.as_mut_ptr().cast(), self.0.len()) };
    }
}

/// What `write` puts into a growing byte builder; `None` if it returns 0 or memory is out.
///
/// AWS-LC wipes every buffer that it frees, so that no copy of a key stays behind there.
pub(crate) fn built(write: impl FnOnce(*mut CBB) -> i32) -> Option<SecretBytes> {
    let mut builder = CBB::default();
    // SAFETY: `builder` is exclusively borrowed; the call initialises it whether it succeeds or not.
    let is_ready = unsafe { CBB_init(&raw mut builder, 1024) } == 1;
    let mut data: *mut u8 = ptr::null_mut();
    let mut length: usize = 0;
    let is_written = is_ready && write(&raw mut builder) == 1;
    let is_finished = is_written && {
        // SAFETY: `builder` was initialised above, has no open child when `write` succeeded, and
        // both out-pointers are exclusively borrowed locals.
        unsafe { CBB_finish(&raw mut builder, &raw mut data, &raw mut length) == 1 }
    };
    if !is_finished {
        // SAFETY: `builder` was initialised above; cleaning up after a failure is what this is for.
        unsafe { CBB_cleanup(&raw mut builder) };
        return None;
    }
    let mut bytes = SecretBytes::with_capacity(length);
    // SAFETY: CBB_finish gave `length` initialised bytes at `data`, ours alone until freed below;
    // `data` is not null, as at least one byte was written into a builder that had room for 1,024.
    let given = unsafe { std::slice::from_raw_parts(data, length) };
    bytes.as_mut_vec().extend_from_slice(given);
    // SAFETY: `data` is ours to free since CBB_finish, and `given` is not used again.
    unsafe { OPENSSL_free(data.cast()) };
    Some(bytes)
}
