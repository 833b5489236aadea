//! System calls that fail: `strace` has one call of the server's in so many answered with an error.
//!
//! Whatever fails, an upload that was answered with success is there and right, at once and after a
//! start without faults; one that was not is there wholly or not at all; and nothing panics. The server
//! may refuse to start, in a sentence.
//!
//! `UPCALL_FAULTS=200` tries every error at the first calls of each kind, and at more and more distant
//! ones up to the 200th.
#![expect(
    clippy::print_stdout,
    reason = "who runs it should see what was left out"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use rustix::process::Signal;
use tempfile::tempdir;

use crate::http::{Answer, try_ask};
use crate::program::Upcall;

#[test]
fn a_system_call_that_fails_makes_no_false_success() {
    if !has_strace() {
        return;
    }
    let folder = tempdir().unwrap();
    drop(Upcall::serve_open(folder.path()));
    let most = std::env::var("UPCALL_FAULTS").ok();
    let faults = match &most {
        Some(most) => every_fault(most.parse().unwrap()),
        None => some_faults(),
    };
    let mut ledger = Ledger::default();
    let (count, mut refused) = (faults.len(), 0);
    for fault in faults {
        refused += usize::from(live(folder.path(), &fault, &mut ledger).is_none());
        let serve = Upcall::serve(folder.path()).start();
        ledger.compare(serve.address("storage"), &fault);
        no_panic(&serve.stop().stderr, &fault);
    }
    let (answered, failed) = (ledger.answered, ledger.failed);
    assert!(
        answered > count && failed > count / 4,
        "{answered} done, {failed} failed"
    );
    assert!(refused < count / 2, "{refused} of {count} did not start");
    let report = Upcall::new(&["fsck", "--json"]).data(folder.path());
    assert_eq!(report.run().done_json()["damaged"], 0);
}

/// What a flush that failed was for is lost: the kernel has thrown it away and says so only once.
#[test]
fn a_flush_of_the_log_that_fails_is_not_tried_again() {
    if !has_strace() {
        return;
    }
    let folder = tempdir().unwrap();
    let data = folder.path().join("data");
    let trace = folder.path().join("trace");
    drop(Upcall::serve_open(&data));
    let segment = data.join("log/0000000000000001.log");
    assert!(!segment.exists());
    // The first flush is that of the segment's header.
    let (calls, path) = ("trace=fdatasync,fsync,ftruncate,pwritev", segment.to_str());
    let words = [
        &STRACE[..],
        &["-P", path.unwrap(), "-o", trace.to_str().unwrap()],
        &["-e", calls, "-e", "inject=fdatasync:error=EIO:when=2"],
    ];
    let serve = Upcall::serve(&data).under(&words.concat());
    let mut serve = serve.start();
    let address = serve.address("storage");

    let failed = put(address, "a", "first").unwrap();
    assert_eq!(failed.status, 500, "{}", failed.body);
    assert_eq!(get(address, "a").unwrap().status, 404);
    assert_eq!(put(address, "b", "second").unwrap().status, 200);
    serve.signal(Signal::KILL);
    serve.end();

    let calls = fs::read_to_string(&trace).unwrap();
    let (_, after) = calls
        .split_once("(INJECTED)")
        .unwrap_or_else(|| panic!("{calls}"));
    assert!(
        !after.contains("fdatasync(") && !after.contains("pwritev("),
        "{calls}"
    );
    let serve = Upcall::serve(&data).start();
    let address = serve.address("storage");
    assert_eq!(get(address, "a").unwrap().status, 404);
    assert_eq!(get(address, "b").unwrap().body, "second");
}

/// One system call in the server's life, counted in each of its threads.
#[derive(Debug)]
struct Fault {
    call: &'static str,
    error: &'static str,
    number: u32,
    /// All that follow fail, too.
    lasts: bool,
}

impl Fault {
    /// As `strace` has it.
    fn injection(&self) -> String {
        let Self {
            call,
            error,
            number,
            lasts,
        } = self;
        let and_on = if *lasts { "+" } else { "" };
        format!("inject={call}:error={error}:when={number}{and_on}")
    }
}

fn every_fault(most: u32) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut number = 1;
    while number <= most {
        for call in CALLS {
            for (turn, error) in ERRORS.into_iter().enumerate() {
                let lasts = (faults.len() / 2 + turn) % 2 == 1;
                faults.push(Fault {
                    call,
                    error,
                    number,
                    lasts,
                });
            }
        }
        number += 1 + number / 8;
    }
    faults
}

/// The first few of each, then fewer and fewer; errors take turns.
fn some_faults() -> Vec<Fault> {
    let mut faults = Vec::new();
    for (turn, number) in [1, 2, 3, 4, 6, 9, 15].into_iter().enumerate() {
        for (place, call) in CALLS.into_iter().enumerate() {
            // The program's own start takes hundreds of files before it comes to the store.
            let number = if call == "openat" {
                number * 12
            } else {
                number
            };
            let error = ERRORS[(turn + place) % ERRORS.len()];
            let lasts = (turn / 2 + place) % 2 == 1;
            faults.push(Fault {
                call,
                error,
                number,
                lasts,
            });
        }
    }
    faults
}

/// A life of the server with a fault. Nothing, if it refused to start.
fn live(data: &Path, fault: &Fault, ledger: &mut Ledger) -> Option<()> {
    let (trace, inject) = (format!("trace={}", fault.call), fault.injection());
    let words = ["-o", "/dev/null", "-e", &trace, "-e", &inject];
    let serve = Upcall::serve(data).under(&[&STRACE[..], &words].concat());
    let mut serve = match serve.try_start() {
        Ok(serve) => serve,
        Err(ended) => {
            assert!(ended.stderr.contains("error"), "{fault:?}: {ended:?}");
            no_panic(&ended.stderr, fault);
            return None;
        }
    };
    // A distant call takes longer to come.
    for number in 0..STEPS + fault.number as usize / 2 {
        ledger.step(serve.address("storage"), number, fault);
    }
    let end = match fault.number % 2 {
        0 => Signal::KILL,
        _ => Signal::TERM,
    };
    serve.signal(end);
    no_panic(&serve.end().stderr, fault);
    Some(())
}

fn no_panic(log: &str, fault: &Fault) {
    assert!(!log.contains("panicked"), "{fault:?}: {log}");
}

/// What clients know.
#[derive(Default)]
struct Ledger {
    keys: BTreeMap<String, Known>,
    steps: usize,
    answered: usize,
    failed: usize,
}

#[derive(Default)]
struct Known {
    /// What was answered, or seen after a start without faults; the number of an upload.
    state: Option<usize>,
    /// What was tried since, without success.
    tried: Vec<Option<usize>>,
}

impl Known {
    fn may_be(&self, answer: &Answer, key: &str) -> bool {
        let is = |state: Option<usize>| match state {
            Some(number) => answer.status == 200 && answer.body == content(key, number),
            None => answer.status == 404,
        };
        is(self.state) || self.tried.iter().any(|state| is(*state))
    }
}

impl Ledger {
    /// Uploads or deletes, and looks at once what became of it.
    fn step(&mut self, address: &str, number: usize, fault: &Fault) {
        self.steps += 1;
        let upload = self.steps;
        let key = format!("k{}", (upload * 7 + number) % KEYS);
        let known = self.keys.entry(key.clone()).or_default();
        let (answer, state) = if number % 5 == 4 {
            let target = format!("DELETE /open/{key}");
            (try_ask(address, &target, "", b""), None)
        } else {
            let content = content(&key, upload);
            (put(address, &key, &content), Some(upload))
        };
        match answer {
            Ok(answer) if matches!(answer.status, 200 | 204) => {
                known.state = state;
                known.tried.clear();
                self.answered += 1;
            }
            Ok(answer) => {
                let is_fault = matches!(answer.status, 500 | 503);
                assert!(is_fault, "{fault:?}: {} {}", answer.status, answer.body);
                known.tried.push(state);
                self.failed += 1;
            }
            Err(_) => {
                known.tried.push(state);
                self.failed += 1;
            }
        }
        // Reading may fail as well, but what is read is right.
        if let Ok(answer) = get(address, &key)
            && answer.status < 500
        {
            let (status, state, tried) = (answer.status, known.state, &known.tried);
            assert!(
                known.may_be(&answer, &key),
                "{fault:?}: `{key}` is {state:?}, or perhaps {tried:?}, and was answered {status}"
            );
        }
    }

    /// Everything, by a server without faults.
    fn compare(&mut self, address: &str, fault: &Fault) {
        for (key, known) in &mut self.keys {
            let answer = get(address, key).unwrap();
            let (status, state, tried) = (answer.status, known.state, &known.tried);
            assert!(
                known.may_be(&answer, key),
                "after {fault:?}: `{key}` is {state:?}, or perhaps {tried:?}, and was answered {status}"
            );
            // What is there stays.
            known.state = (answer.status == 200).then(|| number_of(&answer.body));
            known.tried.clear();
        }
    }
}

fn put(address: &str, key: &str, content: &str) -> std::io::Result<Answer> {
    try_ask(address, &format!("PUT /open/{key}"), "", content.as_bytes())
}

fn get(address: &str, key: &str) -> std::io::Result<Answer> {
    try_ask(address, &format!("GET /open/{key}"), "", b"")
}

/// No two are alike; one in five is a file of its own.
fn content(key: &str, number: usize) -> String {
    let line = format!("{number} {key}\n");
    let bytes = match number % 5 {
        0 => 1_200_000 + number * 7919 % 100_000,
        1 => 300_000,
        _ => number * 7919 % 20_000,
    };
    line.repeat(1 + bytes / line.len())
}

fn number_of(content: &str) -> usize {
    content.split(' ').next().unwrap().parse().unwrap()
}

fn has_strace() -> bool {
    let found = Command::new("strace").arg("-V").output().is_ok();
    if !found {
        println!("skipped: there is no `strace`; `cargo xtask test rust` installs it");
    }
    found
}

/// All threads, in silence; the server is the child of who starts it, and `strace` the grandchild.
const STRACE: [&str; 4] = ["strace", "-D", "-f", "-qq"];
/// What the store writes and opens with. Not `write`: it wakes the runtime, whose failure is a panic.
const CALLS: [&str; 6] = [
    "pwritev",
    "fdatasync",
    "fsync",
    "openat",
    "pwrite64",
    "ftruncate",
];
const ERRORS: [&str; 2] = ["EIO", "ENOSPC"];
const STEPS: usize = 12;
const KEYS: usize = 17;
