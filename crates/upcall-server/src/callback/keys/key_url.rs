//! Addresses of public keys. Receivers may keep a key under its address for ever, so no address
//! ever has another key.

use std::fmt;
use std::net::SocketAddr;

/// The address at which receivers find a public key, by the key's id.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeyUrl(Box<str>);

impl KeyUrl {
    /// Reads an address in which `{id}` stands for the key's id. One that ends with
    /// `/callback_pub_key_v1.pem`, the address of the first key, stands for those of all others,
    /// too. Any other address is that of one key; then keys cannot be rotated.
    pub fn new(text: &str) -> Self {
        match text.strip_suffix(FIRST) {
            Some(folder) => Self(format!("{folder}{PREFIX}{ID}{SUFFIX}").into()),
            None => Self(text.into()),
        }
    }

    /// The address of one key.
    pub fn of(&self, id: &str) -> String {
        self.0.replace(ID, id)
    }

    /// The address of another ring's key: the same host, with this path.
    ///
    /// The host alone: an operator that has keys below a folder, or under names of another form, names a
    /// pattern which must not match what is signed with another ring.
    pub(crate) fn beside(&self, path: &str) -> String {
        let host = self.0.find("://").map_or(0, |at| at + 3);
        let end = self.0[host..]
            .find('/')
            .map_or(self.0.len(), |at| host + at);
        format!("{}{path}", &self.0[..end])
    }

    /// Whether each key has an address of its own.
    pub fn has_id(&self) -> bool {
        self.0.contains(ID)
    }
}

impl fmt::Display for KeyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The address at which a server itself serves its keys.
pub(crate) fn own(server: SocketAddr) -> KeyUrl {
    KeyUrl::new(&format!("http://{server}{FIRST}"))
}

/// As OSS's own key has it.
const FIRST: &str = "/callback_pub_key_v1.pem";
const PREFIX: &str = "/callback_pub_key_";
const SUFFIX: &str = ".pem";
const ID: &str = "{id}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_an_address_of_its_own_below_the_same_beginning() {
        for (text, first, later) in [
            (
                "https://oss.example.com/callback_pub_key_v1.pem",
                "https://oss.example.com/callback_pub_key_v1.pem",
                "https://oss.example.com/callback_pub_key_5f.pem",
            ),
            (
                "https://k.example/{id}",
                "https://k.example/v1",
                "https://k.example/5f",
            ),
            (
                "https://k.example/a-{id}/key.pem",
                "https://k.example/a-v1/key.pem",
                "https://k.example/a-5f/key.pem",
            ),
        ] {
            let url = KeyUrl::new(text);
            assert!(url.has_id(), "{text}");
            assert_eq!(
                (url.of("v1").as_str(), url.of("5f").as_str()),
                (first, later)
            );
        }
        let fixed = KeyUrl::new("https://k.example/key");
        assert!(!fixed.has_id());
        assert_eq!(fixed.of("5f"), "https://k.example/key");
        let own = own("127.0.0.1:8700".parse().unwrap());
        assert_eq!(
            own.of("v1"),
            "http://127.0.0.1:8700/callback_pub_key_v1.pem"
        );
    }

    #[test]
    fn the_keys_of_other_rings_are_at_the_root_of_the_same_host() {
        for text in [
            "https://k.example/{id}",
            "https://k.example/a/callback_pub_key_v1.pem",
            "https://k.example/key",
            "https://k.example",
        ] {
            let beside = KeyUrl::new(text).beside("/other/5f.pem");
            assert_eq!(beside, "https://k.example/other/5f.pem", "{text}");
        }
    }
}
