//! What a bucket refuses of a form, whatever the form's policy leaves open.
//!
//! Pages of the classic samples send none of the fields that would close these, and a missing field
//! fails an equality: their policies cannot bind what their bucket can.
//!
//! In: the bucket's rules and what the form asks for. Out: what is stored instead, or the refusal.

use upcall::error::{Refusal, WireError};
use upcall::form::SuccessAction;
use upcall_store::catalog::{CatalogError, FormRules, ObjectAcl, Overwrite, StoredHeaders};

use super::admit::Admitted;
use crate::access;
use crate::http::passive::is_passive;

/// # Errors
/// 403 `AccessDenied` for an ACL that makes the object public, and for a redirect that is none of
/// those allowed.
pub(super) fn judge(
    rules: &FormRules,
    acl: ObjectAcl,
    success: &SuccessAction,
) -> Result<(), Refusal> {
    let is_public = match acl {
        ObjectAcl::Default | ObjectAcl::Private => false,
        ObjectAcl::PublicRead | ObjectAcl::PublicReadWrite => true,
    };
    if rules.forbid_acl && is_public {
        return Err(Refusal::new(WireError::ACCESS_DENIED).hint(
            "this bucket takes no form that makes its file public: leave `x-oss-object-acl` out",
        ));
    }
    match (success, &rules.redirects) {
        (SuccessAction::Redirect(url), Some(allowed)) if !is_allowed(allowed, url) => {
            Err(Refusal::new(WireError::ACCESS_DENIED).hint(
                "this bucket does not send browsers to the address in `success_action_redirect`: \
                 leave it out, or have the address allowed by `upcall bucket uploads set --redirect`",
            ))
        }
        (SuccessAction::Redirect(_) | SuccessAction::Status(_), _) => Ok(()),
    }
}

/// Judges a form by rules that were set while its file came.
///
/// # Errors
/// As [`judge`]; and 503 for a page that would have to be stored as a download: its bytes already carry
/// the headers that were decided before.
pub(super) fn judge_again(admitted: &Admitted, rules: &FormRules) -> Result<(), Refusal> {
    if !admitted.is_form() {
        return Ok(());
    }
    judge(rules, admitted.acl, &admitted.success)?;
    let stored = headers(rules, &admitted.content_type, admitted.headers.clone());
    if stored == admitted.headers {
        return Ok(());
    }
    Err(access::revoked(&CatalogError::SettingsChanged).unwrap_or_else(crate::fault::internal))
}

/// Forbidden by the bucket or by the form.
pub(super) const fn overwrite(rules: &FormRules, wanted: Overwrite) -> Overwrite {
    if rules.forbid_overwrite {
        Overwrite::Forbid
    } else {
        wanted
    }
}

/// With what browsers run as a download, whatever the form says of it.
pub(super) fn headers(
    rules: &FormRules,
    content_type: &str,
    mut headers: StoredHeaders,
) -> StoredHeaders {
    if rules.pages_as_downloads && is_run_by_browsers(content_type) {
        headers.content_disposition = Some("attachment".to_owned());
    }
    headers
}

/// An entry is an origin with a path: it ends with a slash, so that nothing can be added to the host,
/// and what follows it must not lead out of that path again.
fn is_allowed(allowed: &[String], url: &str) -> bool {
    let mut rests = allowed
        .iter()
        .filter_map(|prefix| url.strip_prefix(prefix.as_str()));
    rests.any(|rest| !climbs(rest))
}

/// Whether a browser would go up from a path with this behind it. Source: WHATWG, URL, "double-dot path
/// segment"; there a backslash is a slash, and tabs and line ends are left out.
fn climbs(rest: &str) -> bool {
    let path = rest.split(['?', '#']).next().unwrap_or_default();
    let path = path.to_ascii_lowercase().replace("%2e", ".");
    path.contains(char::is_control) || path.split(['/', '\\']).any(|segment| segment == "..")
}

/// Whether a browser that opens it may run what is in it. Unlike a sandbox, a download harms no PDF, and
/// PDFs have scripts of their own.
fn is_run_by_browsers(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    !is_passive(content_type) || essence.eq_ignore_ascii_case("application/pdf")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strict() -> FormRules {
        FormRules {
            forbid_overwrite: true,
            forbid_acl: true,
            redirects: Some(
                ["https://app.example/", "https://shop.example/done/"]
                    .map(str::to_owned)
                    .to_vec(),
            ),
            pages_as_downloads: true,
        }
    }

    fn to(url: &str) -> SuccessAction {
        SuccessAction::Redirect(url.to_owned())
    }

    #[test]
    fn a_bucket_without_rules_takes_what_the_policy_leaves_open() {
        let none = FormRules::default();
        let anywhere = to("https://evil.example/");
        assert!(judge(&none, ObjectAcl::PublicReadWrite, &anywhere).is_ok());
        assert_eq!(overwrite(&none, Overwrite::Allow), Overwrite::Allow);
        let stored = headers(&none, "text/html", StoredHeaders::default());
        assert_eq!(stored, StoredHeaders::default());
    }

    #[test]
    fn each_rule_closes_its_field() {
        let rules = strict();
        let done = SuccessAction::Status(200);
        for (acl, is_taken) in [
            (ObjectAcl::Default, true),
            (ObjectAcl::Private, true),
            (ObjectAcl::PublicRead, false),
            (ObjectAcl::PublicReadWrite, false),
        ] {
            assert_eq!(judge(&rules, acl, &done).is_ok(), is_taken, "{acl:?}");
        }
        for (url, is_taken) in [
            ("https://app.example/done?a=b", true),
            ("https://app.example.evil.example/", false),
            ("http://app.example/", false),
            ("https://evil.example/https://app.example/", false),
            ("https://shop.example/done/a?to=../b", true),
            ("https://shop.example/done/../evil", false),
            ("https://shop.example/done/a/.%2E/..\\evil", false),
            ("https://shop.example/done/.\t./evil", false),
        ] {
            let judged = judge(&rules, ObjectAcl::Default, &to(url));
            assert_eq!(judged.is_ok(), is_taken, "{url}");
        }
        let no_redirect = FormRules {
            redirects: Some(Vec::new()),
            ..strict()
        };
        assert!(
            judge(
                &no_redirect,
                ObjectAcl::Default,
                &to("https://app.example/")
            )
            .is_err()
        );
        assert!(judge(&no_redirect, ObjectAcl::Default, &done).is_ok());
        assert_eq!(overwrite(&rules, Overwrite::Allow), Overwrite::Forbid);
    }

    #[test]
    fn what_browsers_run_is_a_download() {
        let disposition = |content_type: &str| {
            let inline = StoredHeaders {
                content_disposition: Some("inline".to_owned()),
                ..StoredHeaders::default()
            };
            headers(&strict(), content_type, inline).content_disposition
        };
        for page in [
            "text/html",
            "Text/HTML ; charset=utf-8",
            "image/svg+xml",
            "application/xhtml+xml",
            "text/xml",
            "application/pdf",
            "Application/PDF; a=b",
            "image/png, text/html",
            "multipart/x-mixed-replace; boundary=a",
            "nothing-that-is-known",
        ] {
            assert_eq!(disposition(page).as_deref(), Some("attachment"), "{page}");
        }
        for other in ["image/png", "text/plain", "application/octet-stream"] {
            assert_eq!(disposition(other).as_deref(), Some("inline"), "{other}");
        }
    }
}
