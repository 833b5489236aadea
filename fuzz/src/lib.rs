//! Fuzz targets: one plain function for every kind of bytes that comes from outside.
//!
//! A target takes any bytes and panics if a promise is broken. libFuzzer calls them (`fuzz_targets/`),
//! and so does `mutate`, which needs no nightly compiler and is part of the tests.

#![forbid(unsafe_code)]

mod callback;
mod form;
mod image;
mod policy;
mod signature;

pub use callback::callback;
pub use form::form;
pub use image::image;
pub use policy::policy;
pub use signature::signature;

/// A target, under the name of its folder of seeds.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// `form` and so on.
    pub name: &'static str,
    /// The function.
    pub run: fn(&[u8]),
}

/// Every target.
pub const TARGETS: &[Target] = &[
    Target {
        name: "form",
        run: form,
    },
    Target {
        name: "policy",
        run: policy,
    },
    Target {
        name: "signature",
        run: signature,
    },
    Target {
        name: "callback",
        run: callback,
    },
    Target {
        name: "image",
        run: image,
    },
];
