//! HTTP by hand.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;

use serde_json::Value;

use crate::program::HUNG;

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(has, _)| has.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }
}

/// Sends a request with these headers, each ended by CRLF, and reads until the connection ends.
pub(crate) fn ask(address: &str, line: &str, headers: &str, body: &[u8]) -> Answer {
    try_ask(address, line, headers, body).unwrap()
}

/// As [`ask`], of a server that may be gone before it has answered.
pub(crate) fn try_ask(address: &str, line: &str, headers: &str, body: &[u8]) -> io::Result<Answer> {
    let mut socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(HUNG))?;
    let head = format!(
        "{line} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n",
        body.len()
    );
    // A server that refuses answers before it has read everything.
    let sent = socket
        .write_all(head.as_bytes())
        .and_then(|()| socket.write_all(body));
    let mut text = String::new();
    let read = socket.read_to_string(&mut text);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        sent.and(read)?;
        return Err(io::ErrorKind::UnexpectedEof.into());
    };
    let answer = Answer {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        head: head.to_owned(),
        body: body.to_owned(),
    };
    let length = answer.header("content-length").map(str::parse);
    match length {
        Some(Ok(length)) if answer.body.len() < length && !line.starts_with("HEAD ") => {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
        _ => Ok(answer),
    }
}

pub(crate) fn get(address: &str, target: &str) -> Answer {
    ask(address, &format!("GET {target}"), "", b"")
}

/// The content type of [`form`]'s body, as a header.
pub(crate) const FORM: &str = "Content-Type: multipart/form-data; boundary=cut\r\n";

/// The fields that `upcall policy sign --json` printed.
pub(crate) fn fields_of(signed: &Value) -> Vec<(String, String)> {
    let fields = signed["fields"].as_object().unwrap();
    fields
        .iter()
        .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
        .collect()
}

/// The fields, then a file of this name.
pub(crate) fn form(fields: &[(String, String)], name: &str, file: &str) -> Vec<u8> {
    let part = |head: &str, value: &str| {
        format!("--cut\r\nContent-Disposition: form-data; {head}\r\n\r\n{value}\r\n")
    };
    let mut body: String = fields
        .iter()
        .map(|(name, value)| part(&format!("name=\"{name}\""), value))
        .collect();
    body += &part(&format!("name=\"file\"; filename=\"{name}\""), file);
    body += "--cut--\r\n";
    body.into_bytes()
}
