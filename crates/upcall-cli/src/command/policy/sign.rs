//! `upcall policy sign`: sign upload policies by hand.

use jiff::Timestamp;
use upcall::callback::CallbackParameter;
use upcall::callback::binding::{GRACE, Permission as Bound, Permitted};
use upcall::name::{AccessKeySecret, BucketName};
use upcall::policy::lint::lint;

use crate::command::app::{access_key, binding};
use crate::command::signed_form::{Overwrite, Permission, SignedForm, expiration};
use crate::config::args::SignArgs;
use crate::terminal::message::{Failure, note};
use crate::terminal::output;

pub(super) fn run(args: &SignArgs) -> Result<(), Failure> {
    let (id, secret) = access_key()?;
    let bucket = BucketName::parse(&args.bucket)?;
    let expiration = expiration(args.expires)?;
    let callback = callback(args, expiration, &secret)?;
    let permission = Permission {
        bucket: &bucket,
        key_prefix: &args.key_prefix,
        max_bytes: args.max_size,
        expiration,
        callback: callback.as_ref(),
        types: &args.types,
        overwrite: if args.allow_overwrite {
            Overwrite::Allow
        } else {
            Overwrite::Forbid
        },
    };
    let form = SignedForm::sign(&permission, &args.storage, (&id, &secret));
    for warning in lint(&form.document, Timestamp::now()) {
        note(format!("warning: {}: {warning}", warning.name()));
    }
    let curl = form.curl("FILE");
    if args.json {
        let fields: serde_json::Map<_, _> = form
            .fields
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect();
        output::json(&serde_json::json!({
            "url": form.url,
            "fields": fields,
            "expiration": format!("{:.3}", form.expiration),
            "document": form.document.to_json(),
            "curl": curl,
        }))?;
    } else {
        for (name, value) in &form.fields {
            output::line(format!("{name}: {value}"))?;
        }
        output::line(format!("\n{curl}"))?;
    }
    Ok(())
}

/// Bound to what the policy permits, unless the body does not say bucket and object.
fn callback(
    args: &SignArgs,
    expiration: Timestamp,
    secret: &str,
) -> Result<Option<CallbackParameter>, Failure> {
    let Some((first, others)) = args.callback_url.split_first() else {
        return Ok(None);
    };
    let mut builder = CallbackParameter::builder(first, &args.callback_body);
    for url in others {
        builder = builder.or_url(url);
    }
    let names = ["${bucket}", "${object}"];
    if args.no_binding || !names.iter().all(|name| args.callback_body.contains(name)) {
        note(
            "warning: callback-unbound: the callback carries no binding, which needs `${bucket}` and \
             `${object}` in its body; an application that demands one refuses it",
        );
    } else {
        let binding = binding(&AccessKeySecret::new(secret))?;
        let permitted = Permitted::Prefix(args.key_prefix.clone());
        let permission = Bound::until(expiration, GRACE, &args.bucket, permitted);
        let permission = match &args.user {
            Some(user) => permission.user(user),
            None => permission,
        };
        builder = builder.binding(&binding.make(&permission));
    }
    builder.build().map(Some).map_err(|error| {
        Failure::new(format!("the callback cannot be used: {error}"))
            .hint("check `--callback-url` and `--callback-body`")
    })
}
