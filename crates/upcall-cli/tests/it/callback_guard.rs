//! Where the process connects, call by call, as `strace` sees it: hostile URLs, a redirect, a name
//! that changes its answer, and proxies in the environment. Whatever happens, it connects to the
//! application and to nobody else.
//!
//! The server has an `/etc/hosts` and an `/etc/resolv.conf` of its own (`unshare`), so that the
//! system's resolver answers as the test says and nobody else is asked.
#![expect(
    clippy::print_stdout,
    reason = "who runs it should see what was left out"
)]

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tempfile::tempdir;

use crate::http::{FORM, ask, form};
use crate::program::{Running, Upcall};

#[test]
fn no_connection_goes_where_no_callback_may_go() {
    if !can_trace() {
        return;
    }
    let folder = tempdir().unwrap();
    let names = Names::new(folder.path());
    let trap = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = trap.local_addr().unwrap().port();
    let moved = Application::start("127.0.0.7:0", move |_| {
        format!("302 Found\r\nLocation: http://127.0.0.1:{port}/")
    });
    let good = Application::start("127.0.0.7:0", |_| "200 OK".to_owned());
    // The name leads elsewhere from now on, while an upload that was admitted is under way.
    let changed = names.clone();
    let changer = Application::start("127.0.0.7:0", move |_| {
        changed.set("127.0.0.66 rebind.test");
        "500 No".to_owned()
    });
    let data = folder.path().join("data");
    drop(Upcall::serve_open(&data));
    let trace = folder.path().join("trace");
    let server = start(&data, &names, &trace, port);
    let storage = server.address("storage").to_owned();

    // Hostile URLs: refused before the file.
    let mut count = 0;
    for line in include_str!("../../../upcall-server/tests/fixtures/hostile-urls.txt").lines() {
        let Some((ec, url)) = line
            .split_once(' ')
            .filter(|(ec, _)| ec.starts_with("0007"))
        else {
            continue;
        };
        let url = url.replace("PORT", &port.to_string());
        let (status, body) = upload(&storage, &url);
        assert_eq!(status, 400, "{url}: {body}");
        assert!(body.contains(&format!("<EC>{ec}</EC>")), "{url}: {body}");
        count += 1;
    }
    assert!(count >= 60, "{count}");
    // The admin interface, in the network that is allowed.
    let admin = server.address("admin").rsplit_once(':').unwrap().1;
    let (status, body) = upload(&storage, &format!("http://127.0.0.7:{admin}/v1/buckets"));
    assert_eq!(status, 400, "{body}");
    assert!(body.contains("admin interface"), "{body}");

    // A redirect: told, not followed.
    let (status, body) = upload(&storage, &moved.url("127.0.0.7"));
    assert_eq!(status, 203, "{body}");
    assert!(body.contains("Error status : 302."), "{body}");

    // A name that changes its answer after it was judged: the first URL's call changes it.
    let second = good.url("rebind.test");
    names.set("127.0.0.7 rebind.test");
    let both = format!("{};{second}", changer.url("127.0.0.7"));
    let (status, body) = upload(&storage, &both);
    assert_eq!((status, changer.calls()), (203, 1), "{body}");
    assert!(body.contains("Error status : -1"), "{body}");
    names.set("127.0.0.7 rebind.test");
    assert_eq!(good.calls(), 0);
    let (status, body) = upload(&storage, &second);
    assert_eq!((status, good.calls()), (200, 1), "{body}");

    server.stop().done();
    let connections = connections(&fs::read_to_string(&trace).unwrap());
    assert_eq!(connections, [moved.address, changer.address, good.address]);
    trap.set_nonblocking(true).unwrap();
    assert!(trap.accept().is_err(), "somebody came into the trap");
}

/// `upcall serve` with proxies in its environment that are the trap, names of its own, and a trace
/// of what it connects to.
fn start(data: &Path, names: &Names, trace: &Path, trap: u16) -> Running {
    let words = [
        "unshare",
        "--map-root-user",
        "--mount",
        "/bin/sh",
        "-c",
        "mount --bind \"$1\" /etc/hosts && mount --bind \"$2\" /etc/resolv.conf && shift 2 && \
         exec \"$@\"",
        "sh",
        names.hosts.to_str().unwrap(),
        names.resolver.to_str().unwrap(),
        "strace",
        "-D",
        "-f",
        "-qq",
        "-e",
        "trace=connect",
        "-o",
        trace.to_str().unwrap(),
    ];
    let mut serve = Upcall::serve(data).and(&[
        "--callback-allow",
        "public",
        "--callback-allow",
        "127.0.0.7/32",
        "--callback-deny",
        "denied.test",
        "--callback-deny",
        "*.denied.test",
    ]);
    let proxy = format!("http://127.0.0.1:{trap}");
    for name in [
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
    ] {
        serve = serve.env(name, &proxy);
    }
    serve.under(&words).start()
}

/// Status and body of an upload whose callback goes to `url`, a text in JSON.
fn upload(storage: &str, url: &str) -> (u16, String) {
    let parameter = format!(r#"{{"callbackUrl":"{url}","callbackBody":"o=${{object}}"}}"#);
    let fields = [
        ("key".to_owned(), "a".to_owned()),
        ("callback".to_owned(), STANDARD.encode(parameter)),
    ];
    let given = ask(
        storage,
        "POST /open",
        FORM,
        &form(&fields, "a.txt", "hello"),
    );
    (given.status, given.body)
}

/// The addresses of every TCP connection that was begun, in order.
///
/// Not among them: sockets of the machine itself, and the resolver's, which connects sockets to
/// port 0 in order to sort addresses, sending nothing, and asks the name server of
/// `/etc/resolv.conf`.
fn connections(trace: &str) -> Vec<SocketAddr> {
    let mut found = Vec::new();
    for line in trace.lines().filter(|line| line.contains("connect(")) {
        if line.contains("sa_family=AF_UNIX") || line.contains("sa_family=AF_UNSPEC") {
            continue;
        }
        let after = |mark: &str| line.split_once(mark).map(|(_, rest)| rest);
        let port = after("port=htons(").and_then(|rest| rest.split(')').next());
        let quoted = |rest: &'_ str| rest.split('"').nth(1).map(str::to_owned);
        let address = after("inet_addr(")
            .or_else(|| after("inet_pton("))
            .and_then(quoted);
        let (Some(port), Some(address)) = (port, address) else {
            panic!("what is this? {line}");
        };
        let address = SocketAddr::new(address.parse().unwrap(), port.parse().unwrap());
        if address.port() != 0 && address != NAME_SERVER.parse().unwrap() {
            found.push(address);
        }
    }
    found
}

/// Who names what.
#[derive(Clone)]
struct Names {
    hosts: PathBuf,
    resolver: PathBuf,
}

impl Names {
    fn new(folder: &Path) -> Self {
        let names = Self {
            hosts: folder.join("hosts"),
            resolver: folder.join("resolv.conf"),
        };
        let (server, _) = NAME_SERVER.split_once(':').unwrap();
        // Nobody answers there: what is not in the file does not resolve, at once.
        let text = format!("nameserver {server}\noptions timeout:1 attempts:1\n");
        fs::write(&names.resolver, text).unwrap();
        names.set("");
        names
    }

    /// What `hostile-hosts.txt` says, and this line.
    fn set(&self, line: &str) {
        let names = include_str!("../../../upcall-server/tests/fixtures/hostile-hosts.txt");
        // The file stays the same one: it is mounted.
        fs::write(&self.hosts, format!("{names}{line}\n")).unwrap();
    }
}

const NAME_SERVER: &str = "127.0.0.99:53";

/// An application that gives the status line's rest that it is told, with `{}`.
struct Application {
    address: SocketAddr,
    calls: Arc<Mutex<usize>>,
}

impl Application {
    fn start(address: &str, answer: impl Fn(usize) -> String + Send + 'static) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let calls = Arc::new(Mutex::new(0));
        let counted = Arc::clone(&calls);
        thread::spawn(move || {
            for socket in listener.incoming() {
                let mut socket = socket.unwrap();
                read_call(&mut socket);
                let number = {
                    let mut calls = counted.lock().unwrap();
                    *calls += 1;
                    *calls
                };
                let head = answer(number);
                let answer = format!(
                    "HTTP/1.1 {head}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}"
                );
                // Whoever called may be gone.
                let _ = socket.write_all(answer.as_bytes());
            }
        });
        Self { address, calls }
    }

    fn url(&self, host: &str) -> String {
        format!("http://{host}:{}/", self.address.port())
    }

    fn calls(&self) -> usize {
        *self.calls.lock().unwrap()
    }
}

/// Up to the end of the body, which is `o=a`.
fn read_call(socket: &mut TcpStream) {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    while !bytes.ends_with(b"o=a") {
        match socket.read(&mut piece) {
            Ok(read) if read > 0 => bytes.extend_from_slice(&piece[..read]),
            Ok(_) | Err(_) => return,
        }
    }
}

/// Whether the two programs are there, and the system lets us.
fn can_trace() -> bool {
    let words = [
        "--map-root-user",
        "--mount",
        "strace",
        "-qq",
        "-o",
        "/dev/null",
        "true",
    ];
    let tried = Command::new("unshare").args(words).output();
    let can = tried.is_ok_and(|tried| tried.status.success());
    if !can {
        println!("skipped: `unshare` or `strace` is missing, or not permitted here");
    }
    can
}
