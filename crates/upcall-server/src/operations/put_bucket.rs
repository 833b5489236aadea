//! `PutBucket`: creates a bucket; creating it again changes its ACL where one is given.
//!
//! The body may carry `CreateBucketConfiguration`; this server has one storage class, so it is read
//! only to be bounded. Source: OSS, "PutBucket".

use std::sync::Arc;

use http::StatusCode;
use http::header;
use upcall::error::{Refusal, WireError};
use upcall_store::catalog::{BucketFacts, CatalogError};

use super::bucket_acl::{X_OSS_ACL, parse_acl};
use super::xml_body;
use crate::access::{self, Action};
use crate::fault;
use crate::http::answer::Answer;
use crate::http::service::{Call, Outcome};
use crate::limits;
use crate::node::Server;

pub(crate) async fn run(server: &Arc<Server>, call: Call) -> Outcome {
    let requester = access::authenticate(server, &call).await?;
    access::may(&requester, Action::Manage, None)?;
    let acl = call.headers.get(X_OSS_ACL).map(parse_acl).transpose()?;
    let name = call
        .target
        .bucket
        .clone()
        .expect("the route table asks for a bucket");
    let id = call.id;
    xml_body::read(call).await?;

    let facts = BucketFacts {
        callback: upcall_store::catalog::CallbackSettings::default(),
        forms: upcall_store::catalog::FormRules::default(),
        name: name.clone(),
        acl: acl.unwrap_or_default(),
        cors: None,
        owner: server.owner.clone(),
        created: server.clock.now(),
    };
    let buckets = server
        .catalog
        .buckets()
        .await
        .map_err(|error| fault::of_catalog(&error, id))?;
    if buckets.len() >= limits::BUCKETS && !buckets.iter().any(|bucket| bucket.name == name) {
        return Err(Refusal::new(WireError::TOO_MANY_BUCKETS).hint(format!(
            "this server has at most {} buckets; delete one first",
            limits::BUCKETS
        )));
    }
    match (
        server
            .catalog
            .create_bucket(&facts, &requester.writer())
            .await,
        acl,
    ) {
        (Ok(()), _) | (Err(CatalogError::BucketExists), None) => {}
        (Err(CatalogError::BucketExists), Some(acl)) => {
            let changed = server
                .catalog
                .set_bucket_acl(&name, acl, &requester.writer())
                .await;
            changed.map_err(|error| fault::of_catalog(&error, id))?;
        }
        (Err(error), _) => return Err(fault::of_catalog(&error, id)),
    }
    Ok(Answer::new(StatusCode::OK).header(header::LOCATION, &format!("/{name}")))
}
