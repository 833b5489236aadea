//! `upcall callback send`: one call, signed as the storage server signs it, without an upload.
//!
//! Signed with the key of the data directory if it has one, else with a new one. Whoever receives it must
//! be able to fetch the key: from the server that runs on that directory; where none runs, from here, for
//! as long as the call lasts, at the address that `upcall dev` would serve it on. So the same
//! `CALLBACK_KEY_URLS` fits with and without a server.

use std::net::SocketAddr;

use hyper::Method;
use jiff::Timestamp;
use serde_json::{Value, json};
use upcall_server::callback::KeyRing;

use super::call::Call;
use super::fixture::Fixture;
use super::judge::{self, Row};
use super::served_key::{ServedKey, new_key};
use crate::command::admin_client::AdminClient;
use crate::command::exchange::{ExchangeError, Place, Reply, exchange, own_address};
use crate::config::args::{CallbackSendArgs, TamperArg};
use crate::config::callback::KEY_BITS_DEFAULT;
use crate::data::{DataFolder, random_hex};
use crate::terminal::message::{Failure, note};
use crate::terminal::{output, table};

pub(in crate::command::callback) async fn run(args: &CallbackSendArgs) -> Result<(), Failure> {
    let place = Place::parse(&args.url)?;
    let signing = Signing::find(args, &place).await?;
    let key = signing.keys.signing_key();
    let data = DataFolder::new(&args.admin.data);
    let fixture = Fixture::new(args.fixture, &args.url, &data)?;
    let body = fixture.body.clone().into_bytes();
    let mut call = Call::new(&place.target, body, key, &signing.key_url)?;
    call.is_for(fixture.bucket, &fixture.request_id);
    let other_key = match args.tamper {
        Some(TamperArg::Key) => Some(new_key(key.bits()).await?),
        Some(TamperArg::Body | TamperArg::Path | TamperArg::Query) | None => None,
    };
    // All but the body is changed before it is signed: it must reach the application where it listens.
    match (args.tamper, &other_key) {
        (Some(TamperArg::Body), _) => call.change_body(),
        (Some(TamperArg::Path), _) => call.sign_for(&format!("/elsewhere{}", place.target))?,
        (Some(TamperArg::Query), _) => {
            let joint = if place.target.contains('?') { '&' } else { '?' };
            call.sign_for(&format!("{}{joint}signed=1", place.target))?;
        }
        (Some(TamperArg::Key), Some(other)) => call.sign_with(other)?,
        (Some(TamperArg::Key) | None, _) => {}
    }
    let question = call.question()?;
    let headers = question.headers.clone();
    let sent = String::from_utf8_lossy(&question.body).into_owned();
    let answer = exchange(&place, question).await;
    if let Err(ExchangeError::Connect(error)) = &answer {
        let shown = args.url.escape_debug();
        return Err(Failure::new(format!(
            "cannot call `{shown}`: nobody answers there: {error}"
        )));
    }
    let outcome = Outcome::of(args.tamper, &answer);
    if args.admin.json {
        let headers = headers.iter().map(|(name, value)| {
            [
                name.as_str().to_owned(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            ]
        });
        output::json(&json!({
            "url": args.url,
            "fixture": args.fixture.as_str(),
            "tamper": args.tamper.map(TamperArg::as_str),
            "keyUrl": signing.key_url,
            "request": { "target": place.target, "headers": headers.collect::<Vec<_>>(), "body": sent },
            "answer": answer.as_ref().ok().map(answer_json),
            "error": answer.as_ref().err().map(ToString::to_string),
            "accepted": outcome.is_accepted,
            "rules": outcome.rows.iter().map(row_json).collect::<Vec<_>>(),
            "passed": outcome.failure.is_none(),
        }))?;
    } else {
        output::line(shown(args, &signing.key_url, &answer, &outcome))?;
    }
    match outcome.failure {
        None => Ok(()),
        Some(sentence) => Err(Failure::new(sentence).the_answer_is_no()),
    }
}

/// With what a call is signed, and where its receiver finds the key.
struct Signing {
    keys: KeyRing,
    key_url: String,
    /// While the call lasts, if it is we who serve the key.
    _served: Option<ServedKey>,
}

impl Signing {
    async fn find(args: &CallbackSendArgs, place: &Place) -> Result<Self, Failure> {
        let data = DataFolder::new(&args.admin.data);
        let is_kept = data.has_callback_keys();
        let (keys, id) = if is_kept {
            let keys = data.callback_keys(KEY_BITS_DEFAULT)?;
            let id = keys.current_id().to_owned();
            (keys, id)
        } else {
            let keys = KeyRing::with_key(new_key(KEY_BITS_DEFAULT).await?, Timestamp::now())?;
            // Receivers keep a key under its address: a new one needs an address of its own.
            (keys, random_hex(8)?)
        };
        if is_kept && let Some(key_url) = announced(args, &keys).await? {
            return Ok(Self {
                keys,
                key_url,
                _served: None,
            });
        }
        let pem = keys.signing_key().public_key_pem()?;
        let served = ServedKey::serve(args.key_listen, pem).await;
        let served = served.map_err(|error| {
            Failure::new(format!(
                "the key cannot be served on `{}`: {error}",
                args.key_listen
            ))
            .hint(
                "name the data directory of the server that runs there with `--data`, or another \
                 address with `--key-listen`, from which the application takes keys, too",
            )
        })?;
        let address = reachable(served.address(), place).await?;
        let key_url = format!("http://{address}/callback_pub_key_{id}.pem");
        note(format!("the key is at {key_url} until the call has ended"));
        Ok(Self {
            keys,
            key_url,
            _served: Some(served),
        })
    }
}

/// Where the running server has the key; nothing if none runs.
async fn announced(args: &CallbackSendArgs, keys: &KeyRing) -> Result<Option<String>, Failure> {
    let client = match AdminClient::new(&args.admin) {
        Ok(client) => client,
        Err(failure) if args.admin.admin.is_some() => return Err(failure),
        Err(_) => return Ok(None),
    };
    let told = match client.ask(Method::GET, "/v1/callback-key", None).await {
        Ok(told) => told,
        Err(failure) if args.admin.admin.is_some() => return Err(failure),
        // What a server left that was killed.
        Err(_) => return Ok(None),
    };
    let current = &told["current"];
    let pem = keys.signing_key().public_key_pem()?;
    if current["publicKey"].as_str().map(str::trim) != Some(pem.trim()) {
        return Err(
            Failure::new("the server signs with another key than the data directory has")
                .hint("name the data directory of the server with `--data DIR`"),
        );
    }
    Ok(current["url"].as_str().map(str::to_owned))
}

/// The address of ours that the application can open.
async fn reachable(address: SocketAddr, place: &Place) -> Result<SocketAddr, Failure> {
    if !address.ip().is_unspecified() {
        return Ok(address);
    }
    let ip = own_address(place)
        .await
        .map_err(|error| Failure::new(format!("cannot call the application: {error}")))?;
    Ok(SocketAddr::new(ip, address.port()))
}

/// What an answer comes to.
struct Outcome {
    rows: Vec<Row>,
    /// Whether OSS would hand it to the uploader.
    is_accepted: bool,
    /// Why the application does not pass.
    failure: Option<String>,
}

impl Outcome {
    fn of(tamper: Option<TamperArg>, answer: &Result<Reply, ExchangeError>) -> Self {
        let rows = judge::genuine(answer);
        let is_accepted = rows.iter().all(|row| row.is_kept);
        let failure = match tamper {
            None if is_accepted => None,
            None => Some("OSS would not accept the answer".to_owned()),
            Some(part) => {
                let forged = judge::forged(part.as_str(), answer);
                (!forged.is_kept).then(|| {
                    let part = part.as_str();
                    format!("the application did not refuse a call with another {part}")
                })
            }
        };
        Self {
            rows,
            is_accepted,
            failure,
        }
    }
}

fn row_json(row: &Row) -> Value {
    json!({ "rule": row.rule, "kept": row.is_kept, "found": row.found })
}

fn answer_json(reply: &Reply) -> Value {
    let headers = reply.headers.iter().map(|(name, value)| {
        [
            name.as_str().to_owned(),
            String::from_utf8_lossy(value.as_bytes()).into_owned(),
        ]
    });
    json!({
        "status": reply.status.as_u16(),
        "tookMs": (reply.took.as_secs_f64() * 1e6).round() / 1e3,
        "headers": headers.collect::<Vec<_>>(),
        "body": String::from_utf8_lossy(&reply.body),
    })
}

/// For a person, whatever the application has written.
fn shown(
    args: &CallbackSendArgs,
    key_url: &str,
    answer: &Result<Reply, ExchangeError>,
    outcome: &Outcome,
) -> String {
    let what = match args.tamper {
        Some(part) => format!("{}, with another {}", args.fixture.as_str(), part.as_str()),
        None => args.fixture.as_str().to_owned(),
    };
    let mut lines = vec![
        format!("sent      {what}"),
        format!("to        {}", args.url),
        format!("key       {key_url}"),
    ];
    match answer {
        Ok(reply) => {
            let took = reply.took.as_secs_f64() * 1e3;
            lines.push(format!("answered  {} in {took:.1} ms", reply.status));
            let body = String::from_utf8_lossy(&reply.body);
            lines.extend(body.lines().map(|line| format!("< {line}")));
        }
        Err(error) => lines.push(format!("answered  nothing: {error}")),
    }
    let broken = outcome.rows.iter().filter(|row| !row.is_kept);
    let broken: Vec<String> = broken
        .map(|row| format!("{} ({})", row.rule, row.found))
        .collect();
    lines.push(match (args.tamper, &outcome.failure) {
        // What OSS would make of the refusal of a call that it never sends is no question.
        (Some(_), None) => "verdict   refused, as a forged call must be".to_owned(),
        (Some(_), Some(_)) => "verdict   not refused, and the call was forged".to_owned(),
        (None, _) if broken.is_empty() => "OSS       would accept the answer".to_owned(),
        (None, _) => format!("OSS       would not accept it: {}", broken.join("; ")),
    });
    let escaped: Vec<String> = lines.iter().map(|line| table::line(&[line])).collect();
    escaped.join("\n")
}
