//! Addresses, names and ports against rules.

use super::*;

fn guard(allow: &[&str], deny: &[&str]) -> Guard {
    let rules = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
    let config = GuardConfig {
        allow: rules(allow),
        deny: rules(deny),
        ports: vec![PortRule::Any],
        look_up: LookUp::system(),
        own: none_own(),
    };
    Guard::new(config, ADMIN_PORT)
}

/// A machine that has loopback and nothing else.
fn none_own() -> OwnAddresses {
    OwnAddresses::from_fn(|address| address.is_loopback() || address.is_unspecified())
}

fn allowed(allow: &[&str], address: &str) -> bool {
    judged(&guard(allow, &[]), address).is_ok()
}

fn judged(guard: &Guard, address: &str) -> Result<(), GuardError> {
    guard.judge("a.example", SocketAddr::new(address.parse().unwrap(), 80))
}

#[test]
fn public_means_reachable_on_the_internet() {
    for public in [
        "1.1.1.1",
        "8.8.8.8",
        "172.32.0.1",
        "2606:4700::1111",
        "64:ff9b::8.8.8.8",
        "::ffff:8.8.8.8",
        "2002:808:808::1",
        "2606:4700::5efe:808:808",
    ] {
        assert!(allowed(&["public"], public), "{public}");
    }
    for other in NOT_PUBLIC {
        assert!(!allowed(&["public"], other), "{other}");
    }
}

#[test]
fn a_rule_allows_its_kind_and_no_other() {
    let dev = ["loopback", "private"];
    for inside in [
        "127.0.0.1",
        "::1",
        "::ffff:127.0.0.1",
        "10.1.2.3",
        "100.100.100.100",
        "192.168.7.7",
        "fd00::1",
    ] {
        assert!(allowed(&dev, inside), "{inside}");
    }
    for outside in [
        "8.8.8.8",
        "169.254.169.254",
        "100.100.100.200",
        "fd00:ec2::254",
        "fd20:ce::254",
        "0.0.0.0",
        "::",
        "::127.0.0.1",
        "fe80::1",
    ] {
        assert!(!allowed(&dev, outside), "{outside}");
    }
    assert!(allowed(&["10.0.0.7"], "::ffff:10.0.0.7"));
    assert!(allowed(&["169.254.0.0/16"], "169.254.169.254"));
    // All of IPv6 is not all of IPv4 in another spelling.
    assert!(!allowed(&["::/0"], "::ffff:127.0.0.1"));
    assert!(!allowed(&["::/0"], "64:ff9b::127.0.0.1"));
}

#[test]
fn a_name_leads_anywhere_but_to_what_is_special() {
    let guard = guard(&["*.example"], &[]);
    for inside in ["8.8.8.8", "127.0.0.1", "10.0.0.1", "fd00::1"] {
        assert_eq!(judged(&guard, inside), Ok(()), "{inside}");
    }
    for outside in ["169.254.169.254", "100.100.100.200", "0.0.0.0", "fe80::1"] {
        let refused = Err(GuardError::Forbidden(Forbidden::NotAllowed));
        assert_eq!(judged(&guard, outside), refused, "{outside}");
    }
    let other = guard.judge("a.other", "8.8.8.8:80".parse().unwrap());
    assert_eq!(other, Err(GuardError::Forbidden(Forbidden::NotAllowed)));
}

#[tokio::test]
async fn what_is_denied_stays_denied_whatever_allows_it() {
    let guard = guard(
        &["public", "private", "*.example", "64:ff9b::/96"],
        &["8.8.8.0/24", "10.0.0.0/8", "64:ff9b::/96", "bad.example"],
    );
    let denied = Err(GuardError::Forbidden(Forbidden::Denied));
    for address in [
        "8.8.8.8",
        "::ffff:8.8.8.8",
        "64:ff9b::1.1.1.1",
        "2002:0a01:0203::1",
        "10.1.2.3",
    ] {
        assert_eq!(judged(&guard, address), denied, "{address}");
    }
    assert_eq!(judged(&guard, "1.1.1.1"), Ok(()));
    // Without a question to anybody: this name has no address.
    let refused = guard.resolve("BAD.example.", 80).await;
    assert_eq!(refused, Err(GuardError::Forbidden(Forbidden::Denied)));
}

#[tokio::test]
async fn the_admin_interface_is_never_called() {
    let guard = guard(&["loopback", "private", "public", "0.0.0.0/8"], &[]);
    for host in [
        "127.0.0.1",
        "127.9.9.9",
        "0.0.0.0",
        "::1",
        "localhost",
        "127.1",
    ] {
        let refused = guard.resolve(host, ADMIN_PORT).await;
        assert!(
            matches!(refused, Err(GuardError::Forbidden(Forbidden::OwnAdmin)))
                // A machine without IPv6 has no address `::1`.
                || host == "::1",
            "{host}: {refused:?}"
        );
        let beside = guard.resolve(host, ADMIN_PORT + 1).await;
        // Not in that spelling, wherever it leads.
        let is_odd = host == "127.1" && beside == Err(GuardError::Unresolvable);
        assert!(beside.is_ok() || is_odd, "{host}: {beside:?}");
    }
    // Somebody else's port of the same number.
    assert!(guard.resolve("8.8.8.8", ADMIN_PORT).await.is_ok());
}

#[test]
fn an_address_of_this_machine_counts_as_loopback_of_whatever_kind_it_is() {
    let own = ["8.8.4.4", "10.7.7.7", "2606:4700::99", "169.254.20.10"];
    let guard = |allow: &[&str], deny: &[&str]| {
        let mut config = GuardConfig::clone(&guard(allow, deny).config);
        let own = own.map(|address| address.parse::<IpAddr>().unwrap());
        config.own = OwnAddresses::from_fn(move |address| own.contains(&address));
        Guard::new(config, ADMIN_PORT)
    };
    // In whatever form it comes: as it is, mapped, by a translator, in a tunnel.
    let forms = [
        "8.8.4.4",
        "10.7.7.7",
        "2606:4700::99",
        "::ffff:8.8.4.4",
        "64:ff9b::8.8.4.4",
        "64:ff9b::a07:707",
        "2002:808:404::1",
    ];
    let refused = Err(GuardError::Forbidden(Forbidden::OwnAddress));
    let by_kind = guard(&["public", "private"], &[]);
    for address in forms {
        assert_eq!(judged(&by_kind, address), refused, "{address}");
    }
    for neighbour in ["8.8.8.8", "10.7.7.8", "2606:4700::1", "64:ff9b::8.8.8.8"] {
        assert_eq!(judged(&by_kind, neighbour), Ok(()), "{neighbour}");
    }
    for allow in [
        &["public", "private", "loopback"][..],
        &["8.8.4.4", "10.7.0.0/16", "2606:4700::/32", "2002::/16"],
        &["a.example"],
    ] {
        let guard = guard(allow, &[]);
        for address in forms {
            assert_eq!(judged(&guard, address), Ok(()), "{allow:?} {address}");
        }
    }
    // What is special stays special: a cloud's metadata may be served by the machine itself.
    let not_allowed = Err(GuardError::Forbidden(Forbidden::NotAllowed));
    for allow in ["loopback", "a.example"] {
        assert_eq!(judged(&guard(&[allow], &[]), "169.254.20.10"), not_allowed);
    }
    assert_eq!(judged(&guard(&["public"], &[]), "10.7.7.7"), not_allowed);
    let denied = Err(GuardError::Forbidden(Forbidden::Denied));
    let denies = guard(&["public", "private", "a.example"], &["loopback"]);
    for address in forms {
        assert_eq!(judged(&denies, address), denied, "{address}");
    }
}

/// In a network of its own (`unshare`), where the machine gets a public address while the guard looks.
#[tokio::test]
async fn an_address_is_the_machines_own_from_the_moment_in_which_it_has_it() {
    let name =
        "callback::guard::tests::an_address_is_the_machines_own_from_the_moment_in_which_it_has_it";
    if std::env::var_os(INSIDE).is_none() {
        let program = std::env::current_exe().unwrap();
        let script = "ip link set lo up && \"$0\" --exact \"$1\" --nocapture";
        let mut command = std::process::Command::new("unshare");
        command.args(["--map-root-user", "--net", "sh", "-c", script]);
        if !may_unshare() {
            return;
        }
        let done = command.arg(program).arg(name).env(INSIDE, "1").output();
        let done = done.unwrap();
        let said = String::from_utf8_lossy(&done.stdout);
        assert!(
            done.status.success() && said.contains("1 passed"),
            "{done:?}"
        );
        return;
    }
    let mut config = GuardConfig::clone(&guard(&["public"], &[]).config);
    config.own = OwnAddresses::system(vec!["9.9.9.10".parse().unwrap()]);
    let guard = Guard::new(config, ADMIN_PORT);
    let refused = Err(GuardError::Forbidden(Forbidden::OwnAddress));
    let resolve = |host: &'static str| guard.resolve(host, 80);
    assert!(resolve("8.8.4.4").await.is_ok());
    let added = std::process::Command::new("ip")
        .args(["addr", "add", "8.8.4.4/32", "dev", "lo"])
        .status();
    assert!(
        added
            .expect("`ip` (iproute2) is needed for this test")
            .success()
    );
    for own in ["8.8.4.4", "::ffff:8.8.4.4", "64:ff9b::8.8.4.4", "9.9.9.10"] {
        assert_eq!(resolve(own).await, refused, "{own}");
    }
    assert!(resolve("8.8.8.8").await.is_ok());
    // Where every address may be bound to, that says nothing.
    std::fs::write("/proc/sys/net/ipv4/ip_nonlocal_bind", "1").unwrap();
    assert!(std::net::UdpSocket::bind("8.8.8.8:0").is_ok());
    assert!(resolve("8.8.8.8").await.is_ok());
    assert_eq!(resolve("8.8.4.4").await, refused);
}

#[expect(
    clippy::print_stdout,
    reason = "who runs it should see what was left out"
)]
fn may_unshare() -> bool {
    let tried = std::process::Command::new("unshare")
        .args(["--map-root-user", "--net", "ip", "link", "set", "lo", "up"])
        .output();
    let may = tried.is_ok_and(|tried| tried.status.success());
    if !may {
        println!("skipped: `unshare` or `ip` is missing, or not permitted here");
    }
    may
}

/// Says that a test runs in a network of its own.
const INSIDE: &str = "UPCALL_TEST_IN_OWN_NETWORK";

#[tokio::test]
async fn a_port_without_a_rule_is_refused() {
    let config = GuardConfig {
        allow: vec![CallbackRule::Public],
        deny: Vec::new(),
        ports: vec!["80".parse().unwrap(), "8000-8099".parse().unwrap()],
        look_up: LookUp::system(),
        own: none_own(),
    };
    let guard = Guard::new(config, ADMIN_PORT);
    for port in [80, 8000, 8099] {
        assert!(guard.resolve("8.8.8.8", port).await.is_ok(), "{port}");
    }
    for port in [22, 443, 6379, 8100] {
        let refused = Err(GuardError::Forbidden(Forbidden::Port { port }));
        assert_eq!(guard.resolve("8.8.8.8", port).await, refused);
    }
}

#[tokio::test]
async fn every_spelling_of_an_address_is_judged_as_what_it_is() {
    let guard = guard(&["public"], &[]);
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "localhost",
    ] {
        let judged = guard.resolve(host, 80).await;
        assert!(judged.is_err(), "{host}: {judged:?}");
    }
}

#[tokio::test]
async fn a_name_with_one_bad_address_has_none() {
    let answers = |addresses: &'static [&'static str]| {
        let config = GuardConfig {
            allow: vec![CallbackRule::Public],
            deny: Vec::new(),
            ports: vec![PortRule::Any],
            look_up: LookUp::from_fn(move |_, port| {
                let parse = |text: &&str| SocketAddr::new(text.parse().unwrap(), port);
                Ok(addresses.iter().map(parse).collect())
            }),
            own: none_own(),
        };
        Guard::new(config, ADMIN_PORT)
    };
    let good = answers(&["8.8.8.8", "1.1.1.1"]);
    assert_eq!(good.resolve("a.example", 80).await.unwrap().len(), 2);
    for bad in [
        &["8.8.8.8", "10.0.0.1"][..],
        &["10.0.0.1", "8.8.8.8"],
        &["8.8.8.8", "::ffff:127.0.0.1"],
    ] {
        let refused = answers(bad).resolve("a.example", 80).await;
        assert_eq!(refused, Err(GuardError::Forbidden(Forbidden::NotAllowed)));
    }
    let none = answers(&[]).resolve("a.example", 80).await;
    assert_eq!(none, Err(GuardError::Unresolvable));
}

#[tokio::test(start_paused = true)]
async fn names_wait_for_a_place_and_addresses_do_not() {
    let guard = guard(&["loopback"], &[]);
    let all = u32::try_from(limits::LOOKUPS).unwrap();
    let places = guard.lookups.acquire_many(all).await.unwrap();

    assert!(guard.resolve("127.0.0.1", 80).await.is_ok());
    let given_up = guard.resolve("localhost", 80).await;
    assert_eq!(given_up, Err(GuardError::Unresolvable));

    drop(places);
    assert!(guard.resolve("localhost", 80).await.is_ok());
}

/// Where nobody listens in these tests.
const ADMIN_PORT: u16 = 8702;

const NOT_PUBLIC: [&str; 46] = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.100.100.200",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.0.1",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::8.8.8.8",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b:1::10.0.0.1",
    "64:ff9b:1::8.8.8.8",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "2606:4700::5efe:7f00:1",
    "2606:4700::200:5efe:10.0.0.1",
    "fe80::5efe:8.8.8.8",
    "fe80::1",
    "fec0::1",
    "fd00:ec2::254",
    "fc00::1",
    "ff02::1",
    "2001:db8::1",
    "2001::1",
    "100::1",
    "5f00::1",
];

#[test]
fn numbers_that_are_no_addresses_in_their_usual_spelling_are_odd() {
    for odd in [
        "123.456",
        "1",
        "0x7f.1",
        "1.2.3.0x4",
        "1.2.3",
        "01.2.3.4",
        "a.0xff",
        "256.1.1.1",
    ] {
        assert!(is_odd_number(odd), "{odd}");
    }
    for usual in [
        "1.2.3.4",
        "a.example",
        "1.example",
        "0x.example",
        "abc",
        "3com",
        "0xg",
    ] {
        assert!(!is_odd_number(usual), "{usual}");
    }
}
