//! Uploads that never were, and the callback body of each.

use upcall::callback::{CallbackFacts, CallbackParameter, CallbackVars, ImageInfo, ImageSize};

use super::bound;
use crate::config::args::FixtureArg;
use crate::data::{DataFolder, random_hex};
use crate::terminal::message::Failure;

/// A callback's body, and what of it stands in headers, too.
pub(super) struct Fixture {
    pub(super) bucket: &'static str,
    pub(super) request_id: String,
    pub(super) body: String,
}

impl Fixture {
    /// Rendered as the storage server renders it, with a binding if the application's secret is known.
    pub(super) fn new(which: FixtureArg, url: &str, data: &DataFolder) -> Result<Self, Failure> {
        let request_id = random_hex(12)?.to_uppercase();
        let image = ImageInfo {
            format: "jpg".to_owned(),
            size: Some(ImageSize {
                width: 1200,
                height: 800,
            }),
        };
        let text = CallbackFacts {
            bucket: BUCKET,
            object: "uploads/guest/notes.txt",
            etag: "5D41402ABC4B2A76B9719D911017C592",
            size: 5,
            mime_type: "text/plain",
            image: None,
            crc64: 11_177_612_005_948_864_433,
            content_md5: "XUFAKrxLKna5cZ2REBfFkg==",
            vpc_id: "",
            client_ip: "127.0.0.1",
            req_id: &request_id,
            operation: "PostObject",
        };
        let facts = match which {
            FixtureArg::Text => text,
            FixtureArg::Unicode => CallbackFacts {
                // What gets lost when a receiver decodes too early or too often.
                object: "uploads/guest/小猫 & friends +100%25=ü.txt",
                ..text
            },
            FixtureArg::Image => CallbackFacts {
                object: "uploads/guest/cat.jpg",
                etag: "0CC175B9C0F1B6A831C399E269772661",
                size: 184_211,
                mime_type: "image/jpeg",
                image: Some(&image),
                crc64: 3_696_528_531_214_190_083,
                content_md5: "DMF1ucDxtqgxw5niaXcmYQ==",
                ..text
            },
        };
        let builder = CallbackParameter::builder(url, TEMPLATE);
        let parameter = match bound::token(data, BUCKET, FOLDER, "guest")? {
            Some(token) => builder.binding(&token).build()?,
            None => builder.build()?,
        };
        let body = parameter
            .body
            .render(parameter.body_type, &facts, &CallbackVars::default());
        let body = body.map_err(|failure| Failure::new(failure.refusal().text().to_owned()))?;
        Ok(Self {
            bucket: BUCKET,
            request_id,
            body,
        })
    }
}

const BUCKET: &str = "photos";

/// Where the objects of all fixtures lie.
const FOLDER: &str = "uploads/guest/";

/// What most applications ask for, and the examples with them.
const TEMPLATE: &str = "bucket=${bucket}&object=${object}&etag=${etag}&size=${size}\
     &mimeType=${mimeType}&height=${imageInfo.height}&width=${imageInfo.width}&requestId=${reqId}";
