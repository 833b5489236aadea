//! The callback: what the uploader asks for, and what the application is sent.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use upcall::callback::diagnose::{Evidence, Outcome, diagnose};
use upcall::callback::{
    CallbackBodyType, CallbackFacts, CallbackParameter, CallbackRequest, CallbackTemplate,
    CallbackUrl, CallbackVars, CallbackVerifier, ImageInfo, ImageSize, PublicKey, PublicKeyUrls,
    answer, string_to_sign,
};

/// Any bytes as callback parameter, variables, template, URL, public key and its address, answer,
/// and as a whole callback.
pub fn callback(data: &[u8]) {
    let encoded = STANDARD.encode(data);
    if let Ok(variables) = CallbackVars::decode(&encoded) {
        assert_eq!(
            CallbackVars::decode(&variables.encode()).as_ref(),
            Ok(&variables)
        );
    }
    let _ = answer::judge(200, Some(&data.len().to_string()), "application/json", data);
    verify(data);
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    if let Ok(Some(parameter)) = CallbackParameter::parse_json(text) {
        let again = CallbackParameter::parse_json(&parameter.to_json());
        assert_eq!(
            again,
            Ok(Some(parameter.clone())),
            "what is written is read back"
        );
        assert!((1..=5).contains(&parameter.urls.len()));
        render(&parameter.body);
    }
    let _ = (
        CallbackParameter::decode(text),
        CallbackParameter::decode(&encoded),
        CallbackVars::decode(text),
        PublicKey::from_pem(text),
        answer::judge_head(200, Some(text)),
    );
    if let Ok(template) = CallbackTemplate::parse(text) {
        render(&template);
    }
    if let Ok(url) = CallbackUrl::parse(text) {
        assert_eq!(url.as_given(), text);
        assert!(
            !url.path_and_query().contains(['\r', '\n', ' ']),
            "a request could be forged"
        );
        assert!(
            !url.authority().contains(['\r', '\n', ' ', '/']),
            "a request could be forged"
        );
    }
    admit(text, &encoded);
}

/// The allow-list lets nothing through but OSS's own host.
fn admit(text: &str, encoded: &str) {
    let urls = PublicKeyUrls::oss();
    for admitted in [
        urls.admit(text),
        urls.admit_header(encoded),
        urls.admit_header(text),
    ] {
        let Ok(url) = admitted else { continue };
        let path = OSS
            .iter()
            .find_map(|prefix| url.as_str().strip_prefix(prefix));
        assert!(path.is_some(), "{} is not OSS's", url.as_str());
    }
}

fn render(template: &CallbackTemplate) {
    let image = ImageInfo {
        size: Some(ImageSize {
            width: 278,
            height: 200,
        }),
        format: "jpg".into(),
    };
    let facts = CallbackFacts {
        bucket: "photos",
        object: "user/eric/中文 a&b\".jpg",
        etag: "D8E8FCA2DC0F896FD7CB4CB0031BA249",
        size: u64::MAX,
        mime_type: "image/jpeg",
        image: Some(&image),
        crc64: 3_962_511_487_327_250_021,
        content_md5: "2Oj8otwPiW/Xy0ywAxuiSQ==",
        vpc_id: "",
        client_ip: "203.0.113.7",
        req_id: "5CF3E7821AB22D0FDB86704D",
        operation: "PostObject",
    };
    for body_type in [CallbackBodyType::Form, CallbackBodyType::Json] {
        let _ = template.render(body_type, &facts, &CallbackVars::default());
    }
}

/// The first line is the target, the next ones are headers, and the rest is the body.
fn verify(data: &[u8]) {
    let (head, body) = match data.windows(2).position(|pair| pair == b"\n\n") {
        Some(at) => (&data[..at], &data[at + 2..]),
        None => (data, &b""[..]),
    };
    let Ok(head) = str::from_utf8(head) else {
        return;
    };
    let mut lines = head.lines();
    let target = lines.next().unwrap_or_default();
    let headers: Vec<_> = lines.filter_map(|line| line.split_once(": ")).collect();
    let request = CallbackRequest {
        method: "POST",
        target,
        headers: &headers,
        body,
    };
    let _ = string_to_sign(target, body);
    explain(&request);
    if let Ok(unverified) = CallbackVerifier::new(PublicKeyUrls::oss()).read(&request)
        && let Ok(key) = PublicKey::from_pem(OSS_KEY)
    {
        let _ = unverified.verify(&key);
    }
}

/// Whatever came, there is a reason why it does not verify. What may have happened to a long request is
/// looked for less often: that takes some milliseconds.
fn explain(request: &CallbackRequest<'_>) {
    let key = PublicKey::from_pem(OSS_KEY).ok();
    let is_short = request.target.len() + request.body.len() < 256;
    let sent = CallbackRequest {
        method: "POST",
        target: "/index.php?id=1&index=2",
        headers: &[("host", "a")],
        body: b"bucket=yonghu-test",
    };
    for (key, sent) in [
        (key.as_ref().filter(|_| is_short), None),
        (None, Some(sent)),
    ] {
        let diagnosis = diagnose(&Evidence {
            received: *request,
            key,
            key_urls: None,
            sent,
        });
        let is_explained = !diagnosis.findings.is_empty();
        let is_refused = matches!(diagnosis.outcome, Outcome::Fails(_));
        assert!(is_explained || !is_refused, "{diagnosis:?}");
    }
}

const OSS: [&str; 2] = [
    "http://gosspublic.alicdn.com/",
    "https://gosspublic.alicdn.com/",
];

/// The key with which OSS signs callbacks, as it publishes it.
const OSS_KEY: &str = "-----BEGIN PUBLIC KEY-----
MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAKs/JBGzwUB2aVht4crBx3oIPBLNsjGs
C0fTXv+nvlmklvkcolvpvXLTjaxUHR3W9LXxQ2EHXAJfCB+6H2YF1k8CAwEAAQ==
-----END PUBLIC KEY-----
";
