//! After a restart: is every key what its worker was told, whole, and listed as it is?

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};

use super::worker::{Content, State, Worker};
use crate::http::{Answer, Connection};
use crate::upload::{Presigned, Signer};

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) keys: u64,
    /// Requests without an answer that were carried out all the same, as they may be.
    pub(super) done_unanswered: u64,
    pub(super) complaints: Vec<String>,
}

/// Compares everything under the worker's prefix, and lets the worker know what is there.
pub(super) async fn check(
    mut worker: Worker,
    storage: SocketAddr,
    signer: Arc<Signer>,
) -> (Worker, Found) {
    let mut found = Found::default();
    if let Err(error) = compare(&mut worker, storage, &signer, &mut found).await {
        found.complaints.push(format!("{error:#}"));
    }
    (worker, found)
}

async fn compare(
    worker: &mut Worker,
    storage: SocketAddr,
    signer: &Signer,
    found: &mut Found,
) -> Result<()> {
    let mut connection = Connection::open(storage)
        .await
        .context("no connection after a start")?;
    let listed = list(&mut connection, signer, &worker.prefix()).await?;
    let mut present = BTreeMap::new();
    for (key, slot) in &mut worker.slots {
        let state = read(&mut connection, signer, key).await?;
        found.keys += 1;
        if slot.unanswered == Some(state) && slot.answered != state {
            found.done_unanswered += 1;
        } else if slot.answered != state {
            found.complaints.push(format!(
                "`{key}` was answered as {:?}, unanswered is {:?}, and it is {state:?}",
                slot.answered, slot.unanswered
            ));
        }
        slot.answered = state;
        slot.unanswered = None;
        if let State::Is(content) = state {
            present.insert(key.clone(), content);
        }
    }
    if listed != present {
        found.complaints.push(format!(
            "the listing has {listed:?}, reading has {present:?}"
        ));
    }
    Ok(())
}

/// Reads one object, whole.
async fn read(connection: &mut Connection, signer: &Signer, key: &str) -> Result<State> {
    let answer = ask(connection, signer, Some(key), &[]).await?;
    if answer.status == 404 {
        return Ok(State::Absent);
    }
    ensure!(
        answer.status == 200,
        "`{key}` was answered with {}",
        answer.status
    );
    let content = Content::of(&answer.body);
    let etag = answer.header("etag").unwrap_or_default();
    let is_named = etag
        .trim_matches('"')
        .eq_ignore_ascii_case(&hex(content.md5));
    ensure!(
        is_named,
        "`{key}` says it is {etag} and is {}",
        hex(content.md5)
    );
    Ok(State::Is(content))
}

/// Lists everything under a prefix, a few keys at a time.
async fn list(
    connection: &mut Connection,
    signer: &Signer,
    prefix: &str,
) -> Result<BTreeMap<String, Content>> {
    let mut listed = BTreeMap::new();
    let mut marker = String::new();
    loop {
        let query = [
            ("max-keys", PAGE_KEYS),
            ("prefix", prefix),
            ("marker", &marker),
        ];
        let query = query.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let answer = ask(connection, signer, None, &query).await?;
        let text = String::from_utf8_lossy(&answer.body);
        ensure!(
            answer.status == 200,
            "the listing was answered with {}: {text}",
            answer.status
        );
        for entry in text.split("<Contents>").skip(1) {
            let element =
                |name| element(entry, name).with_context(|| format!("no {name} in: {entry}"));
            let content = Content {
                length: element("Size")?.parse().context("a size is a number")?,
                md5: unhex(&element("ETag")?.replace("&quot;", "").replace('"', ""))?,
            };
            listed.insert(element("Key")?.to_owned(), content);
        }
        if element(&text, "IsTruncated") != Some("true") {
            return Ok(listed);
        }
        let next = element(&text, "NextMarker").context("a page that is cut has a marker")?;
        ensure!(
            *next > *marker,
            "the marker `{next}` does not lead on from `{marker}`"
        );
        next.clone_into(&mut marker);
    }
}

async fn ask(
    connection: &mut Connection,
    signer: &Signer,
    key: Option<&str>,
    query: &[(String, String)],
) -> Result<Answer> {
    let request = signer.presigned(&Presigned {
        method: "GET",
        key,
        query,
        body: &[],
    });
    let answer = connection.exchange(&request).await;
    answer.map_err(|broken| anyhow::anyhow!("no answer to a question: {broken:?}"))
}

/// The text of the first element of a name. These documents have no attributes.
fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    let (value, _) = rest.split_once(&format!("</{name}>"))?;
    Some(value)
}

fn hex(bytes: [u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(bytes))
}

fn unhex(text: &str) -> Result<[u8; 16]> {
    ensure!(text.len() == 32, "`{text}` is no MD5");
    let number = u128::from_str_radix(text, 16).context("an ETag is hex")?;
    Ok(number.to_be_bytes())
}

/// Less than a worker has keys, so that listings take several pages.
const PAGE_KEYS: &str = "10";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_keep_their_zeros() {
        let bytes = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255];
        assert_eq!(hex(bytes), "000102030405060708090a0b0c0d0eff");
        assert_eq!(unhex("000102030405060708090A0B0C0D0EFF").unwrap(), bytes);
        assert!(unhex("00").is_err());
    }

    #[test]
    fn an_element_is_found_by_its_name() {
        let text = "<Contents><Key>w1/k2</Key><Size>7</Size></Contents>";
        assert_eq!(element(text, "Size"), Some("7"));
        assert_eq!(element(text, "ETag"), None);
    }
}
