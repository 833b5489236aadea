//! `upcall callback check`: does an application hear callbacks as it should?
//!
//! It is sent a genuine call, signed with the key of a data directory, and forged ones. What it
//! answers to the genuine one is judged by each rule of the protocol; the forged ones it must refuse.
//! Two more have a genuine signature over what no upload made: one of another's body, and one that was
//! permitted and never uploaded. An application without bindings is only warned of the first.

use hyper::Method;
use serde_json::json;
use upcall::callback::CallbackBody;
use upcall::callback::binding::FIELD;
use upcall_server::callback::KeyRing;

use super::bound::{self, Bodies};
use super::call::Call;
use super::judge::{self, Row, Weight};
use super::served_key::ForeignKey;
use crate::command::admin_client::AdminClient;
use crate::command::exchange::{Place, exchange, own_address};
use crate::config::args::CallbackCheckArgs;
use crate::config::callback::KEY_BITS_DEFAULT;
use crate::data::{DataFolder, random_hex};
use crate::terminal::message::{Failure, note};
use crate::terminal::{output, table};

pub(in crate::command::callback) async fn run(args: &CallbackCheckArgs) -> Result<(), Failure> {
    let place = Place::parse(&args.url)?;
    let keys = keys(args)?;
    let key = keys.signing_key();
    let key_url = match &args.key_url {
        Some(url) => url.clone(),
        None => servers_key_url(args).await?,
    };
    let our_address = own_address(&place).await.map_err(|error| {
        Failure::new(format!(
            "cannot call `{}`: {error}",
            args.url.escape_debug()
        ))
    })?;
    let foreign = ForeignKey::serve(our_address, key.bits()).await?;
    let body = body(args)?;
    let genuine = Call::new(&place.target, body.clone().into_bytes(), key, &key_url)?;

    let mut rows = judge::genuine(&exchange(&place, genuine.question()?).await);
    for (name, call) in forged(&genuine, &foreign)? {
        let to = place.with_target(&call.target);
        rows.push(judge::forged(name, &exchange(&to, call.question()?).await));
    }
    for (name, weight, body) in foreign_bodies(&body, args.require_binding)? {
        let call = Call::new(&place.target, body.into_bytes(), key, &key_url)?;
        let answer = exchange(&place, call.question()?).await;
        rows.push(judge::refused(name, weight, &answer));
    }
    report(args, &rows)
}

/// What a second holder of a key of the storage server could have it sign.
fn foreign_bodies(
    body: &str,
    require_binding: bool,
) -> Result<Vec<(&'static str, Weight, String)>, Failure> {
    let Some(bodies) = Bodies::of(body) else {
        note("the body names no `object`, so no other body was signed");
        return Ok(Vec::new());
    };
    let weight = if require_binding {
        Weight::Rule
    } else {
        Weight::Advice
    };
    let unbound = ("signed, no binding", weight, bodies.unbound());
    // Who accepts this one reads bindings and does not hold the object against them.
    let outside = bodies.outside();
    let outside = outside.map(|body| ("signed, another's object", weight, body));
    let never = bodies.never_uploaded()?;
    let never = never.map(|body| ("permitted, never uploaded", Weight::Notice, body));
    Ok([Some(unbound), outside, never]
        .into_iter()
        .flatten()
        .collect())
}

/// The body of the genuine call. One without a binding gets one, if the application's secret is known.
fn body(args: &CallbackCheckArgs) -> Result<String, Failure> {
    let body = match &args.body {
        Some(body) => body.clone(),
        None => usual_body()?,
    };
    let Ok(fields) = CallbackBody::parse(body.as_bytes()) else {
        return Ok(body);
    };
    let (Some(bucket), Some(object), None) = (
        fields.get("bucket"),
        fields.get("object"),
        fields.get(FIELD),
    ) else {
        return Ok(body);
    };
    let folder = object.rfind('/').map_or(object, |slash| &object[..=slash]);
    let data = DataFolder::new(&args.admin.data);
    Ok(match bound::token(&data, bucket, folder, "upcall-check")? {
        Some(token) => bound::with_token(&body, &token),
        None => body,
    })
}

fn keys(args: &CallbackCheckArgs) -> Result<KeyRing, Failure> {
    let folder = &args.admin.data;
    // It would be made, with keys that no server has.
    if !folder.is_dir() {
        let shown = folder.display();
        return Err(
            Failure::new(format!("there is no data directory `{shown}`"))
                .hint("name the server's with `--data DIR`: its key signs the calls"),
        );
    }
    DataFolder::new(folder).callback_keys(KEY_BITS_DEFAULT)
}

/// What the running server announces.
async fn servers_key_url(args: &CallbackCheckArgs) -> Result<String, Failure> {
    let say_it = "name the key's address with `--key-url URL`";
    let client = AdminClient::new(&args.admin).map_err(|failure| failure.hint(say_it))?;
    let keys = client.ask(Method::GET, "/v1/callback-key", None).await;
    let keys = keys.map_err(|failure| failure.hint(say_it))?;
    let url = keys["current"]["url"].as_str().map(str::to_owned);
    url.ok_or_else(|| Failure::new("the server does not say where its key is").hint(say_it))
}

/// Calls that nobody must believe, each for one reason.
fn forged<'k>(
    genuine: &Call<'k>,
    foreign: &'k ForeignKey,
) -> Result<Vec<(&'static str, Call<'k>)>, Failure> {
    let mut body = genuine.clone();
    body.change_body();
    let mut path = genuine.clone();
    path.sign_for(&format!("/elsewhere{}", genuine.target))?;
    let mut query = genuine.clone();
    let mark = if genuine.target.contains('?') {
        '&'
    } else {
        '?'
    };
    query.target = format!("{}{mark}unsigned=1", genuine.target);
    let mut unsigned = genuine.clone();
    unsigned.signature = None;
    let mut key = genuine.clone();
    key.sign_with(foreign.key())?;
    let mut address = key.clone();
    address.key_url = foreign.url();
    Ok(vec![
        ("no signature", unsigned),
        ("another body", body),
        ("another path", path),
        ("another query", query),
        ("another key", key),
        ("another key's address", address),
    ])
}

fn usual_body() -> Result<String, Failure> {
    let id = random_hex(12)?.to_uppercase();
    Ok(format!(
        "bucket=upcall-check&object=upcall-check%2Fhello.txt&etag=5D41402ABC4B2A76B9719D911017C592\
         &size=5&mimeType=text%2Fplain&requestId={id}"
    ))
}

fn report(args: &CallbackCheckArgs, rows: &[Row]) -> Result<(), Failure> {
    let failed = rows.iter().filter(|row| row.is_broken()).count();
    if args.admin.json {
        let row = |row: &Row| json!({ "call": row.call, "rule": row.rule, "kept": row.is_kept, "verdict": row.verdict(), "found": row.found });
        output::json(&json!({
            "url": args.url,
            "kept": failed == 0,
            "rules": rows.iter().map(row).collect::<Vec<_>>(),
        }))?;
    } else {
        let cells = |row: &Row| {
            [row.call, row.rule, row.verdict(), &row.found]
                .map(str::to_owned)
                .to_vec()
        };
        let rows: Vec<Vec<String>> = rows.iter().map(cells).collect();
        output::line(table::write(&["CALL", "RULE", "VERDICT", "FOUND"], &rows))?;
    }
    if rows
        .iter()
        .any(|row| row.weight == Weight::Advice && !row.is_kept)
    {
        note(
            "the application takes any text that the storage server signed for an upload of its own: put \
             a binding into `callbackBody` and demand it, or check with `--require-binding` to have this \
             count as broken",
        );
    }
    let is_refused = |row: &&Row| row.rule == "status 200" && row.found.starts_with("403");
    if rows.iter().find(is_refused).is_some() {
        note(
            "an application that demands a binding refuses a call without one: give its secret as \
             `UPCALL_BINDING_SECRET` or `UPCALL_ACCESS_KEY_SECRET`, or a body of its own with `--body`",
        );
    }
    match failed {
        0 => Ok(()),
        1 => Err(Failure::new("the application breaks 1 rule").the_answer_is_no()),
        many => {
            Err(Failure::new(format!("the application breaks {many} rules")).the_answer_is_no())
        }
    }
}
