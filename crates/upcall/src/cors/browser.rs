//! What a browser makes of the answer to a preflight.
//!
//! Source: the Fetch standard, "CORS-preflight fetch" and "CORS check"; for requests without
//! credentials, as uploads with a signed policy are.

use super::{CorsRequest, header_names};

/// What came back for a preflight: the status, and the values of each header, as often as it came.
#[derive(Clone, Copy, Debug)]
pub struct PreflightAnswer<'a> {
    /// The status.
    pub status: u16,
    /// `Access-Control-Allow-Origin`.
    pub allow_origin: &'a [&'a str],
    /// `Access-Control-Allow-Methods`.
    pub allow_methods: &'a [&'a str],
    /// `Access-Control-Allow-Headers`.
    pub allow_headers: &'a [&'a str],
}

/// Why a browser does not send the request. As text it is a sentence.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PreflightFault {
    /// A header is not allowed.
    #[error("`Access-Control-Allow-Headers` does not name `{name}`")]
    Header {
        /// Which one.
        name: String,
    },
    /// The method is not allowed.
    #[error("`Access-Control-Allow-Methods` does not name the method")]
    Method,
    /// The origin is not allowed.
    #[error(
        "`Access-Control-Allow-Origin` is `{value}`, which is neither `*` nor the page's origin"
    )]
    Origin {
        /// What it is.
        value: String,
    },
    /// Nothing is allowed.
    #[error("there is no `Access-Control-Allow-Origin`")]
    OriginMissing,
    /// Two who each allow something: a proxy and the server, mostly.
    #[error(
        "`Access-Control-Allow-Origin` came {count} times: let either the server or the proxy add it"
    )]
    OriginRepeated {
        /// How often.
        count: usize,
    },
    /// The status is no success.
    #[error("the status is {status}, and a preflight needs one from 200 to 299 (no redirect)")]
    Status {
        /// Which one.
        status: u16,
    },
}

impl PreflightAnswer<'_> {
    /// Everything for which a browser would not send `request`; nothing if it would.
    pub fn faults(&self, request: &CorsRequest<'_>) -> Vec<PreflightFault> {
        let mut faults = Vec::new();
        if !(200..300).contains(&self.status) {
            let status = self.status;
            faults.push(PreflightFault::Status { status });
        }
        match self.allow_origin {
            [] => faults.push(PreflightFault::OriginMissing),
            ["*"] => {}
            [value] if *value == request.origin => {}
            [value] => faults.push(PreflightFault::Origin {
                value: shown(value),
            }),
            several => faults.push(PreflightFault::OriginRepeated {
                count: several.len(),
            }),
        }
        let methods = names(self.allow_methods);
        let is_always_allowed = ["GET", "HEAD", "POST"].contains(&request.method);
        if !is_always_allowed && !methods.iter().any(|m| *m == "*" || *m == request.method) {
            faults.push(PreflightFault::Method);
        }
        let allowed = names(self.allow_headers);
        for name in request.headers {
            // The star is for all but this one.
            let is_starred = !name.eq_ignore_ascii_case("authorization") && allowed.contains(&"*");
            if !is_starred && !allowed.iter().any(|has| has.eq_ignore_ascii_case(name)) {
                let name = shown(name);
                faults.push(PreflightFault::Header { name });
            }
        }
        faults
    }
}

/// Whether a browser asks before it sends this: not for what a form could send anyway.
pub fn has_preflight(request: &CorsRequest<'_>) -> bool {
    let is_always_allowed = ["GET", "HEAD", "POST"].contains(&request.method);
    !is_always_allowed || !request.headers.is_empty()
}

fn names<'a>(values: &[&'a str]) -> Vec<&'a str> {
    values
        .iter()
        .flat_map(|value| header_names(value))
        .collect()
}

fn shown(text: &str) -> String {
    text.escape_debug().take(SHOWN_CHARS).collect()
}

const SHOWN_CHARS: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(answer: PreflightAnswer<'_>, method: &str, headers: &[&str]) -> Vec<String> {
        let request = CorsRequest {
            origin: "https://a.example",
            method,
            headers,
        };
        let faults = answer.faults(&request);
        faults.iter().map(ToString::to_string).collect()
    }

    const GOOD: PreflightAnswer<'_> = PreflightAnswer {
        status: 200,
        allow_origin: &["https://a.example"],
        allow_methods: &["PUT, GET"],
        allow_headers: &["x-a", "X-B, x-c"],
    };

    #[test]
    fn what_is_allowed_has_no_fault() {
        assert_eq!(faults(GOOD, "PUT", &["x-b", "X-A"]), [""; 0]);
        assert_eq!(faults(GOOD, "POST", &[]), [""; 0]);
        let star = PreflightAnswer {
            status: 204,
            allow_origin: &["*"],
            allow_methods: &["*"],
            allow_headers: &["*"],
        };
        assert_eq!(faults(star, "DELETE", &["x-d"]), [""; 0]);
        let named = faults(star, "DELETE", &["Authorization"]);
        assert_eq!(
            named,
            ["`Access-Control-Allow-Headers` does not name `Authorization`"]
        );
    }

    #[test]
    fn each_fault_has_its_sentence() {
        let with = |change: fn(&mut PreflightAnswer<'static>)| {
            let mut answer = GOOD;
            change(&mut answer);
            faults(answer, "PUT", &["x-a"])
        };
        assert_eq!(
            with(|answer| answer.status = 301),
            ["the status is 301, and a preflight needs one from 200 to 299 (no redirect)"]
        );
        assert_eq!(
            with(|answer| answer.allow_origin = &[]),
            ["there is no `Access-Control-Allow-Origin`"]
        );
        assert_eq!(
            with(|answer| answer.allow_origin = &["https://a.example/"]),
            [
                "`Access-Control-Allow-Origin` is `https://a.example/`, which is neither `*` nor the \
              page's origin"
            ]
        );
        assert_eq!(
            with(|answer| answer.allow_origin = &["*", "https://a.example"]),
            [
                "`Access-Control-Allow-Origin` came 2 times: let either the server or the proxy add it"
            ]
        );
        assert_eq!(
            with(|answer| answer.allow_methods = &["put"]),
            ["`Access-Control-Allow-Methods` does not name the method"]
        );
        assert_eq!(
            with(|answer| answer.allow_headers = &[]),
            ["`Access-Control-Allow-Headers` does not name `x-a`"]
        );
    }

    #[test]
    fn what_a_form_could_send_is_not_asked_about() {
        let asks = |method, headers: &[&str]| {
            has_preflight(&CorsRequest {
                origin: "https://a.example",
                method,
                headers,
            })
        };
        assert!(!asks("POST", &[]));
        assert!(asks("PUT", &[]));
        assert!(asks("POST", &["x-a"]));
    }
}
