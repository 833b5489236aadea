//! The hops that `Forwarded` and `X-Forwarded-For` name.
//!
//! In: the lines of one header. Out: its hops, the client's end first. What cannot be read is an
//! unknown hop, never an address: the caller stops there.
//!
//! Source: RFC 7239, sections 4 and 6 (`Forwarded`); `X-Forwarded-For` as nginx, Apache, Caddy and
//! the large clouds write it, with or without a port.

use std::net::{IpAddr, SocketAddr};

/// Where a request passed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Hop {
    Address(IpAddr),
    /// `unknown`, a name made up by the proxy (`_hidden`), or something that cannot be read.
    Unknown,
}

/// The hops of `X-Forwarded-For`; `None` if there is no such line.
pub(super) fn common<'a>(lines: impl Iterator<Item = &'a str>) -> Option<Vec<Hop>> {
    let mut hops = None;
    for line in lines {
        let hops = hops.get_or_insert_with(Vec::new);
        hops.extend(line.split(',').map(|node| {
            let node = node.trim_matches([' ', '\t']);
            // Commonly without brackets, which the standard wants.
            node.parse().map_or_else(|_| read_node(node), known)
        }));
    }
    hops
}

/// The hops of `Forwarded`; `None` if there is no such line.
pub(super) fn standard<'a>(lines: impl Iterator<Item = &'a str>) -> Option<Vec<Hop>> {
    let mut hops = None;
    for line in lines {
        let hops: &mut Vec<Hop> = hops.get_or_insert_with(Vec::new);
        let mut rest = line;
        // Where an element cannot be read, it is not known where the next one begins either.
        loop {
            let (hop, after) = read_element(rest).unwrap_or((Hop::Unknown, None));
            hops.push(hop);
            let Some(after) = after else { break };
            rest = after;
        }
    }
    hops
}

/// One element, and what follows its comma. `None` if it breaks the grammar.
fn read_element(text: &str) -> Option<(Hop, Option<&str>)> {
    let mut hop = None;
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', '\t']);
        let (name, after) = rest.split_once('=')?;
        if !is_token(name) {
            return None;
        }
        let (value, after) = read_value(after)?;
        if name.eq_ignore_ascii_case("for") {
            // Each parameter stands once (RFC 7239, 4).
            if hop.replace(read_node(&value)).is_some() {
                return None;
            }
        }
        let after = after.trim_start_matches([' ', '\t']);
        if let Some(next) = after.strip_prefix(';') {
            rest = next;
            continue;
        }
        let hop = hop.unwrap_or(Hop::Unknown);
        return match after.strip_prefix(',') {
            Some(next) => Some((hop, Some(next))),
            None if after.is_empty() => Some((hop, None)),
            None => None,
        };
    }
}

/// A token or a quoted string, and what follows it.
fn read_value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([';', ',', ' ', '\t']).unwrap_or(text.len());
        let (value, after) = text.split_at(end);
        return is_token(value).then(|| (value.to_owned(), after));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => value.push(characters.next()?.1),
            _ => value.push(character),
        }
    }
    None
}

fn is_token(text: &str) -> bool {
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !text.is_empty() && text.bytes().all(is_token)
}

/// An address with or without a port; one of IPv6 stands in brackets.
fn read_node(node: &str) -> Hop {
    let in_brackets = node
        .strip_prefix('[')
        .and_then(|node| node.strip_suffix(']'));
    if let Some(address) = in_brackets {
        let is_v6 = |address: &IpAddr| address.is_ipv6();
        let address = address.parse().ok().filter(is_v6);
        return address.map_or(Hop::Unknown, known);
    }
    if let Ok(address) = node.parse::<std::net::Ipv4Addr>() {
        return Hop::Address(address.into());
    }
    let with_port = node.parse::<SocketAddr>();
    with_port.map_or(Hop::Unknown, |address| known(address.ip()))
}

fn known(address: IpAddr) -> Hop {
    Hop::Address(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hops(line: &str) -> Vec<String> {
        let hops = standard([line].into_iter()).unwrap();
        let shown = hops.iter().map(|hop| match hop {
            Hop::Address(address) => address.to_string(),
            Hop::Unknown => "?".to_owned(),
        });
        shown.collect()
    }

    #[test]
    fn the_examples_of_the_standard_are_read() {
        assert_eq!(hops("for=\"_gazonk\""), ["?"]);
        assert_eq!(
            hops("For=\"[2001:db8:cafe::17]:4711\""),
            ["2001:db8:cafe::17"]
        );
        assert_eq!(
            hops("for=192.0.2.60;proto=http;by=203.0.113.43"),
            ["192.0.2.60"]
        );
        assert_eq!(
            hops("for=192.0.2.43, for=198.51.100.17"),
            ["192.0.2.43", "198.51.100.17"]
        );
        assert_eq!(
            hops("for=\"192.0.2.43:47011\" , for=unknown"),
            ["192.0.2.43", "?"]
        );
    }

    #[test]
    fn what_breaks_the_grammar_is_no_address() {
        for line in [
            "",
            "for",
            "for=",
            "for=2001:db8::1",
            "for=[2001:db8::1]",
            "for=\"2001:db8::1\"",
            "for=\"1.1.1.1",
            "for=\"1.1.1.1\\",
            "for=1.1.1.1;for=2.2.2.2",
            "for =1.1.1.1",
            "proto=https",
            "for=\"[1.1.1.1]\"",
            "for=1.1.1",
            "for=\"1.1.1.1:99999\"",
            "1.1.1.1",
        ] {
            assert_eq!(hops(line), ["?"], "{line}");
        }
        // A quote that the client opened swallows what the proxy appended: nothing is believed.
        assert_eq!(hops("for=\"1.1.1.1, for=2.2.2.2"), ["?"]);
        assert_eq!(hops("for=\"a,b\", for=2.2.2.2"), ["?", "2.2.2.2"]);
    }
}
