//! Which callback an upload gets, and may it be made?
//!
//! In: what the upload brings and what its bucket says. Out: [`AdmittedCallback`], with the kind of key
//! that will sign it, or why the upload is refused: the bucket requires a callback that the uploader
//! could not leave out or change, an anonymous requester made it up and that is not wanted, a URL leads
//! where we may not call, or nobody answers there and nothing is stored without an answer.

use std::time::Duration;

use upcall::callback::{CallbackParameter, CallbackVars};
use upcall::error::{Refusal, WireError};
use upcall::form::{KnownField, PostForm};
use upcall::policy::PolicyDocument;
use upcall_store::catalog::{BucketFacts, CallbackSettings, CatalogError, Gate};

use super::admit::Admitted;
use crate::access;
use crate::callback::{Author, GuardError, KeyChoice, NotVouchedFor, Origin, VouchingRules};
use crate::node::Server;

/// A callback whose every URL may be called.
#[derive(Clone, Debug)]
pub(crate) struct AdmittedCallback {
    pub(super) parameter: CallbackParameter,
    pub(super) variables: CallbackVars,
    /// By whom it was made up, which was judged when it was read.
    pub(super) signing_key: KeyChoice,
    pub(super) origin: Origin,
}

/// A callback that an upload brings, and who answers for it.
#[derive(Clone, Debug)]
pub(crate) struct GivenCallback {
    pub(crate) parameter: CallbackParameter,
    pub(crate) variables: CallbackVars,
    pub(crate) author: Author,
}

/// The callback of a form: its own, or the bucket's, with the form's variables.
///
/// # Errors
/// The form's is malformed, or the bucket requires another.
pub(super) fn of_form(
    rules: VouchingRules,
    bucket: &BucketFacts,
    form: &PostForm,
    policy: Option<&PolicyDocument>,
) -> Result<Option<AdmittedCallback>, Refusal> {
    let author = match policy {
        None => Author::Anonymous,
        Some(policy) if is_pinned(policy) => Author::PinnedForm,
        Some(_) => Author::UnpinnedForm,
    };
    let variables = || form.custom_variables().collect();
    wanted(rules, bucket, own(form, author)?, variables)
}

pub(super) fn is_pinned(policy: &PolicyDocument) -> bool {
    policy.pins("callback")
}

fn own(form: &PostForm, author: Author) -> Result<Option<GivenCallback>, Refusal> {
    let Some(text) = form
        .field(KnownField::CALLBACK)
        .filter(|text| !text.is_empty())
    else {
        return Ok(None);
    };
    let parameter = CallbackParameter::decode(text).map_err(|error| error.refusal())?;
    let variables: CallbackVars = form.custom_variables().collect();
    Ok(parameter.map(|parameter| GivenCallback {
        parameter,
        variables,
        author,
    }))
}

/// Judges a callback before any byte is stored: every URL must lead where we may call.
///
/// Where the bucket is gated, and nobody answers at any of them, the uploader hears so before it has sent
/// its file.
pub(crate) async fn judged(
    server: &Server,
    bucket: &BucketFacts,
    callback: Option<AdmittedCallback>,
) -> Result<Option<AdmittedCallback>, Refusal> {
    let Some(callback) = callback else {
        return Ok(None);
    };
    let AdmittedCallback {
        parameter,
        variables,
        ..
    } = &callback;
    parameter
        .check_variables(variables)
        .map_err(|error| error.refusal())?;
    for url in &parameter.urls {
        server
            .guard
            .resolve(url.host(), url.port())
            .await
            .map_err(|error| match error {
                GuardError::Forbidden(why) => {
                    parameter.private_address().refusal().hint(why.to_string())
                }
                GuardError::Unresolvable => parameter.unresolvable().refusal(),
            })?;
    }
    if bucket.callback.gate == Some(Gate::Refuse)
        && let Some(wait) = server.outbox.down_for(&bucket.name, parameter)
    {
        return Err(is_down(wait));
    }
    Ok(Some(callback))
}

/// Nobody answers there, and without an answer nothing is stored.
fn is_down(wait: Duration) -> Refusal {
    Refusal::new(WireError::SERVICE_UNAVAILABLE)
        .message("The application does not answer.")
        .extra("Verdict", "unavailable")
        .extra("RetryAfterSeconds", wait.as_secs().max(1).to_string())
        .hint("nothing was stored; send the file when the application answers again")
}

/// The callback that an upload gets: its own, or the bucket's. Here, and nowhere else, is decided which
/// kind of key signs it.
///
/// # Errors
/// `AccessDenied` where the bucket requires one that the uploader could not leave out or change, and
/// this is none; or where an anonymous requester made it up, and such uploads are refused.
pub(crate) fn wanted(
    rules: VouchingRules,
    bucket: &BucketFacts,
    given: Option<GivenCallback>,
    variables: impl FnOnce() -> CallbackVars,
) -> Result<Option<AdmittedCallback>, Refusal> {
    let settings = &bucket.callback;
    let default = match &settings.default {
        Some(text) => CallbackParameter::decode(text).map_err(|error| error.refusal())?,
        None => None,
    };
    let is_required = settings.is_required || settings.gate.is_some();
    let wanted = match (given, default) {
        // An uploader that repeats the bucket's words has made nothing up.
        (Some(given), Some(default)) if given.parameter == default => GivenCallback {
            author: Author::Bucket,
            ..given
        },
        (Some(given), _) => given,
        (None, Some(parameter)) => GivenCallback {
            parameter,
            variables: variables(),
            author: Author::Bucket,
        },
        (None, None) if is_required => {
            return Err(has_none());
        }
        (None, None) => return Ok(None),
    };
    if is_required && !wanted.author.is_fixed() {
        return Err(is_not_fixed());
    }
    let signing_key = rules.choose(wanted.author).map_err(|NotVouchedFor| {
        Refusal::new(WireError::ACCESS_DENIED)
            .message("The callback of an anonymous request is not allowed.")
            .hint("sign the upload, or leave `callback` out: then the bucket's own is made, if it has one")
    })?;
    Ok(Some(AdmittedCallback {
        parameter: wanted.parameter,
        variables: wanted.variables,
        signing_key,
        origin: if wanted.author.is_fixed() {
            Origin::Fixed
        } else {
            Origin::Uploader
        },
    }))
}

/// A callback, or its variables, in the query of a request that is signed with V1: the signed text is
/// that of a key that ends in them, so that a user who chose the key may have chosen these, too.
///
/// # Errors
/// `AccessDenied` where the bucket asks for a callback that the uploader cannot change, and this is
/// not the bucket's own.
pub(crate) fn check_v1_query(
    bucket: &BucketFacts,
    given: Option<&GivenCallback>,
    has_callback: bool,
    has_variables: bool,
) -> Result<(), Refusal> {
    let settings = &bucket.callback;
    if !settings.is_required && settings.gate.is_none() {
        return Ok(());
    }
    let default = match &settings.default {
        Some(text) => CallbackParameter::decode(text).map_err(|error| error.refusal())?,
        None => None,
    };
    let is_own = given.is_some_and(|given| default.is_some_and(|own| own == given.parameter));
    if (has_callback && !is_own) || has_variables {
        return Err(is_of_v1_query());
    }
    Ok(())
}

fn is_of_v1_query() -> Refusal {
    required(
        "a callback or its variables in the query of a request that is signed with V1 may be the end \
         of the key that was signed: sign with V4, or send them in the headers `x-oss-callback` and \
         `x-oss-callback-var`",
    )
}

/// Judges an upload again, by the settings of its bucket that changed while the file was on
/// its way: a gate that was switched on meanwhile counts, and so does a callback that is required now.
///
/// # Errors
/// As an upload that comes now; or the callback was the bucket's, and the bucket has another now.
pub(super) fn judged_again(
    server: &Server,
    admitted: &Admitted,
    now: &BucketFacts,
) -> Result<(), Refusal> {
    if admitted.is_signed_with_v1 {
        server.signatures.of_bucket(Some(now)).check_v1()?;
    }
    let CallbackSettings {
        default,
        is_required,
        gate,
        // Those say how the call is made and what becomes of it; it is planned anew.
        redeliver_seconds: _,
        keep_alive: _,
        chunked_answers: _,
        // Judged above.
        signatures: _,
    } = &now.callback;
    let is_required = *is_required || gate.is_some();
    let is_same_default = *default == admitted.bucket.callback.default;
    let is_default = |text: &Option<String>, callback: &AdmittedCallback| {
        let default = text.as_deref().map(CallbackParameter::decode);
        matches!(default, Some(Ok(Some(default))) if default == callback.parameter)
    };
    let changed =
        || access::revoked(&CatalogError::SettingsChanged).unwrap_or_else(crate::fault::internal);
    match &admitted.callback {
        _ if is_required && admitted.has_v1_variables => Err(is_of_v1_query()),
        None if is_required && default.is_none() => Err(has_none()),
        None if !is_same_default => Err(changed()),
        Some(callback)
            if is_default(&admitted.bucket.callback.default, callback) && !is_same_default =>
        {
            Err(changed())
        }
        Some(callback)
            if is_required && !admitted.is_callback_pinned && !is_default(default, callback) =>
        {
            Err(is_not_fixed())
        }
        None | Some(_) => Ok(()),
    }
}

fn is_not_fixed() -> Refusal {
    required(
        "the bucket requires a callback that the uploader cannot change: pin the field `callback` in \
         the policy with an `eq` condition, or leave the field out",
    )
}

fn has_none() -> Refusal {
    required("the bucket requires a callback, and neither the upload nor the bucket has one")
}

fn required(hint: &'static str) -> Refusal {
    Refusal::new(WireError::ACCESS_DENIED)
        .message("The bucket requires a callback.")
        .hint(hint)
}
