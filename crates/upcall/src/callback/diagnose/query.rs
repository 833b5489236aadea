//! Queries: what became of one on its way, and what it may have been.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::reason::Reason;

/// What has to have happened for `sent` to arrive as `received`.
pub(super) fn compare(sent: Option<&str>, received: Option<&str>) -> Vec<Reason> {
    match (sent, received) {
        _ if sent == received => Vec::new(),
        (Some(_), None) => vec![Reason::QueryDropped],
        (None, Some("")) => vec![Reason::QueryMark],
        (None, _) => vec![Reason::QueryAdded],
        (Some(sent), Some(received)) => compare_parameters(sent, received),
    }
}

fn compare_parameters(sent: &str, received: &str) -> Vec<Reason> {
    let sorted = |mut parameters: Vec<Vec<u8>>| {
        parameters.sort();
        parameters
    };
    let raw = |query: &str| {
        query
            .split('&')
            .map(|one| one.as_bytes().to_vec())
            .collect()
    };
    if sorted(raw(sent)) == sorted(raw(received)) {
        return vec![Reason::QueryReordered];
    }
    let (was, is) = (decoded(sent), decoded(received));
    if was == is {
        return vec![Reason::QueryEncoded];
    }
    if sorted(was.clone()) == sorted(is.clone()) {
        return vec![Reason::QueryReordered, Reason::QueryEncoded];
    }
    let holds = |whole: &[Vec<u8>], part: &[Vec<u8>]| part.iter().all(|one| whole.contains(one));
    if received.is_empty() || holds(&was, &is) {
        return vec![Reason::QueryDropped];
    }
    if holds(&is, &was) {
        return vec![Reason::QueryAdded];
    }
    vec![Reason::QueryRewritten]
}

/// Queries of which `received` may be what is left, without itself; some two hundred at most.
pub(super) fn repairs(received: Option<&str>) -> Vec<Option<String>> {
    let Some(query) = received else {
        // An address that ends in `?`; every other query is lost.
        return vec![Some(String::new())];
    };
    let mut repairs = vec![None];
    let spellings = spellings(query);
    for spelling in &spellings {
        let parameters: Vec<&str> = spelling.split('&').collect();
        if parameters.len() > MAX_PARAMETERS {
            continue;
        }
        repairs.extend(orders(&parameters).into_iter().map(Some));
    }
    repairs.extend(spellings.into_iter().map(Some));
    let parameters: Vec<&str> = query.split('&').collect();
    if parameters.len() <= MAX_PARAMETERS {
        // One that a proxy added, wherever it stands, or several at the end.
        for left_out in 0..parameters.len() {
            let mut rest = parameters.clone();
            rest.remove(left_out);
            repairs.push(Some(rest.join("&")));
            rest.truncate(left_out);
            repairs.push(Some(rest.join("&")));
        }
    }
    repairs
        .retain(|repaired| repaired.as_deref() != Some(query) && repaired.as_deref() != Some(""));
    repairs.dedup();
    repairs
}

/// The query, and what it may have been before somebody decoded or encoded it.
fn spellings(query: &str) -> Vec<String> {
    let each = |change: &dyn Fn(&str) -> String| -> String {
        let parameters = query.split('&').map(|one| match one.split_once('=') {
            Some((name, value)) => format!("{}={}", change(name), change(value)),
            None => change(one),
        });
        parameters.collect::<Vec<_>>().join("&")
    };
    let text = |part: &str| {
        let part = part.replace('+', " ");
        percent_decode_str(&part).decode_utf8_lossy().into_owned()
    };
    let encoded = |part: &str| utf8_percent_encode(&text(part), ALL).to_string();
    let mut spellings = vec![
        query.to_owned(),
        query.replace('+', "%20"),
        query.replace("%20", "+"),
        each(&|part| part.replace('/', "%2F")),
        each(&|part| part.replace("%2F", "/").replace("%2f", "/")),
        each(&encoded),
        each(&|part| encoded(part).replace("%20", "+")),
        each(&|part| encoded(part).replace("%2F", "/")),
        each(&|part| encoded(part).replace("%3A", ":").replace("%2F", "/")),
        each(&text),
        each(&|part| part.replace('%', "%25")),
        query.trim_end_matches('=').to_owned(),
        with_hex_case(query, |hex| hex.to_ascii_lowercase()),
        with_hex_case(query, |hex| hex.to_ascii_uppercase()),
    ];
    spellings.push(each(&|part| {
        with_hex_case(&encoded(part), |hex| hex.to_ascii_lowercase())
    }));
    // A decoded text with these could not have been a query.
    spellings.retain(|spelling| !spelling.contains([' ', '#', '\n']));
    spellings.sort();
    spellings.dedup();
    spellings
}

/// Every order of a few parameters; of many, the usual ones.
fn orders(parameters: &[&str]) -> Vec<String> {
    if parameters.len() <= MAX_PERMUTED {
        let mut orders = Vec::new();
        permute(&mut parameters.to_vec(), 0, &mut orders);
        return orders;
    }
    let mut sorted = parameters.to_vec();
    sorted.sort_unstable();
    let reversed: Vec<&str> = parameters.iter().rev().copied().collect();
    let rotated = (1..parameters.len()).map(|by| {
        let mut rotated = parameters.to_vec();
        rotated.rotate_left(by);
        rotated.join("&")
    });
    rotated
        .chain([sorted.join("&"), reversed.join("&")])
        .collect()
}

fn permute(parameters: &mut Vec<&str>, from: usize, orders: &mut Vec<String>) {
    if from + 1 >= parameters.len() {
        orders.push(parameters.join("&"));
        return;
    }
    for at in from..parameters.len() {
        parameters.swap(from, at);
        permute(parameters, from + 1, orders);
        parameters.swap(from, at);
    }
}

/// The two digits after each `%` in another case.
pub(super) fn with_hex_case(text: &str, change: impl Fn(char) -> char) -> String {
    let mut left = 0;
    text.chars()
        .map(|c| {
            if c == '%' {
                left = 2;
                return c;
            }
            let is_digit = left > 0 && c.is_ascii_hexdigit();
            left = if is_digit { left - 1 } else { 0 };
            if is_digit { change(c) } else { c }
        })
        .collect()
}

/// Parameters as a form is read; `a` is `a=`.
pub(super) fn decoded(query: &str) -> Vec<Vec<u8>> {
    let one = |parameter: &str| {
        let text = parameter.replace('+', " ");
        let (name, value) = text.split_once('=').unwrap_or((&text, ""));
        let mut decoded: Vec<u8> = percent_decode_str(name).collect();
        // A name cannot hold it any more than a value can be mistaken for one.
        decoded.push(0);
        decoded.extend(percent_decode_str(value));
        decoded
    };
    query.split('&').map(one).collect()
}

/// All but RFC 3986's unreserved characters.
pub(super) const ALL: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Up to here every order is tried: 24 of them.
const MAX_PERMUTED: usize = 4;
/// Beyond it only the spelling is tried.
const MAX_PARAMETERS: usize = 16;
