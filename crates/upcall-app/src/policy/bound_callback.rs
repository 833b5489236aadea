//! The callback that a policy asks for: always to us, and bound to what the policy permits.

use std::sync::Arc;

use jiff::Timestamp;
use upcall::callback::binding::{Binding, GRACE, Permission, Permitted};
use upcall::callback::{CallbackError, CallbackParameter};
use upcall::name::BucketName;

use super::user::User;

/// The callback that a policy asks for.
#[derive(Debug)]
pub(crate) struct BoundCallback {
    url: String,
    bucket: BucketName,
    binding: Arc<Binding>,
}

impl BoundCallback {
    /// # Errors
    /// The address cannot be called back, or is so long that a callback to it would be refused.
    pub(crate) fn new(
        url: String,
        bucket: BucketName,
        binding: Arc<Binding>,
    ) -> Result<Self, CallbackError> {
        let callback = Self {
            url,
            bucket,
            binding,
        };
        callback.build(&User::longest(), Timestamp::MAX)?;
        Ok(callback)
    }

    /// The parameter for a policy of this user's that ends at `expiration`, in base64.
    pub(super) fn encode(&self, user: &User, expiration: Timestamp) -> String {
        let callback = self.build(user, expiration);
        // The address is good, and the body no longer than the one that was built at the start.
        callback
            .expect("a callback to this address was built before")
            .encode()
    }

    fn build(
        &self,
        user: &User,
        expiration: Timestamp,
    ) -> Result<CallbackParameter, CallbackError> {
        let permitted = Permitted::Prefix(user.folder());
        let permission = Permission::until(expiration, GRACE, self.bucket.as_str(), permitted);
        let token = self.binding.make(&permission.user(&user.to_string()));
        let mut builder = CallbackParameter::builder(&self.url, BODY).binding(&token);
        if self.url.starts_with("https:") {
            builder = builder.with_sni();
        }
        builder.build()
    }
}

/// The template that our policies ask for, and the binding behind it.
///
/// The request id is in it so that it is signed: a callback that is made twice is then one row.
const BODY: &str = "bucket=${bucket}&object=${object}&etag=${etag}\
    &size=${size}&mimeType=${mimeType}&height=${imageInfo.height}&width=${imageInfo.width}\
    &requestId=${reqId}";

#[cfg(test)]
mod tests {
    use upcall::callback::binding::BindingKey;
    use upcall::name::AccessKeySecret;

    use super::*;

    #[test]
    fn an_address_that_leaves_no_room_for_the_binding_is_refused_at_the_start() {
        let callback = |path_bytes: usize| {
            let key = BindingKey::of_access_key(&AccessKeySecret::new("sk"));
            BoundCallback::new(
                format!("http://a.example/{}", "a".repeat(path_bytes)),
                BucketName::parse(&"b".repeat(63)).unwrap(),
                Arc::new(Binding::new(key)),
            )
        };
        assert!(callback(4000).is_err());
        let longest = (2000..4000)
            .rev()
            .find_map(|bytes| callback(bytes).ok())
            .unwrap();
        // The latest end that a policy can have, for the longest name.
        longest.encode(&User::longest(), Timestamp::MAX);
    }
}
