//! `/v1/buckets/NAME/uploads`: what a bucket refuses of forms, whatever their policies leave open.

use std::sync::Arc;

use http::{StatusCode, Uri};
use upcall::name::BucketName;
use upcall_store::catalog::{FormRules, Writer};

use super::error::AdminError;
use super::json;
use crate::http::answer::Answer;
use crate::limits;
use crate::node::Server;

pub(super) async fn get(server: &Arc<Server>, name: &str) -> Result<Answer, AdminError> {
    let facts = server
        .catalog
        .bucket(&BucketName::parse(name)?)
        .await?
        .ok_or(AdminError::NoSuchBucket)?;
    let rules = &facts.forms;
    // All of them, also those that are off: the store leaves these out.
    let all = serde_json::json!({
        "forbidOverwrite": rules.forbid_overwrite,
        "forbidAcl": rules.forbid_acl,
        "redirects": rules.redirects,
        "pagesAsDownloads": rules.pages_as_downloads,
    });
    json(StatusCode::OK, &all)
}

pub(super) async fn put(
    server: &Arc<Server>,
    name: &str,
    wanted: FormRules,
) -> Result<Answer, AdminError> {
    let redirects = wanted.redirects.as_deref().unwrap_or_default();
    if redirects.len() > limits::FORM_REDIRECTS {
        let most = limits::FORM_REDIRECTS;
        return Err(AdminError::InvalidValue(format!(
            "`redirects` has at most {most} entries"
        )));
    }
    if let Some(bad) = redirects.iter().find(|url| !is_redirect(url)) {
        return Err(AdminError::InvalidValue(format!(
            "`{}` is no beginning of an address: write `https://HOST/`, with a path that ends with `/`",
            bad.escape_debug()
        )));
    }
    server
        .catalog
        .set_bucket_forms(&BucketName::parse(name)?, &wanted, &Writer::Operator)
        .await?;
    Ok(Answer::new(StatusCode::NO_CONTENT))
}

/// Scheme, host and a path that ends with a slash: nothing can be added to the host, and user-info has
/// no place.
fn is_redirect(url: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else {
        return false;
    };
    let is_host = uri
        .authority()
        .is_some_and(|host| !host.as_str().contains('@'));
    matches!(uri.scheme_str(), Some("http" | "https"))
        && is_host
        && uri.query().is_none()
        && url.ends_with('/')
        && url.len() <= limits::FORM_REDIRECT_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_ends_where_nothing_can_be_added_to_its_host() {
        for good in ["https://app.example/", "http://127.0.0.1:8701/done/"] {
            assert!(is_redirect(good), "{good}");
        }
        for bad in [
            "",
            "https://app.example",
            "https://app.example/done",
            "app.example/",
            "//app.example/",
            "ftp://app.example/",
            "https://user@app.example/",
            "https://app.example/?a=/",
        ] {
            assert!(!is_redirect(bad), "{bad}");
        }
    }
}
