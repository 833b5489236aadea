//! Sizes, times and addresses as people write them.

use std::net::SocketAddr;
use std::time::Duration;

/// Reads `1048576`, `10KB`, `10MiB`, `5GiB`: bytes, with powers of 1000 or of 1024.
///
/// # Errors
/// A sentence that says how sizes are written.
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.trim() {
        "" | "B" => 1,
        "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err("write a size as `1048576`, `10MB` or `10MiB`".to_owned()),
    };
    let number: u64 = number
        .parse()
        .map_err(|_| "a size begins with a whole number".to_owned())?;
    number
        .checked_mul(factor)
        .ok_or_else(|| "the size is beyond 64 bits".to_owned())
}

/// Reads an address to listen on, such as `127.0.0.1:8700`.
///
/// # Errors
/// A sentence that says what to write instead.
pub(crate) fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let (host, port) = text.rsplit_once(':').unwrap_or((text, ""));
    let port = match port.parse::<u16>().or_else(|_| text.parse()) {
        Ok(port) => port.to_string(),
        Err(_) => "8700".to_owned(),
    };
    Err(match host {
        "" => format!(
            "there is no address: write `127.0.0.1:{port}` for this machine alone, or \
             `0.0.0.0:{port}` for every network it is in"
        ),
        "localhost" => format!("a name is not listened on: write `127.0.0.1:{port}`"),
        _ if text.starts_with("http://") || text.starts_with("https://") => {
            format!("there is no scheme in it: write `127.0.0.1:{port}`")
        }
        _ => format!("write an address and a port, such as `0.0.0.0:{port}`"),
    })
}

/// Reads `30s`, `15m`, `1h`, `7d`.
///
/// # Errors
/// A sentence that says how times are written.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || "write a time as `30s`, `15m`, `1h` or `7d`".to_owned();
    let at = text
        .len()
        .checked_sub(1)
        .filter(|at| text.is_char_boundary(*at))
        .ok_or_else(wrong)?;
    let (number, unit) = text.split_at(at);
    let seconds: u64 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86400,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let total = number
        .checked_mul(seconds)
        .filter(|total| (1..=LONGEST_SECONDS).contains(total));
    total
        .map(Duration::from_secs)
        .ok_or_else(|| "a time is between 1s and 3650d".to_owned())
}

/// Reads a time as [`parse_duration`] does, or `0`.
///
/// # Errors
/// A sentence that says how times are written.
pub(crate) fn parse_overlap(text: &str) -> Result<Duration, String> {
    match text {
        "0" => Ok(Duration::ZERO),
        text => parse_duration(text),
    }
}

/// Ten years.
const LONGEST_SECONDS: u64 = 3650 * 86400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_cannot_be_listened_on_says_which_can() {
        assert_eq!(parse_listen("[::1]:0").unwrap().to_string(), "[::1]:0");
        for (text, instead) in [
            (":8700", "write `127.0.0.1:8700` for this machine alone"),
            ("8701", "such as `0.0.0.0:8701`"),
            ("localhost:8700", "write `127.0.0.1:8700`"),
            ("http://127.0.0.1:90", "write `127.0.0.1:90`"),
            ("example.com:80", "such as `0.0.0.0:80`"),
            ("", "write `127.0.0.1:8700`"),
            ("127.0.0.1", "such as `0.0.0.0:8700`"),
        ] {
            let said = parse_listen(text).unwrap_err();
            assert!(said.contains(instead), "{text}: {said}");
        }
    }

    #[test]
    fn sizes_and_times_are_read_as_people_write_them() {
        assert_eq!(parse_size("10MiB"), Ok(10 << 20));
        assert_eq!(parse_size("5GB"), Ok(5_000_000_000));
        assert_eq!(parse_size("0"), Ok(0));
        for bad in ["", "MiB", "10 TB", "-1", "1.5MiB", "99999999999GiB"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
        assert_eq!(parse_duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_duration("7d"), Ok(Duration::from_secs(604_800)));
        assert_eq!(parse_overlap("0"), Ok(Duration::ZERO));
        assert_eq!(parse_overlap("7d"), parse_duration("7d"));
        assert!(parse_overlap("00").is_err());
        for bad in ["", "s", "1", "0s", "1w", "-1h", "1.5h", "9999999d", "1ä"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }
}
