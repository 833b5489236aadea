//! libFuzzer's way into [`upcall_fuzz::form`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| upcall_fuzz::form(data));
