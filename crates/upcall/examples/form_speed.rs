//! How fast the form parser passes a file's bytes on, next to `multer`, in one run.
//!
//! `cargo run --release -p upcall --example form_speed`

use std::convert::Infallible;
use std::error::Error;
use std::hint::black_box;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::Bytes;
use futures_core::Stream;
use upcall::form::{Boundary, FileHead, FormEvent, FormLimits, FormParser, FormWriter};

const BOUNDARY: &str = "----WebKitFormBoundary7MA4YWxkTrZu0gW";
const FILE_BYTES: usize = 64 << 20;
const ROUNDS: usize = 7;

#[expect(clippy::print_stdout, reason = "an example speaks")]
fn main() -> Result<(), Box<dyn Error>> {
    println!(
        "{:<28}{:>10}{:>14}{:>14}{:>9}",
        "content", "piece", "upcall GB/s", "multer GB/s", "ratio"
    );
    for (name, content) in [
        ("random bytes", random()),
        (
            "lines of text",
            repeat(b"2026-11-23 INFO upload bucket=photos bytes=184211\r\n"),
        ),
        ("zeros", vec![0; FILE_BYTES]),
        ("CRLF only", repeat(b"\r\n")),
        (
            "delimiters but for one byte",
            repeat(b"\r\n------WebKitFormBoundary7MA4YWxkTrZu0gX"),
        ),
    ] {
        for piece_bytes in [1 << 10, 8 << 10, 64 << 10] {
            let pieces = form(&content, piece_bytes)?;
            let ours = best(|| with_upcall(&pieces))?;
            let theirs = best(|| with_multer(&pieces))?;
            let ratio = ours / theirs;
            println!("{name:<28}{piece_bytes:>10}{ours:>14.2}{theirs:>14.2}{ratio:>9.1}");
        }
    }
    Ok(())
}

fn with_upcall(pieces: &[Bytes]) -> Result<usize, Box<dyn Error>> {
    let mut parser = FormParser::new(Boundary::parse(BOUNDARY)?, FormLimits::default());
    let mut bytes = 0;
    for piece in pieces {
        parser.push(piece.clone());
        while let Some(event) = parser.next()? {
            if let FormEvent::FileBytes(content) = black_box(event) {
                bytes += content.len();
            }
        }
    }
    Ok(bytes)
}

fn with_multer(pieces: &[Bytes]) -> Result<usize, Box<dyn Error>> {
    let pieces = Pieces {
        body: pieces.to_vec(),
        given: 0,
        is_ready: true,
    };
    let mut form = multer::Multipart::new(pieces, BOUNDARY);
    block_on(async {
        let mut bytes = 0;
        while let Some(mut part) = form.next_field().await? {
            let is_file = part.name() == Some("file");
            while let Some(content) = part.chunk().await? {
                bytes += if is_file { black_box(content).len() } else { 0 };
            }
        }
        Ok(bytes)
    })
}

/// The best of some rounds, in bytes of the file by nanosecond.
fn best(parse: impl Fn() -> Result<usize, Box<dyn Error>>) -> Result<f64, Box<dyn Error>> {
    let mut best = f64::MAX;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        assert_eq!(parse()?, FILE_BYTES, "the whole file comes out");
        best = best.min(start.elapsed().as_secs_f64());
    }
    Ok(f64::from(u32::try_from(FILE_BYTES)?) / best / 1e9)
}

fn form(content: &[u8], piece_bytes: usize) -> Result<Vec<Bytes>, Box<dyn Error>> {
    let frame = FormWriter::new(Boundary::parse(BOUNDARY)?)
        .field("key", "user/eric/${filename}")?
        .file(&FileHead::default())?;
    let mut body = Bytes::from([frame.head(), content, frame.tail()].concat());
    let mut pieces = Vec::new();
    while !body.is_empty() {
        pieces.push(body.split_to(piece_bytes.min(body.len())));
    }
    Ok(pieces)
}

fn random() -> Vec<u8> {
    let mut state = 1_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    std::iter::repeat_with(next).take(FILE_BYTES).collect()
}

fn repeat(text: &[u8]) -> Vec<u8> {
    text.iter().copied().cycle().take(FILE_BYTES).collect()
}

/// A body as a socket gives it: after each piece it is pending once. (Given all at once, `multer`
/// would take the whole body into memory.)
struct Pieces {
    body: Vec<Bytes>,
    given: usize,
    is_ready: bool,
}

impl Stream for Pieces {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.is_ready = !self.is_ready;
        if self.is_ready {
            return Poll::Pending;
        }
        let piece = self.body.get(self.given).cloned();
        self.given += 1;
        Poll::Ready(piece.map(Ok))
    }
}

/// Polls until it is done; a pending stream is ready again at once.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
}
