//! The protocol's vectors, and a test for each typing mistake.

use proptest::prelude::*;
use serde_json::Value;

use super::*;

#[test]
fn the_vectors_are_met() {
    let path = format!(
        "{}/tests/vectors/cors-match.json",
        env!("CARGO_MANIFEST_DIR")
    );
    let vectors: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let mut asked = 0;
    for case in vectors["cases"].as_array().unwrap() {
        let texts = |value: &Value| -> Vec<String> {
            let items = value.as_array().into_iter().flatten();
            items
                .map(|item| item.as_str().unwrap().to_owned())
                .collect()
        };
        let rules: Vec<[Vec<String>; 3]> = case["rules"]
            .as_array()
            .unwrap()
            .iter()
            .map(|rule| ["origins", "methods", "headers"].map(|name| texts(&rule[name])))
            .collect();
        let rules: Vec<Rule<'_>> = rules
            .iter()
            .map(|[origins, methods, headers]| Rule {
                origins,
                methods,
                headers,
            })
            .collect();
        let header = |name: &str| case["preflight"][name].as_str();
        let (Some(origin), Some(method)) =
            (header("Origin"), header("Access-Control-Request-Method"))
        else {
            continue;
        };
        let names = header_names(header("Access-Control-Request-Headers").unwrap_or_default());
        let request = CorsRequest {
            origin,
            method,
            headers: &names,
        };
        asked += 1;
        let fit = first_fit(rules.iter().copied(), &request);
        assert_eq!(fit.is_some(), case["expect"]["status"] == 200, "{case}");
        let explanation = explain(&rules, &request);
        assert_eq!(explanation.fits, fit.map(|place| place + 1));
        for (judged, rule) in explanation.rules.iter().zip(&rules) {
            assert_eq!(judged.lacks.is_empty(), rule.fits(&request), "{case}");
        }
    }
    assert_eq!(asked, 5);
}

/// What a rule for this origin lacks for a page.
fn typos(pattern: &str, origin: &str) -> Vec<String> {
    let texts = |text: &str| vec![text.to_owned()];
    let (origins, methods, headers) = (texts(pattern), texts("POST"), texts("*"));
    let rule = Rule {
        origins: &origins,
        methods: &methods,
        headers: &headers,
    };
    let request = CorsRequest {
        origin,
        method: "POST",
        headers: &["x-a"],
    };
    match &explain(&[rule], &request).rules[0].lacks[..] {
        [Lack::Origin { typos }] => typos.iter().map(ToString::to_string).collect(),
        other => panic!("{pattern} {origin}: {other:?}"),
    }
}

#[test]
fn each_usual_typing_mistake_is_named() {
    for (pattern, origin, sentence) in [
        (
            "https://a.example/",
            "https://a.example",
            "`https://a.example/` ends in `/`, and an origin does not: write `https://a.example`",
        ),
        (
            "https://a.example/*",
            "https://a.example",
            "`https://a.example/*` ends in `/*`, and an origin has no path: write `https://a.example`",
        ),
        (
            "https://a.example/upload",
            "https://a.example",
            "`https://a.example/upload` has a path, and an origin has none: write `https://a.example`",
        ),
        (
            "http://localhost",
            "http://localhost:5173",
            "`http://localhost` has no port, and the page is on one: write `http://localhost:5173`",
        ),
        (
            "http://localhost:3000",
            "http://localhost:5173",
            "`http://localhost:3000` has another port than the page: add `http://localhost:5173`",
        ),
        (
            "https://a.example:443",
            "https://a.example",
            "`https://a.example:443` names the default port, which browsers leave out: write `https://a.example`",
        ),
        (
            "http://a.example:80",
            "http://a.example",
            "`http://a.example:80` names the default port, which browsers leave out: write `http://a.example`",
        ),
        (
            "http://a.example",
            "https://a.example",
            "`http://a.example` has another scheme than the page: add `https://a.example`",
        ),
        (
            "https://A.Example",
            "https://a.example",
            "`https://A.Example` has upper-case letters, and browsers send none: write `https://a.example`",
        ),
        (
            "a.example",
            "https://a.example",
            "`a.example` has no scheme: write `https://a.example`",
        ),
        (
            "https://*.a.example",
            "https://a.example",
            "`https://*.a.example` is for names below the domain, and the page is on the domain: add `https://a.example`",
        ),
        (
            "https://[::1]",
            "https://[::1]:8443",
            "`https://[::1]` has no port, and the page is on one: write `https://[::1]:8443`",
        ),
    ] {
        assert_eq!(typos(pattern, origin), [sentence]);
    }
}

#[test]
fn several_mistakes_at_once_are_all_named() {
    let named = typos("HTTP://A.example:80/app/", "https://a.example");
    assert_eq!(named.len(), 4, "{named:?}");
    assert_eq!(typos("a.example/*", "https://www.a.example"), [""; 0]);
    assert_eq!(
        typos("https://*.a.example/", "https://www.a.example").len(),
        1
    );
}

#[test]
fn a_rule_for_another_page_is_no_typing_mistake() {
    for pattern in [
        "https://b.example",
        "https://a.example.evil",
        "b.example/*",
        "",
        "/",
        "://",
        ":",
    ] {
        assert_eq!(typos(pattern, "https://a.example"), [""; 0], "{pattern}");
    }
}

#[test]
fn what_a_rule_lacks_is_told_in_full() {
    let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
    let (origins, methods, headers) = (texts(&["*"]), texts(&["GET"]), texts(&["x-oss-*"]));
    let rule = Rule {
        origins: &origins,
        methods: &methods,
        headers: &headers,
    };
    let request = CorsRequest {
        origin: "https://a.example",
        method: "POST",
        headers: &["X-Oss-Meta-A", "authorization", "x-\u{1b}"],
    };
    let explanation = explain(&[rule], &request);
    assert_eq!(explanation.fits, None);
    let said: Vec<String> = explanation.rules[0]
        .lacks
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        said,
        [
            "it does not allow the method",
            "it does not allow the header `authorization`",
            "it does not allow the header `x-\\u{1b}`",
        ]
    );
}

#[test]
fn an_origin_that_no_browser_sends_is_named() {
    let fault = |origin| {
        let request = CorsRequest {
            origin,
            method: "GET",
            headers: &[],
        };
        explain(&[], &request).origin_fault
    };
    assert_eq!(fault("https://a.example:8443"), None);
    for (origin, part) in [
        ("null", "only `*` allows it"),
        ("a.example", "begins with its scheme"),
        ("https://a.example/", "no slash at its end"),
        ("https://A.example", "in lower case"),
        ("https://a.example:443", "default port"),
        ("http://a.example:80", "default port"),
    ] {
        assert!(fault(origin).unwrap().contains(part), "{origin}");
    }
}

proptest! {
    #[test]
    fn no_origin_breaks_it(pattern in "[ab:/.*A猫\\[\\]]{0,12}", origin in "[ab:/.*A猫\\[\\]]{0,12}") {
        if !matches_glob(&pattern, &origin) {
            typos(&pattern, &origin);
        }
    }
}
