//! Listings: order, pages, prefixes, roll-up.

use super::Ports;
use crate::catalog::{CatalogError, ListObjects, ObjectPage};

async fn list(ports: &Ports, request: &ListObjects) -> ObjectPage {
    let page = ports.catalog.list_objects(request).await;
    page.expect("a page")
}

fn keys(page: &ObjectPage) -> Vec<&str> {
    page.objects
        .iter()
        .map(|facts| facts.key.as_str())
        .collect()
}

/// Keys come in the order of their UTF-8 bytes, each once, whatever the size of the page.
pub async fn keys_come_in_the_order_of_their_bytes(ports: &Ports) {
    let bucket = ports.bucket("ordered").await;
    let longest = "z".repeat(1023);
    let mut all = [
        "a",
        "A",
        "a ",
        "a!",
        "a/",
        "a/b",
        "a0",
        "aa",
        "é",
        "e\u{301}",
        "ü",
        "\u{d7fb}",
        "\u{e000}",
        "\u{fffd}",
        "\u{10000}",
        "🐈",
        "\u{10fffd}",
        &longest,
    ];
    for text in &all {
        ports.commit(&bucket, text).await;
    }
    all.sort_unstable();
    for max_keys in [1, 2, 7, 1000] {
        let mut request = ListObjects {
            bucket: bucket.clone(),
            prefix: String::new(),
            marker: String::new(),
            delimiter: None,
            max_keys,
        };
        let mut seen: Vec<String> = Vec::new();
        loop {
            let page = list(ports, &request).await;
            assert!(page.objects.len() <= max_keys);
            seen.extend(keys(&page).into_iter().map(str::to_owned));
            let Some(next) = page.next_marker else { break };
            assert_eq!(seen.last(), Some(&next));
            request.marker = next;
        }
        assert_eq!(seen, all, "{max_keys} a page");
    }
}

/// Prefix, delimiter and marker; the keys and the common prefixes that are expected.
type Case = (
    [&'static str; 3],
    &'static [&'static str],
    &'static [&'static str],
);

/// Keys with the delimiter behind the prefix are one entry; what a marker is in, is behind it.
pub async fn a_delimiter_rolls_keys_up(ports: &Ports) {
    let bucket = ports.bucket("rolled-up").await;
    for text in [
        "a",
        "b/",
        "b/1",
        "b/2",
        "b/c/3",
        "b0",
        "c//d",
        "c/e",
        "d--e--f",
        "é/x",
        "z\u{10fffd}/y",
    ] {
        ports.commit(&bucket, text).await;
    }
    let table: [Case; 10] = [
        (
            ["", "/", ""],
            &["a", "b0", "d--e--f"],
            &["b/", "c/", "z\u{10fffd}/", "é/"],
        ),
        (["b/", "/", ""], &["b/", "b/1", "b/2"], &["b/c/"]),
        (["b", "/", ""], &["b0"], &["b/"]),
        (["c/", "/", ""], &["c/e"], &["c//"]),
        (["d", "--", ""], &[], &["d--"]),
        (
            ["", "/", "b/"],
            &["b0", "d--e--f"],
            &["c/", "z\u{10fffd}/", "é/"],
        ),
        (
            ["", "/", "b/2"],
            &["b0", "d--e--f"],
            &["c/", "z\u{10fffd}/", "é/"],
        ),
        (
            ["", "/", "b"],
            &["b0", "d--e--f"],
            &["b/", "c/", "z\u{10fffd}/", "é/"],
        ),
        (["b/", "", "b/1"], &["b/2", "b/c/3"], &[]),
        (["zz", "/", ""], &[], &[]),
    ];
    for ([prefix, delimiter, marker], objects, prefixes) in table {
        let request = ListObjects {
            bucket: bucket.clone(),
            prefix: prefix.to_owned(),
            marker: marker.to_owned(),
            delimiter: Some(delimiter.to_owned()),
            max_keys: 100,
        };
        let page = list(ports, &request).await;
        assert_eq!(keys(&page), objects, "{request:?}");
        assert_eq!(page.common_prefixes, prefixes, "{request:?}");
        assert_eq!(page.next_marker, None, "{request:?}");
    }
}

/// No page is larger than [`ListObjects::MAX_KEYS`], and one of nothing is empty.
pub async fn a_page_is_bounded(ports: &Ports) {
    let bucket = ports.bucket("bounded").await;
    let most = ListObjects::MAX_KEYS;
    let facts = super::at_once((0..=most).map(|number| {
        let (ports, bucket) = (ports.clone(), bucket.clone());
        async move { ports.commit(&bucket, &format!("{number:05}/x")).await }
    }))
    .await;
    assert_eq!(facts.len(), most + 1);
    let mut request = ListObjects {
        bucket,
        prefix: String::new(),
        marker: String::new(),
        delimiter: None,
        max_keys: usize::MAX,
    };
    let page = list(ports, &request).await;
    assert_eq!(page.objects.len(), most);
    assert_eq!(page.next_marker.as_deref(), Some("00999/x"));
    request.delimiter = Some("/".to_owned());
    let page = list(ports, &request).await;
    assert_eq!(page.common_prefixes.len(), most);
    assert_eq!(page.next_marker.as_deref(), Some("00999/"));
    request.marker = "00999/".into();
    let page = list(ports, &request).await;
    assert_eq!(page.common_prefixes, ["01000/"]);
    assert_eq!(page.next_marker, None);
    request.max_keys = 0;
    assert_eq!(list(ports, &request).await, ObjectPage::default());

    request.bucket = super::bucket("no-such-bucket").name;
    let refused = ports.catalog.list_objects(&request).await;
    assert!(
        matches!(refused, Err(CatalogError::NoSuchBucket)),
        "{refused:?}"
    );
}
