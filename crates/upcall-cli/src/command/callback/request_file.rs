//! A file with a request that somebody wrote down.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use upcall::callback::RawRequest;

use crate::terminal::message::Failure;

/// Reads the file; `-` is standard input.
///
/// # Errors
/// It cannot be read, or is no request.
pub(super) fn read(path: &Path) -> Result<RawRequest, Failure> {
    let name = path.display();
    let bytes =
        read_bytes(path).map_err(|error| Failure::new(format!("cannot read `{name}`: {error}")))?;
    RawRequest::parse(&bytes).ok_or_else(|| {
        Failure::new(format!("`{name}` is not a request")).hint(
            "write a request line (`POST /callback HTTP/1.1`), headers, an empty line and the body",
        )
    })
}

fn read_bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let input: Box<dyn Read> = if path == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(path)?)
    };
    input.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(io::Error::other("it is longer than 4 MiB"));
    }
    Ok(bytes)
}

/// A callback's body has 1 MiB at most.
const MAX_BYTES: u64 = 4 * 1024 * 1024;
