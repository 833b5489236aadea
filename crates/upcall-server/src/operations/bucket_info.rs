//! `GetBucketInfo`. Source: OSS, "GetBucketInfo".

use std::sync::Arc;

use http::StatusCode;
use upcall::error::escape_xml;
use upcall_store::catalog::BucketFacts;

use super::existing;
use crate::access::{self, Action};
use crate::clock::iso_date;
use crate::http::answer::Answer;
use crate::http::service::{Call, Outcome};
use crate::node::Server;

pub(crate) async fn run(
    server: &Arc<Server>,
    call: &Call,
    bucket: Option<Arc<BucketFacts>>,
) -> Outcome {
    let requester = access::authenticate(server, call).await?;
    let bucket = existing(call, bucket)?;
    access::may(&requester, Action::Manage, Some(&bucket))?;
    let endpoint = server.domains.first().map_or("localhost", String::as_str);
    let xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<BucketInfo>\n  <Bucket>\n    \
         <CreationDate>{created}</CreationDate>\n    \
         <ExtranetEndpoint>{endpoint}</ExtranetEndpoint>\n    \
         <IntranetEndpoint>{endpoint}</IntranetEndpoint>\n    \
         <Location>oss-{region}</Location>\n    <Name>{name}</Name>\n    \
         <StorageClass>Standard</StorageClass>\n    <Owner>\n      <DisplayName>{owner}</DisplayName>\n      \
         <ID>{owner}</ID>\n    </Owner>\n    <AccessControlList>\n      <Grant>{acl}</Grant>\n    \
         </AccessControlList>\n  </Bucket>\n</BucketInfo>\n",
        created = iso_date(bucket.created),
        endpoint = escape_xml(endpoint),
        region = escape_xml(&server.region),
        name = bucket.name,
        owner = escape_xml(&bucket.owner),
        acl = bucket.acl.as_str(),
    );
    Ok(Answer::xml(StatusCode::OK, xml))
}
