//! The id of a request: in its answer, its log line, its callback.

use std::fmt;

use jiff::Timestamp;

/// 24 upper-case hex digits, of which the first 8 are the Unix time in seconds.
///
/// Source: OSS, "Common response headers" (`x-oss-request-id`); captures show the time in front.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct RequestId([u8; 12]);

impl RequestId {
    /// A new id: the time and eight random bytes.
    pub(crate) fn new(now: Timestamp) -> Self {
        let mut bytes = [0; 12];
        // Unix seconds fit 32 bits until 2106; then the id starts again from zero, as OSS's would.
        let seconds = u32::try_from(now.as_second() & 0xffff_ffff).expect("masked to 32 bits");
        bytes[..4].copy_from_slice(&seconds.to_be_bytes());
        // Without randomness from the system the id is only as unique as the clock; a request is
        // not refused for that.
        if getrandom::fill(&mut bytes[4..]).is_err() {
            bytes[4..].copy_from_slice(&now.subsec_nanosecond().to_be_bytes().repeat(2));
        }
        Self(bytes)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Each request writes its id several times, and a digit at a time is slow.
        let mut text = String::with_capacity(2 * self.0.len());
        for byte in self.0 {
            text.push(char::from(DIGITS[usize::from(byte >> 4)]));
            text.push(char::from(DIGITS[usize::from(byte & 0xf)]));
        }
        f.write_str(&text)
    }
}

const DIGITS: &[u8; 16] = b"0123456789ABCDEF";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_begins_with_the_time() {
        let id = RequestId::new(Timestamp::from_second(0x5CF3_E782).unwrap());
        assert!(id.to_string().starts_with("5CF3E782"), "{id}");
        assert_eq!(id.to_string().len(), 24);
    }
}
