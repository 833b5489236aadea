//! Signatures of requests and forms.

use jiff::Timestamp;
use upcall::form::FormCredentials;
use upcall::name::AccessKeySecret;
use upcall::signature::{
    PolicySignature, RequestSignature, Scope, SignatureError, SignedRequest, v4,
};

/// Any bytes as a signed request, a signed form and a credential.
///
/// The first line is the time, the method, bucket and key, and the query; each further line is a
/// header: `1672223261 PUT examplebucket/nelson?acl`.
pub fn signature(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let mut lines = text.split('\n');
    let first = lines.next().unwrap_or_default();
    let (now, target) = first.split_once(' ').unwrap_or(("0", first));
    let now = now
        .parse()
        .ok()
        .and_then(|now| Timestamp::from_second(now).ok());
    let now = now.unwrap_or(Timestamp::UNIX_EPOCH);
    let (method, target) = target.split_once(' ').unwrap_or(("GET", target));
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let query: Vec<_> = query
        .split('&')
        .filter(|parameter| !parameter.is_empty())
        .map(|parameter| owned(parameter.split_once('=').unwrap_or((parameter, ""))))
        .collect();
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(": ").map(owned))
        .collect();
    request(
        &SignedRequest {
            method,
            bucket: (!bucket.is_empty()).then_some(bucket),
            key: (!key.is_empty()).then_some(key),
            query: &query,
            headers: &headers,
        },
        now,
    );
    form(text, now);
}

fn request(request: &SignedRequest<'_>, now: Timestamp) {
    match RequestSignature::find(request) {
        Ok(None) => {}
        Err(error) => answer(&error),
        Ok(Some(signature)) => {
            for secret in [Some(AccessKeySecret::new("sk")), None] {
                let scope = Scope::oss("cn-hangzhou");
                match signature.verify(secret.as_ref(), request, scope, now) {
                    Ok(()) => assert!(secret.is_some(), "an unknown key signs nothing"),
                    Err(error) => answer(&error),
                }
            }
        }
    }
}

/// The lines as the credential fields of a form.
fn form(text: &str, now: Timestamp) {
    let mut lines = text.lines();
    let mut line = || lines.next().unwrap_or_default();
    let (id, date, policy, signature) = (line(), line(), line(), line());
    for credentials in [
        FormCredentials::V1 {
            access_key_id: id,
            policy,
            signature,
            security_token: None,
        },
        FormCredentials::V4 {
            credential: id,
            date,
            policy,
            signature,
            security_token: None,
        },
    ] {
        match PolicySignature::of(&credentials) {
            Ok(None) => unreachable!("the form is not anonymous"),
            Err(error) => answer(&error),
            Ok(Some(signature)) => {
                let result = signature.verify(None, Scope::oss("cn-hangzhou"), now);
                answer(&result.expect_err("an unknown key signs nothing"));
            }
        }
    }
    if let Ok(credential) = v4::Credential::parse(id) {
        assert_eq!(credential.to_string(), id, "what is read is written");
    }
}

fn answer(error: &SignatureError) {
    let refusal = error.refusal();
    assert!(matches!(refusal.row().status, 400 | 403));
    assert!(refusal.hint_text().is_some());
    let _ = refusal.to_xml(
        "5CF3E7821AB22D0FDB86704D",
        "photos.oss-cn-hangzhou.localhost",
    );
}
