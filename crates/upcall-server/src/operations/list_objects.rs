//! `ListObjects` (GetBucket): one page of keys in the order of their bytes. Source: OSS, "GetBucket
//! (ListObjects)".

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use http::StatusCode;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use upcall::error::{Refusal, WireError, escape_xml};
use upcall_store::catalog::{BucketFacts, ListObjects, ObjectPage};

use super::existing;
use crate::access::{self, Action};
use crate::clock::iso_date;
use crate::fault;
use crate::http::answer::Answer;
use crate::http::service::{Call, Outcome};
use crate::http::target::Query;
use crate::limits;
use crate::node::Server;

pub(crate) async fn run(
    server: &Arc<Server>,
    call: &Call,
    bucket: Option<Arc<BucketFacts>>,
) -> Outcome {
    let request = Request::parse(&call.target.query)?;
    let requester = access::authenticate(server, call).await?;
    let bucket = existing(call, bucket)?;
    access::may(&requester, Action::List, Some(&bucket))?;
    let page = server
        .catalog
        .list_objects(&ListObjects {
            bucket: bucket.name.clone(),
            prefix: request.prefix.clone(),
            marker: request.marker.clone(),
            delimiter: request.delimiter.clone(),
            max_keys: request.max_keys,
        })
        .await
        .map_err(|error| fault::of_catalog(&error, call.id))?;
    Ok(Answer::xml(StatusCode::OK, request.write(&bucket, &page)))
}

struct Request {
    prefix: String,
    marker: String,
    delimiter: Option<String>,
    max_keys: usize,
    encoding: Encoding,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Encoding {
    Plain,
    Url,
}

impl Request {
    fn parse(query: &Query) -> Result<Self, Refusal> {
        if query.has("list-type") {
            return Err(Refusal::new(WireError::NOT_IMPLEMENTED)
                .extra("Header", "list-type")
                .hint("this server lists by `marker`; leave `list-type` out"));
        }
        let text = |name: &str| query.value(name).unwrap_or_default().to_owned();
        let max_keys = match query.value("max-keys").filter(|value| !value.is_empty()) {
            None => DEFAULT_KEYS,
            Some(value) => value
                .parse()
                .ok()
                .filter(|count| (1..=limits::LIST_PAGE_KEYS).contains(count))
                .ok_or_else(|| {
                    invalid("max-keys", value, "`max-keys` is a number from 1 to 1000")
                })?,
        };
        let encoding = match query.value("encoding-type") {
            None | Some("") => Encoding::Plain,
            Some("url") => Encoding::Url,
            Some(other) => return Err(invalid("encoding-type", other, "`encoding-type` is `url`")),
        };
        for name in ["prefix", "marker", "delimiter"] {
            if query.value(name).is_some_and(|value| value.len() > 1023) {
                return Err(invalid(name, "…", "it has at most 1,023 bytes"));
            }
        }
        Ok(Self {
            prefix: text("prefix"),
            marker: text("marker"),
            delimiter: Some(text("delimiter")).filter(|text| !text.is_empty()),
            max_keys,
            encoding,
        })
    }

    fn write(&self, bucket: &BucketFacts, page: &ObjectPage) -> String {
        let mut xml = String::with_capacity(1024 + page.objects.len() * 400);
        xml.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult>\n");
        // Writing to a String cannot fail, here and below.
        let _ = write!(
            xml,
            "  <Name>{}</Name>\n  <Prefix>{}</Prefix>\n  <Marker>{}</Marker>\n  \
             <MaxKeys>{}</MaxKeys>\n  <Delimiter>{}</Delimiter>\n",
            bucket.name,
            self.name(&self.prefix),
            self.name(&self.marker),
            self.max_keys,
            self.name(self.delimiter.as_deref().unwrap_or_default()),
        );
        if self.encoding == Encoding::Url {
            xml.push_str("  <EncodingType>url</EncodingType>\n");
        }
        let _ = writeln!(
            xml,
            "  <IsTruncated>{}</IsTruncated>",
            page.next_marker.is_some()
        );
        if let Some(next) = &page.next_marker {
            let _ = writeln!(xml, "  <NextMarker>{}</NextMarker>", self.name(next));
        }
        let owner = escape_xml(&bucket.owner);
        for object in &page.objects {
            let _ = write!(
                xml,
                "  <Contents>\n    <Key>{}</Key>\n    <LastModified>{}</LastModified>\n    \
                 <ETag>{}</ETag>\n    <Type>Normal</Type>\n    <Size>{}</Size>\n    \
                 <StorageClass>{}</StorageClass>\n    <Owner>\n      <ID>{owner}</ID>\n      \
                 <DisplayName>{owner}</DisplayName>\n    </Owner>\n  </Contents>\n",
                self.name(object.key.as_str()),
                iso_date(object.modified),
                escape_xml(&object.etag.quoted()),
                object.length,
                escape_xml(&object.storage_class),
            );
        }
        for prefix in &page.common_prefixes {
            let _ = write!(
                xml,
                "  <CommonPrefixes>\n    <Prefix>{}</Prefix>\n  </CommonPrefixes>\n",
                self.name(prefix)
            );
        }
        xml.push_str("</ListBucketResult>\n");
        xml
    }

    /// A key as the client asked to have it.
    fn name<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.encoding {
            Encoding::Plain => escape_xml(text),
            Encoding::Url => Cow::Owned(utf8_percent_encode(text, URL).to_string()),
        }
    }
}

fn invalid(name: &'static str, value: &str, hint: &'static str) -> Refusal {
    Refusal::new(WireError::INVALID_ARGUMENT)
        .extra("ArgumentName", name)
        .extra("ArgumentValue", value)
        .hint(hint)
}

/// Source: OSS, "GetBucket (ListObjects)" (`max-keys`).
const DEFAULT_KEYS: usize = 100;

/// SDKs decode this with their language's URL decoder.
const URL: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');
