//! The end: asked once, it finishes what runs; asked twice, it goes.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use rustix::process::Signal;
use tempfile::tempdir;

use crate::http::get;
use crate::program::{HUNG, Running, Upcall};

#[test]
fn either_signal_ends_it_well() {
    for signal in [Signal::TERM, Signal::INT] {
        let folder = tempdir().unwrap();
        let mut serve = Upcall::serve(folder.path()).start();

        serve.signal(signal);

        serve.end().done();
    }
}

/// Log rotation and process managers send them; they ended the process and cut its uploads.
#[test]
fn no_other_signal_ends_it() {
    let folder = tempdir().unwrap();
    let mut serve = Upcall::serve_open(folder.path());
    let (mut upload, rest) = half_an_upload(&serve);
    for (signal, name) in [
        (Signal::HUP, "SIGHUP"),
        (Signal::USR1, "SIGUSR1"),
        (Signal::USR2, "SIGUSR2"),
        (Signal::PIPE, ""),
    ] {
        serve.signal(signal);
        if !name.is_empty() {
            serve.says(&format!("{name} is ignored"));
        }
    }
    upload.write_all(rest.as_bytes()).unwrap();
    let mut answer = String::new();
    upload.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 204 "), "{answer}");

    // While it finishes what runs, too.
    let (mut upload, rest) = half_an_upload(&serve);
    serve.signal(Signal::TERM);
    serve.says("stopping");
    serve.signal(Signal::HUP);
    serve.says("SIGHUP is ignored");
    upload.write_all(rest.as_bytes()).unwrap();
    let mut answer = String::new();
    upload.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 204 "), "{answer}");
    serve.end().done();
}

#[test]
fn an_upload_that_runs_is_finished_first() {
    let folder = tempdir().unwrap();
    let mut serve = Upcall::serve_open(folder.path());
    let (mut upload, rest) = half_an_upload(&serve);

    serve.signal(Signal::TERM);
    serve.says("stopping");
    upload.write_all(rest.as_bytes()).unwrap();
    let mut answer = String::new();
    upload.read_to_string(&mut answer).unwrap();

    assert!(answer.starts_with("HTTP/1.1 204 "), "{answer}");
    serve.end().done();
    let again = Upcall::serve(folder.path()).start();
    assert_eq!(get(again.address("storage"), "/open/cat.txt").body, "12345");
}

#[test]
fn a_second_signal_does_not_wait_for_an_upload() {
    let folder = tempdir().unwrap();
    let mut serve = Upcall::serve_open(folder.path());
    let (mut upload, _) = half_an_upload(&serve);

    serve.signal(Signal::TERM);
    serve.says("stopping");
    serve.signal(Signal::TERM);

    serve.says("stopped at once");
    serve.end().done();
    let mut answer = String::new();
    // Closed or reset, with or without a word; but it is not told that its file was kept.
    let _ = upload.read_to_string(&mut answer);
    assert!(!answer.starts_with("HTTP/1.1 2"), "{answer}");
    let again = Upcall::serve(folder.path()).start();
    assert_eq!(get(again.address("storage"), "/open/cat.txt").status, 404);
}

/// An upload whose file has begun, and what is left to send.
fn half_an_upload(serve: &Running) -> (TcpStream, &'static str) {
    let (begun, rest) = (
        "--cut\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\ncat.txt\r\n--cut\r\n\
         Content-Disposition: form-data; name=\"file\"; filename=\"cat.txt\"\r\n\r\n123",
        "45\r\n--cut--\r\n",
    );
    let address = serve.address("storage");
    let mut socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(HUNG)).unwrap();
    let head = format!(
        "POST /open/ HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nExpect: 100-continue\r\n\
         Content-Type: multipart/form-data; boundary=cut\r\nContent-Length: {}\r\n\r\n",
        begun.len() + rest.len()
    );
    socket.write_all(head.as_bytes()).unwrap();
    // The server asks for the body: from here on, it knows of the upload.
    let mut go_on = [0; 25];
    socket.read_exact(&mut go_on).unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    socket.write_all(begun.as_bytes()).unwrap();
    (socket, rest)
}
