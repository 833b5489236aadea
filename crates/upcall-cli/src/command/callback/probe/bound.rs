//! The binding that an application demands, and bodies that it must not be taken in by.
//!
//! In: the secret of the application, where it can be had, or a body with a binding in it. Out: a body
//! that an application with that secret permitted, and others that a second holder of a key of the
//! same storage server could have had signed.

use std::time::Duration;

use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};
use upcall::callback::CallbackBody;
use upcall::callback::binding::{Binding, BindingKey, FIELD, Permission, Permitted, permitted_by};
use upcall::name::AccessKeySecret;

use crate::data::{DataFolder, environment_secret, random_hex};
use crate::terminal::message::Failure;

/// A token that permits what begins so, for as long as the call may take; nothing if no secret is
/// known.
///
/// The secret is in the environment, as `upcall app` has it, or is that of the key of `upcall dev`.
///
/// # Errors
/// The secret cannot be used.
pub(super) fn token(
    data: &DataFolder,
    bucket: &str,
    prefix: &str,
    user: &str,
) -> Result<Option<String>, Failure> {
    let own = environment_secret("UPCALL_BINDING_SECRET")?;
    let access_key = match environment_secret("UPCALL_ACCESS_KEY_SECRET")? {
        Some(secret) => Some(secret),
        None => data.known_dev_key()?.map(|(_, secret)| secret),
    };
    let binding = match (own, access_key) {
        (None, None) => return Ok(None),
        (Some(own), access_key) => {
            let access_key = AccessKeySecret::new(access_key.unwrap_or_default());
            Binding::from_setting(&own, &access_key)?
        }
        (None, Some(secret)) => {
            Binding::new(BindingKey::of_access_key(&AccessKeySecret::new(secret)))
        }
    };
    let permitted = Permitted::Prefix(prefix.to_owned());
    let permission = Permission::until(Timestamp::now(), VALIDITY, bucket, permitted).user(user);
    Ok(Some(binding.make(&permission)))
}

/// The body with the token in it.
pub(super) fn with_token(body: &str, token: &str) -> String {
    with(body, FIELD, Some(token))
}

/// What of a body can be changed, so that a genuine signature over it says something else.
pub(super) struct Bodies<'a> {
    text: &'a str,
    object: String,
    permitted: Option<Permitted>,
}

impl<'a> Bodies<'a> {
    /// Nothing for a body that names no `object`, or cannot be read.
    pub(super) fn of(text: &'a str) -> Option<Self> {
        let body = CallbackBody::parse(text.as_bytes()).ok()?;
        Some(Self {
            text,
            object: body.get("object")?.to_owned(),
            permitted: body.get(FIELD).and_then(permitted_by),
        })
    }

    /// Without its binding: what another holder of a key writes.
    pub(super) fn unbound(&self) -> String {
        self.with(FIELD, None)
    }

    /// Of an object that the binding does not permit; nothing if there is no binding, or it permits
    /// all.
    pub(super) fn outside(&self) -> Option<String> {
        let outside = match self.permitted.as_ref()? {
            Permitted::Key(key) => format!("{key}.other"),
            Permitted::Prefix(prefix) if prefix.is_empty() => return None,
            Permitted::Prefix(prefix) if OUTSIDE.starts_with(prefix.as_str()) => {
                format!("not-{OUTSIDE}")
            }
            Permitted::Prefix(_) => OUTSIDE.to_owned(),
        };
        Some(self.with("object", Some(&outside)))
    }

    /// Of an object that is permitted and cannot be there.
    ///
    /// # Errors
    /// There are no random bytes.
    pub(super) fn never_uploaded(&self) -> Result<Option<String>, Failure> {
        let name = match &self.permitted {
            // Then it is the one object, and may be there.
            Some(Permitted::Key(_)) => return Ok(None),
            Some(Permitted::Prefix(prefix)) => format!("{prefix}never-{}", random_hex(12)?),
            None => format!("{}-never-{}", self.object, random_hex(12)?),
        };
        Ok(Some(self.with("object", Some(&name))))
    }

    fn with(&self, name: &str, value: Option<&str>) -> String {
        with(self.text, name, value)
    }
}

/// A body with another value of one field, or without it; all else is as it was.
fn with(body: &str, name: &str, value: Option<&str>) -> String {
    if body.trim_start().starts_with('{') {
        let mut members: Map<String, Value> = serde_json::from_str(body).unwrap_or_default();
        match value {
            Some(value) => members.insert(name.to_owned(), value.into()),
            None => members.remove(name),
        };
        return Value::from(members).to_string();
    }
    let is_another = |pair: &&str| pair.split('=').next() != Some(name);
    let pairs = body.split('&').filter(is_another).map(str::to_owned);
    let encoded = value.map(|value| utf8_percent_encode(value, ENCODED));
    let changed = encoded.map(|value| format!("{name}={value}"));
    pairs.chain(changed).collect::<Vec<_>>().join("&")
}

/// All but RFC 3986's unreserved characters, as the storage server writes a form.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// An object of another user.
const OUTSIDE: &str = "upcall-check-of-another/hello.txt";

/// A check is over by then.
const VALIDITY: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use super::*;

    fn token_for(permitted: Permitted) -> String {
        let key = BindingKey::of_access_key(&AccessKeySecret::new("sk"));
        let now = Timestamp::UNIX_EPOCH;
        Binding::new(key).make(&Permission::until(now, VALIDITY, "b", permitted))
    }

    fn object(body: &str) -> String {
        let body = CallbackBody::parse(body.as_bytes()).unwrap();
        body.get("object").unwrap().to_owned()
    }

    #[test]
    fn each_body_differs_in_one_thing() {
        let prefix = |text: &str| token_for(Permitted::Prefix(text.to_owned()));
        for body in [
            format!(
                "bucket=b&object=up%2Fa+b.txt&size=5&binding={}",
                prefix("up/")
            ),
            format!(
                r#"{{"object":"up/a b.txt","bucket":"b","binding":"{}"}}"#,
                prefix("up/")
            ),
        ] {
            let bodies = Bodies::of(&body).unwrap();
            let unbound = CallbackBody::parse(bodies.unbound().as_bytes()).unwrap();
            assert_eq!(unbound.get("binding"), None);
            assert_eq!(unbound.get("object"), Some("up/a b.txt"));
            assert!(!object(&bodies.outside().unwrap()).starts_with("up/"));
            let never = bodies.never_uploaded().unwrap().unwrap();
            assert!(object(&never).starts_with("up/never-"), "{never}");
        }
    }

    #[test]
    fn what_cannot_be_made_of_a_body_is_not() {
        assert!(Bodies::of("size=5").is_none());
        assert!(Bodies::of("object=a&object=b").is_none());
        let bound = |permitted| format!("object=a&binding={}", token_for(permitted));
        let everything = bound(Permitted::Prefix(String::new()));
        assert_eq!(Bodies::of(&everything).unwrap().outside(), None);
        let beside = bound(Permitted::Prefix("upcall-check".to_owned()));
        let outside = Bodies::of(&beside).unwrap().outside().unwrap();
        assert!(!object(&outside).starts_with("upcall-check"));
        let one = bound(Permitted::Key("a".to_owned()));
        assert_eq!(Bodies::of(&one).unwrap().never_uploaded().unwrap(), None);
        assert_eq!(
            object(&Bodies::of(&one).unwrap().outside().unwrap()),
            "a.other"
        );
    }
}
