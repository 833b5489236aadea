//! Where the public key of a callback's sender may come from.
//!
//! Whoever sends the callback names the address, and whoever controls the address decides which
//! signatures are good. So the address is compared with a list, as text, before it is used for
//! anything; an address in which two readers could see two hosts does not get that far.
//!
//! Source: OSS, "Callback" (step 4: `x-oss-pub-key-url`).

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The addresses from which public keys are taken.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PublicKeyUrls(Vec<Listed>);

impl PublicKeyUrls {
    /// OSS's own: `https://gosspublic.alicdn.com/`. Not by `http`: who is on the way could put a key
    /// of their own there, and OSS's has 512 bits only, which are factored in hours.
    pub fn oss() -> Self {
        Self(vec![Listed::Below(OSS_PREFIX.into())])
    }

    /// Reads a setting such as `CALLBACK_KEY_URLS`: addresses and patterns as [`and`](Self::and) takes
    /// them, with blanks or commas between them. The list is the whole of it: OSS's own address counts
    /// where `oss` is among them. Without a setting it is OSS's own.
    ///
    /// ```
    /// use upcall::callback::PublicKeyUrls;
    ///
    /// let oss_key = "https://gosspublic.alicdn.com/callback_pub_key_v1.pem";
    /// let ours = PublicKeyUrls::parse("http://127.0.0.1:8700/callback_pub_key_*.pem")?;
    /// assert!(ours.admit(oss_key).is_err());
    /// let both = PublicKeyUrls::parse("http://127.0.0.1:8700/callback_pub_key_*.pem oss")?;
    /// assert!(both.admit(oss_key).is_ok());
    /// # Ok::<(), upcall::callback::InvalidPublicKeyUrl>(())
    /// ```
    ///
    /// # Errors
    /// As [`and`](Self::and).
    pub fn parse(setting: &str) -> Result<Self, InvalidPublicKeyUrl> {
        let is_between = |c: char| c == ',' || c.is_whitespace();
        let entries = setting.split(is_between).filter(|entry| !entry.is_empty());
        let listed = entries.into_iter().try_fold(Self::none(), Self::and)?;
        Ok(if listed.0.is_empty() {
            Self::oss()
        } else {
            listed
        })
    }

    /// None yet, for a receiver that serves its own storage server only.
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// One more: the whole address of a key; or with a final `/` all that begin with it; or with
    /// one `*` after its last `/` all that have letters, digits and `-` in that place.
    ///
    /// `oss` stands for OSS's own.
    ///
    /// A server whose keys are rotated has them at `…/callback_pub_key_*.pem`. Do not list all of
    /// its addresses with `/`: objects are there, too, and whoever may upload could put a key among
    /// them.
    ///
    /// # Errors
    /// [`InvalidPublicKeyUrl::Form`] if it is not `http(s)://host[:port]/…` in plain characters.
    pub fn and(mut self, url_or_pattern: &str) -> Result<Self, InvalidPublicKeyUrl> {
        self.0.push(match url_or_pattern {
            OSS => Listed::Below(OSS_PREFIX.into()),
            _ => Listed::parse(url_or_pattern)?,
        });
        Ok(self)
    }

    /// Reads the header `x-oss-pub-key-url`, base64 of an address.
    ///
    /// # Errors
    /// Says whether it is no base64, no plain address, or none of the list.
    pub fn admit_header(&self, base64: &str) -> Result<PublicKeyUrl, InvalidPublicKeyUrl> {
        if base64.len() > MAX_BYTES * 4 / 3 {
            return Err(InvalidPublicKeyUrl::Form);
        }
        let decoded = STANDARD
            .decode(base64)
            .map_err(|_| InvalidPublicKeyUrl::NotBase64)?;
        let text = std::str::from_utf8(&decoded).map_err(|_| InvalidPublicKeyUrl::Form)?;
        self.admit(text)
    }

    /// Compares an address with the list.
    ///
    /// # Errors
    /// Says whether it is no plain address, or none of the list.
    pub fn admit(&self, url: &str) -> Result<PublicKeyUrl, InvalidPublicKeyUrl> {
        check_form(url)?;
        if self.0.iter().any(|listed| listed.has(url)) {
            Ok(PublicKeyUrl(url.into()))
        } else {
            Err(InvalidPublicKeyUrl::NotAllowed)
        }
    }
}

/// What is listed.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Listed {
    /// Ends with a slash, which ends the host, or a folder: nothing can be added to the name before
    /// it.
    Below(Box<str>),
    Exact(Box<str>),
    /// Something stands between the two, without a slash or a dot.
    Between(Box<str>, Box<str>),
}

impl Listed {
    fn parse(text: &str) -> Result<Self, InvalidPublicKeyUrl> {
        if let Some((before, after)) = text.split_once('*') {
            check_form(&format!("{before}x{after}"))?;
            if after.contains('/') {
                return Err(InvalidPublicKeyUrl::Form);
            }
            return Ok(Self::Between(before.into(), after.into()));
        }
        check_form(text)?;
        if text.ends_with('/') {
            Ok(Self::Below(text.into()))
        } else {
            Ok(Self::Exact(text.into()))
        }
    }

    fn has(&self, url: &str) -> bool {
        match self {
            Self::Below(prefix) => url.len() > prefix.len() && url.starts_with(&**prefix),
            Self::Exact(listed) => url == &**listed,
            Self::Between(before, after) => {
                let rest = url.strip_prefix(&**before);
                let between = rest.and_then(|rest| rest.strip_suffix(&**after));
                let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
                between.is_some_and(|text| !text.is_empty() && text.bytes().all(is_plain))
            }
        }
    }
}

impl Default for PublicKeyUrls {
    fn default() -> Self {
        Self::oss()
    }
}

/// An address from which a key may be fetched; [`PublicKeyUrls`] makes it, and nothing else does.
///
/// A key may be kept for as long as the program runs, under this address.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PublicKeyUrl(Box<str>);

impl PublicKeyUrl {
    /// The address, to be fetched without following redirects.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The smallest key that is taken from here: 512 bits from OSS's two well-known addresses, as
    /// the one there has no more; 1,024 from any other.
    pub fn least_bits(&self) -> u32 {
        if OSS_KEYS.contains(&&*self.0) {
            512
        } else {
            1024
        }
    }
}

impl fmt::Display for PublicKeyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why no key is fetched from an address.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidPublicKeyUrl {
    /// It is not written plainly.
    #[error("the key's address is not of the form `http(s)://host[:port]/path` in plain letters")]
    Form,
    /// It is not listed.
    #[error("the key's address is not one of those that are allowed")]
    NotAllowed,
    /// The header is no base64.
    #[error("the header `x-oss-pub-key-url` is not base64")]
    NotBase64,
}

/// `http(s)://authority/path` in letters, digits and `:/._~-[]`: no user-info, no backslash, no
/// percent sign, no query or fragment, nothing invisible, and no path that means another.
fn check_form(url: &str) -> Result<(), InvalidPublicKeyUrl> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b":/._~-[]".contains(&byte);
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"))
        .ok_or(InvalidPublicKeyUrl::Form)?;
    let (authority, path) = rest.split_once('/').ok_or(InvalidPublicKeyUrl::Form)?;
    let is_folder = |segment: &str| !matches!(segment, "" | "." | "..");
    // The last segment may be empty: the final slash of a prefix.
    let mut segments = path.split('/');
    let file = segments.next_back().unwrap_or_default();
    let is_good = url.len() <= MAX_BYTES
        && !authority.is_empty()
        && url.bytes().all(is_plain)
        && segments.all(is_folder)
        && (file.is_empty() || is_folder(file));
    if is_good {
        Ok(())
    } else {
        Err(InvalidPublicKeyUrl::Form)
    }
}

/// With the final slash, without which `gosspublic.alicdn.com.evil.example` would pass.
const OSS_PREFIX: &str = "https://gosspublic.alicdn.com/";

/// What a setting says for it.
const OSS: &str = "oss";

const OSS_KEYS: [&str; 2] = [
    "http://gosspublic.alicdn.com/callback_pub_key_v1.pem",
    "https://gosspublic.alicdn.com/callback_pub_key_v1.pem",
];

/// OSS's own address has 53 bytes.
const MAX_BYTES: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_addresses_of_the_list_pass() {
        let list = PublicKeyUrls::oss()
            .and("http://gosspublic.alicdn.com/")
            .unwrap()
            .and("http://127.0.0.1:8700/callback_pub_key_v1.pem")
            .unwrap()
            .and("https://keys.example/v1/")
            .unwrap()
            .and("http://[::1]:8700/")
            .unwrap();
        for (url, least_bits) in [
            ("http://gosspublic.alicdn.com/callback_pub_key_v1.pem", 512),
            ("https://gosspublic.alicdn.com/callback_pub_key_v1.pem", 512),
            (
                "https://gosspublic.alicdn.com/callback_pub_key_v2.pem",
                1024,
            ),
            (
                "https://gosspublic.alicdn.com/keys/callback_pub_key_v1.pem",
                1024,
            ),
            ("http://127.0.0.1:8700/callback_pub_key_v1.pem", 1024),
            ("https://keys.example/v1/a.pem", 1024),
            ("http://[::1]:8700/callback_pub_key_v1.pem", 1024),
        ] {
            let admitted = list.admit_header(&STANDARD.encode(url)).unwrap();
            assert_eq!(admitted.as_str(), url);
            assert_eq!(admitted.least_bits(), least_bits, "{url}");
        }
        for beside in [
            "http://127.0.0.1:8700/callback_pub_key_v1.pem2",
            "http://127.0.0.1:8700/",
            "https://keys.example/v1/",
            "https://keys.example/v1",
            "https://keys.example/v10/a.pem",
            "http://keys.example/v1/a.pem",
        ] {
            let refused = list.admit(beside);
            assert_eq!(refused, Err(InvalidPublicKeyUrl::NotAllowed), "{beside}");
        }
        let good = "https://gosspublic.alicdn.com/callback_pub_key_v1.pem";
        let refused = PublicKeyUrls::none().admit(good);
        assert_eq!(refused, Err(InvalidPublicKeyUrl::NotAllowed));
    }

    #[test]
    fn a_setting_replaces_what_is_trusted_without_it() {
        let oss = "https://gosspublic.alicdn.com/callback_pub_key_v1.pem";
        let ours = "http://127.0.0.1:8700/callback_pub_key_v1.pem";
        let pattern = "http://127.0.0.1:8700/callback_pub_key_*.pem";
        for (setting, oss_counts, ours_counts) in [
            (String::new(), true, false),
            (" ,\n".to_owned(), true, false),
            ("oss".to_owned(), true, false),
            (pattern.to_owned(), false, true),
            (format!("{pattern},oss"), true, true),
            (format!("oss\n {pattern}"), true, true),
        ] {
            let list = PublicKeyUrls::parse(&setting).unwrap();
            assert_eq!(list.admit(oss).is_ok(), oss_counts, "{setting}");
            assert_eq!(list.admit(ours).is_ok(), ours_counts, "{setting}");
            // A key of 512 bits that anybody on the way could replace is trusted by no setting.
            let plain = oss.replace("https:", "http:");
            assert!(list.admit(&plain).is_err(), "{setting}");
        }
        for bad in [
            "OSS",
            "oss/",
            "gosspublic.alicdn.com",
            "http://a/*,http://b/**",
        ] {
            let refused = PublicKeyUrls::parse(bad);
            assert_eq!(refused, Err(InvalidPublicKeyUrl::Form), "{bad}");
        }
    }

    #[test]
    fn a_star_stands_for_the_id_of_a_key_and_for_nothing_more() {
        let list = PublicKeyUrls::none();
        let list = list
            .and("http://127.0.0.1:8700/callback_pub_key_*.pem")
            .unwrap();
        for id in ["v1", "5f0c1d2e3a4b5968", "a-B"] {
            let url = format!("http://127.0.0.1:8700/callback_pub_key_{id}.pem");
            assert!(list.admit(&url).is_ok(), "{url}");
        }
        for url in [
            "http://127.0.0.1:8700/callback_pub_key_.pem",
            "http://127.0.0.1:8700/callback_pub_key_v1.pem.pem",
            "http://127.0.0.1:8700/callback_pub_key_x/photos/evil.pem",
            "http://127.0.0.1:8700/callback_pub_key_v1_pem",
            "http://127.0.0.1:8700/photos/callback_pub_key_v1.pem",
            "http://127.0.0.1:87000/callback_pub_key_v1.pem",
            "http://evil.example/callback_pub_key_v1.pem",
        ] {
            assert_eq!(
                list.admit(url),
                Err(InvalidPublicKeyUrl::NotAllowed),
                "{url}"
            );
        }
        for entry in [
            "http://*/callback_pub_key_v1.pem",
            "http://a*/k.pem",
            "http://a/*/k.pem",
            "http://a/*-*.pem",
        ] {
            let refused = PublicKeyUrls::none().and(entry);
            assert_eq!(refused, Err(InvalidPublicKeyUrl::Form), "{entry}");
        }
    }

    #[test]
    fn nothing_that_only_looks_like_oss_passes() {
        for url in [
            // Another host.
            "http://gosspublic.alicdn.com.evil.example/callback_pub_key_v1.pem",
            "http://gosspublic.alicdn.comx/callback_pub_key_v1.pem",
            "http://xgosspublic.alicdn.com/callback_pub_key_v1.pem",
            "http://evil.example/gosspublic.alicdn.com/callback_pub_key_v1.pem",
            "http://evil.example/http://gosspublic.alicdn.com/callback_pub_key_v1.pem",
            "http://gosspublic-alicdn.com/callback_pub_key_v1.pem",
            "http://gosspublic.alicdn.com./callback_pub_key_v1.pem",
            "http://gosspublic.a1icdn.com/callback_pub_key_v1.pem",
            "http://gosspublic.аlicdn.com/callback_pub_key_v1.pem", // Cyrillic
            "http://gosspublic。alicdn.com/callback_pub_key_v1.pem",
            // The final slash is missing.
            "http://gosspublic.alicdn.com",
            "http://gosspublic.alicdn.com?/callback_pub_key_v1.pem",
            "http://gosspublic.alicdn.com#/callback_pub_key_v1.pem",
            // User-info.
            "http://gosspublic.alicdn.com@evil.example/callback_pub_key_v1.pem",
            "http://gosspublic.alicdn.com:80@evil.example/callback_pub_key_v1.pem",
            "http://user@gosspublic.alicdn.com/callback_pub_key_v1.pem",
            "http://gosspublic.alicdn.com/@evil.example/callback_pub_key_v1.pem",
            "http://evil.example/@gosspublic.alicdn.com/callback_pub_key_v1.pem",
            // A port.
            "http://gosspublic.alicdn.com:80/callback_pub_key_v1.pem",
            "http://gosspublic.alicdn.com:8080/callback_pub_key_v1.pem",
            "http://gosspublic.alicdn.com:/callback_pub_key_v1.pem",
            // Backslashes, percent signs.
            "http://gosspublic.alicdn.com\\@evil.example/callback_pub_key_v1.pem",
            "http://evil.example\\gosspublic.alicdn.com/callback_pub_key_v1.pem",
            "http:\\\\gosspublic.alicdn.com/callback_pub_key_v1.pem",
            "http://gosspublic.alicdn.com%2F@evil.example/callback_pub_key_v1.pem",
            "http://gosspublic.alicdn.com/%2e%2e/callback_pub_key_v1.pem",
            "http://gosspublic.alicdn.com/callback%00.pem",
            "http://%67osspublic.alicdn.com/callback_pub_key_v1.pem",
            // What some readers skip over.
            " http://gosspublic.alicdn.com/callback_pub_key_v1.pem",
            "http://gosspublic.alicdn.com/callback_pub_key_v1.pem\n",
            "http://gosspublic.alicdn.com\t.evil.example/callback_pub_key_v1.pem",
            "ht\ntp://gosspublic.alicdn.com/callback_pub_key_v1.pem",
            "http://gosspublic.alicdn.com\r\n.evil.example/callback_pub_key_v1.pem",
            "http://gosspublic.alicdn.com/\0.pem",
            "\u{feff}http://gosspublic.alicdn.com/callback_pub_key_v1.pem",
            // Case, scheme, slashes.
            "HTTP://gosspublic.alicdn.com/callback_pub_key_v1.pem",
            "http://GOSSPUBLIC.alicdn.com/callback_pub_key_v1.pem",
            "ftp://gosspublic.alicdn.com/callback_pub_key_v1.pem",
            "file:///gosspublic.alicdn.com/callback_pub_key_v1.pem",
            "//gosspublic.alicdn.com/callback_pub_key_v1.pem",
            "gosspublic.alicdn.com/callback_pub_key_v1.pem",
            "http:///gosspublic.alicdn.com/callback_pub_key_v1.pem",
            "http:/gosspublic.alicdn.com/callback_pub_key_v1.pem",
            // Paths that mean another, and what no key's address has.
            "http://gosspublic.alicdn.com/../callback_pub_key_v1.pem",
            "http://gosspublic.alicdn.com/./callback_pub_key_v1.pem",
            "http://gosspublic.alicdn.com/a/..",
            "http://gosspublic.alicdn.com//evil.example/callback_pub_key_v1.pem",
            "http://gosspublic.alicdn.com/a//b.pem",
            "http://gosspublic.alicdn.com/callback_pub_key_v1.pem?a=b",
            "http://gosspublic.alicdn.com/callback_pub_key_v1.pem#a",
            "http://gosspublic.alicdn.com/",
            "",
        ] {
            assert!(PublicKeyUrls::oss().admit(url).is_err(), "{url}");
            let header = STANDARD.encode(url);
            assert!(PublicKeyUrls::oss().admit_header(&header).is_err(), "{url}");
        }
    }

    #[test]
    fn a_header_is_canonical_base64_of_bounded_length() {
        let list = PublicKeyUrls::parse("http://gosspublic.alicdn.com/").unwrap();
        let good = "aHR0cDovL2dvc3NwdWJsaWMuYWxpY2RuLmNvbS9jYWxsYmFja19wdWJfa2V5X3YxLnBlbQ==";
        assert!(list.admit_header(good).is_ok());
        for bad in [
            good.trim_end_matches('='),
            &good.replace("Q==", "R=="),
            &good.replace("dv", "d\nv"),
            "http://gosspublic.alicdn.com/callback_pub_key_v1.pem",
        ] {
            let refused = list.admit_header(bad);
            assert_eq!(refused, Err(InvalidPublicKeyUrl::NotBase64), "{bad}");
        }
        let long = format!("http://gosspublic.alicdn.com/{}", "a".repeat(2000));
        assert_eq!(list.admit(&long), Err(InvalidPublicKeyUrl::Form));
        let refused = list.admit_header(&STANDARD.encode(&long));
        assert_eq!(refused, Err(InvalidPublicKeyUrl::Form));
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_not_listed() {
        for entry in [
            "http://keys.example",
            "keys.example/",
            "http://a@b/",
            "http://a/../",
            "*",
        ] {
            let refused = PublicKeyUrls::none().and(entry);
            assert_eq!(refused, Err(InvalidPublicKeyUrl::Form), "{entry}");
        }
    }
}
