//! Forms that must be refused: the documented error, and nothing left behind.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::form::{Form, sign};
use crate::server::{KEY_ID, SECRET, Setup, TestServer};

struct Row {
    name: &'static str,
    form: Form,
    status: u16,
    code: &'static str,
    message: &'static str,
    ec: &'static str,
}

fn row(
    name: &'static str,
    form: Form,
    (status, code, message, ec): (u16, &'static str, &'static str, &'static str),
) -> Row {
    Row {
        name,
        form,
        status,
        code,
        message,
        ec,
    }
}

async fn assert_all_refused(rows: Vec<Row>) {
    let server = TestServer::start().await;
    for Row {
        name,
        form,
        status,
        code,
        message,
        ec,
    } in rows
    {
        let answer = server.post(&form).await;
        let text = answer.text();
        assert_eq!(
            (answer.status, answer.element("Code").as_str()),
            (status, code),
            "{name}: {text}"
        );
        assert!(
            answer.element("Message").contains(message),
            "{name}: {text}"
        );
        assert_eq!(answer.element("EC"), ec, "{name}: {text}");
        assert!(
            !answer.element("Hint").is_empty(),
            "{name}: no hint: {text}"
        );
        assert!(!text.contains(SECRET), "{name}");
    }
    for bucket in ["photos", "open", "shown"] {
        assert!(server.keys(bucket).await.is_empty(), "{bucket}");
    }
    assert_eq!(server.blob_files(), 0);
}

fn policy_row(name: &'static str, policy: &str, ec: &'static str) -> Row {
    let form = Form::empty("photos")
        .field("key", "a")
        .policy_text(policy)
        .file("a", b"hello");
    row(
        name,
        form,
        (400, "InvalidPolicyDocument", "Invalid Policy", ec),
    )
}

const MALFORMED: (u16, &str, &str, &str) = (
    400,
    "MalformedPOSTRequest",
    "The body of your POST request is not well-formed multipart/form-data.",
    "0006-00000104",
);

#[tokio::test]
async fn forms_that_are_none() {
    let good = || Form::signed("photos", "a").file("a", b"hello");
    let not_multipart = (
        400,
        "RequestIsNotMultiPartContent",
        "enclosure-type multipart/form-data",
        "",
    );
    let no_key = (
        400,
        "InvalidArgument",
        "must contain the specified 'key'",
        "",
    );
    let many_files = (
        400,
        "IncorrectNumberOfFilesInPOSTRequest",
        "exactly one file",
        "",
    );
    let invalid_name = (400, "InvalidObjectName", "", "");
    let long_name = "n".repeat(9 * 1024);
    let long_value = "v".repeat(3 * 1024 * 1024);
    let long_key = "k".repeat(1024);
    let nameless = b"Content-Disposition: form-data\r\n\r\nx";
    assert_all_refused(vec![
        row(
            "no content type",
            good().with_content_type(""),
            not_multipart,
        ),
        row(
            "other content type",
            good().with_content_type("application/json"),
            not_multipart,
        ),
        row(
            "wrong boundary",
            good().with_content_type("multipart/form-data; boundary=other"),
            MALFORMED,
        ),
        row("truncated", good().unclosed(), MALFORMED),
        row("no file", Form::signed("photos", "a"), MALFORMED),
        row("empty form", Form::empty("photos"), MALFORMED),
        row(
            "field without a name",
            Form::empty("photos").part(nameless).file("a", b"x"),
            (400, "InvalidArgument", "unrecognized field name", ""),
        ),
        row(
            "9 KiB field name",
            Form::empty("photos").field(&long_name, "x").file("a", b"x"),
            (
                400,
                "FieldItemTooLong",
                "Your name of form field is too long.",
                "0006-00000110",
            ),
        ),
        row(
            "3 MB field value",
            Form::empty("photos")
                .field("x", &long_value)
                .file("a", b"x"),
            (400, "FieldItemTooLong", "", "0006-00000111"),
        ),
        row(
            "9 MB of fields",
            (0..6)
                .fold(Form::empty("photos"), |form, n| {
                    form.field(&format!("x{n}"), &long_value[..1_600_000])
                })
                .file("a", b"x"),
            (
                400,
                "MaxPOSTPreDataLengthExceededError",
                "fields preceding the upload file were too large",
                "0006-00000112",
            ),
        ),
        row(
            "a field twice",
            Form::signed("photos", "a")
                .field("x:a", "1")
                .field("x:a", "1")
                .file("a", b"x"),
            (400, "InvalidArgument", "", ""),
        ),
        row(
            "a field twice that a condition names",
            Form::empty("photos")
                .field("key", "a")
                .policy("[[\"starts-with\",\"$tags\",\"\"]]")
                .field("tags", "1")
                .field("tags", "1")
                .file("a", b"x"),
            (403, "AccessDenied", "\"$tags\"", "0006-00000227"),
        ),
        row(
            "a file of another name",
            Form::signed("photos", "a").part(
                b"Content-Disposition: form-data; name=\"avatar\"; filename=\"a\"\r\n\r\n\xff",
            ),
            many_files,
        ),
        row(
            "two content types made one",
            good().with_content_type("application/json, multipart/form-data; boundary=B"),
            not_multipart,
        ),
        row(
            "a file name that cannot be read, in the key",
            Form::signed("photos", "dir/${filename}")
                .part(b"Content-Disposition: form-data; name=file; filename*=gbk''%E8\r\n\r\nx"),
            (400, "InvalidArgument", "", ""),
        ),
        row(
            "a field twice in another case",
            Form::signed("photos", "a")
                .field("Key", "b")
                .file("a", b"x"),
            (400, "InvalidArgument", "", ""),
        ),
        row("two files", good().file("b", b"other"), many_files),
        row(
            "no key",
            Form::empty("photos")
                .policy("[[\"starts-with\",\"$x\",\"\"]]")
                .file("a", b"x"),
            no_key,
        ),
        row(
            "file before key",
            Form::empty("photos").file("a", b"hello").field("key", "a"),
            no_key,
        ),
        row(
            "empty key",
            Form::signed("photos", "").file("a", b"x"),
            invalid_name,
        ),
        row(
            "key of 1024 bytes",
            Form::signed("photos", &long_key).file("a", b"x"),
            invalid_name,
        ),
        row(
            "key with a slash in front",
            Form::signed("photos", "/a").file("a", b"x"),
            invalid_name,
        ),
        row(
            "key with NUL",
            Form::signed("photos", "a\0b").file("a", b"x"),
            invalid_name,
        ),
        row(
            "key with CR LF",
            Form::signed("photos", "a\r\nb").file("a", b"x"),
            invalid_name,
        ),
        row(
            "no such bucket",
            Form::signed("nothing", "a").file("a", b"x"),
            (
                404,
                "NoSuchBucket",
                "The specified bucket does not exist.",
                "0015-00000101",
            ),
        ),
        row(
            "invalid bucket",
            Form::signed("No_Bucket", "a").file("a", b"x"),
            (
                400,
                "InvalidBucketName",
                "The specified bucket is not valid.",
                "",
            ),
        ),
        row(
            "unknown encryption",
            Form::signed("photos", "a")
                .field("x-oss-server-side-encryption", "ROT13")
                .file("a", b"x"),
            (400, "InvalidEncryptionAlgorithmError", "", ""),
        ),
        row(
            "unknown ACL",
            Form::signed("photos", "a")
                .field("x-oss-object-acl", "everybody")
                .file("a", b"x"),
            (400, "InvalidArgument", "", ""),
        ),
        row(
            "too much metadata",
            Form::signed("photos", "a")
                .field("x-oss-meta-a", &long_value[..9000])
                .file("a", b"x"),
            (400, "InvalidArgument", "", ""),
        ),
    ])
    .await;
}

#[tokio::test]
async fn policies_that_are_none() {
    let encoded = |text: &str| {
        Form::empty("photos")
            .field("key", "a")
            .policy_field(text)
            .file("a", b"hello")
    };
    let not_base64 = (
        400,
        "InvalidPolicyDocument",
        "Invalid Policy",
        "0006-00000202",
    );
    let good = r#"{"expiration":"2099-01-01T00:00:00Z","conditions":[["eq","$key","a"]]}"#;
    let spare_bits = {
        // "…}" ends in a group of one byte, whose last character has four spare bits.
        let text = STANDARD.encode(format!("{good}{}", " ".repeat((4 - good.len() % 3) % 3)));
        let at = text.trim_end_matches('=').len() - 1;
        let last = text.as_bytes()[at] + 1;
        format!("{}{}{}", &text[..at], char::from(last), &text[at + 1..])
    };
    let with = |conditions: &str| {
        format!(r#"{{"expiration":"2099-01-01T00:00:00Z","conditions":{conditions}}}"#)
    };
    assert_all_refused(vec![
        row("not base64", encoded("%%%%"), not_base64),
        row("base64 with spare bits", encoded(&spare_bits), not_base64),
        row("base64 without padding", encoded(STANDARD.encode("{\"a\":1}").trim_end_matches('=')), not_base64),
        policy_row("not JSON", "hello", "0006-00000204"),
        policy_row("a member twice", r#"{"expiration":"2099-01-01T00:00:00Z","expiration":"2099-01-01T00:00:00Z","conditions":[["eq","$key","a"]]}"#, "0006-00000204"),
        policy_row("empty", "{}", "0006-00000209"),
        policy_row("no expiration", r#"{"conditions":[["eq","$key","a"]]}"#, "0006-00000208"),
        policy_row("no conditions", r#"{"expiration":"2099-01-01T00:00:00Z"}"#, "0006-00000207"),
        policy_row("expiration is a number", r#"{"expiration":4070908800,"conditions":[["eq","$key","a"]]}"#, "0006-00000210"),
        policy_row("expiration is local time", r#"{"expiration":"2099-01-01 00:00:00","conditions":[["eq","$key","a"]]}"#, "0006-00000212"),
        policy_row("conditions is empty", &with("[]"), "0006-00000215"),
        policy_row("unknown operator", &with(r#"[["ends-with","$key","a"]]"#), "0006-00000217"),
        policy_row("range reversed", &with(r#"[["content-length-range",10,1]]"#), "0006-00000219"),
    ])
    .await;
    for bound in ["-1", "1.5", "18446744073709551616", "1e3", "\"10\""] {
        let server = TestServer::start().await;
        let text = with(&format!(r#"[["content-length-range",0,{bound}]]"#));
        let form = Form::empty("photos")
            .field("key", "a")
            .policy_text(&text)
            .file("a", b"hello");
        let answer = server.post(&form).await;
        answer.assert_refused(400, "InvalidPolicyDocument", "Invalid Policy");
    }
}

#[tokio::test]
async fn policies_that_do_not_hold() {
    let form = |conditions: &str| {
        Form::empty("photos")
            .field("key", "user/a")
            .policy(conditions)
            .file("a", b"hello")
    };
    let denied = |message| (403, "AccessDenied", message, "0006-00000227");
    let expired = Form::empty("photos")
        .field("key", "a")
        .policy_until("2020-01-01T00:00:00.000Z", r#"[["starts-with","$key",""]]"#)
        .file("a", b"hello");
    assert_all_refused(vec![
        row(
            "expired",
            expired,
            (
                403,
                "AccessDenied",
                "Invalid according to Policy: Policy expired.",
                "0006-00000213",
            ),
        ),
        row(
            "other prefix",
            form(r#"[["starts-with","$key","other/"]]"#),
            denied("Policy Condition failed: [\"starts-with\", \"$key\", \"other/\"]"),
        ),
        row(
            "other bucket",
            form(r#"[{"bucket":"open"}]"#),
            denied("Policy Condition failed: [\"eq\", \"$bucket\", \"open\"]"),
        ),
        row(
            "missing field",
            form(r#"[{"a":"a"}]"#),
            denied("Policy Condition failed: [\"eq\", \"$a\", \"a\"]"),
        ),
        row(
            "other type",
            form(r#"[["in","$content-type",["image/png"]]]"#),
            denied("content-type"),
        ),
        row(
            "too large",
            form(r#"[["content-length-range",0,4]]"#),
            (
                400,
                "EntityTooLarge",
                "Your proposed upload exceeds the maximum allowed size",
                "0006-00000003",
            ),
        ),
        row(
            "too small",
            form(r#"[["content-length-range",6,10]]"#),
            (
                400,
                "EntityTooSmall",
                "Your proposed upload smaller than the minimum allowed size",
                "0006-00000004",
            ),
        ),
    ])
    .await;
}

#[tokio::test]
async fn signatures_that_do_not_match() {
    let policy = STANDARD.encode(
        r#"{"expiration":"2099-01-01T00:00:00Z","conditions":[["starts-with","$key",""]]}"#,
    );
    let form = |id: &str, signature: &str| {
        Form::empty("photos")
            .field("key", "a")
            .field("OSSAccessKeyId", id)
            .field("policy", &policy)
            .field("Signature", signature)
            .file("a", b"hello")
    };
    let good = sign(SECRET, &policy);
    // 20 bytes end in a group of two: its last character has two spare bits.
    let spare = format!("{}{}=", &good[..26], char::from(good.as_bytes()[26] + 1));
    let mismatch = (
        403,
        "SignatureDoesNotMatch",
        "The request signature we calculated",
        "0002-00000705",
    );
    let argument = |message, ec| (400, "InvalidArgument", message, ec);
    let today = jiff::Timestamp::now().strftime("%Y%m%d").to_string();
    let v4 = Form::empty("photos")
        .field("key", "a")
        .field("policy", &policy);
    assert_all_refused(vec![
        row(
            "other secret",
            form(KEY_ID, &sign("other", &policy)),
            mismatch,
        ),
        row("cut short", form(KEY_ID, &good[..20]), mismatch),
        row("spare bits", form(KEY_ID, &spare), mismatch),
        row("other case", form(KEY_ID, &good.to_lowercase()), mismatch),
        row(
            "unknown key",
            form("nobody", &good),
            (
                403,
                "InvalidAccessKeyId",
                "does not exist in our records",
                "0002-00000902",
            ),
        ),
        row(
            "empty signature",
            form(KEY_ID, ""),
            argument("Post request signature is empty.", "0002-00000704"),
        ),
        row(
            "empty id",
            form("", &good),
            argument("Post request accessKeyId is empty.", "0002-00000707"),
        ),
        row(
            "only a policy",
            v4.clone().file("a", b"x"),
            argument("", "0002-00000703"),
        ),
        row(
            "unknown version",
            v4.clone()
                .field("x-oss-signature-version", "2")
                .file("a", b"x"),
            argument("", "0002-00000701"),
        ),
        row(
            "V1 signature as V4",
            v4.field("x-oss-signature-version", "OSS4-HMAC-SHA256")
                .field(
                    "x-oss-credential",
                    &format!("{KEY_ID}/{today}/cn-hangzhou/oss/aliyun_v4_request"),
                )
                .field("x-oss-date", &format!("{today}T000000Z"))
                .field("x-oss-signature", &good)
                .file("a", b"x"),
            mismatch,
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_policy_may_not_expire_while_the_file_arrives() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};
    use tokio::io::AsyncWriteExt as _;

    let seconds = Arc::new(AtomicI64::new(1_900_000_000));
    let now = Arc::clone(&seconds);
    let clock = upcall_server::Clock::from_fn(move || {
        jiff::Timestamp::from_second(now.load(Ordering::Relaxed)).unwrap()
    });
    let server = TestServer::start_with(Setup {
        clock,
        small_bytes: 0,
        ..Setup::default()
    })
    .await;
    let until = jiff::Timestamp::from_second(1_900_000_010)
        .unwrap()
        .to_string();
    let form = Form::empty("photos")
        .field("key", "a")
        .policy_until(&until, r#"[["starts-with","$key",""]]"#)
        .file("a", &vec![7; 3_000_000]);
    let request = form.request("h");
    let (start, end) = request.split_at(2_500_000);

    let mut socket = server.client().connect().await;
    socket.write_all(start).await.unwrap();
    // Admitted: bytes of the file have reached the store.
    let began = std::time::Instant::now();
    while server.blob_files() == 0 {
        assert!(
            began.elapsed() < std::time::Duration::from_secs(10),
            "the file did not arrive"
        );
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    seconds.store(1_900_000_011, Ordering::Relaxed);
    socket.write_all(end).await.unwrap();

    let answer = crate::client::read_answer(&mut socket, "POST")
        .await
        .unwrap();
    answer.assert_refused(403, "AccessDenied", "Policy expired");
    assert!(server.keys("photos").await.is_empty());
}
