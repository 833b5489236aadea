//! Targets: what became of one on its way, and what it may have been.

use percent_encoding::percent_decode_str;

use super::query;
use super::reason::{Certainty, Finding, Reason};

/// What has to have happened for `sent` to arrive as `received`.
pub(super) fn compare(sent: &str, received: &str) -> Vec<Finding> {
    let (sent_path, sent_query) = split(sent);
    if let Some(target) = without_host(received) {
        let mut findings = vec![Finding::new(Certainty::Proven, Reason::TargetAbsolute)];
        findings.extend(compare(sent, target));
        return findings;
    }
    let (path, received_query) = split(received);
    let proven = |reason| Finding::new(Certainty::Proven, reason);
    let mut findings: Vec<Finding> = compare_paths(sent_path, path).into_iter().collect();
    findings.extend(
        query::compare(sent_query, received_query)
            .into_iter()
            .map(proven),
    );
    findings
}

/// Targets of which `received` may be what is left, itself first and the likeliest next; some ten
/// thousand at most, and a few megabytes.
pub(super) fn repairs(received: &str, headers: &[(&str, &str)]) -> Vec<String> {
    let target = without_host(received).unwrap_or(received);
    if target.len() > MAX_BYTES {
        return vec![target.to_owned()];
    }
    let (path, query) = split(target);
    let (paths, queries) = (repaired_paths(path, headers), query::repairs(query));
    let join = |path: &str, query: &Option<String>| match query {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let mut repairs = vec![target.to_owned()];
    repairs.extend(original_targets(headers));
    repairs.extend(queries.iter().map(|query| join(path, query)));
    let unchanged = query.map(str::to_owned);
    repairs.extend(paths.iter().map(|path| join(path, &unchanged)));
    for path in paths.iter().filter(|_| target.len() <= MAX_BOTH_BYTES) {
        repairs.extend(queries.iter().map(|query| join(path, query)));
    }
    repairs
}

fn compare_paths(sent: &str, received: &str) -> Option<Finding> {
    if sent == received {
        return None;
    }
    let (was, is) = (decoded(sent), decoded(received));
    if was == is {
        let has_less = received.matches('%').count() < sent.matches('%').count();
        let reason = if has_less {
            Reason::PathDecoded
        } else {
            Reason::PathEncoded
        };
        return Some(Finding::new(Certainty::Harmless, reason));
    }
    let reason = if was == received.as_bytes() || without_plus(&was) == is {
        Reason::PathDecoded
    } else if is == sent.as_bytes() {
        Reason::PathEncoded
    } else if merged(&was) == merged(&is) {
        Reason::PathSlashes
    } else if let Some(prefix) = prefix(&was, &is) {
        Reason::PathPrefixRemoved { prefix }
    } else if let Some(prefix) = prefix(&is, &was) {
        Reason::PathPrefixAdded { prefix }
    } else {
        Reason::PathRewritten
    };
    Some(Finding::new(Certainty::Proven, reason))
}

/// What stands before `rest` in `whole`, escaped. A path of `/` alone is all that is left where the
/// whole path was taken away.
fn prefix(whole: &[u8], rest: &[u8]) -> Option<String> {
    let before = match rest {
        b"/" => whole,
        _ => whole.strip_suffix(rest)?,
    };
    (!before.is_empty() && rest.starts_with(b"/")).then(|| before.escape_ascii().to_string())
}

fn repaired_paths(path: &str, headers: &[(&str, &str)]) -> Vec<String> {
    let mut paths = vec![
        path.replace('%', "%25"),
        path.replace("%20", "+"),
        path.replace('+', "%20"),
        path.replace(' ', "+"),
    ];
    // Encoded twice; what it was can be told only if that is text.
    paths.extend(
        percent_decode_str(path)
            .decode_utf8()
            .ok()
            .map(String::from),
    );
    paths.push(match path.strip_suffix('/') {
        Some(shorter) if !shorter.is_empty() => shorter.to_owned(),
        _ => format!("{path}/"),
    });
    let mut rest = path;
    for _ in 0..MAX_PREFIX_SEGMENTS {
        let next = rest.get(1..).and_then(|tail| tail.get(tail.find('/')?..));
        let Some(next) = next else { break };
        rest = next;
        paths.push(rest.to_owned());
    }
    let named = of_headers(headers, &PREFIX_HEADERS).map(|prefix| prefix.trim_end_matches('/'));
    for prefix in named.chain(USUAL_PREFIXES) {
        paths.push(format!("{prefix}{path}"));
        if path == "/" {
            paths.push(prefix.to_owned());
        }
    }
    paths.retain(|repaired| repaired.starts_with('/') && repaired != path);
    paths
}

/// What proxies say the target was.
fn original_targets(headers: &[(&str, &str)]) -> Vec<String> {
    let targets = of_headers(headers, &TARGET_HEADERS);
    let targets = targets.map(|target| without_host(target).unwrap_or(target));
    targets.map(str::to_owned).collect()
}

fn of_headers<'a>(
    headers: &'a [(&str, &'a str)],
    names: &'static [&str],
) -> impl Iterator<Item = &'a str> {
    let is_one = move |name: &str| names.iter().any(|one| name.eq_ignore_ascii_case(one));
    let is_path = |value: &str| value.len() <= MAX_HEADER_BYTES && value.contains('/');
    headers
        .iter()
        .filter(move |(name, value)| is_one(name) && is_path(value))
        .map(|(_, value)| *value)
        .take(MAX_HEADERS)
}

pub(super) fn split(target: &str) -> (&str, Option<&str>) {
    match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    }
}

/// Path and query of a target that is a whole URL.
pub(super) fn without_host(target: &str) -> Option<&str> {
    let start = target.get(..8)?.to_ascii_lowercase();
    let scheme = ["https://", "http://"]
        .into_iter()
        .find(|scheme| start.starts_with(scheme))?;
    let rest = target.get(scheme.len()..)?;
    rest.get(rest.find('/')?..)
}

fn decoded(path: &str) -> Vec<u8> {
    percent_decode_str(path).collect()
}

fn without_plus(path: &[u8]) -> Vec<u8> {
    let blank = |byte: &u8| if *byte == b'+' { b' ' } else { *byte };
    path.iter().map(blank).collect()
}

/// Without a slash at the end, and each group of slashes as one.
fn merged(path: &[u8]) -> Vec<u8> {
    let mut merged = path.to_vec();
    merged.dedup_by(|a, b| *a == b'/' && *b == b'/');
    if merged.len() > 1 && merged.ends_with(b"/") {
        merged.pop();
    }
    merged
}

/// Beyond it nothing is undone; OSS's own limit for the whole callback parameter is 5 KiB.
const MAX_BYTES: usize = 5 * 1024;
/// Up to here path and query are undone together, each with each.
const MAX_BOTH_BYTES: usize = 512;

/// How much of a path may be taken for something that a proxy put there.
const MAX_PREFIX_SEGMENTS: usize = 6;

/// How many headers are believed, and how long they may be.
const MAX_HEADERS: usize = 4;
const MAX_HEADER_BYTES: usize = 2048;

const PREFIX_HEADERS: [&str; 2] = ["x-forwarded-prefix", "x-script-name"];
const TARGET_HEADERS: [&str; 6] = [
    "x-envoy-original-path",
    "x-forwarded-uri",
    "x-original-uri",
    "x-original-url",
    "x-rewrite-url",
    "x-replaced-path",
];

/// What proxies are most often told to strip.
const USUAL_PREFIXES: [&str; 8] = [
    "/api",
    "/app",
    "/api/v1",
    "/v1",
    "/oss",
    "/callback",
    "/backend",
    "/server",
];
