//! The resource that a V1 signature names: bucket, key, and those parameters that change what a
//! request means.

use super::super::request::SignedRequest;

/// `/bucket/key?acl&uploadId=1`, raw.
///
/// A signed parameter that stands twice is signed twice: whichever of them a server acts upon, it was
/// signed.
pub(super) fn canonicalized(request: &SignedRequest<'_>) -> String {
    let mut signed: Vec<_> = request
        .query
        .iter()
        .filter(|(name, _)| is_signed(name))
        .collect();
    signed.sort_unstable();
    let mut text = request.resource();
    for (place, (name, value)) in signed.into_iter().enumerate() {
        text.push(if place == 0 { '?' } else { '&' });
        text.push_str(name);
        if !value.is_empty() {
            text.push('=');
            text.push_str(value);
        }
    }
    text
}

pub(super) fn is_signed(name: &str) -> bool {
    name.starts_with("x-oss-") || SUB_RESOURCES.contains(&name)
}

// The union of what OSS's Python and Go SDKs sign.
const SUB_RESOURCES: &[&str] = &[
    "accessPoint",
    "accessPointPolicy",
    "acl",
    "append",
    "asyncFetch",
    "bucketArchiveDirectRead",
    "bucketInfo",
    "callback",
    "callback-var",
    "cloudboxes",
    "cname",
    "comp",
    "continuation-token",
    "cors",
    "delete",
    "encryption",
    "endTime",
    "group",
    "httpsConfig",
    "inventory",
    "inventoryId",
    "lifecycle",
    "link",
    "live",
    "location",
    "logging",
    "metaQuery",
    "objectInfo",
    "objectMeta",
    "partNumber",
    "policy",
    "position",
    "publicAccessBlock",
    "qos",
    "qosInfo",
    "qosRequester",
    "redundancyTransition",
    "referer",
    "regionList",
    "replication",
    "replicationLocation",
    "replicationProgress",
    "requestPayment",
    "requesterQosInfo",
    "resourceGroup",
    "resourcePool",
    "resourcePoolBuckets",
    "resourcePoolInfo",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "restore",
    "security-token",
    "sequential",
    "startTime",
    "stat",
    "status",
    "style",
    "styleName",
    "symlink",
    "tagging",
    "transferAcceleration",
    "uploadId",
    "uploads",
    "versionId",
    "versioning",
    "versions",
    "vod",
    "website",
    "worm",
    "wormExtend",
    "wormId",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_the_meaning_is_signed_and_nothing_else() {
        let query = [
            ("uploads", ""),
            ("non-resource", "1"),
            ("x-oss-process", "image/resize,w_1"),
            ("ACL", ""),
            ("acl", ""),
            ("Expires", "1"),
            ("response-content-type", "text/plain; charset=utf-8"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let request = SignedRequest {
            method: "GET",
            bucket: Some("photos"),
            key: Some("a b+c/猫.jpg"),
            query: &query,
            headers: &[],
        };
        assert_eq!(
            canonicalized(&request),
            "/photos/a b+c/猫.jpg?acl&response-content-type=text/plain; charset=utf-8&uploads\
             &x-oss-process=image/resize,w_1"
        );
        let service = SignedRequest {
            bucket: None,
            key: None,
            ..request
        };
        assert!(canonicalized(&service).starts_with("/?acl&"));
    }

    #[test]
    fn the_list_is_sorted_and_has_each_name_once() {
        assert!(SUB_RESOURCES.is_sorted_by(|a, b| a < b));
    }
}
