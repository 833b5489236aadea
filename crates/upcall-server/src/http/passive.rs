//! Content types of which a browser runs nothing; answers of any other type are sandboxed.

/// Whether a browser that shows this type never runs anything of it. A type that is not known, or
/// not well-formed, is none of these: browsers differ in what they make of it.
pub(crate) fn is_passive(content_type: &str) -> bool {
    // Of several types that stand in one header, browsers take the last.
    if content_type.contains(',') {
        return false;
    }
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let Some((kind, subtype)) = essence.split_once('/') else {
        return false;
    };
    let is = |known: &str| essence.eq_ignore_ascii_case(known);
    let is_kind = |known: &str| kind.eq_ignore_ascii_case(known);
    let suffix = subtype
        .len()
        .checked_sub(4)
        .and_then(|at| subtype.get(at..));
    let is_xml = suffix.is_some_and(|suffix| suffix.eq_ignore_ascii_case("+xml"));
    !is_xml && (MEDIA.into_iter().any(is_kind) || FILES.into_iter().any(is))
}

const MEDIA: [&str; 4] = ["audio", "font", "image", "video"];

/// A sandbox would keep browsers from showing a PDF at all.
const FILES: [&str; 9] = [
    "application/javascript",
    "application/json",
    "application/octet-stream",
    "application/pdf",
    "application/zip",
    "text/css",
    "text/csv",
    "text/javascript",
    "text/plain",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_a_page_is_not_passive() {
        for passive in [
            "image/jpeg",
            "IMAGE/PNG",
            "video/mp4; codecs=a",
            "text/plain;charset=utf-8",
            " application/pdf ",
            "application/octet-stream",
        ] {
            assert!(is_passive(passive), "{passive}");
        }
        for page in [
            "text/html",
            "TEXT/HTML; charset=utf-8",
            "image/svg+xml",
            "image/SVG+XML;a=b",
            "application/xhtml+xml",
            "application/xml",
            "text/xml",
            "text/xsl",
            "text/plain, text/html",
            "image/png,text/html",
            "multipart/x-mixed-replace; boundary=a",
            "message/rfc822",
            "imagé/+xml",
            "image",
            "image/é+xml",
            "",
            "evil/evil",
        ] {
            assert!(!is_passive(page), "{page}");
        }
    }
}
