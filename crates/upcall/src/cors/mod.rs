//! CORS: which of a bucket's rules a request from a page meets, and if none does, why not.
//!
//! In: rules in the order in which they are tried, and what a browser asks. Out: the first rule that
//! fits ([`first_fit`]), or, for people, what every rule lacks and which typing mistake that looks
//! like ([`explain`]). From the other side, a [`PreflightAnswer`] is judged as a browser judges it.
//!
//! Source: OSS, "`PutBucketCors`", "`OptionObject`", "CORS"; RFC 6454 (origins).

mod browser;
mod explain;
mod origin;
mod unmatchable;

#[cfg(test)]
mod tests;

pub use browser::{PreflightAnswer, PreflightFault, has_preflight};
pub use explain::{Explanation, Judged, Lack, explain};
pub use origin::OriginTypo;
pub use unmatchable::{UnmatchableOrigin, unmatchable_origin};

/// What a rule allows. The parts are borrowed from wherever rules are kept.
#[derive(Clone, Copy, Debug)]
pub struct Rule<'a> {
    /// Origins, each with at most one `*`, which stands for anything.
    pub origins: &'a [String],
    /// Methods, in upper case.
    pub methods: &'a [String],
    /// Request headers, of any case, each with at most one `*`.
    pub headers: &'a [String],
}

impl Rule<'_> {
    /// Whether the rule is for this origin.
    pub fn allows_origin(&self, origin: &str) -> bool {
        self.origins
            .iter()
            .any(|pattern| matches_glob(pattern, origin))
    }

    /// Whether the rule is for this method.
    pub fn allows_method(&self, method: &str) -> bool {
        self.methods.iter().any(|allowed| allowed == method)
    }

    /// Whether a request may have this header, whatever the case of its name.
    pub fn allows_header(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        self.headers
            .iter()
            .any(|pattern| matches_glob(&pattern.to_ascii_lowercase(), &name))
    }

    /// Whether the rule is for every origin, so that an answer can say `*`.
    pub fn allows_every_origin(&self) -> bool {
        self.origins.iter().any(|pattern| pattern == "*")
    }

    /// Whether the rule fits a request. An actual request is asked about without its headers.
    pub fn fits(&self, request: &CorsRequest<'_>) -> bool {
        self.allows_origin(request.origin)
            && self.allows_method(request.method)
            && request.headers.iter().all(|name| self.allows_header(name))
    }
}

/// What a browser asks.
#[derive(Clone, Copy, Debug)]
pub struct CorsRequest<'a> {
    /// The header `Origin`.
    pub origin: &'a str,
    /// The method of the actual request.
    pub method: &'a str,
    /// The names of the headers that it will have, beyond those that are always allowed.
    pub headers: &'a [&'a str],
}

/// The names in a header `Access-Control-Request-Headers`.
pub fn header_names(list: &str) -> Vec<&str> {
    list.split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .collect()
}

/// Which of the rules counts, from 0: the first that fits.
pub fn first_fit<'a>(
    rules: impl IntoIterator<Item = Rule<'a>>,
    request: &CorsRequest<'_>,
) -> Option<usize> {
    rules.into_iter().position(|rule| rule.fits(request))
}

/// Whether `text` is `pattern`, in which one `*` stands for anything, nothing included.
fn matches_glob(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, end)) => {
            text.len() >= start.len() + end.len() && text.starts_with(start) && text.ends_with(end)
        }
    }
}
