//! Admission: may this upload become an object?
//!
//! Runs after the last field before `file` and before the first byte of the file is read, so that a
//! refusal costs the uploader its form's head and nothing more.
//!
//! In: [`FormHead`], the fields in the order they came (or, for `PutObject`, its headers). Out:
//! [`Admitted`], or the first reason why not.
//!
//! The order of the checks is the order of what a stranger may learn: signature, then expiry, then
//! conditions, then the callback's form, then what the bucket allows, and only then where the
//! callback's host is: nobody who may not upload can make us ask a name server.
//!
//! Source: OSS, "PostObject" (form elements, error codes) and "Appendix: Post Policy".

use std::sync::Arc;

use http::HeaderMap;
use jiff::Timestamp;
use upcall::error::{Refusal, WireError};
use upcall::form::{KnownField, PostForm, SuccessAction};
use upcall::policy::{self, LengthRange, PolicyDocument, PolicyError};
use upcall::signature::{PolicySignature, Scope};
use upcall_store::blobs::BlobFacts;
use upcall_store::catalog::{BucketFacts, ObjectAcl, Overwrite, StoredHeaders};

use super::again::{IDEMPOTENCY_KEY, UploadName};
use super::bucket_rules;
use super::callback::{self, AdmittedCallback};
use super::form::{CallFacts, FormHead};
use super::ingest::IngestError;
use super::new_key::NewKey;
use crate::access::{self, Requester};
use crate::http::request_id::RequestId;
use crate::limits;
use crate::node::Server;
use crate::operations::no_such_bucket;

/// An upload that may become an object.
///
/// There are two ways to obtain it, [`admit_form`] and `PutObject`; whoever holds it need not check
/// anything again, and must not read form or headers a second time: what was checked is in here, and
/// only that.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) call: CallFacts,
    pub(crate) operation: &'static str,
    pub(crate) requester: Requester,
    pub(crate) bucket: Arc<BucketFacts>,
    pub(crate) key: NewKey,
    pub(crate) length: LengthRange,
    /// Bytes that the file has at least, as the request's length tells.
    pub(crate) at_least: u64,
    /// When the policy ends; the whole request must have come by then.
    pub(crate) expires: Option<Timestamp>,
    /// The MD5 that the file must have.
    pub(crate) content_md5: Option<[u8; 16]>,
    pub(crate) overwrite: Overwrite,
    pub(crate) callback: Option<AdmittedCallback>,
    /// Whether whoever permitted the upload fixed a callback that it brings.
    pub(crate) is_callback_pinned: bool,
    /// Whether V1 signed it, which the bucket may switch off.
    pub(crate) is_signed_with_v1: bool,
    /// Whether variables came in the query of a request that is signed with V1, where they may be the end
    /// of the key that was signed.
    pub(crate) has_v1_variables: bool,
    /// What the uploader calls its upload, to ask for its answer again.
    pub(crate) idempotency: Option<UploadName>,
    pub(crate) content_type: String,
    pub(crate) headers: StoredHeaders,
    pub(crate) metadata: Vec<(String, String)>,
    pub(crate) acl: ObjectAcl,
    pub(crate) storage_class: String,
    pub(crate) success: SuccessAction,
}

impl Admitted {
    /// Whether the bucket's rules for forms hold for it.
    pub(super) fn is_form(&self) -> bool {
        self.operation == POST_OBJECT
    }

    /// # Errors
    /// As soon as the file is longer than it may be.
    pub(super) fn check_not_too_long(&self, length: u64) -> Result<(), IngestError> {
        if length <= self.length.max {
            return Ok(());
        }
        let max = self.length.max;
        Err(match self.expires {
            Some(_) => IngestError::Policy(PolicyError::TooLarge { max }),
            None => IngestError::TooLarge { most: max },
        })
    }

    /// What can be judged only when the whole file has come.
    pub(super) fn check_complete(
        &self,
        length: u64,
        md5: &[u8; 16],
        now: Timestamp,
    ) -> Result<(), IngestError> {
        self.length.check(length).map_err(IngestError::Policy)?;
        if self.content_md5.is_some_and(|expected| expected != *md5) {
            return Err(IngestError::DigestMismatch);
        }
        match self.expires {
            Some(expiration) if expiration <= now => {
                Err(IngestError::Policy(PolicyError::Expired {
                    expiration,
                    now,
                }))
            }
            _ => Ok(()),
        }
    }

    /// What the blob says of itself, so that a lost catalog can be made anew.
    pub(super) fn blob_facts(
        &self,
        length: u64,
        md5: [u8; 16],
        crc64: u64,
        now: Timestamp,
    ) -> BlobFacts {
        BlobFacts {
            bucket: self.bucket.name.clone(),
            key: (*self.key).clone(),
            length,
            md5,
            crc64,
            content_type: self.content_type.clone(),
            headers: self.headers.clone(),
            metadata: self.metadata.clone(),
            acl: self.acl,
            storage_class: self.storage_class.clone(),
            modified: now,
        }
    }
}

/// Admits a form, or says why not.
pub(super) async fn admit_form(
    server: &Arc<Server>,
    head: FormHead,
    bucket: Option<Arc<BucketFacts>>,
) -> Result<Admitted, Refusal> {
    let FormHead {
        call,
        headers,
        form,
        file_at_least,
        bucket_name,
        memory: _memory,
    } = head;
    let bucket = bucket_now(server, bucket, bucket_name, call.id).await?;
    form.key_text().map_err(|error| error.refusal())?;
    let signed = authenticate_form(server, &bucket, &form, call.id).await?;
    let mut length = LengthRange {
        min: 0,
        max: limits::FILE_BYTES,
    };
    if let Some(policy) = &signed.policy {
        let now = server.clock.now();
        let allowed =
            policy::check(policy, &*form, &bucket.name, now).map_err(|error| error.refusal())?;
        length = LengthRange {
            min: allowed.min,
            max: allowed.max.min(length.max),
        };
    }
    if file_at_least > length.max {
        return Err(PolicyError::TooLarge { max: length.max }.refusal());
    }
    let policy = signed.policy.as_ref();
    let wanted = callback::of_form(server.signer.vouching(), &bucket, &form, policy)?;
    let idempotency = idempotency_key(&bucket, &form, &headers)?;
    access::may(&signed.requester, access::Action::Write, Some(&bucket))?;
    let key = NewKey::admit(form.object_key().map_err(|error| error.refusal())?)?;
    access::may_replace(server, &signed.requester, &bucket, &key, call.id).await?;
    let acl = object_acl(&form, &headers, policy.is_some())?;
    let success = form.success_action();
    bucket_rules::judge(&bucket.forms, acl, &success)?;
    let callback = callback::judged(server, &bucket, wanted).await?;
    refuse_encryption(&form)?;
    let content_type = form.content_type().to_owned();
    Ok(Admitted {
        operation: POST_OBJECT,
        requester: signed.requester,
        key,
        length,
        at_least: file_at_least,
        expires: policy.map(|policy| policy.expiration),
        content_md5: None,
        overwrite: bucket_rules::overwrite(&bucket.forms, overwrite(&form)?),
        callback,
        is_callback_pinned: policy.is_some_and(callback::is_pinned),
        is_signed_with_v1: signed.is_v1,
        has_v1_variables: false,
        idempotency,
        headers: bucket_rules::headers(&bucket.forms, &content_type, stored_headers(&form)),
        content_type,
        metadata: form_metadata(&form)?,
        acl,
        storage_class: parse_storage_class(form.field(KnownField::X_OSS_STORAGE_CLASS))?,
        success,
        bucket,
        call,
    })
}

/// The bucket as it is now: the form may have taken long to come.
async fn bucket_now(
    server: &Server,
    bucket: Option<Arc<BucketFacts>>,
    name: String,
    id: RequestId,
) -> Result<Arc<BucketFacts>, Refusal> {
    let now = match &bucket {
        Some(bucket) => server
            .catalog
            .bucket(&bucket.name)
            .await
            .map_err(|error| crate::fault::of_catalog(&error, id))?,
        None => None,
    };
    now.ok_or_else(|| no_such_bucket(name))
}

/// Who signed a form, and what.
struct Signed {
    requester: Requester,
    policy: Option<PolicyDocument>,
    is_v1: bool,
}

/// The signature comes before the policy is looked into.
async fn authenticate_form(
    server: &Server,
    bucket: &BucketFacts,
    form: &PostForm,
    id: RequestId,
) -> Result<Signed, Refusal> {
    let credentials = form.credentials().map_err(|error| error.refusal())?;
    let Some(signature) = PolicySignature::of(&credentials).map_err(|error| error.refusal())?
    else {
        return Ok(Signed {
            requester: Requester::Anonymous,
            policy: None,
            is_v1: false,
        });
    };
    let is_v1 = matches!(signature, PolicySignature::V1 { .. });
    if is_v1 {
        server.signatures.of_bucket(Some(bucket)).check_v1()?;
    }
    let key = access::known_key(server, signature.access_key_id(), id).await?;
    let secret = key.as_ref().map(|facts| &facts.secret);
    let (scope, now) = (Scope::oss(&server.region), server.clock.now());
    signature
        .verify(secret, scope, now)
        .map_err(|error| error.refusal())?;
    access::refuse_token(credentials.security_token())?;
    let policy = PolicyDocument::decode(signature.policy()).map_err(|error| error.refusal())?;
    Ok(Signed {
        requester: access::requester(key.as_deref())?,
        policy: Some(policy),
        is_v1,
    })
}

/// What the uploader calls its upload: a field, or a header as for `PutObject`.
fn idempotency_key(
    bucket: &BucketFacts,
    form: &PostForm,
    headers: &HeaderMap,
) -> Result<Option<UploadName>, Refusal> {
    let key = form.field(KnownField::IDEMPOTENCY_KEY).or_else(|| {
        let header = headers.get(IDEMPOTENCY_KEY);
        header.and_then(|value| value.to_str().ok())
    });
    key.filter(|key| !key.is_empty())
        .map(|key| UploadName::new(&bucket.name, key))
        .transpose()
}

/// A policy cannot see the header, so under one the header does not count.
fn object_acl(
    form: &PostForm,
    headers: &HeaderMap,
    has_policy: bool,
) -> Result<ObjectAcl, Refusal> {
    let header = || {
        let value = headers.get(X_OSS_OBJECT_ACL)?;
        value.to_str().ok()
    };
    let field = form.field(KnownField::X_OSS_OBJECT_ACL);
    parse_object_acl(if has_policy {
        field
    } else {
        field.or_else(header)
    })
}

fn overwrite(form: &PostForm) -> Result<Overwrite, Refusal> {
    match form.overwrite().map_err(|error| error.refusal())? {
        upcall::form::Overwrite::Allow => Ok(Overwrite::Allow),
        upcall::form::Overwrite::Forbid => Ok(Overwrite::Forbid),
    }
}

/// Encryption at rest is the operator's to set up; a form that demands one must not be told yes.
fn refuse_encryption(form: &PostForm) -> Result<(), Refusal> {
    match form.field(KnownField::X_OSS_SERVER_SIDE_ENCRYPTION) {
        None => Ok(()),
        Some("AES256" | "KMS" | "SM4") => Err(Refusal::new(WireError::NOT_IMPLEMENTED)
            .extra("Header", "x-oss-server-side-encryption")
            .hint("this server does not encrypt objects; leave the field out")),
        Some(_) => Err(Refusal::new(WireError::INVALID_ENCRYPTION_ALGORITHM)
            .hint("the field is `AES256`, `KMS` or `SM4`, of which this server has none")),
    }
}

fn stored_headers(form: &PostForm) -> StoredHeaders {
    let text = |known| {
        form.field(known)
            .filter(|text| !text.trim().is_empty())
            .map(str::to_owned)
    };
    StoredHeaders {
        cache_control: text(KnownField::CACHE_CONTROL),
        content_disposition: text(KnownField::CONTENT_DISPOSITION),
        content_encoding: text(KnownField::CONTENT_ENCODING),
        expires: text(KnownField::EXPIRES),
    }
}

fn form_metadata(form: &PostForm) -> Result<Vec<(String, String)>, Refusal> {
    let metadata: Vec<_> = form
        .metadata()
        .map(|(name, value)| (name, value.to_owned()))
        .collect();
    check_metadata_size(&metadata)?;
    Ok(metadata)
}

/// # Errors
/// `InvalidArgument` beyond [`limits::METADATA_BYTES`].
pub(crate) fn check_metadata_size(metadata: &[(String, String)]) -> Result<(), Refusal> {
    let bytes: usize = metadata
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    if bytes <= limits::METADATA_BYTES {
        return Ok(());
    }
    Err(Refusal::new(WireError::INVALID_ARGUMENT)
        .message("The size of the metadata exceeds the limit.")
        .extra("ArgumentName", "x-oss-meta-*")
        .hint(format!(
            "the metadata has {bytes} bytes; it has at most {}",
            limits::METADATA_BYTES
        )))
}

pub(crate) fn parse_object_acl(text: Option<&str>) -> Result<ObjectAcl, Refusal> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(ObjectAcl::Default);
    };
    ObjectAcl::parse(text).ok_or_else(|| {
        Refusal::new(WireError::INVALID_ARGUMENT)
            .message("no such object access control exists")
            .extra("ArgumentName", X_OSS_OBJECT_ACL)
            .extra("ArgumentValue", text)
            .hint("it is `default`, `private`, `public-read` or `public-read-write`")
    })
}

/// The class is kept and given back; this server has one kind of storage.
pub(crate) fn parse_storage_class(text: Option<&str>) -> Result<String, Refusal> {
    match text.filter(|text| !text.is_empty()) {
        None => Ok("Standard".to_owned()),
        Some(text @ ("Standard" | "IA" | "Archive" | "ColdArchive" | "DeepColdArchive")) => {
            Ok(text.to_owned())
        }
        Some(text) => Err(Refusal::new(WireError::INVALID_ARGUMENT)
            .extra("ArgumentName", "x-oss-storage-class")
            .extra("ArgumentValue", text)
            .hint("it is `Standard`, `IA`, `Archive`, `ColdArchive` or `DeepColdArchive`")),
    }
}

/// What is stored if nobody says what it is.
pub(crate) const OCTET_STREAM: &str = "application/octet-stream";

const POST_OBJECT: &str = "PostObject";

const X_OSS_OBJECT_ACL: &str = "x-oss-object-acl";
