//! The public half of the key that callbacks are signed with, at the path that OSS has it.

use http::StatusCode;

use crate::http::answer::Answer;
use crate::http::service::plain;
use crate::node::Server;

pub(crate) fn run(server: &Server) -> Answer {
    plain(
        StatusCode::OK,
        "application/x-pem-file",
        server.public_key_pem.clone(),
    )
}
