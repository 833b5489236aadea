//! libFuzzer's way into [`upcall_fuzz::signature`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| upcall_fuzz::signature(data));
