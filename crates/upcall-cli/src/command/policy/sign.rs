//! `upcall policy sign`: sign upload policies by hand.

use jiff::Timestamp;
use upcall::callback::CallbackParameter;
use upcall::name::BucketName;
use upcall::policy::lint::lint;

use crate::command::app::access_key;
use crate::command::signed_form::{Permission, SignedForm};
use crate::config::args::SignArgs;
use crate::terminal::message::{Failure, note};
use crate::terminal::output;

pub(super) fn run(args: &SignArgs) -> Result<(), Failure> {
    let (id, secret) = access_key()?;
    let bucket = BucketName::parse(&args.bucket)?;
    let callback = callback(args)?;
    let permission = Permission {
        bucket: &bucket,
        key_prefix: &args.key_prefix,
        max_bytes: args.max_size,
        lifetime: args.expires,
        callback: callback.as_ref(),
    };
    let form = SignedForm::sign(&permission, &args.storage, (&id, &secret))?;
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

fn callback(args: &SignArgs) -> Result<Option<CallbackParameter>, Failure> {
    let Some((first, others)) = args.callback_url.split_first() else {
        return Ok(None);
    };
    let mut builder = CallbackParameter::builder(first, &args.callback_body);
    for url in others {
        builder = builder.or_url(url);
    }
    builder.build().map(Some).map_err(|error| {
        Failure::new(format!("the callback cannot be used: {error}"))
            .hint("check `--callback-url` and `--callback-body`")
    })
}
