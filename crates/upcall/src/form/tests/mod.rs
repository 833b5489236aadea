//! The parser's tests: real clients' forms, every refusal, and properties.

mod post_form;
mod properties;
mod refusals;
mod wild;

use bytes::Bytes;

use super::{Boundary, FormError, FormEvent, FormLimits, FormParser};

/// The events of a body that arrives in these pieces, neighbouring pieces of the file joined.
fn parse_pieces<'p>(
    boundary: &str,
    pieces: impl IntoIterator<Item = &'p [u8]>,
    limits: FormLimits,
) -> (Vec<FormEvent>, Result<(), FormError>) {
    let mut parser = FormParser::new(Boundary::parse(boundary).unwrap(), limits);
    let mut events = Vec::new();
    for piece in pieces {
        parser.push(Bytes::copy_from_slice(piece));
        if let Err(error) = drain(&mut parser, &mut events) {
            return (events, Err(error));
        }
    }
    parser.finish();
    let end = drain(&mut parser, &mut events);
    (events, end)
}

fn drain(parser: &mut FormParser, events: &mut Vec<FormEvent>) -> Result<(), FormError> {
    while let Some(event) = parser.next()? {
        match (events.last_mut(), event) {
            (Some(FormEvent::FileBytes(joined)), FormEvent::FileBytes(more)) => {
                *joined = [&joined[..], &more[..]].concat().into();
            }
            (_, event) => events.push(event),
        }
    }
    Ok(())
}

/// The events of a well-formed body, with boundary `B` and the limits of OSS.
fn parse(body: &[u8]) -> Vec<FormEvent> {
    let (events, end) = parse_pieces("B", [body], FormLimits::default());
    end.unwrap();
    events
}

/// The error of a body, the same wherever it is cut in two.
fn refused(body: &[u8], limits: FormLimits) -> FormError {
    let (whole, error) = parse_pieces("B", [body], limits);
    let step = (body.len() / 300).max(1);
    for cut in (0..body.len()).step_by(step) {
        let halves = [&body[..cut], &body[cut..]];
        let (events, cut_error) = parse_pieces("B", halves, limits);
        assert_eq!(cut_error, error, "cut at {cut}");
        // Fewer of the file's bytes may have been handed out before the error, but no other event.
        assert_eq!(
            without_bytes(&events),
            without_bytes(&whole),
            "cut at {cut}"
        );
    }
    error.unwrap_err()
}

fn without_bytes(events: &[FormEvent]) -> Vec<&FormEvent> {
    let is_other = |event: &&FormEvent| !matches!(event, FormEvent::FileBytes(_));
    events.iter().filter(is_other).collect()
}
