//! What uploads take of the machine's memory, and the largest one there may be.
//!
//! `UPCALL_LONG_TESTS` asks for the full sizes.
#![expect(
    clippy::print_stdout,
    reason = "the figures, for whoever asks to see them"
)]

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use tempfile::tempdir;

use crate::http::{ask, get};
use crate::program::{HUNG, Running, Upcall};

const MIB: u64 = 1024 * 1024;

/// Source: OSS, "PostObject" (5 GB).
const LARGEST: u64 = 5 * 1024 * MIB;

#[test]
fn many_large_uploads_at_once_stay_within_150_mib() {
    let folder = tempdir().unwrap();
    let serve = Upcall::serve_open(folder.path());
    let bytes = if is_long() { 64 * MIB } else { 4 * MIB };
    let address = serve.address("storage");

    std::thread::scope(|scope| {
        for index in 0..64 {
            scope.spawn(move || {
                let answer = upload(address, &format!("{index}"), bytes);
                assert!(answer.starts_with("HTTP/1.1 204 "), "{answer}");
            });
        }
    });

    let most = most_resident_kib(&serve);
    println!(
        "64 uploads of {} MiB: {} MiB resident",
        bytes / MIB,
        most / 1024
    );
    assert!(most < 150 * 1024, "{most} KiB resident");
}

#[test]
fn five_gibibytes_and_one_byte_more() {
    if !is_long() {
        println!("skipped: 5 GiB are for long runs, `cargo xtask test --long`");
        return;
    }
    let folder = tempdir().unwrap();
    let serve = Upcall::serve_open(folder.path());
    let address = serve.address("storage");

    let answer = upload(address, "largest", LARGEST);
    assert!(answer.starts_with("HTTP/1.1 204 "), "{answer}");
    let head = ask(address, "HEAD /open/largest", "", b"");
    assert_eq!(head.header("content-length"), Some("5368709120"));

    let answer = upload(address, "too-large", LARGEST + 1);
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(answer.contains("<Code>EntityTooLarge</Code>"), "{answer}");
    assert_eq!(get(address, "/open/too-large").status, 404);
    println!("{} MiB resident at most", most_resident_kib(&serve) / 1024);
}

/// Sends a form with a file of so many bytes, which no disk and no memory of ours has to hold.
/// Returns the answer, which may come before everything was sent.
fn upload(address: &str, key: &str, bytes: u64) -> String {
    let before = format!(
        "--cut\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\n{key}\r\n--cut\r\n\
         Content-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n"
    );
    let after = "\r\n--cut--\r\n";
    let mut socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(HUNG)).unwrap();
    write!(
        socket,
        "POST /open/ HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
         Content-Type: multipart/form-data; boundary=cut\r\nContent-Length: {}\r\n\r\n{before}",
        before.len() as u64 + bytes + after.len() as u64
    )
    .unwrap();
    let piece = vec![b'x'; 64 * 1024];
    let mut left = bytes;
    while left > 0 {
        let now = usize::try_from(left.min(piece.len() as u64)).unwrap();
        // A server that refuses has answered, and closes.
        if socket.write_all(&piece[..now]).is_err() {
            break;
        }
        left -= now as u64;
    }
    let _ = socket.write_all(after.as_bytes());
    let mut answer = String::new();
    let _ = socket.read_to_string(&mut answer);
    answer
}

/// The most that the process had in memory so far.
fn most_resident_kib(process: &Running) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.unwrap().trim().strip_suffix(" kB").unwrap();
    number.parse().unwrap()
}

fn is_long() -> bool {
    std::env::var_os("UPCALL_LONG_TESTS").is_some()
}
