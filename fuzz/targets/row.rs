#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| distdb::testing::any_bytes::row(bytes));
