//! The routes: method and path, which query parameters they know, and what they lead to.
//!
//! The one list of them; `openapi.json` says the same for others, and a test compares the two. A
//! query parameter that a route does not know, or that is there twice, is refused where the secret is
//! needed: a typing mistake must not be taken for "all of them".

use http::Method;

use super::error::AdminError;
use crate::http::target::Query;

/// What is asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Action {
    Backup,
    CallbackKey,
    CreateBucket,
    CreateKey,
    DeleteBucket,
    DeleteBucketCors,
    DeleteKey,
    DeleteObject,
    DeliverGivenUp,
    DeliverOwed,
    DiagnoseCall,
    DropOwed,
    EmptyBucket,
    Fsck,
    GetBucketCallback,
    GetBucketCors,
    GetBucketSignatures,
    GetBucketUploads,
    GetCall,
    GetObject,
    GetObjectContent,
    GetRefusal,
    Health,
    ListBuckets,
    ListCalls,
    ListFaults,
    ListKeys,
    ListObjects,
    ListOwed,
    ListRefusals,
    Metrics,
    NextCall,
    OpenApi,
    OrderFault,
    Overview,
    RemoveCallbackKey,
    ReplayCall,
    RotateCallbackKey,
    SetBucketAcl,
    SetBucketCallback,
    SetBucketCors,
    SetBucketSignatures,
    SetBucketUploads,
    Store,
    WithdrawFault,
    WithdrawFaults,
    WipeCalls,
}

/// Who may ask.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Access {
    Anybody,
    /// Who has the admin secret, or a session of the console.
    Session,
    /// Who sends the admin secret itself: a route that gives out secrets or writes into a folder that
    /// the request names. A stolen cookie must not become a key that outlives it.
    Secret,
}

/// One way to ask for one thing.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) method: Method,
    /// With one `{parameter}` at most.
    pub(super) path: &'static str,
    pub(super) query: &'static [&'static str],
    pub(super) access: Access,
    pub(super) action: Action,
}

impl Route {
    /// The route, and what stands in the place of its path's parameter.
    ///
    /// # Errors
    /// [`AdminError::NoSuchRoute`].
    pub(super) fn find<'p>(
        method: &Method,
        path: &'p str,
    ) -> Result<(&'static Self, &'p str), AdminError> {
        let found = ROUTES.iter().find_map(|route| {
            let parameter = route.parameter(path)?;
            (route.method == method).then_some((route, parameter))
        });
        found.ok_or(AdminError::NoSuchRoute)
    }

    /// # Errors
    /// Says which parameter is not known, or is there more than once.
    pub(super) fn check_query(&self, text: &str) -> Result<(), AdminError> {
        let query = Query::parse(text)?;
        let names = query.pairs().iter().map(|(name, _)| name.as_str());
        for (number, name) in names.clone().enumerate() {
            let shown = || name.escape_debug();
            if !self.query.contains(&name) {
                let sentence = format!("there is no parameter `{}`", shown());
                return Err(AdminError::InvalidValue(sentence));
            }
            if names.clone().skip(number + 1).any(|other| other == name) {
                let sentence = format!("the parameter `{}` is there twice", shown());
                return Err(AdminError::InvalidValue(sentence));
            }
        }
        Ok(())
    }

    /// What of `path` is the route's parameter, empty if it has none; `None` if it is another path.
    fn parameter<'p>(&self, path: &'p str) -> Option<&'p str> {
        let mut parameter = "";
        let (mut wanted, mut given) = (self.path.split('/'), path.split('/'));
        loop {
            match (wanted.next(), given.next()) {
                (None, None) => return Some(parameter),
                (Some(wanted), Some(given)) if wanted.starts_with('{') && !given.is_empty() => {
                    parameter = given;
                }
                (Some(wanted), Some(given)) if wanted == given => {}
                _ => return None,
            }
        }
    }
}

const fn route(
    method: Method,
    path: &'static str,
    query: &'static [&'static str],
    action: Action,
) -> Route {
    Route {
        method,
        path,
        query,
        access: Access::Session,
        action,
    }
}

const fn with_secret(method: Method, path: &'static str, action: Action) -> Route {
    Route {
        method,
        path,
        query: &[],
        access: Access::Secret,
        action,
    }
}

const fn open(path: &'static str, action: Action) -> Route {
    Route {
        method: GET,
        path,
        query: &[],
        access: Access::Anybody,
        action,
    }
}

const DELETE: Method = Method::DELETE;
const GET: Method = Method::GET;
const POST: Method = Method::POST;
const PUT: Method = Method::PUT;

/// Which calls, in the query.
const CALLS: &[&str] = &[
    "after",
    "bucket",
    "key",
    "limit",
    "outcome",
    "requestId",
    "status",
];
const NEXT_CALL: &[&str] = &[
    "after",
    "bucket",
    "key",
    "outcome",
    "requestId",
    "status",
    "timeout",
];
const OBJECTS: &[&str] = &["delimiter", "limit", "marker", "prefix"];

/// In the order of `docs/admin.md`; of two that fit, the first counts.
#[rustfmt::skip]
pub(super) static ROUTES: &[Route] = &[
    open("/healthz", Action::Health),
    open("/metrics", Action::Metrics),
    open("/v1/openapi.json", Action::OpenApi),
    route(GET, "/v1/buckets", &[], Action::ListBuckets),
    route(PUT, "/v1/buckets/{bucket}", &[], Action::CreateBucket),
    route(DELETE, "/v1/buckets/{bucket}", &[], Action::DeleteBucket),
    route(DELETE, "/v1/buckets/{bucket}/contents", &[], Action::EmptyBucket),
    route(PUT, "/v1/buckets/{bucket}/acl", &[], Action::SetBucketAcl),
    route(GET, "/v1/buckets/{bucket}/cors", &[], Action::GetBucketCors),
    route(PUT, "/v1/buckets/{bucket}/cors", &[], Action::SetBucketCors),
    route(DELETE, "/v1/buckets/{bucket}/cors", &[], Action::DeleteBucketCors),
    route(GET, "/v1/buckets/{bucket}/callback", &[], Action::GetBucketCallback),
    route(PUT, "/v1/buckets/{bucket}/callback", &[], Action::SetBucketCallback),
    route(GET, "/v1/buckets/{bucket}/signatures", &[], Action::GetBucketSignatures),
    route(PUT, "/v1/buckets/{bucket}/signatures", &[], Action::SetBucketSignatures),
    route(GET, "/v1/buckets/{bucket}/uploads", &[], Action::GetBucketUploads),
    route(PUT, "/v1/buckets/{bucket}/uploads", &[], Action::SetBucketUploads),
    route(GET, "/v1/buckets/{bucket}/objects", OBJECTS, Action::ListObjects),
    route(GET, "/v1/buckets/{bucket}/object", &["key"], Action::GetObject),
    route(DELETE, "/v1/buckets/{bucket}/object", &["key"], Action::DeleteObject),
    route(GET, "/v1/buckets/{bucket}/object/content", &["key"], Action::GetObjectContent),
    route(GET, "/v1/overview", &[], Action::Overview),
    route(GET, "/v1/refusals", &[], Action::ListRefusals),
    route(GET, "/v1/refusals/{requestId}", &[], Action::GetRefusal),
    route(GET, "/v1/keys", &[], Action::ListKeys),
    with_secret(POST, "/v1/keys", Action::CreateKey),
    route(DELETE, "/v1/keys/{id}", &[], Action::DeleteKey),
    route(GET, "/v1/callback-key", &["bucket", "class"], Action::CallbackKey),
    route(DELETE, "/v1/callback-key", &["bucket"], Action::RemoveCallbackKey),
    route(POST, "/v1/callback-key/rotate", &[], Action::RotateCallbackKey),
    route(GET, "/v1/callbacks", CALLS, Action::ListCalls),
    route(DELETE, "/v1/callbacks", &["bucket"], Action::WipeCalls),
    route(GET, "/v1/callbacks/next", NEXT_CALL, Action::NextCall),
    route(POST, "/v1/callbacks/diagnose", &[], Action::DiagnoseCall),
    route(GET, "/v1/callbacks/{id}", &[], Action::GetCall),
    route(POST, "/v1/callbacks/{id}/replay", &[], Action::ReplayCall),
    route(GET, "/v1/owed", &["after", "limit", "state"], Action::ListOwed),
    route(POST, "/v1/owed/deliver", &[], Action::DeliverGivenUp),
    route(POST, "/v1/owed/{id}/deliver", &[], Action::DeliverOwed),
    route(DELETE, "/v1/owed/{id}", &[], Action::DropOwed),
    route(GET, "/v1/faults", &["bucket"], Action::ListFaults),
    route(POST, "/v1/faults", &[], Action::OrderFault),
    route(DELETE, "/v1/faults", &["bucket"], Action::WithdrawFaults),
    route(DELETE, "/v1/faults/{id}", &[], Action::WithdrawFault),
    route(GET, "/v1/store", &[], Action::Store),
    route(POST, "/v1/store/fsck", &[], Action::Fsck),
    with_secret(POST, "/v1/store/backup", Action::Backup),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    #[test]
    fn a_path_is_found_whole_and_a_fixed_one_first() {
        let find = |method, path| {
            let found = Route::find(&method, path);
            found
                .map(|(route, parameter)| (route.action, parameter))
                .ok()
        };
        assert_eq!(
            find(GET, "/v1/callbacks/next"),
            Some((Action::NextCall, ""))
        );
        assert_eq!(find(GET, "/v1/callbacks/7"), Some((Action::GetCall, "7")));
        assert_eq!(
            find(DELETE, "/v1/buckets/a/contents"),
            Some((Action::EmptyBucket, "a"))
        );
        for (method, path) in [
            (POST, "/v1/buckets"),
            (GET, "/v1/buckets/"),
            (PUT, "/v1/buckets/"),
            (GET, "//v1/buckets"),
            (GET, "/v1/buckets/a/objects/b"),
            (GET, "/v1/{bucket}"),
            (PUT, "/healthz"),
        ] {
            assert_eq!(find(method, path), None, "{path}");
        }
    }

    #[test]
    fn a_parameter_that_is_not_known_or_there_twice_is_refused() {
        let (route, _) = Route::find(&GET, "/v1/callbacks").unwrap();
        let refused = |text: &str| route.check_query(text).err().map(|why| why.to_string());
        assert_eq!(refused(""), None);
        assert_eq!(refused("bucket=a&key=b"), None);
        assert_eq!(
            refused("buket=a").as_deref(),
            Some("there is no parameter `buket`")
        );
        assert_eq!(
            refused("bucket=a&b%75cket=b").as_deref(),
            Some("the parameter `bucket` is there twice")
        );
    }

    /// Method, path, query parameters, who may ask, and the operation's name.
    type Told = (String, String, Vec<String>, Access, String);

    fn routes() -> Vec<Told> {
        let told = |route: &Route| {
            let action = format!("{:?}", route.action);
            let (first, rest) = action.split_at(1);
            (
                route.method.to_string(),
                route.path.to_owned(),
                route.query.iter().map(ToString::to_string).collect(),
                route.access,
                first.to_ascii_lowercase() + rest,
            )
        };
        let mut routes: Vec<Told> = ROUTES.iter().map(told).collect();
        routes.sort();
        routes
    }

    fn names(parameters: &Value, of: &str) -> Vec<String> {
        let parameters = parameters.as_array().into_iter().flatten();
        let found = parameters.filter(|parameter| parameter["in"] == of);
        found
            .map(|parameter| parameter["name"].as_str().unwrap().to_owned())
            .collect()
    }

    fn documented(document: &Value) -> Vec<Told> {
        let mut documented = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            let in_path: Vec<String> = path
                .split('/')
                .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
                .map(str::to_owned)
                .collect();
            assert_eq!(names(&item["parameters"], "path"), in_path, "{path}");
            for (method, operation) in item.as_object().unwrap() {
                if method == "parameters" {
                    continue;
                }
                let access = match operation.get("security") {
                    Some(none) if *none == serde_json::json!([]) => Access::Anybody,
                    Some(other) => panic!("{path}: {other}"),
                    None if operation["x-upcall-session"] == false => Access::Secret,
                    None => Access::Session,
                };
                documented.push((
                    method.to_uppercase(),
                    path.clone(),
                    names(&operation["parameters"], "query"),
                    access,
                    operation["operationId"].as_str().unwrap().to_owned(),
                ));
            }
        }
        documented.sort();
        documented
    }

    /// What is referred to anywhere in `value`.
    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    match member.as_str() {
                        Some(to) if name == "$ref" => drop(found.insert(to.to_owned())),
                        _ => references(member, found),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            Value::Bool(_) | Value::Null | Value::Number(_) | Value::String(_) => {}
        }
    }

    #[test]
    fn the_document_has_these_routes_and_no_others() {
        let document: Value = serde_json::from_str(super::super::OPEN_API).unwrap();
        assert_eq!(documented(&document), routes());
        let mut referred = BTreeSet::new();
        references(&document, &mut referred);
        let mut there = BTreeSet::new();
        for kind in ["responses", "schemas"] {
            let components = document["components"][kind].as_object().unwrap();
            there.extend(
                components
                    .keys()
                    .map(|name| format!("#/components/{kind}/{name}")),
            );
        }
        assert_eq!(referred, there);
    }
}
