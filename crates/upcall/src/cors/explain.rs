//! Rule by rule: what a request lacks.

use std::fmt;

use super::origin::OriginTypo;
use super::{CorsRequest, Rule, first_fit};

/// Why a request meets no rule, or which one it meets.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Explanation {
    /// The number of the rule that fits, from 1.
    pub fits: Option<usize>,
    /// What is wrong with the origin that asks, whatever the rules say: it is none, as a browser
    /// sends them.
    pub origin_fault: Option<&'static str>,
    /// Every rule, in order.
    pub rules: Vec<Judged>,
}

/// A rule, and what a request lacks for it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Judged {
    /// Which one, from 1.
    pub number: usize,
    /// Everything that is not allowed; nothing if it fits.
    pub lacks: Vec<Lack>,
}

/// Something of a request that a rule does not allow.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Lack {
    /// The origin.
    Origin {
        /// Origins of the rule that were probably meant to be this one.
        typos: Vec<OriginTypo>,
    },
    /// The method.
    Method,
    /// A header.
    Header(String),
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Origin { typos } => {
                f.write_str("it does not allow the origin")?;
                for typo in typos {
                    write!(f, "; {typo}")?;
                }
                Ok(())
            }
            Self::Method => f.write_str("it does not allow the method"),
            Self::Header(name) => write!(f, "it does not allow the header `{name}`"),
        }
    }
}

/// Goes through all rules. At most 100 typing mistakes and 100 headers are told of each.
pub fn explain(rules: &[Rule<'_>], request: &CorsRequest<'_>) -> Explanation {
    let judged = (1..).zip(rules).map(|(number, rule)| Judged {
        number,
        lacks: lacks(rule, request),
    });
    Explanation {
        fits: first_fit(rules.iter().copied(), request).map(|place| place + 1),
        origin_fault: origin_fault(request.origin),
        rules: judged.collect(),
    }
}

fn lacks(rule: &Rule<'_>, request: &CorsRequest<'_>) -> Vec<Lack> {
    let mut lacks = Vec::new();
    if !rule.allows_origin(request.origin) {
        let patterns = rule.origins.iter();
        let typos = patterns.flat_map(|pattern| OriginTypo::between(pattern, request.origin));
        lacks.push(Lack::Origin {
            typos: typos.take(MOST).collect(),
        });
    }
    if !rule.allows_method(request.method) {
        lacks.push(Lack::Method);
    }
    let names = request.headers.iter();
    let refused = names.filter(|name| !rule.allows_header(name));
    let shown = |name: &&str| Lack::Header(name.escape_debug().take(SHOWN_CHARS).collect());
    lacks.extend(refused.map(shown).take(MOST));
    lacks
}

/// What a person typed instead of what a browser would send.
fn origin_fault(origin: &str) -> Option<&'static str> {
    if origin == "null" {
        return Some(
            "a page from a file, or in a sandbox, has the origin `null`; only `*` allows it",
        );
    }
    let Some((_, rest)) = origin.split_once("://") else {
        return Some("an origin begins with its scheme, such as `https://`");
    };
    if rest.contains('/') {
        return Some("an origin has no path and no slash at its end");
    }
    let is_upper = origin.bytes().any(|byte| byte.is_ascii_uppercase());
    if is_upper {
        return Some("a browser sends an origin in lower case");
    }
    let has_default = origin.starts_with("http://") && rest.ends_with(":80")
        || origin.starts_with("https://") && rest.ends_with(":443");
    has_default.then_some("a browser leaves the default port out")
}

const MOST: usize = 100;
const SHOWN_CHARS: usize = 200;
