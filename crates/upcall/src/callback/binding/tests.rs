//! The binding against the vectors, which every language of the kit reads.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::tests::{read, text};
use super::super::{
    CallbackBodyType, CallbackFacts, CallbackParameter, CallbackVars, InvalidCallback,
};
use super::*;

fn permission(json: &Value) -> Permission {
    let member = |name| json.get(name).map(|value| text(value).to_owned());
    Permission {
        bucket: member("bucket").unwrap(),
        permitted: match member("key") {
            Some(key) => Permitted::Key(key),
            None => Permitted::Prefix(member("prefix").unwrap()),
        },
        user: member("user"),
        expires: json["expires"].as_u64().unwrap(),
    }
}

/// Of any bytes, as an access key secret is.
fn key(secret: &Value) -> BindingKey {
    BindingKey::of_access_key(&AccessKeySecret::new(text(secret)))
}

#[test]
fn every_maker_makes_the_same_token() {
    let vectors = read("binding.json");
    let rows = vectors["make"].as_array().unwrap();
    assert_eq!(rows.len(), 11);
    for row in rows {
        let permission = permission(&row["permission"]);
        assert_eq!(permission.to_json(), text(&row["text"]), "{}", row["name"]);
        let made = Binding::new(key(&row["secret"])).make(&permission);
        assert_eq!(made, text(&row["token"]), "{}", row["name"]);
    }
    assert_eq!(vectors["grace"], GRACE.as_secs());
}

#[test]
fn every_verifier_gives_the_same_answer() {
    let vectors = read("binding.json");
    let rows = vectors["verify"].as_array().unwrap();
    assert_eq!(rows.len(), 70);
    for row in rows {
        let mut keys = row["secrets"].as_array().unwrap().iter().map(key);
        let binding = Binding::new(keys.next().unwrap());
        let binding = keys.fold(binding, Binding::or_key);
        // JSON's null is a member that is not read, as one that is not there.
        let body = json!({
            "binding": row["token"], "bucket": row["bucket"], "object": row["object"],
        });
        let now = Timestamp::from_second(row["now"].as_i64().unwrap()).unwrap();
        let verified = binding.verify(body.to_string().as_bytes(), now);
        let wanted = &row["result"];
        if let Some(code) = wanted.as_str() {
            let refused = verified.expect_err(text(&row["name"]));
            assert_eq!(refused.code(), code, "{}", row["name"]);
        } else {
            assert_eq!(verified, Ok(permission(wanted)), "{}", row["name"]);
        }
    }
}

#[test]
fn a_field_that_stands_twice_is_refused_before_the_binding_is_read() {
    let binding = Binding::new(BindingKey::of_secret("sixteen letters!").unwrap());
    let now = Timestamp::UNIX_EPOCH;
    let permitted = Permitted::Prefix("a/".to_owned());
    let token = binding.make(&Permission::until(now, GRACE, "photos", permitted));
    let body = format!("bucket=photos&object=a%2Fb&binding={token}");
    assert!(binding.verify(body.as_bytes(), now).is_ok());
    for more in ["&object=c", "&bucket=photos", "&binding="] {
        let refused = binding.verify(format!("{body}{more}").as_bytes(), now);
        assert_eq!(refused.unwrap_err().code(), "body-field-twice", "{more}");
    }
}

#[test]
fn a_setting_holds_secrets_that_are_long_enough() {
    let access_key = AccessKeySecret::new("sk");
    let setting = |text: &str| Binding::from_setting(text, &access_key);
    let old = setting("the-secret-of-last-year").unwrap();
    let both = setting("the-secret-of-this-year, the-secret-of-last-year,").unwrap();
    let none = setting(" ").unwrap();
    let permitted = Permitted::Key("a".to_owned());
    let permission = Permission::until(Timestamp::UNIX_EPOCH, GRACE, "photos", permitted);
    let body = |made_by: &Binding| {
        format!(
            "bucket=photos&object=a&binding={}",
            made_by.make(&permission)
        )
    };
    let verify = |by: &Binding, body: String| by.verify(body.as_bytes(), Timestamp::UNIX_EPOCH);
    assert!(verify(&both, body(&old)).is_ok());
    assert!(verify(&both, body(&both)).is_ok());
    assert_eq!(verify(&old, body(&both)), Err(BindingError::Mac));
    let of_access_key = Binding::new(BindingKey::of_access_key(&access_key));
    assert!(verify(&of_access_key, body(&none)).is_ok());
    assert_eq!(verify(&both, body(&none)), Err(BindingError::Mac));
    for short in ["fifteen letters", "the-secret-of-this-year,short"] {
        assert!(setting(short).is_err(), "{short}");
    }
}

#[test]
fn a_key_is_never_printed() {
    let key = BindingKey::of_secret("sixteen letters!").unwrap();
    assert_eq!(
        format!("{:?}", Binding::new(key)),
        "Binding { first: BindingKey(…), others: [] }"
    );
}

#[test]
fn a_template_carries_its_binding_in_either_body_type() {
    let binding = Binding::new(BindingKey::of_secret("sixteen letters!").unwrap());
    let now = Timestamp::UNIX_EPOCH;
    let permitted = Permitted::Prefix("猫/".to_owned());
    let permission = Permission::until(now, GRACE, "photos", permitted).user("ünal");
    let token = binding.make(&permission);
    let facts = CallbackFacts {
        bucket: "photos",
        object: "猫/\"1\" & 2.png",
        etag: "00",
        size: 5,
        mime_type: "image/png",
        image: None,
        crc64: 1,
        content_md5: "",
        vpc_id: "",
        client_ip: "::1",
        req_id: "A1",
        operation: "PostObject",
    };
    for (template, body_type) in [
        ("bucket=${bucket}&object=${object}", CallbackBodyType::Form),
        (
            " {\"bucket\":${bucket},\"object\":${object}} ",
            CallbackBodyType::Json,
        ),
    ] {
        let builder = CallbackParameter::builder("http://a.example/", template);
        let callback = builder
            .body_type(body_type)
            .binding(&token)
            .build()
            .unwrap();
        let variables = CallbackVars::default();
        let body = callback.body.render(body_type, &facts, &variables).unwrap();
        let verified = binding.verify(body.as_bytes(), now);
        assert_eq!(verified.as_ref(), Ok(&permission), "{body}");
    }
}

#[test]
fn a_binding_stands_only_where_it_can_be_verified() {
    for (template, body_type) in [
        ("object=${object}", CallbackBodyType::Form),
        ("bucket=${bucket}", CallbackBodyType::Form),
        ("bucket=photos&object=${object}", CallbackBodyType::Form),
        ("[${bucket},${object}]", CallbackBodyType::Json),
        ("${bucket} ${object}", CallbackBodyType::Json),
    ] {
        let builder = CallbackParameter::builder("http://a.example/", template);
        let refused = builder.body_type(body_type).binding("v1.a.b").build();
        let why = refused.unwrap_err().why().clone();
        assert_eq!(why, InvalidCallback::BodyUnbindable, "{template}");
    }
}
