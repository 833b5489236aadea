//! libFuzzer's way into [`upcall_fuzz::policy`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| upcall_fuzz::policy(data));
