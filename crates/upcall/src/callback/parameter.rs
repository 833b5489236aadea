//! What an upload asks of its callback: where to call, and what to say.
//!
//! In: the form's field `callback`, the header `x-oss-callback`, or what an application server
//! builds. Out: [`CallbackParameter`], in which every rule holds that can be judged without asking
//! the network. Resolving the hosts is the server's; it reports here what it found
//! ([`CallbackParameter::unresolvable`], [`CallbackParameter::private_address`]).
//!
//! Source: OSS, "Callback" (step 1) and the EC pages 0007-00000001 to 13.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::binding::FIELD;
use super::error::{CallbackError, InvalidCallback};
use super::json::{self, NotAnObject};
use super::template::CallbackTemplate;
use super::url::{CallbackUrl, InvalidCallbackUrl, check_host_header};
use super::variable::CallbackVars;

/// A callback that may be made, as far as its text can tell.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct CallbackParameter {
    /// Where to call, 1 to 5 addresses, each tried when the one before it failed.
    pub urls: Vec<CallbackUrl>,
    /// The value of `Host`, if not that of the address.
    pub host: Option<String>,
    /// The body, before the variables are put in.
    pub body: CallbackTemplate,
    /// What the body is.
    pub body_type: CallbackBodyType,
    /// Whether TLS names the host in its first message.
    pub sni: bool,
}

impl CallbackParameter {
    /// Reads the base64 text of a field, header or query parameter; `None` if its `callbackUrl` is
    /// the empty text, which means that no callback is wanted.
    ///
    /// # Errors
    /// The documented refusals, EC 0007-00000001 to 13.
    pub fn decode(base64: &str) -> Result<Option<Self>, CallbackError> {
        let refused = |why| CallbackError::new(why, CALLBACK, base64);
        let bytes = base64.len();
        if bytes > MAX_BASE64_BYTES {
            return Err(refused(InvalidCallback::TooLong { bytes }));
        }
        let decoded = STANDARD
            .decode(base64)
            .map_err(|_| refused(InvalidCallback::NotBase64))?;
        let Ok(text) = std::str::from_utf8(&decoded) else {
            let text = String::from_utf8_lossy(&decoded);
            return Err(CallbackError::new(
                InvalidCallback::NotJson,
                CALLBACK,
                &text,
            ));
        };
        Self::parse_json(text)
    }

    /// Reads the JSON text inside; `None` as for [`decode`](Self::decode).
    ///
    /// # Errors
    /// The documented refusals, EC 0007-00000003 to 13.
    pub fn parse_json(text: &str) -> Result<Option<Self>, CallbackError> {
        let members = json::object(text.as_bytes()).map_err(|why| {
            let why = match why {
                NotAnObject::Malformed => InvalidCallback::NotJson,
                NotAnObject::Repeated { name } => InvalidCallback::MemberRepeated { name },
            };
            CallbackError::new(why, CALLBACK, text)
        })?;
        let Some(urls) = read_urls(&members)? else {
            return Ok(None);
        };
        let body_type = read_body_type(&members)?;
        Ok(Some(Self {
            urls,
            host: read_host(&members)?,
            body: read_body(&members)?,
            body_type,
            sni: read_sni(&members)?,
        }))
    }

    /// Begins a callback to `url` with `body` as its template, for an application server.
    ///
    /// ```
    /// use upcall::callback::{CallbackBodyType, CallbackParameter};
    ///
    /// let callback = CallbackParameter::builder(
    ///     "https://app.example.com/uploaded",
    ///     r#"{"object":${object},"size":${size},"user":${x:user}}"#,
    /// )
    /// .body_type(CallbackBodyType::Json)
    /// .build()?;
    /// let field = callback.encode(); // the form's field `callback`
    /// # assert!(!field.is_empty());
    /// # Ok::<_, upcall::callback::CallbackError>(())
    /// ```
    pub fn builder(url: &str, body: &str) -> CallbackParameterBuilder {
        CallbackParameterBuilder {
            urls: vec![url.to_owned()],
            body: body.to_owned(),
            host: None,
            body_type: CallbackBodyType::Form,
            sni: false,
            binding: None,
        }
    }

    /// The parameter as JSON.
    pub fn to_json(&self) -> String {
        let mut members = Map::new();
        members.insert(CALLBACK_URL.to_owned(), self.url_text().into());
        if let Some(host) = &self.host {
            members.insert(CALLBACK_HOST.to_owned(), host.as_str().into());
        }
        members.insert(CALLBACK_BODY.to_owned(), self.body.as_str().into());
        members.insert(
            CALLBACK_BODY_TYPE.to_owned(),
            self.body_type.as_str().into(),
        );
        if self.sni {
            members.insert(CALLBACK_SNI.to_owned(), true.into());
        }
        Value::from(members).to_string()
    }

    /// The parameter as a form field, a header or a query parameter carries it.
    pub fn encode(&self) -> String {
        STANDARD.encode(self.to_json())
    }

    /// Whether the variables leave the body within its limit; to be asked before the upload.
    ///
    /// # Errors
    /// If they take more than 512 KiB of it, 400 `InvalidArgument` like too long a `callback-var`.
    pub fn check_variables(&self, variables: &CallbackVars) -> Result<(), CallbackError> {
        self.body
            .check_room(self.body_type, variables)
            .map_err(|why| CallbackError::new(why, CALLBACK_BODY, self.body.as_str()))
    }

    /// The refusal for a host that has no address.
    pub fn unresolvable(&self) -> CallbackError {
        CallbackError::new(
            InvalidCallback::Unresolvable,
            CALLBACK_URL,
            &self.url_text(),
        )
    }

    /// The refusal for a host with an address that may not be called.
    pub fn private_address(&self) -> CallbackError {
        CallbackError::new(
            InvalidCallback::PrivateAddress,
            CALLBACK_URL,
            &self.url_text(),
        )
    }

    fn url_text(&self) -> String {
        let texts: Vec<&str> = self.urls.iter().map(CallbackUrl::as_given).collect();
        texts.join(";")
    }
}

/// A callback in the making; see [`CallbackParameter::builder`].
#[derive(Clone, Debug)]
pub struct CallbackParameterBuilder {
    urls: Vec<String>,
    body: String,
    host: Option<String>,
    body_type: CallbackBodyType,
    sni: bool,
    binding: Option<String>,
}

impl CallbackParameterBuilder {
    /// One more address, tried when those before it failed.
    #[must_use]
    pub fn or_url(mut self, url: &str) -> Self {
        self.urls.push(url.to_owned());
        self
    }

    /// The value of `Host`.
    #[must_use]
    pub fn host(mut self, host: &str) -> Self {
        self.host = Some(host.to_owned());
        self
    }

    /// What the body is; a form, if nothing is said.
    #[must_use]
    pub const fn body_type(mut self, body_type: CallbackBodyType) -> Self {
        self.body_type = body_type;
        self
    }

    /// Lets TLS name the host in its first message, which most servers with several names need.
    #[must_use]
    pub const fn with_sni(mut self) -> Self {
        self.sni = true;
        self
    }

    /// Adds the token of a [`Binding`](super::binding::Binding) to the body, as `&binding=…` or as a
    /// member of the JSON object. The body must hold `${bucket}` and `${object}`.
    #[must_use]
    pub fn binding(mut self, token: &str) -> Self {
        self.binding = Some(token.to_owned());
        self
    }

    /// The callback, judged by the rules that the server will apply.
    ///
    /// # Errors
    /// The refusal that an upload with it would get; [`InvalidCallback::BodyUnbindable`] for a body
    /// that a binding cannot stand in.
    pub fn build(mut self) -> Result<CallbackParameter, CallbackError> {
        if let Some(token) = &self.binding {
            self.body = bound_body(&self.body, self.body_type, token)?;
        }
        let members = [
            (CALLBACK_URL, self.urls.join(";").into()),
            (CALLBACK_HOST, self.host.unwrap_or_default().into()),
            (CALLBACK_BODY, self.body.into()),
            (CALLBACK_BODY_TYPE, self.body_type.as_str().into()),
            (CALLBACK_SNI, Value::Bool(self.sni)),
        ];
        let members: Map<String, Value> = members
            .map(|(name, value)| (name.to_owned(), value))
            .into_iter()
            .collect();
        let json = Value::from(members).to_string();
        let built = CallbackParameter::parse_json(&json)?
            .ok_or_else(|| CallbackError::new(InvalidCallback::UrlMissing, CALLBACK_URL, ""))?;
        let encoded = built.encode();
        let bytes = encoded.len();
        if bytes > MAX_BASE64_BYTES {
            return Err(CallbackError::new(
                InvalidCallback::TooLong { bytes },
                CALLBACK,
                &encoded,
            ));
        }
        Ok(built)
    }
}

/// What a callback's body is, which says how values are written in it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum CallbackBodyType {
    /// `application/x-www-form-urlencoded`: values are percent-encoded.
    #[default]
    Form,
    /// `application/json`: values are JSON values, with the quotes of a string.
    Json,
}

impl CallbackBodyType {
    /// The value of `callbackBodyType` and `Content-Type`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Form => "application/x-www-form-urlencoded",
            Self::Json => "application/json",
        }
    }
}

/// `body` with the token as a constant in it.
fn bound_body(
    body: &str,
    body_type: CallbackBodyType,
    token: &str,
) -> Result<String, CallbackError> {
    let refused = || CallbackError::new(InvalidCallback::BodyUnbindable, CALLBACK_BODY, body);
    if !["${bucket}", "${object}"]
        .iter()
        .all(|name| body.contains(name))
    {
        return Err(refused());
    }
    match body_type {
        CallbackBodyType::Form => Ok(format!("{body}&{FIELD}={token}")),
        CallbackBodyType::Json => {
            let object = body.trim().strip_prefix('{');
            let members = object.and_then(|members| members.strip_suffix('}'));
            let members = members.ok_or_else(refused)?;
            Ok(format!(r#"{{{members},"{FIELD}":"{token}"}}"#))
        }
    }
}

/// `None` if the member is the empty text.
fn read_urls(members: &Map<String, Value>) -> Result<Option<Vec<CallbackUrl>>, CallbackError> {
    let text = match members.get(CALLBACK_URL) {
        Some(Value::String(text)) if text.is_empty() => return Ok(None),
        Some(Value::String(text)) => text,
        Some(other) => {
            return Err(member_error(
                InvalidCallback::UrlNotText,
                CALLBACK_URL,
                other,
            ));
        }
        None => {
            return Err(CallbackError::new(
                InvalidCallback::UrlMissing,
                CALLBACK_URL,
                "",
            ));
        }
    };
    let refused = |why| CallbackError::new(why, CALLBACK_URL, text);
    // Some clients end the list with a `;`.
    let list = text.strip_suffix(';').unwrap_or(text);
    let count = list.split(';').count();
    if count > MAX_URLS {
        return Err(refused(InvalidCallback::TooManyUrls { count }));
    }
    let parsed = |(at, text): (usize, &str)| {
        let number = at + 1;
        CallbackUrl::parse(text)
            .map_err(|why: InvalidCallbackUrl| refused(InvalidCallback::Url { number, why }))
    };
    let urls: Result<_, _> = list.split(';').enumerate().map(parsed).collect();
    urls.map(Some)
}

fn read_host(members: &Map<String, Value>) -> Result<Option<String>, CallbackError> {
    let text = match members.get(CALLBACK_HOST) {
        None => return Ok(None),
        Some(Value::String(text)) if text.is_empty() => return Ok(None),
        Some(Value::String(text)) => text,
        Some(other) => {
            return Err(member_error(
                InvalidCallback::HostNotText,
                CALLBACK_HOST,
                other,
            ));
        }
    };
    match check_host_header(text) {
        Ok(()) => Ok(Some(text.clone())),
        Err(_) => Err(CallbackError::new(
            InvalidCallback::HostInvalid,
            CALLBACK_HOST,
            text,
        )),
    }
}

fn read_body(members: &Map<String, Value>) -> Result<CallbackTemplate, CallbackError> {
    let refused = |why, value: &str| CallbackError::new(why, CALLBACK_BODY, value);
    match members.get(CALLBACK_BODY) {
        Some(Value::String(text)) if !text.is_empty() => CallbackTemplate::parse(text)
            .map_err(|why| refused(InvalidCallback::BodyTemplate(why), text)),
        None | Some(Value::String(_)) => Err(refused(InvalidCallback::BodyEmpty, "")),
        Some(other) => Err(member_error(
            InvalidCallback::BodyNotText,
            CALLBACK_BODY,
            other,
        )),
    }
}

fn read_body_type(members: &Map<String, Value>) -> Result<CallbackBodyType, CallbackError> {
    let text = match members.get(CALLBACK_BODY_TYPE) {
        None => return Ok(CallbackBodyType::default()),
        Some(Value::String(text)) => text,
        Some(other) => {
            let why = InvalidCallback::BodyTypeNotText;
            return Err(member_error(why, CALLBACK_BODY_TYPE, other));
        }
    };
    [CallbackBodyType::Form, CallbackBodyType::Json]
        .into_iter()
        .find(|known| known.as_str() == text)
        .ok_or_else(|| {
            CallbackError::new(
                InvalidCallback::BodyTypeUnsupported,
                CALLBACK_BODY_TYPE,
                text,
            )
        })
}

fn read_sni(members: &Map<String, Value>) -> Result<bool, CallbackError> {
    match members.get(CALLBACK_SNI) {
        None => Ok(false),
        Some(Value::Bool(sni)) => Ok(*sni),
        Some(other) => Err(member_error(
            InvalidCallback::SniNotBoolean,
            CALLBACK_SNI,
            other,
        )),
    }
}

fn member_error(why: InvalidCallback, member: &'static str, value: &Value) -> CallbackError {
    CallbackError::new(why, member, &value.to_string())
}

/// How long `callback` and `callback-var` may be. Source: OSS, "Callback": 5 KB.
pub(super) const MAX_BASE64_BYTES: usize = 5 * 1024;

/// How many addresses there may be. Source: OSS, "Callback".
const MAX_URLS: usize = 5;

/// What the JSON may have, in OSS's order; the last names a callback that OSS keeps at the bucket.
pub(super) const MEMBERS: [&str; 6] = [
    CALLBACK_URL,
    CALLBACK_HOST,
    CALLBACK_BODY,
    CALLBACK_BODY_TYPE,
    CALLBACK_SNI,
    "callbackPolicy",
];

const CALLBACK: &str = "callback";
const CALLBACK_URL: &str = "callbackUrl";
const CALLBACK_HOST: &str = "callbackHost";
const CALLBACK_BODY: &str = "callbackBody";
const CALLBACK_BODY_TYPE: &str = "callbackBodyType";
const CALLBACK_SNI: &str = "callbackSNI";
