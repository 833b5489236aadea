//! The route table: which operation a method, a target and its sub-resource ask for.
//!
//! Source: OSS, "List of operations by function".

use http::Method;
use upcall::error::{Refusal, WireError};

use super::target::Target;

/// An operation of the API, named as there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Operation {
    DeleteBucketCors,
    DeleteObject,
    GetBucketAcl,
    GetBucketCors,
    GetBucketInfo,
    GetObject,
    GetUploadAnswer,
    HeadObject,
    ListObjects,
    /// A preflight; what it is for need not exist.
    Options,
    PostObject,
    PutBucket,
    PutBucketAcl,
    PutBucketCors,
    PutObject,
}

impl Operation {
    /// # Errors
    /// 405 for a method that the resource does not have, 400 `NotImplemented` for an operation that
    /// OSS has and this server has not.
    pub(crate) fn find(method: &Method, target: &Target) -> Result<Self, Refusal> {
        if *method == Method::OPTIONS {
            return Ok(Self::Options);
        }
        let sub_resource = target.query.pairs().iter().find_map(|(name, _)| {
            SUB_RESOURCES
                .contains(&name.as_str())
                .then_some(name.as_str())
        });
        let place = match (&target.bucket, &target.key) {
            (None, _) => Place::Service,
            (Some(_), None) => Place::Bucket,
            (Some(_), Some(_)) => Place::Object,
        };
        let row = ROUTES.iter().find(|(row_method, row_place, row_sub, _)| {
            *row_method == method && *row_place == place && *row_sub == sub_resource
        });
        match (row, sub_resource) {
            (Some((.., operation)), _) => Ok(*operation),
            (None, Some(name)) => Err(Refusal::new(WireError::NOT_IMPLEMENTED)
                .extra("Header", name)
                .hint(format!(
                    "this server has no {method} with the sub-resource `{name}`"
                ))),
            (None, None) => Err(place.method_not_allowed(method)),
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::DeleteBucketCors => "DeleteBucketCors",
            Self::DeleteObject => "DeleteObject",
            Self::GetBucketAcl => "GetBucketAcl",
            Self::GetBucketCors => "GetBucketCors",
            Self::GetBucketInfo => "GetBucketInfo",
            Self::GetObject => "GetObject",
            Self::GetUploadAnswer => "GetUploadAnswer",
            Self::HeadObject => "HeadObject",
            Self::ListObjects => "ListObjects",
            Self::Options => "Options",
            Self::PostObject => "PostObject",
            Self::PutBucket => "PutBucket",
            Self::PutBucketAcl => "PutBucketAcl",
            Self::PutBucketCors => "PutBucketCors",
            Self::PutObject => "PutObject",
        }
    }
}

/// What the path addresses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place {
    Service,
    Bucket,
    Object,
}

impl Place {
    fn method_not_allowed(self, method: &Method) -> Refusal {
        let (resource, hint) = match self {
            Self::Service => (
                "Service",
                "address a bucket: BUCKET.DOMAIN, or /BUCKET/ on an IP address",
            ),
            Self::Bucket => ("Bucket", "a bucket has GET, PUT, POST (a form) and OPTIONS"),
            Self::Object if *method == Method::POST => (
                "Object",
                "a form is posted to the bucket; the key goes into the form field `key`",
            ),
            Self::Object => ("Object", "an object has GET, HEAD, PUT, DELETE and OPTIONS"),
        };
        Refusal::new(WireError::METHOD_NOT_ALLOWED)
            .extra("Method", method.as_str())
            .extra("ResourceType", resource)
            .hint(hint)
    }
}

type Route = (Method, Place, Option<&'static str>, Operation);

const ROUTES: &[Route] = &[
    (Method::POST, Place::Bucket, None, Operation::PostObject),
    (Method::GET, Place::Bucket, None, Operation::ListObjects),
    (Method::PUT, Place::Bucket, None, Operation::PutBucket),
    (
        Method::GET,
        Place::Bucket,
        Some("acl"),
        Operation::GetBucketAcl,
    ),
    (
        Method::PUT,
        Place::Bucket,
        Some("acl"),
        Operation::PutBucketAcl,
    ),
    (
        Method::GET,
        Place::Bucket,
        Some("bucketInfo"),
        Operation::GetBucketInfo,
    ),
    (
        Method::DELETE,
        Place::Bucket,
        Some("cors"),
        Operation::DeleteBucketCors,
    ),
    (
        Method::GET,
        Place::Bucket,
        Some("cors"),
        Operation::GetBucketCors,
    ),
    (
        Method::PUT,
        Place::Bucket,
        Some("cors"),
        Operation::PutBucketCors,
    ),
    (
        Method::GET,
        Place::Bucket,
        Some("x-upcall-answer"),
        Operation::GetUploadAnswer,
    ),
    (Method::GET, Place::Object, None, Operation::GetObject),
    (Method::HEAD, Place::Object, None, Operation::HeadObject),
    // GetObjectMeta: what HeadObject says, of which clients read less.
    (
        Method::HEAD,
        Place::Object,
        Some("objectMeta"),
        Operation::HeadObject,
    ),
    (Method::PUT, Place::Object, None, Operation::PutObject),
    (Method::DELETE, Place::Object, None, Operation::DeleteObject),
];

/// Query names that select another operation. One that has no route is refused rather than taken for
/// the plain operation: `PUT /key?tagging` must not overwrite the object.
const SUB_RESOURCES: &[&str] = &[
    "accessMonitor",
    "accessPoint",
    "acl",
    "append",
    "asyncFetch",
    "bucketInfo",
    "cname",
    "comp",
    "cors",
    "delete",
    "encryption",
    "httpsConfig",
    "inventory",
    "lifecycle",
    "link",
    "live",
    "location",
    "logging",
    "metaQuery",
    "objectMeta",
    "policy",
    "policyStatus",
    "qosInfo",
    "redundancyTransition",
    "referer",
    "replication",
    "replicationLocation",
    "replicationProgress",
    "requestPayment",
    "resourceGroup",
    "restore",
    "seal",
    "stat",
    "style",
    "symlink",
    "tagging",
    "transferAcceleration",
    "uploadId",
    "uploads",
    "versioning",
    "versions",
    "vod",
    "website",
    "worm",
    "wormExtend",
    "wormId",
    "x-oss-process",
    "x-upcall-answer",
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The tests over sockets send a request to each line of this file: method, place, sub-resource.
    #[test]
    fn the_list_for_tests_has_every_route() {
        let listed: Vec<&str> = include_str!("../../tests/fixtures/storage-routes.txt")
            .lines()
            .filter(|line| !line.starts_with('#'))
            .collect();
        let route = |(method, place, sub_resource, _): &Route| {
            format!("{method} {place:?} {}", sub_resource.unwrap_or("-"))
        };
        let routes: Vec<String> = ROUTES.iter().map(route).collect();
        assert_eq!(listed, routes);
    }
}
