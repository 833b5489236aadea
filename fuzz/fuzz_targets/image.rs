//! libFuzzer's way into [`upcall_fuzz::image`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| upcall_fuzz::image(data));
