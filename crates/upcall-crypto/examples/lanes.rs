//! How fast several MD5 go side by side on one core, next to one after the other, in one run.
//!
//! `cargo run --release -p upcall-crypto --example lanes`

use std::hint::black_box;
use std::time::Instant;

use upcall_crypto::Md5;

const STREAMS: [usize; 12] = [1, 2, 3, 4, 5, 6, 8, 9, 12, 16, 17, 32];
const PIECE_BYTES: [usize; 4] = [4 << 10, 16 << 10, 64 << 10, 256 << 10];

/// What is hashed for one figure, at least.
const MEASURE_BYTES: usize = 32 << 20;
const ROUNDS: usize = 7;

#[expect(clippy::print_stdout, reason = "an example speaks")]
fn main() {
    println!(
        "{:<10}{:>8}{:>18}{:>19}{:>8}",
        "piece KiB", "streams", "update GB/s", "update_many GB/s", "ratio"
    );
    for piece_bytes in PIECE_BYTES {
        let mut break_even = None;
        for streams in STREAMS {
            let figures = measure(streams, piece_bytes);
            let ratio = figures.many / figures.each;
            println!(
                "{:<10}{streams:>8}{:>18.2}{:>19.2}{ratio:>8.2}",
                piece_bytes >> 10,
                figures.each,
                figures.many,
            );
            if ratio > 1.05 {
                break_even.get_or_insert(streams);
            }
        }
        match break_even {
            Some(streams) => println!("faster from {streams} streams on\n"),
            None => println!("never faster\n"),
        }
    }
}

/// GB/s of all streams together.
struct Figures {
    each: f64,
    many: f64,
}

/// Medians of rounds in which both ways take turns.
fn measure(streams: usize, piece_bytes: usize) -> Figures {
    let pieces: Vec<Vec<u8>> = (1..)
        .map(|seed| piece(seed, piece_bytes))
        .take(streams)
        .collect();
    let mut digests = vec![Md5::new(); streams];
    let calls = (MEASURE_BYTES / piece_bytes).div_ceil(streams);
    let bytes = u32::try_from(calls * streams * piece_bytes).expect("a little over 32 MiB");
    let speed = |begun: Instant| f64::from(bytes) / begun.elapsed().as_secs_f64() / 1e9;
    let mut each = Vec::new();
    let mut many = Vec::new();
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        for _ in 0..calls {
            for (md5, piece) in digests.iter_mut().zip(&pieces) {
                md5.update(piece);
            }
        }
        each.push(speed(begun));

        let begun = Instant::now();
        for _ in 0..calls {
            let mut batch: Vec<_> = digests
                .iter_mut()
                .zip(&pieces)
                .map(|(md5, piece)| (md5, piece.as_slice()))
                .collect();
            Md5::update_many(&mut batch);
        }
        many.push(speed(begun));
    }
    black_box(digests);
    Figures {
        each: median(each),
        many: median(many),
    }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn piece(mut state: u32, bytes: usize) -> Vec<u8> {
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(0x9E37_79B1).wrapping_add(0x7F4A_7C15);
        state.to_be_bytes()[0]
    })
    .take(bytes)
    .collect()
}
