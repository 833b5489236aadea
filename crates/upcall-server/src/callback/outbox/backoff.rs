//! How long to wait before a call is made again.

/// After so many attempts: 1 s, doubled each time, at most 5 minutes, with a jitter of a half, so that
/// calls that failed together do not come back together.
pub(super) fn delay_ms(attempts: u32) -> u64 {
    let doubled = FIRST_MS.saturating_mul(1 << attempts.saturating_sub(1).min(16));
    jittered(doubled.min(MOST_MS))
}

/// The same for a destination that is down: it is tried by one call for all, and so more often.
pub(super) fn probe_ms(failures: u32) -> u64 {
    let doubled = FIRST_MS.saturating_mul(1 << failures.saturating_sub(1).min(16));
    jittered(doubled.min(MOST_PROBE_MS))
}

/// Between half of it and all of it.
fn jittered(milliseconds: u64) -> u64 {
    let half = milliseconds / 2;
    let mut random = [0; 8];
    // Without randomness they come back together, which is no error.
    if getrandom::fill(&mut random).is_err() {
        return milliseconds;
    }
    half + u64::from_le_bytes(random) % (milliseconds - half + 1)
}

const FIRST_MS: u64 = 1000;
pub(super) const MOST_MS: u64 = 5 * 60 * 1000;
const MOST_PROBE_MS: u64 = 15 * 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_five_minutes() {
        for (attempts, least, most) in [
            (1, 500, 1000),
            (2, 1000, 2000),
            (5, 8000, 16_000),
            (12, 150_000, 300_000),
            (u32::MAX, 150_000, 300_000),
        ] {
            for _ in 0..100 {
                let delay = delay_ms(attempts);
                assert!((least..=most).contains(&delay), "{attempts}: {delay}");
            }
        }
        assert!(probe_ms(40) <= MOST_PROBE_MS);
    }
}
