//! Every known mistake with a form's signature is named, and nothing but what is proven.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use jiff::Timestamp;

use super::super::form_diagnosis::FormMistake as M;
use super::super::form_diagnosis::SentField::{Policy, Signature};
use super::super::{FormMistake, PolicySignature, Scope, SignatureError};
use super::super::{mac, v1, v4};
use super::at;
use crate::form::FormCredentials;
use crate::name::{AccessKeyId, AccessKeySecret};

const JSON: &str = "{\"expiration\":\"2026-12-01T12:00:00.000Z\",\"conditions\":[[\"starts-with\",\
                    \"$key\",\"~~~???>>>猫/\"],[\"content-length-range\",0,1048576]]}";
const NOW: &str = "2026-12-01T11:55:00Z";
const SCOPE: Scope<'_> = Scope {
    region: "cn-hangzhou",
    product: "oss",
};

/// One version: how it signs, and how the form's signature is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Version {
    V1,
    V4,
}

/// An application server that can make mistakes.
struct Signer {
    version: Version,
    secret: AccessKeySecret,
    policy: String,
}

impl Signer {
    /// With a secret under which the signature has a `+` and a `/`, if it is in base64.
    fn new(version: Version) -> Self {
        (0..1000)
            .map(|number| Self {
                version,
                secret: AccessKeySecret::new(format!("secret-{number}")),
                policy: STANDARD.encode(JSON),
            })
            .find(|signer| {
                let signature = STANDARD.encode(signer.mac(&signer.policy));
                signature.contains('+') && signature.contains('/')
            })
            .unwrap()
    }

    fn id() -> AccessKeyId {
        AccessKeyId::parse("ak").unwrap()
    }

    fn credential() -> v4::Credential {
        v4::Credential::new(&Self::id(), SCOPE, at(NOW))
    }

    fn mac_as(&self, version: Version, text: &str) -> Vec<u8> {
        match version {
            Version::V1 => v1::mac_of(&self.secret, text.as_bytes()).to_vec(),
            Version::V4 => v4::SigningKey::new(&self.secret, &Self::credential())
                .mac_of(text.as_bytes())
                .to_vec(),
        }
    }

    fn mac(&self, text: &str) -> Vec<u8> {
        self.mac_as(self.version, text)
    }

    /// A mac as the version writes it.
    fn spell(&self, mac: &[u8]) -> String {
        match self.version {
            Version::V1 => STANDARD.encode(mac),
            Version::V4 => mac::hex(mac),
        }
    }

    fn sign(&self, text: &str) -> String {
        self.spell(&self.mac(text))
    }

    /// What the server proves of this policy and this signature; nothing if it takes them.
    fn proven(&self, policy: &str, signature: &str) -> Option<(Vec<FormMistake>, String)> {
        let credential = Self::credential().to_string();
        let credentials = match self.version {
            Version::V1 => FormCredentials::V1 {
                access_key_id: "ak",
                policy,
                signature,
                security_token: None,
            },
            Version::V4 => FormCredentials::V4 {
                credential: &credential,
                date: "20261201T115500Z",
                policy,
                signature,
                security_token: None,
            },
        };
        let signed = PolicySignature::of(&credentials).unwrap().unwrap();
        let now: Timestamp = at(NOW);
        let error = signed.verify(Some(&self.secret), SCOPE, now).err()?;
        let SignatureError::Mismatch(mismatch) = &error else {
            panic!("{error}");
        };
        let refusal = error.refusal();
        assert_eq!(refusal.row().code, "SignatureDoesNotMatch");
        let hint = refusal.hint_text().unwrap().to_owned();
        let good = self.sign(&self.policy);
        let secret = String::from_utf8(self.secret.expose().to_vec()).unwrap();
        assert!(!hint.contains(&good) && !hint.contains(&secret), "{hint}");
        assert!(!refusal.to_xml("id", "host").contains(&secret));
        let mistakes = mismatch.diagnosis().unwrap().mistakes().to_vec();
        // A caller without the secret gets one and the same sentence, whatever it sends.
        let stranger = signed.verify(Some(&AccessKeySecret::new("other")), SCOPE, now);
        let hint_of_stranger = stranger.unwrap_err().refusal();
        let hint_of_stranger = hint_of_stranger.hint_text().unwrap();
        assert!(hint_of_stranger.contains(NOTHING), "{hint_of_stranger}");
        // Nor does it get more where there is no such key.
        let unknown = signed.verify(None, SCOPE, now).unwrap_err();
        assert!(matches!(unknown, SignatureError::UnknownAccessKeyId { .. }));
        Some((mistakes, hint))
    }
}

const NOTHING: &str = "none of the known mistakes fits: the secret is another one";

fn percent_encode(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

fn lines(text: &str, width: usize, end: &str) -> String {
    let chunks = text.as_bytes().chunks(width);
    let lines: Vec<_> = chunks.map(|line| str::from_utf8(line).unwrap()).collect();
    lines.join(end)
}

/// What is sent, and what is then proven, with some words of the hint.
type Row = (String, String, Vec<FormMistake>, &'static str);

/// Fields that were damaged on their way, the same in both versions.
fn damaged_fields(signer: &Signer) -> Vec<Row> {
    let policy = &signer.policy;
    let good = signer.sign(policy);
    let spelled =
        |signature: String, mistake, words| (policy.clone(), signature, vec![mistake], words);
    let damaged = |policy: String, mistake, words| (policy, good.clone(), vec![mistake], words);
    vec![
        spelled(
            format!("b'{good}'"),
            M::PythonBytes(Signature),
            "`.decode()`",
        ),
        spelled(
            format!("b\"{good}\\n\""),
            M::PythonBytes(Signature),
            "`.decode()`",
        ),
        spelled(
            format!("{good}\n"),
            M::LineBreaks(Signature),
            "line breaks or blanks",
        ),
        spelled(
            format!(" {good}"),
            M::LineBreaks(Signature),
            "line breaks or blanks",
        ),
        damaged(
            format!("b'{policy}'"),
            M::PythonBytes(Policy),
            "field `policy` holds",
        ),
        damaged(
            percent_encode(policy),
            M::PercentEncoded(Policy),
            "field `policy` is percent",
        ),
        damaged(
            format!("{}=3D=3D", lines(policy.trim_end_matches('='), 70, "=\r\n")),
            M::QuotedPrintable(Policy),
            "field `policy` is in quoted-printable",
        ),
        damaged(
            lines(policy, 76, "\r\n"),
            M::LineBreaks(Policy),
            "field `policy` has line",
        ),
        damaged(
            policy.replace('+', " "),
            M::PlusBecameBlank(Policy),
            "`+` became a blank",
        ),
    ]
}

/// Other texts that were signed, the same in both versions.
fn other_texts(signer: &Signer) -> Vec<Row> {
    let policy = &signer.policy;
    let sent =
        |text: String, mistake, words| (policy.clone(), signer.sign(&text), vec![mistake], words);
    let broken = "base64 with line breaks was signed";
    vec![
        sent(
            JSON.to_owned(),
            M::SignedJson,
            "the policy's JSON was signed",
        ),
        sent(
            format!("b'{policy}'"),
            M::SignedPythonBytes,
            "without `str()`",
        ),
        sent(
            format!("{}\n", lines(policy, 76, "\n")),
            M::SignedLineBreaks,
            broken,
        ),
        sent(
            format!("{}\n", lines(policy, 60, "\n")),
            M::SignedLineBreaks,
            broken,
        ),
        sent(
            format!("{}\r\n", lines(policy, 76, "\r\n")),
            M::SignedLineBreaks,
            broken,
        ),
        sent(lines(policy, 76, "\r\n"), M::SignedLineBreaks, broken),
        sent(format!("{policy}\n"), M::SignedLineBreaks, broken),
    ]
}

fn of_v1(signer: &Signer) -> Vec<Row> {
    let policy = &signer.policy;
    let (mac, good) = (signer.mac(policy), signer.sign(policy));
    let sha256 = mac::hmac_sha256(signer.secret.expose(), policy.as_bytes());
    let row = |signature: String, mistakes: &[FormMistake], words| {
        (policy.clone(), signature, mistakes.to_vec(), words)
    };
    vec![
        row(
            mac::hex(&mac),
            &[M::OtherEncoding],
            "is in hex digits: send base64",
        ),
        row(
            mac::hex(&mac).to_uppercase(),
            &[M::OtherEncoding, M::OtherSpelling],
            "; and ",
        ),
        row(
            percent_encode(&good),
            &[M::PercentEncoded(Signature)],
            "`Signature` is percent",
        ),
        row(
            good.replace('+', " "),
            &[M::PlusBecameBlank(Signature)],
            "`Signature` a `+`",
        ),
        row(
            good.replace('=', "=3D"),
            &[M::QuotedPrintable(Signature)],
            "quoted-printable",
        ),
        row(
            URL_SAFE.encode(&mac),
            &[M::UrlSafeAlphabet],
            "URL-safe alphabet",
        ),
        row(
            STANDARD_NO_PAD.encode(&mac),
            &[M::OtherSpelling],
            "padded with `=`",
        ),
        row(
            mac::hex(&signer.mac_as(Version::V4, policy)),
            &[M::OtherVersion],
            "signed as V4 signs",
        ),
        row(
            STANDARD.encode(sha256),
            &[M::PlainSha256],
            "sign V1 with HMAC-SHA1",
        ),
        row(
            format!("b'{}'", mac::hex(&signer.mac(JSON))),
            &[M::SignedJson, M::PythonBytes(Signature), M::OtherEncoding],
            "; and ",
        ),
    ]
}

fn of_v4(signer: &Signer) -> Vec<Row> {
    let policy = &signer.policy;
    let (mac, good) = (signer.mac(policy), signer.sign(policy));
    let sha256 = mac::hmac_sha256(signer.secret.expose(), policy.as_bytes());
    let row = |signature: String, mistakes: &[FormMistake], words| {
        (policy.clone(), signature, mistakes.to_vec(), words)
    };
    vec![
        row(
            STANDARD.encode(&mac),
            &[M::OtherEncoding],
            "is in base64: send hex digits",
        ),
        row(
            good.to_uppercase(),
            &[M::OtherSpelling],
            "hex is in lower case",
        ),
        row(
            percent_encode(&STANDARD.encode(&mac)),
            &[M::PercentEncoded(Signature), M::OtherEncoding],
            "`x-oss-signature` is percent-encoded",
        ),
        row(
            STANDARD.encode(signer.mac_as(Version::V1, policy)),
            &[M::OtherVersion],
            "signed as V1 signs",
        ),
        row(mac::hex(&sha256), &[M::PlainSha256], "derive the key"),
    ]
}

#[test]
fn each_mistake_is_proven_and_named() {
    for version in [Version::V1, Version::V4] {
        let signer = Signer::new(version);
        assert!(signer.policy.contains('+') && signer.policy.ends_with("=="));
        let good = signer.sign(&signer.policy);
        assert_eq!(signer.proven(&signer.policy, &good), None);
        let mut rows = damaged_fields(&signer);
        rows.extend(other_texts(&signer));
        rows.extend(match version {
            Version::V1 => of_v1(&signer),
            Version::V4 => of_v4(&signer),
        });
        for (policy, signature, mistakes, words) in rows {
            let (proven, hint) = signer.proven(&policy, &signature).unwrap();
            assert_eq!(proven, mistakes, "{version:?}: {policy} {signature}");
            assert!(hint.contains(words), "{version:?}: {hint}");
        }
    }
}

#[test]
fn what_is_not_proven_is_not_named() {
    for version in [Version::V1, Version::V4] {
        let signer = Signer::new(version);
        let good = signer.sign(&signer.policy);
        let other = STANDARD.encode(JSON.replace("1048576", "9999999"));
        let huge = "a".repeat(1 << 20);
        for (policy, signature) in [
            // Changed after signing: it looks like a mistake in every way but one.
            (other.clone(), good.clone()),
            (format!("b'{other}'"), format!("b'{good}'")),
            (signer.policy.clone(), String::new()),
            (signer.policy.clone(), "b'".to_owned()),
            (signer.policy.clone(), "%".to_owned()),
            (signer.policy.clone(), "猫".repeat(1000)),
            (signer.policy.clone(), signer.sign("another text")),
            (String::new(), good.clone()),
            (huge.clone(), signer.sign(&format!("{huge}\n"))),
        ] {
            let (proven, hint) = signer.proven(&policy, &signature).unwrap();
            assert_eq!(proven, [], "{version:?}: {signature}");
            assert!(hint.contains(NOTHING), "{hint}");
        }
    }
}

#[test]
fn the_work_has_a_bound() {
    use super::super::form_diagnosis::{MAX_TEXTS, texts};

    for policy in ["", "e30=", "b'e30%3D'\n", &"b'%2B =3D".repeat(1000)] {
        assert!(texts(policy).len() <= MAX_TEXTS, "{policy}");
    }
}
