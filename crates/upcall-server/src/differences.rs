//! Where OSS is known to judge an upload otherwise: one table, which the guide prints and the tests walk.
//!
//! A row is here only if OSS's side of it was seen or is documented, and if a test of its `id` holds
//! this server to the other side, in both modes.

/// One thing that OSS does otherwise.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Difference {
    /// What the test of the row is called.
    pub id: &'static str,
    /// What an upload has.
    pub subject: &'static str,
    /// What OSS does.
    pub oss: &'static str,
    /// What this server does.
    pub upcall: &'static str,
    /// What this server does with [`Strictness::Strict`](upcall::form::Strictness::Strict).
    pub strict: StrictMode,
}

/// What strictness changes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StrictMode {
    /// The answer, or what the application gets, is OSS's.
    AsOss,
    /// Nothing.
    NoChange,
}

impl Difference {
    /// The row as the guide prints it.
    pub fn to_markdown(&self) -> String {
        let strict = match self.strict {
            StrictMode::AsOss => "as OSS",
            StrictMode::NoChange => "no change",
        };
        let (subject, oss, upcall) = (self.subject, self.oss, self.upcall);
        format!("| {subject} | {oss} | {upcall} | {strict} |")
    }
}

/// Every row, in the order of the guide.
pub const DIFFERENCES: &[Difference] = &[
    Difference {
        id: "type-first",
        subject: "a part whose `Content-Type` stands before its `Content-Disposition` (Dart's `http` and `dio`)",
        oss: "400 `MalformedPOSTRequest`, EC 0006-00000109",
        upcall: "read as any other",
        strict: StrictMode::AsOss,
    },
    Difference {
        id: "image-formats",
        subject: "`${imageInfo.…}` of AVIF, ICO and JPEG XL",
        oss: "empty",
        upcall: "format and size",
        strict: StrictMode::AsOss,
    },
    Difference {
        id: "not-multipart",
        subject: "a `POST` to a bucket that is no `multipart/form-data`",
        oss: "405 `MethodNotAllowed` was seen; 400 `RequestIsNotMultiPartContent` is documented",
        upcall: "400 `RequestIsNotMultiPartContent`",
        strict: StrictMode::NoChange,
    },
    Difference {
        id: "path-style",
        subject: "the bucket in the path, `POST /BUCKET/`",
        oss: "403 `SecondLevelDomainForbidden`",
        upcall: "taken: on an IP address there is no other way",
        strict: StrictMode::NoChange,
    },
];
