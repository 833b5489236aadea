//! A mutation loop for the stable compiler: takes seeds, spoils them, calls the targets.
//!
//! `mutate --seconds 60 [--target form] [--seed N]`. Prints executions per second and the most memory
//! one call took. Exits with 1 if a target panicked, took more memory than its input excuses, or did
//! not come back; the input is printed in hex and written to `fuzz/artifacts/`. The same seed gives
//! the same inputs.

#![forbid(unsafe_code)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program speaks"
)]

use std::fmt::Write as _;
use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use peak_alloc::PeakAlloc;
use upcall_fuzz::{TARGETS, Target};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

fn main() -> ExitCode {
    match Options::parse(std::env::args().skip(1)).and_then(|options| run(&options)) {
        Ok(findings) => ExitCode::from(u8::from(findings > 0)),
        Err(error) => {
            eprintln!("error: {error}\n\nhint: mutate --seconds 60 [--target form] [--seed N]");
            ExitCode::from(2)
        }
    }
}

struct Options {
    time: Duration,
    target: Option<String>,
    seed: u64,
}

impl Options {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            time: Duration::from_mins(1),
            target: None,
            seed: 1,
        };
        while let Some(flag) = words.next() {
            let value = words.next().ok_or(format!("`{flag}` has no value"))?;
            let number = || {
                value
                    .parse::<u64>()
                    .map_err(|_| format!("`{value}` is no number"))
            };
            match flag.as_str() {
                "--seconds" => options.time = Duration::from_secs(number()?),
                "--seed" => options.seed = number()?,
                "--target" => options.target = Some(value),
                _ => return Err(format!("unknown flag `{flag}`")),
            }
        }
        Ok(options)
    }
}

/// Runs the chosen targets for equal times, one after the other; returns how many broke.
fn run(options: &Options) -> Result<usize, String> {
    let wanted = options.target.as_deref();
    let is_chosen = |target: &&Target| wanted.is_none_or(|name| name == target.name);
    let chosen: Vec<_> = TARGETS.iter().filter(is_chosen).collect();
    let share = u32::try_from(chosen.len()).map_err(|error| error.to_string())?;
    let time = options
        .time
        .checked_div(share)
        .ok_or("there is no such target")?;
    panic::set_hook(Box::new(|_| {})); // what is caught is reported once, below
    println!("seed {}", options.seed);
    let mut findings = 0;
    for target in chosen {
        let seeds = read_seeds(target.name)?;
        findings += usize::from(!fuzz(*target, &seeds, time, options.seed)?);
    }
    Ok(findings)
}

/// Returns whether all went well.
fn fuzz(target: Target, seeds: &[Vec<u8>], time: Duration, seed: u64) -> Result<bool, String> {
    let name = target.name;
    let mut mutator = Mutator::new(seeds, seed);
    let start = Instant::now();
    let mut executions = 0_u32;
    let (mut most_memory, mut slowest) = (0, Duration::ZERO);
    while start.elapsed() < time {
        let input = mutator.next_input();
        let call = Call::of(target, &input);
        executions = executions.saturating_add(1);
        most_memory = most_memory.max(call.memory_bytes);
        slowest = slowest.max(call.time);
        if let Some(finding) = call.finding(input.len()) {
            report(name, &input, &finding)?;
            return Ok(false);
        }
    }
    let rate = f64::from(executions) / start.elapsed().as_secs_f64();
    println!(
        "{name}: {executions} executions, {rate:.0}/s, most memory {most_memory} bytes, slowest \
         {slowest:.1?}"
    );
    Ok(true)
}

/// One call of a target and what it cost.
struct Call {
    panic: Option<String>,
    memory_bytes: usize,
    time: Duration,
}

impl Call {
    fn of(target: Target, input: &[u8]) -> Self {
        let before = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        let start = Instant::now();
        let caught = panic::catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
        Self {
            time: start.elapsed(),
            memory_bytes: MEMORY.peak_usage().saturating_sub(before),
            panic: caught.err().map(|payload| {
                let text = payload.downcast_ref::<String>().cloned();
                text.or_else(|| payload.downcast_ref::<&str>().map(ToString::to_string))
                    .unwrap_or_else(|| "a panic without a text".into())
            }),
        }
    }

    fn finding(&self, input_bytes: usize) -> Option<String> {
        let allowed = MEMORY_BYTES + MEMORY_FACTOR * input_bytes;
        match &self.panic {
            Some(text) => Some(format!("panic: {text}")),
            None if self.memory_bytes > allowed => {
                let took = self.memory_bytes;
                Some(format!("{took} bytes of memory for {input_bytes} of input"))
            }
            None if self.time > TIME => Some(format!("{:?} for one call", self.time)),
            None => None,
        }
    }
}

fn report(name: &str, input: &[u8], finding: &str) -> Result<(), String> {
    let mut hex = String::new();
    for byte in input {
        // Writing to a `String` cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    let path = fuzz_folder()
        .join("artifacts")
        .join(format!("mutate-{name}"));
    let write = |path: &Path| {
        fs::create_dir_all(fuzz_folder().join("artifacts"))?;
        fs::write(path, input)
    };
    write(&path).map_err(|error| format!("cannot write `{}`: {error}", path.display()))?;
    println!(
        "{name}: {finding}\ninput: {hex}\nwritten to {}",
        path.display()
    );
    Ok(())
}

fn read_seeds(name: &str) -> Result<Vec<Vec<u8>>, String> {
    let folder = fuzz_folder().join("seeds").join(name);
    let read = || {
        let mut paths = Vec::new();
        for entry in fs::read_dir(&folder)? {
            paths.push(entry?.path());
        }
        paths.sort(); // the same seed must give the same inputs
        paths.iter().map(fs::read).collect::<Result<Vec<_>, _>>()
    };
    match read() {
        Ok(seeds) if seeds.is_empty() => Err(format!("`{}` is empty", folder.display())),
        Ok(seeds) => Ok(seeds),
        Err(error) => Err(format!("cannot read `{}`: {error}", folder.display())),
    }
}

fn fuzz_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Gives each seed as it is, then spoils them, and now and then what came of spoiling them before.
struct Mutator<'s> {
    seeds: &'s [Vec<u8>],
    unspoiled: std::slice::Iter<'s, Vec<u8>>,
    spoiled: Vec<Vec<u8>>,
    state: u64,
}

impl<'s> Mutator<'s> {
    fn new(seeds: &'s [Vec<u8>], seed: u64) -> Self {
        Self {
            seeds,
            unspoiled: seeds.iter(),
            spoiled: Vec::new(),
            state: seed,
        }
    }

    fn next_input(&mut self) -> Vec<u8> {
        if let Some(seed) = self.unspoiled.next() {
            return seed.clone();
        }
        let mut input = if self.spoiled.is_empty() || self.below(4) > 0 {
            self.seeds[self.below(self.seeds.len())].clone()
        } else {
            let place = self.below(self.spoiled.len());
            self.spoiled[place].clone()
        };
        for _ in 0..1 << self.below(4) {
            self.spoil(&mut input);
        }
        input.truncate(INPUT_BYTES);
        if self.spoiled.len() < SPOILED {
            self.spoiled.push(input.clone());
        } else {
            let place = self.below(SPOILED);
            self.spoiled[place].clone_from(&input);
        }
        input
    }

    fn spoil(&mut self, input: &mut Vec<u8>) {
        let (from, to) = (self.below(input.len() + 1), self.below(input.len() + 1));
        let (from, to) = (from.min(to), from.max(to));
        match self.below(9) {
            0 if from < input.len() => input[from] ^= 1 << self.below(8),
            1 if from < input.len() => input[from] = self.random().to_le_bytes()[0],
            2 => drop(input.drain(from..to.min(from + 16))),
            3 => input.truncate(to),
            4 => {
                let copied = input[from..to].to_vec();
                input.splice(to..to, copied);
            }
            5 => {
                let other = &self.seeds[self.below(self.seeds.len())];
                let (start, end) = (self.below(other.len() + 1), self.below(other.len() + 1));
                input.splice(
                    from..to,
                    other[start.min(end)..start.max(end)].iter().copied(),
                );
            }
            6 => {
                let word = WORDS[self.below(WORDS.len())];
                input.splice(from..to.min(from + word.len()), word.iter().copied());
            }
            7 => {
                let word = WORDS[self.below(WORDS.len())].repeat(1 << self.below(12));
                input.splice(from..from, word);
            }
            _ => {
                let word = WORDS[self.below(WORDS.len())];
                input.splice(from..from, word.iter().copied());
            }
        }
    }

    fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap_or(u64::MAX);
        usize::try_from(self.random() % end.max(1)).unwrap_or(0)
    }

    /// `SplitMix64`.
    fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// What the grammars are made of.
const WORDS: &[&[u8]] = &[
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b"\t",
    b" ",
    b"--",
    b"\r\n--B",
    b"\r\n--B--",
    b"\"",
    b"\\",
    b"'",
    b";",
    b":",
    b"=",
    b"%",
    b"%0d%0a",
    b"&",
    b"?",
    b"#",
    b"@",
    b"/",
    b"..",
    b",",
    b".",
    b"$",
    b"${",
    b"}",
    b"${filename}",
    b"${object}",
    b"${x:a}",
    b"$(",
    b"[",
    b"]",
    b"{",
    b"{\"a\":",
    b"null",
    b"true",
    b"-1",
    b"0",
    b"1e999",
    b"0.5",
    b"18446744073709551616",
    b"\\u0000",
    b"\\ud800",
    b"\\$",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\xe4\xb8\xad",
    b"\xf0\x9f\x90\x88",
    b"A",
    b"==",
    b"file",
    b"key",
    b"name=\"file\"",
    b"; filename=\"a\"",
    b"; filename*=utf-8''%ff",
    b"Content-Type: a/b",
    b"Content-Disposition: form-data; name=\"",
    b"http://",
    b"https://",
    b"[::1]",
    b"127.0.0.1",
    b":65536",
    b"$key",
    b"bucket",
    b"eq",
    b"in",
    b"not-in",
    b"starts-with",
    b"content-length-range",
    b"expiration",
    b"conditions",
    b"2026-01-01T00:00:00Z",
    b"OSS ",
    b"OSS4-HMAC-SHA256 ",
    b"Credential=",
    b"AdditionalHeaders=",
    b"Signature=",
    b"aliyun_v4_request",
    b"x-oss-",
    b"x:",
    b"callbackUrl",
    b"callbackBody",
    b"callbackBodyType",
    b"callbackHost",
    b"callbackSNI",
];
/// How much memory a call may take, whatever its input.
const MEMORY_BYTES: usize = 1 << 20;
/// And how much for each byte of it: some copies, and some dozens of bytes for the smallest of
/// fields and values.
const MEMORY_FACTOR: usize = 128;
/// How long one call may take. Far too long, but the machine may be busy.
const TIME: Duration = Duration::from_secs(10);
const INPUT_BYTES: usize = 64 << 10;
const SPOILED: usize = 256;
