//! What a policy says, and its signature.

use std::time::Duration;

use upcall::name::{AccessKeyId, AccessKeySecret, BucketName};
use upcall::policy::PolicyBuilder;
use upcall::policy::signed::{SignedPolicy, V4Signer};
use upcall::signature::Scope;

use super::bound_callback::BoundCallback;
use super::user::User;
use crate::clock::Clock;

/// Makes policies that differ in user and time, and in nothing else.
#[derive(Debug)]
pub(crate) struct PolicyMaker {
    pub(crate) access_key_id: AccessKeyId,
    pub(crate) access_key_secret: AccessKeySecret,
    pub(crate) bucket: BucketName,
    /// What V4 signatures name.
    pub(crate) region: String,
    pub(crate) callback: BoundCallback,
    pub(crate) max_bytes: u64,
    pub(crate) types: ContentTypes,
    pub(crate) lifetime: Duration,
    pub(crate) clock: Clock,
}

impl PolicyMaker {
    /// Signs a policy for `user`, whose form goes to `host`.
    pub(super) fn sign(&self, user: &User, host: String, kind: PolicyKind) -> SignedPolicy {
        let (dir, expiration) = (user.folder(), self.expiration());
        let callback = match kind {
            PolicyKind::V1 | PolicyKind::V4 => Some(self.callback.encode(user, expiration)),
            PolicyKind::V1WithoutCallback => None,
        };
        let mut builder = PolicyBuilder::new(expiration)
            .bucket(self.bucket.as_str())
            .starts_with("key", &dir)
            .content_length_range(0, self.max_bytes);
        if let Some(callback) = &callback {
            builder = builder.equals("callback", callback);
        }
        let builder = builder.equals("success_action_status", "200");
        // No page of the samples sends an ACL, and a condition on what is not there must be one that
        // excludes. What else they leave out (overwriting, redirects, types) the bucket has to close.
        let builder = builder.not_in("x-oss-object-acl", ["public-read", "public-read-write"]);
        let builder = match &self.types {
            ContentTypes::Any => builder,
            ContentTypes::Family { prefix, .. } => builder.starts_with("content-type", prefix),
            ContentTypes::Listed(types) => {
                let types: Vec<&str> = types.iter().map(String::as_str).collect();
                builder.is_in("content-type", &types)
            }
        };
        let (id, secret, policy) = (
            &self.access_key_id,
            &self.access_key_secret,
            builder.build(),
        );
        let signed = match kind {
            PolicyKind::V1 | PolicyKind::V1WithoutCallback => SignedPolicy::v1(id, secret, &policy),
            PolicyKind::V4 => {
                let signer = V4Signer {
                    access_key_id: id,
                    secret,
                    scope: Scope::oss(&self.region),
                    security_token: None,
                    now: self.clock.now(),
                };
                SignedPolicy::v4(&signer, &policy)
            }
        };
        let signed = signed.host(host).dir(dir);
        match callback {
            Some(callback) => signed.callback(callback),
            None => signed,
        }
    }

    /// In whole seconds, so that `expire` and the policy say the same.
    fn expiration(&self) -> jiff::Timestamp {
        let lifetime = i64::try_from(self.lifetime.as_secs()).unwrap_or(i64::MAX);
        let second = self.clock.now().as_second().saturating_add(lifetime);
        jiff::Timestamp::from_second(second).unwrap_or(jiff::Timestamp::MAX)
    }

    pub(crate) const fn bucket(&self) -> &BucketName {
        &self.bucket
    }

    pub(super) const fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    pub(super) const fn types(&self) -> &ContentTypes {
        &self.types
    }
}

/// For which page a policy is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum PolicyKind {
    /// The classic one.
    V1,
    /// The one of the classic walkthrough's second step.
    V1WithoutCallback,
    /// The one of the newer samples.
    V4,
}

/// Which content types a policy permits.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum ContentTypes {
    /// All.
    Any,
    /// One family, such as `image/*`.
    Family {
        /// As it was given.
        range: String,
        /// With the slash and without the star.
        prefix: String,
    },
    /// These.
    Listed(Vec<String>),
}

impl ContentTypes {
    /// # Errors
    /// [`UnusableTypes`] if the list says what no policy can.
    pub(crate) fn new(types: Option<Vec<String>>) -> Result<Self, UnusableTypes> {
        let Some(types) = types else {
            return Ok(Self::Any);
        };
        if let [range] = &*types
            && let Some(prefix) = range.strip_suffix('*').filter(|prefix| is_family(prefix))
        {
            return Ok(Self::Family {
                range: range.clone(),
                prefix: prefix.to_owned(),
            });
        }
        if types.is_empty() || !types.iter().all(|text| is_type(text)) {
            return Err(UnusableTypes);
        }
        Ok(Self::Listed(types))
    }

    /// As in a page's `accept` attribute; `None` for all.
    pub(super) fn listed(&self) -> Option<Vec<&str>> {
        match self {
            Self::Any => None,
            Self::Family { range, .. } => Some(vec![range]),
            Self::Listed(types) => Some(types.iter().map(String::as_str).collect()),
        }
    }
}

/// A list of content types that no policy can state.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct UnusableTypes;

fn is_family(prefix: &str) -> bool {
    prefix.strip_suffix('/').is_some_and(is_token)
}

fn is_type(text: &str) -> bool {
    text.split_once('/')
        .is_some_and(|(family, kind)| is_token(family) && is_token(kind))
}

/// Source: RFC 6838, 4.2 (restricted names).
fn is_token(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte);
    (1..=127).contains(&text.len()) && text.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn types(list: &[&str]) -> Result<ContentTypes, UnusableTypes> {
        ContentTypes::new(Some(list.iter().map(|text| (*text).to_owned()).collect()))
    }

    #[test]
    fn types_are_a_list_or_one_family() {
        assert_eq!(ContentTypes::new(None), Ok(ContentTypes::Any));
        let family = ContentTypes::Family {
            range: "image/*".to_owned(),
            prefix: "image/".to_owned(),
        };
        assert_eq!(types(&["image/*"]), Ok(family));
        let listed = vec!["image/png".to_owned(), "image/svg+xml".to_owned()];
        assert_eq!(
            types(&["image/png", "image/svg+xml"]),
            Ok(ContentTypes::Listed(listed))
        );
    }

    #[test]
    fn what_no_policy_can_state_is_refused() {
        for list in [
            &[][..],
            &[""],
            &["*/*"],
            &["image"],
            &["image/*", "text/plain"],
            &["a b/c"],
            &["*"],
        ] {
            assert_eq!(types(list), Err(UnusableTypes), "{list:?}");
        }
    }
}
