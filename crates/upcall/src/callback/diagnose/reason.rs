//! Why a verification fails: the reasons, each with the sentence that a person gets to read.

use std::fmt;

/// One thing that explains why a callback does not verify. Its text says what is the case and what
/// to change; [`name`](Self::name) is stable, for programs.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The header `Authorization` did not arrive.
    #[error(
        "the header `Authorization` did not arrive; Apache keeps it from CGI, FastCGI and WSGI \
         programs: set `CGIPassAuth On`, or `RewriteRule .* - \
         [E=HTTP_AUTHORIZATION:%{{HTTP:Authorization}}]` (`WSGIPassAuthorization On` for \
         mod_wsgi); elsewhere look for a proxy or gateway that takes it for a login"
    )]
    AuthorizationMissing,
    /// A byte order mark was put before the body, or taken away.
    #[error(
        "a byte order mark (EF BB BF) was put before the body or taken away: verify the bytes as \
         they came, and do not let an editor or a text reader in between"
    )]
    BodyByteOrderMark,
    /// The body was decoded in one character set and encoded in another.
    #[error(
        "the body was decoded in one character set and encoded in another: verify the bytes as \
         they came, before they become text; a servlet's `getReader()` or a `latin-1` default does \
         this"
    )]
    BodyCharset,
    /// The body is empty.
    #[error(
        "the body is empty, and no callback has an empty one: a form or JSON parser has read it \
         before the verification did; take the raw bytes first (`express.raw()`, \
         `request.get_data()` before `request.form`, `php://input`, a servlet's input stream \
         before `getParameter()`)"
    )]
    BodyEmpty,
    /// The body was read as a form and written anew.
    #[error(
        "the body was read as a form and written anew, so that order or encoding is another (`%20` \
         and `+`, `%2F` and `/`): verify the raw bytes, not what a parser gives back"
    )]
    BodyFormRewritten,
    /// Characters of the body were escaped for HTML.
    #[error(
        "characters of the body were escaped for HTML (`&` became `&amp;`), as filters against \
         cross-site scripting do to every request: verify the bytes as they came, and exempt this \
         address from the filter"
    )]
    BodyHtmlEscaped,
    /// The body was read as JSON and written anew.
    #[error(
        "the body was read as JSON and written anew, so that blanks, the order of members or \
         escapes are others: verify the raw bytes, not `JSON.stringify(req.body)` or the like"
    )]
    BodyJsonRewritten,
    /// Line ends in the body were changed.
    #[error(
        "line ends in the body were changed between LF and CRLF: verify the bytes as they came, \
         not lines that were read and joined"
    )]
    BodyLineEnds,
    /// The body is another, in a way that has no name here.
    #[error(
        "the body is not the one that was sent: look at the first byte that differs, and for \
         whatever stands between the server and the verification"
    )]
    BodyRewritten,
    /// White space at the body's end was added or removed.
    #[error(
        "white space at the end of the body was added or removed, mostly one line break: verify \
         the bytes as they came, without `trim` and without a last line feed"
    )]
    BodyTail,
    /// The body breaks off.
    #[error(
        "the body breaks off after {received} of {expected} bytes: read until `Content-Length` \
         bytes have come, and look for a limit of a proxy or framework"
    )]
    BodyTruncated {
        /// How many bytes came.
        received: usize,
        /// How many were sent.
        expected: usize,
    },
    /// A header arrived with another value.
    #[error(
        "the header `{name}` did not arrive with the value that was sent: look for a proxy or \
         gateway that sets it"
    )]
    HeaderChanged {
        /// Which one.
        name: &'static str,
    },
    /// A header arrived twice.
    #[error(
        "the header `{name}` arrived twice, so that two readers could take different ones: look \
         for a proxy that adds it"
    )]
    HeaderTwice {
        /// Which one.
        name: &'static str,
    },
    /// A header is no base64.
    #[error("the header `{name}` is not base64: it was cut, decoded, or had blanks put into it")]
    HeaderUnreadable {
        /// Which one.
        name: &'static str,
    },
    /// The key is smaller than the verifier takes from this address.
    #[error(
        "the key has {bits} bits; from this address it must have {least}, as only OSS's own is \
         that small"
    )]
    KeyTooSmall {
        /// How many bits it has.
        bits: u32,
        /// How many it must have.
        least: u32,
    },
    /// The header `x-oss-pub-key-url` did not arrive.
    #[error(
        "the header `x-oss-pub-key-url`, which says where the key is, did not arrive: look for a \
         proxy that passes on known headers only"
    )]
    KeyUrlMissing,
    /// The key's address is none of those that the verifier takes keys from.
    #[error(
        "the key is said to be at `{url}`, an address that keys are not taken from: if that is \
         your storage server, add the whole address to those the application allows; if not, it is \
         a forgery"
    )]
    KeyUrlNotAllowed {
        /// The address, escaped and cut to 200 characters.
        url: String,
    },
    /// The method is not `POST`.
    #[error("a callback is a `POST` request; a redirect turns it into a `GET`")]
    Method,
    /// The signature is over another digest than MD5.
    #[error(
        "the signature is over {name}, and a callback's is over MD5: this was not signed as a \
         callback is"
    )]
    OtherDigest {
        /// Which one.
        name: &'static str,
    },
    /// The path holds an encoded `?` or line feed.
    #[error(
        "the path is not one, or holds an encoded `?` or line feed, with which it could be signed \
         in two ways: give the callback an address without"
    )]
    PathAmbiguous,
    /// The path was percent-decoded once more than it should be.
    #[error(
        "the path was percent-decoded before the verification, which decodes it itself (`%2F` \
         became `/`, `%25` became `%`, `+` a blank): take the target as it stands in the request \
         line (`REQUEST_URI`, `req.originalUrl`, `request.raw_path`)"
    )]
    PathDecoded,
    /// The path was percent-encoded once more than it should be.
    #[error(
        "the path was percent-encoded once more (`%2F` became `%252F`), as a proxy does with a \
         rewritten address: pass the path on as it came (nginx: `proxy_pass` without a path)"
    )]
    PathEncoded,
    /// Something was put before the path.
    #[error(
        "the path begins with `{prefix}`, which was not in the address that was called: a proxy or \
         framework put it there; take it away before the verification"
    )]
    PathPrefixAdded {
        /// What, escaped.
        prefix: String,
    },
    /// The beginning of the path was taken away.
    #[error(
        "`{prefix}` was taken from the beginning of the path (a proxy's `strip_prefix`, nginx's \
         `proxy_pass` with a path, a mounted router): put it back before the verification, or pass \
         the path on whole"
    )]
    PathPrefixRemoved {
        /// What, escaped.
        prefix: String,
    },
    /// The path is another.
    #[error(
        "the path is not the one that was called: something rewrites it; take the target as it \
         stands in the request line, before routing"
    )]
    PathRewritten,
    /// Slashes were added, removed or merged.
    #[error(
        "a slash was added, removed or merged in the path (a trailing one, or `//`): switch that \
         off (nginx: `merge_slashes off`) or write the callback's address as it arrives"
    )]
    PathSlashes,
    /// Parameters were added to the query.
    #[error(
        "there are parameters in the query that were not signed: a proxy, a gateway or middleware \
         adds them; verify with the query as it was sent"
    )]
    QueryAdded,
    /// The query, or some of it, did not arrive.
    #[error(
        "the query, or some of it, did not reach the verification: it is signed; append `?` and \
         the raw query (`QUERY_STRING`, `req.originalUrl`) to the path"
    )]
    QueryDropped,
    /// The query says the same in another spelling.
    #[error(
        "the query says the same but is spelled otherwise (`+` and `%20`, `%2F` and `/`, `%2f` and \
         `%2F`): verify the raw query, not one that was built from parsed parameters"
    )]
    QueryEncoded,
    /// A `?` without anything after it was added.
    #[error(
        "there is a `?` without a query after it: without a query the text that is signed has no \
         `?`; append it only if the query is not empty"
    )]
    QueryMark,
    /// The parameters of the query stand in another order.
    #[error(
        "the parameters of the query stand in another order: verify the raw query, not one that \
         was built from a map or sorted"
    )]
    QueryReordered,
    /// The query is another.
    #[error("the query is not the one that was sent: take it as it stands in the request line")]
    QueryRewritten,
    /// The signature version is unknown.
    #[error("the header `x-oss-signature-version` is not 1.0")]
    SignatureVersion,
    /// The target is a whole URL instead of path and query.
    #[error(
        "the target is a whole URL: verify path and query alone, from the first `/` after the host \
         on"
    )]
    TargetAbsolute,
    /// Nothing that is known here explains it.
    #[error(
        "the signature is not over this target and this body, and undoing what proxies and \
         frameworks usually do does not help: compare with what was sent, or it is a forgery"
    )]
    Unexplained,
    /// The signature was made with another key.
    #[error(
        "the signature was not made with this key's private half: fetch the key from the address \
         in `x-oss-pub-key-url`, once it is an allowed one, and do not keep one under another \
         address; if it is the right key, the header was changed or forged"
    )]
    WrongKey,
}

/// How sure a reason is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Certainty {
    /// It is visible, or with it undone the signature verifies.
    Proven,
    /// What came looks like it.
    Likely,
    /// It would explain what came.
    Possible,
    /// It happened, but the signature does not depend on it.
    Harmless,
}

impl Certainty {
    /// The word for it, for programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Proven => "proven",
            Self::Likely => "likely",
            Self::Possible => "possible",
            Self::Harmless => "harmless",
        }
    }
}

/// A reason, and how sure it is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// The reason.
    pub reason: Reason,
    /// How sure it is.
    pub certainty: Certainty,
}

impl Finding {
    pub(super) const fn new(certainty: Certainty, reason: Reason) -> Self {
        Self { reason, certainty }
    }
}

impl Reason {
    /// A stable name, for programs.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::AuthorizationMissing => "authorization-missing",
            Self::BodyByteOrderMark => "body-byte-order-mark",
            Self::BodyCharset => "body-charset",
            Self::BodyEmpty => "body-empty",
            Self::BodyFormRewritten => "body-form-rewritten",
            Self::BodyHtmlEscaped => "body-html-escaped",
            Self::BodyJsonRewritten => "body-json-rewritten",
            Self::BodyLineEnds => "body-line-ends",
            Self::BodyRewritten => "body-rewritten",
            Self::BodyTail => "body-tail",
            Self::BodyTruncated { .. } => "body-truncated",
            Self::HeaderChanged { .. } => "header-changed",
            Self::HeaderTwice { .. } => "header-twice",
            Self::HeaderUnreadable { .. } => "header-unreadable",
            Self::KeyTooSmall { .. } => "key-too-small",
            Self::KeyUrlMissing => "key-url-missing",
            Self::KeyUrlNotAllowed { .. } => "key-url-not-allowed",
            Self::Method => "method",
            Self::OtherDigest { .. } => "other-digest",
            Self::PathAmbiguous => "path-ambiguous",
            Self::PathDecoded => "path-decoded",
            Self::PathEncoded => "path-encoded",
            Self::PathPrefixAdded { .. } => "path-prefix-added",
            Self::PathPrefixRemoved { .. } => "path-prefix-removed",
            Self::PathRewritten => "path-rewritten",
            Self::PathSlashes => "path-slashes",
            Self::QueryAdded => "query-added",
            Self::QueryDropped => "query-dropped",
            Self::QueryEncoded => "query-encoded",
            Self::QueryMark => "query-mark",
            Self::QueryReordered => "query-reordered",
            Self::QueryRewritten => "query-rewritten",
            Self::SignatureVersion => "signature-version",
            Self::TargetAbsolute => "target-absolute",
            Self::Unexplained => "unexplained",
            Self::WrongKey => "wrong-key",
        }
    }
}

/// What is true of every verification, for a person who looks for the fault in their own code.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Advice {
    /// It is MD5.
    DigestIsMd5,
    /// No header is signed.
    HeadersNotSigned,
    /// How the text that is signed is put together.
    SignedText,
}

impl Advice {
    /// A stable name, for programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DigestIsMd5 => "digest-is-md5",
            Self::HeadersNotSigned => "headers-not-signed",
            Self::SignedText => "signed-text",
        }
    }
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DigestIsMd5 => {
                "verify RSA with PKCS #1 v1.5 over MD5: with SHA-1 or SHA-256, which many libraries \
                 take by default, no callback verifies"
            }
            Self::HeadersNotSigned => {
                "neither `Host` nor any other header is signed: a proxy that changes `Host`, scheme \
                 or port is not the cause"
            }
            Self::SignedText => {
                "what is signed is the percent-decoded path, then `?` and the raw query if there is \
                 one, then one line feed, then the raw body; the signature in `Authorization` is \
                 base64 and has to be decoded"
            }
        })
    }
}
