//! Why a form's signature is another one: mistakes that are *proven*, not guessed.
//!
//! In: a signature that did not fit, and the secret it should have been made with. Out: the known
//! mistakes under which the true secret does give this very signature, or that there are none.
//!
//! Two things are tried against each other: what the signature's text may mean (hex for base64, `%2B`
//! for `+`, …) and what may have been signed (the JSON, base64 with line breaks, …) with which scheme.
//! Only a signature that was made with the secret can fit, so a caller without it is told nothing but
//! that none of the mistakes is his. The work is bounded: at most [`MAX_TEXTS`] texts under three
//! schemes, and none for a policy beyond [`MAX_POLICY_BYTES`].

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use subtle::ConstantTimeEq as _;

use super::form::PolicySignature;
use super::request::Scope;
use super::{mac, v1, v4};
use crate::name::AccessKeySecret;
use crate::policy::PolicyDocument;

/// Mistakes that together explain a form's signature; none if no known ones do.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FormDiagnosis {
    version: Version,
    mistakes: Vec<FormMistake>,
}

/// One mistake that was made between the policy's JSON and the fields of a form.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FormMistake {
    /// A field holds Python's `b'…'`.
    PythonBytes(SentField),
    /// A field was percent-encoded.
    PercentEncoded(SentField),
    /// A field was sent in quoted-printable.
    QuotedPrintable(SentField),
    /// A field holds line breaks, or blanks around it.
    LineBreaks(SentField),
    /// `+` became a blank.
    PlusBecameBlank(SentField),
    /// The signature is in the URL-safe alphabet of base64.
    UrlSafeAlphabet,
    /// The signature is in hex where base64 belongs, or the other way round.
    OtherEncoding,
    /// The signature is otherwise spelled (padding, or upper-case hex).
    OtherSpelling,
    /// The JSON was signed instead of its base64.
    SignedJson,
    /// Python's `b'…'` of the base64 was signed.
    SignedPythonBytes,
    /// Base64 with line breaks was signed, and sent without them.
    SignedLineBreaks,
    /// It was signed as the other version signs.
    OtherVersion,
    /// It was signed with HMAC-SHA256 and the secret itself.
    PlainSha256,
}

/// A field that can be damaged on its way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SentField {
    /// `policy`.
    Policy,
    /// `Signature`, or `x-oss-signature`.
    Signature,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Version {
    V1,
    V4,
}

/// Looks for mistakes under which `secret` gives the signature.
pub(super) fn diagnose(
    signed: &PolicySignature<'_>,
    secret: &AccessKeySecret,
    scope: Scope<'_>,
    now: Timestamp,
) -> FormDiagnosis {
    let (version, policy, signature, credential) = match signed {
        PolicySignature::V1 {
            access_key_id,
            policy,
            signature,
        } => {
            // What a client that signs as V4 does would have: its day is today's.
            let credential = v4::Credential::new(access_key_id, scope, now);
            (Version::V1, *policy, *signature, credential)
        }
        PolicySignature::V4 {
            credential,
            policy,
            signature,
            ..
        } => (Version::V4, *policy, *signature, credential.clone()),
    };
    let is_small = policy.len() <= MAX_POLICY_BYTES && signature.len() <= MAX_SIGNATURE_BYTES;
    let found = is_small
        .then(|| provided(version, signature))
        .flatten()
        .and_then(|provided| {
            let schemes = Schemes {
                secret,
                key: v4::SigningKey::new(secret, &credential),
            };
            prove(version, policy, &provided, &schemes)
        });
    FormDiagnosis {
        version,
        mistakes: found.unwrap_or_default(),
    }
}

/// What a signature's text means, and the mistakes that its spelling shows.
struct Provided {
    mac: Vec<u8>,
    mistakes: Vec<FormMistake>,
}

/// The three ways to sign that are in use.
struct Schemes<'a> {
    secret: &'a AccessKeySecret,
    key: v4::SigningKey,
}

impl Schemes<'_> {
    /// The hash of `text` under each, and the mistake that it would be.
    fn hashes(&self, version: Version, text: &[u8]) -> [(Vec<u8>, Option<FormMistake>); 3] {
        let (in_v1, in_v4) = match version {
            Version::V1 => (None, Some(FormMistake::OtherVersion)),
            Version::V4 => (Some(FormMistake::OtherVersion), None),
        };
        [
            (v1::mac_of(self.secret, text).to_vec(), in_v1),
            (self.key.mac_of(text).to_vec(), in_v4),
            (
                mac::hmac_sha256(self.secret.expose(), text).to_vec(),
                Some(FormMistake::PlainSha256),
            ),
        ]
    }
}

/// The mistakes under which the signature fits, or nothing.
fn prove(
    version: Version,
    policy: &str,
    provided: &Provided,
    schemes: &Schemes<'_>,
) -> Option<Vec<FormMistake>> {
    texts(policy).into_iter().find_map(|(text, of_text)| {
        let hashes = schemes.hashes(version, &text);
        let (_, of_scheme) = hashes
            .into_iter()
            .find(|(hash, _)| hash.as_slice().ct_eq(&provided.mac).into())?;
        let mut mistakes = of_text;
        // The other version has the other encoding, so that is no mistake beside it.
        let is_other = of_scheme == Some(FormMistake::OtherVersion);
        let mut of_signature = provided.mistakes.clone();
        if is_other {
            of_signature.retain(|mistake| *mistake != FormMistake::OtherEncoding);
        }
        mistakes.extend(of_scheme);
        mistakes.extend(of_signature);
        Some(mistakes)
    })
}

/// What may have been signed, the likeliest first: at most [`MAX_TEXTS`].
pub(super) fn texts(policy: &str) -> Vec<(Vec<u8>, Vec<FormMistake>)> {
    let (clean, damage) = clean(policy, SentField::Policy);
    let with = |mistake| [&damage[..], &[mistake]].concat();
    let mut texts = vec![(policy.as_bytes().to_vec(), Vec::new())];
    if !damage.is_empty() {
        texts.push((clean.clone().into_bytes(), damage.clone()));
    }
    if let Ok(json) = STANDARD.decode(&clean) {
        texts.push((json, with(FormMistake::SignedJson)));
    }
    let in_python = format!("b'{clean}'");
    texts.push((in_python.into_bytes(), with(FormMistake::SignedPythonBytes)));
    let wrapped = [
        // Python's `encodebytes` and `base64`; Ruby's `encode64`; PHP's `chunk_split`; Java's MIME
        // encoder, which puts no break behind the last line; and a line as `echo` ends it.
        wrap(&clean, 76, "\n") + "\n",
        wrap(&clean, 60, "\n") + "\n",
        wrap(&clean, 76, "\r\n") + "\r\n",
        wrap(&clean, 76, "\r\n"),
        format!("{clean}\n"),
    ];
    let broken = |text: String| (text.into_bytes(), with(FormMistake::SignedLineBreaks));
    texts.extend(wrapped.into_iter().map(broken));
    texts
}

/// `text` in lines of `width` characters; it is ASCII wherever that matters.
fn wrap(text: &str, width: usize, line_break: &str) -> String {
    let lines: Vec<_> = text.as_bytes().chunks(width).collect();
    String::from_utf8_lossy(&lines.join(line_break.as_bytes())).into_owned()
}

/// What the text of a field was before it was sent, and what happened to it.
fn clean(text: &str, field: SentField) -> (String, Vec<FormMistake>) {
    let mut mistakes = Vec::new();
    let mut text = text.to_owned();
    let mut step = |text: &mut String, cleaned: Option<String>, mistake| {
        if let Some(cleaned) = cleaned.filter(|cleaned| cleaned != text) {
            *text = cleaned;
            mistakes.push(mistake);
        }
    };
    let cleaned = without_python(&text);
    step(&mut text, cleaned, FormMistake::PythonBytes(field));
    let cleaned = percent_decode_str(&text).decode_utf8().ok();
    let cleaned = cleaned.map(std::borrow::Cow::into_owned);
    step(&mut text, cleaned, FormMistake::PercentEncoded(field));
    let cleaned = without_quoted_printable(&text);
    step(
        &mut text,
        Some(cleaned),
        FormMistake::QuotedPrintable(field),
    );
    let cleaned = text.trim().replace(['\r', '\n'], "");
    step(&mut text, Some(cleaned), FormMistake::LineBreaks(field));
    let cleaned = text.replace(' ', "+");
    step(
        &mut text,
        Some(cleaned),
        FormMistake::PlusBecameBlank(field),
    );
    (text, mistakes)
}

fn without_python(text: &str) -> Option<String> {
    let quoted = text.trim().strip_prefix('b')?;
    let inner = ['\'', '"'].iter().find_map(|quote| {
        let inner = quoted.strip_prefix(*quote)?;
        inner.strip_suffix(*quote)
    })?;
    // Python's `encodebytes` ends with a line break, which is written as two characters.
    Some(inner.trim_end_matches("\\n").replace("\\n", "\n"))
}

/// `=3D` is `=`, and `=` at the end of a line joins it to the next (RFC 2045, 6.7).
fn without_quoted_printable(text: &str) -> String {
    // What ends with `=` and a line break is base64 with a line break behind it.
    let (body, end) = text.split_at(text.trim_end().len());
    let body = body.replace("=\r\n", "").replace("=\n", "");
    body.replace("=3D", "=") + end
}

/// Reads a signature's text, however it is spelled.
fn provided(version: Version, signature: &str) -> Option<Provided> {
    let (mut text, mut mistakes) = clean(signature, SentField::Signature);
    let is_hex = text.len() % 2 == 0
        && HASH_BYTES.contains(&(text.len() / 2))
        && text.bytes().all(|b| b.is_ascii_hexdigit());
    let mac = if is_hex {
        unhex(&text)?
    } else {
        if text.contains(['-', '_']) {
            text = text.replace('-', "+").replace('_', "/");
            mistakes.push(FormMistake::UrlSafeAlphabet);
        }
        let padded = pad(text.trim_end_matches('='));
        STANDARD.decode(padded).ok()?
    };
    let canonical = if is_hex {
        mac::hex(&mac)
    } else {
        STANDARD.encode(&mac)
    };
    if is_hex != (version == Version::V4) {
        mistakes.push(FormMistake::OtherEncoding);
    }
    if canonical != text {
        mistakes.push(FormMistake::OtherSpelling);
    }
    Some(Provided { mac, mistakes })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

fn pad(text: &str) -> String {
    let length = text.len().next_multiple_of(4);
    format!("{text:=<length$}")
}

impl FormDiagnosis {
    /// What was proven; empty if no known mistake fits.
    pub fn mistakes(&self) -> &[FormMistake] {
        &self.mistakes
    }

    fn field(&self, field: SentField) -> &'static str {
        match (field, self.version) {
            (SentField::Policy, _) => "policy",
            (SentField::Signature, Version::V1) => "Signature",
            (SentField::Signature, Version::V4) => "x-oss-signature",
        }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, mistake: FormMistake) -> fmt::Result {
        let (wanted, other) = match self.version {
            Version::V1 => ("base64", "hex digits"),
            Version::V4 => ("hex digits", "base64"),
        };
        let signature = self.field(SentField::Signature);
        match mistake {
            FormMistake::PythonBytes(field) => write!(
                f,
                "field `{}` holds Python's `b'…'`: call `.decode()` on the bytes",
                self.field(field)
            ),
            FormMistake::PercentEncoded(field) => write!(
                f,
                "field `{}` is percent-encoded: send it as it is, forms are not URLs",
                self.field(field)
            ),
            FormMistake::QuotedPrintable(field) => write!(
                f,
                "field `{}` is in quoted-printable: send it as it is",
                self.field(field)
            ),
            FormMistake::LineBreaks(field) => write!(
                f,
                "field `{}` has line breaks or blanks: send it on one line, as it was signed",
                self.field(field)
            ),
            FormMistake::PlusBecameBlank(field) => write!(
                f,
                "in field `{}` a `+` became a blank: the text went through a URL's query",
                self.field(field)
            ),
            FormMistake::UrlSafeAlphabet => write!(
                f,
                "field `{signature}` is in base64's URL-safe alphabet: use the standard one"
            ),
            FormMistake::OtherEncoding => {
                write!(f, "field `{signature}` is in {other}: send {wanted}")
            }
            FormMistake::OtherSpelling => write!(
                f,
                "field `{signature}` is spelled otherwise: base64 is padded with `=`, hex is in \
                 lower case"
            ),
            FormMistake::SignedJson => {
                f.write_str("the policy's JSON was signed: sign its base64, the text of the field")
            }
            FormMistake::SignedPythonBytes => f.write_str(
                "Python's `b'…'` of the policy was signed: sign the base64 itself, without `str()`",
            ),
            FormMistake::SignedLineBreaks => f.write_str(
                "base64 with line breaks was signed: sign it on one line, as the field has it",
            ),
            FormMistake::OtherVersion => f.write_str(match self.version {
                Version::V1 => {
                    "it was signed as V4 signs: sign V1 with HMAC-SHA1 and the secret itself"
                }
                Version::V4 => {
                    "it was signed as V1 signs: sign V4 with HMAC-SHA256 and the key of the \
                     credential's day, region and product"
                }
            }),
            FormMistake::PlainSha256 => f.write_str(match self.version {
                Version::V1 => "it was signed with HMAC-SHA256: sign V1 with HMAC-SHA1",
                Version::V4 => {
                    "it was signed with the secret itself: derive the key of the credential's day, \
                     region and product from it"
                }
            }),
        }
    }
}

impl fmt::Display for FormDiagnosis {
    /// One sentence for each mistake, joined; never a signature and never a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.mistakes.is_empty() {
            return f.write_str(
                "none of the known mistakes fits: the secret is another one, or the policy was \
                 changed after it was signed; compare `StringToSign` with the text that was signed",
            );
        }
        for (place, mistake) in self.mistakes.iter().enumerate() {
            f.write_str(if place == 0 { "" } else { "; and " })?;
            self.write(f, *mistake)?;
        }
        Ok(())
    }
}

/// Bytes of an HMAC-SHA1 and of an HMAC-SHA256.
const HASH_BYTES: [usize; 2] = [20, 32];

/// Texts that are tried: as it came, cleaned, its JSON, in Python's spelling, and five ways to break
/// its lines.
#[cfg(test)]
pub(super) const MAX_TEXTS: usize = 9;

/// Bytes of a policy that mistakes are looked for in: the longest that could be one, and the lines of
/// its base64. Some thirty hashes of it take a millisecond or two.
const MAX_POLICY_BYTES: usize = PolicyDocument::MAX_BYTES * 3 / 2;

/// Bytes of a signature: 64 digits, each percent-encoded, and some around them.
const MAX_SIGNATURE_BYTES: usize = 256;
