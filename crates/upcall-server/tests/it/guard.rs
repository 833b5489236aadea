//! Where the server may call: hostile URLs, names that change their answer, redirects, and what the
//! uploader is told. Whoever must not be called listens, and hears nothing.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::net::TcpListener;
use upcall_server::callback::{LookUp, OwnAddresses, PortRule};

use crate::application::{Application, Reply, answer};
use crate::client::Answer;
use crate::form::Form;
use crate::server::{Setup, TestServer};

/// Counts who comes.
struct Trap {
    address: SocketAddr,
    visits: Arc<AtomicUsize>,
}

impl Trap {
    async fn listen(address: &str) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let visits = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&visits);
        tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                counted.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self { address, visits }
    }

    fn visits(&self) -> usize {
        self.visits.load(Ordering::SeqCst)
    }
}

/// Posts a form whose callback goes to `url`, a text in JSON.
async fn post(server: &TestServer, url: &str) -> Answer {
    let parameter = format!(r#"{{"callbackUrl":"{url}","callbackBody":"a=b"}}"#);
    let form = Form::signed("photos", "a").field("callback", &STANDARD.encode(parameter));
    server.post(&form.file("a", b"hello")).await
}

fn rules<T: std::str::FromStr<Err: std::fmt::Debug>>(texts: &[&str]) -> Vec<T> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn not_found() -> io::Error {
    io::Error::from(io::ErrorKind::NotFound)
}

/// The names of `hostile-hosts.txt`; of the others only those that are numbers.
fn hostile_names() -> LookUp {
    let system = LookUp::system();
    LookUp::from_fn(move |host, port| {
        let lines = include_str!("../fixtures/hostile-hosts.txt").lines();
        let known: Vec<SocketAddr> = lines
            .filter_map(|line| line.split_once(' '))
            .filter(|(_, name)| name.eq_ignore_ascii_case(host))
            .map(|(address, _)| SocketAddr::new(address.parse().unwrap(), port))
            .collect();
        let is_number = host
            .rsplit('.')
            .next()
            .unwrap()
            .starts_with(|c: char| c.is_ascii_digit());
        match known.as_slice() {
            [] if is_number => system.ask(host, port),
            [] => Err(not_found()),
            _ => Ok(known),
        }
    })
}

#[tokio::test]
async fn no_hostile_url_is_called() {
    let server = TestServer::start_with(Setup {
        allow: rules(&["public"]),
        deny: rules(&["denied.test", "*.denied.test"]),
        ports: vec![PortRule::Web],
        look_up: hostile_names(),
        ..Setup::default()
    })
    .await;
    let trap = Trap::listen("0.0.0.0:0").await;
    let port = trap.address.port().to_string();

    let mut count = 0;
    for line in include_str!("../fixtures/hostile-urls.txt").lines() {
        let Some((ec, url)) = line
            .split_once(' ')
            .filter(|(ec, _)| ec.starts_with("0007"))
        else {
            continue;
        };
        let given = post(&server, &url.replace("PORT", &port)).await;
        assert_eq!(given.status, 400, "{url}: {}", given.text());
        assert_eq!(given.element("EC"), ec, "{url}: {}", given.text());
        count += 1;
    }

    assert!(count >= 60, "{count}");
    assert_eq!(trap.visits(), 0);
    assert!(server.keys("photos").await.is_empty());
    assert_eq!(server.blob_files(), 0);
}

#[tokio::test]
async fn a_name_that_changes_its_answer_is_judged_again_when_connecting() {
    let app = Application::agreeing("{}").await;
    let port = app.address().port();
    let trap = Trap::listen(&format!("127.0.0.66:{port}")).await;
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let look_up = LookUp::from_fn(move |host, port| {
        let answers: &[&str] = match (host, counted.fetch_add(1, Ordering::SeqCst)) {
            ("steady.test", _) | (_, 0) => &["127.0.0.1"],
            ("both.test", _) => &["127.0.0.1", "127.0.0.66"],
            ("gone.test", _) => return Err(not_found()),
            _ => &["127.0.0.66"],
        };
        let address = |text: &&str| SocketAddr::new(text.parse().unwrap(), port);
        Ok(answers.iter().map(address).collect())
    });
    let server = TestServer::start_with(Setup {
        allow: rules(&["127.0.0.1/32"]),
        look_up,
        ..Setup::default()
    })
    .await;

    for name in ["other.test", "both.test", "gone.test"] {
        asked.store(0, Ordering::SeqCst);
        let given = post(&server, &format!("http://{name}:{port}/")).await;

        given.assert_refused(203, "CallbackFailed", "Error status : -1");
        assert_eq!(asked.load(Ordering::SeqCst), 2, "{name}");
        assert_eq!((app.calls().len(), trap.visits()), (0, 0), "{name}");
    }
    let given = post(&server, &format!("http://steady.test:{port}/")).await;
    assert_eq!(given.status, 200, "{}", given.text());
    assert_eq!((app.calls().len(), trap.visits()), (1, 0));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    for status in [
        "301 Moved",
        "302 Found",
        "303 See Other",
        "307 Same",
        "308 Same",
    ] {
        let trap = Trap::listen("127.0.0.66:0").await;
        let server = TestServer::start_with(Setup {
            allow: rules(&["loopback"]),
            ..Setup::default()
        })
        .await;
        let location = format!("{status}\r\nLocation: http://{}/", trap.address);
        let app = Application::start(Reply::Bytes(answer(&location, "{}"))).await;

        let given = post(&server, &app.url("/")).await;

        let message = format!("Error status : {}.", &status[..3]);
        given.assert_refused(203, "CallbackFailed", &message);
        assert_eq!((app.calls().len(), trap.visits()), (1, 0), "{status}");
    }
}

#[tokio::test]
async fn a_host_that_is_named_may_be_called_and_another_may_not() {
    let app = Application::agreeing("{}").await;
    let port = app.address().port();
    let look_up = LookUp::from_fn(|_, port| Ok(vec![SocketAddr::from(([127, 0, 0, 1], port))]));
    let server = TestServer::start_with(Setup {
        allow: rules(&["app.test", "*.apps.test"]),
        deny: rules(&["bad.apps.test"]),
        look_up,
        ..Setup::default()
    })
    .await;
    for (host, status) in [
        ("app.test", 200),
        ("APP.test", 200),
        ("one.apps.test", 200),
        ("apps.test", 400),
        ("bad.apps.test", 400),
        ("app.test.evil.test", 400),
        ("127.0.0.1", 400),
    ] {
        let given = post(&server, &format!("http://{host}:{port}/")).await;
        assert_eq!(given.status, status, "{host}: {}", given.text());
    }
}

#[tokio::test]
async fn the_servers_own_admin_interface_is_never_called() {
    let server = TestServer::start_with(Setup {
        allow: rules(&["loopback", "private", "public", "0.0.0.0/8"]),
        ..Setup::default()
    })
    .await;
    let port = server.admin().port();
    for host in [
        "127.0.0.1",
        "127.1",
        "127.0.0.2",
        "0.0.0.0",
        "0",
        "localhost",
        "2130706433",
    ] {
        let given = post(&server, &format!("http://{host}:{port}/v1/buckets")).await;
        let message = "Private address is forbidden to callback.";
        given.assert_refused(400, "InvalidArgument", message);
        assert!(
            given.element("Hint").contains("admin interface"),
            "{}",
            given.text()
        );
    }
    assert!(server.keys("photos").await.is_empty());
}

#[tokio::test]
async fn a_service_behind_the_firewall_of_this_machine_is_not_called_by_its_public_address() {
    // The machine has a public address, which the rules allow as one of the internet.
    let server = TestServer::start_with(Setup {
        allow: rules(&["public"]),
        own: OwnAddresses::from_fn(|address| address.to_string() == "8.8.4.4"),
        look_up: LookUp::from_fn(|host, port| {
            let address = match host {
                "mapped.test" => "::ffff:8.8.4.4",
                "translated.test" => "64:ff9b::8.8.4.4",
                _ => "8.8.4.4",
            };
            Ok(vec![SocketAddr::new(address.parse().unwrap(), port)])
        }),
        ..Setup::default()
    })
    .await;
    for host in ["8.8.4.4", "public.test", "mapped.test", "translated.test"] {
        let given = post(&server, &format!("http://{host}:18080/")).await;
        let message = "Private address is forbidden to callback.";
        given.assert_refused(400, "InvalidArgument", message);
        let hint = given.element("Hint");
        assert!(
            hint.contains("own machine") && hint.contains("--callback-allow"),
            "{hint}"
        );
    }
}

#[tokio::test]
async fn a_refusal_names_the_setting_and_no_address() {
    let look_up = LookUp::from_fn(|_, port| Ok(vec![SocketAddr::from(([10, 9, 8, 7], port))]));
    let server = TestServer::start_with(Setup {
        allow: rules(&["public"]),
        deny: rules(&["denied.test", "9.9.9.0/24"]),
        ports: rules(&["80"]),
        look_up,
        ..Setup::default()
    })
    .await;
    for (url, setting) in [
        ("http://inside.test/", "--callback-allow"),
        ("http://10.9.8.7/", "--callback-allow"),
        ("http://denied.test/", "--callback-deny"),
        ("http://9.9.9.9/", "--callback-deny"),
        ("http://1.1.1.1:6379/", "--callback-ports"),
    ] {
        let given = post(&server, url).await;
        let message = "Private address is forbidden to callback.";
        given.assert_refused(400, "InvalidArgument", message);
        assert_eq!(given.element("EC"), "0007-00000008", "{url}");
        assert_eq!(given.element("ArgumentValue"), url);
        let hint = given.element("Hint");
        assert!(hint.contains(setting), "{url}: {hint}");
        assert!(!hint.contains("10.9.8.7"), "{url}: {hint}");
    }
}
