//! The form parser, the content type, and what a form is asked.

use bytes::Bytes;
use upcall::form::{
    Boundary, FieldValue, FileHead, FormError, FormEvent, FormLimits, FormParser, KnownField, PostForm,
};

/// Any bytes as the body of a form, whole and in pieces: the same events, the same error, and no
/// more bytes out than in.
///
/// The boundary is what the first line says, so that a real form is a seed as it is.
pub fn form(data: &[u8]) {
    content_type(data);
    let boundary = boundary_of(data);
    for limits in [FormLimits::default(), SMALL] {
        let mut cuts = Cuts::new(data);
        let (whole, error) = parse(&boundary, [data], limits);
        let (pieces, piece_error) = parse(&boundary, cuts.pieces(data), limits);
        assert_eq!(error, piece_error, "an error depends on the cutting");
        if error.is_none() {
            assert_eq!(whole, pieces, "the events depend on the cutting");
        } else {
            let others = |events: &[FormEvent]| events.iter().filter(|e| !is_bytes(e)).count();
            assert_eq!(
                others(&whole),
                others(&pieces),
                "the events depend on the cutting"
            );
        }
        let given: usize = whole.iter().map(bytes_of).sum();
        assert!(given <= data.len(), "more came out than went in");
        if let Some(error) = error {
            answer(&error);
        }
        ask(whole);
    }
}

fn content_type(data: &[u8]) {
    if let Ok(text) = str::from_utf8(data) {
        match Boundary::from_content_type(text) {
            Ok(boundary) => {
                let again = Boundary::from_content_type(&boundary.to_content_type());
                assert_eq!(again.as_ref(), Ok(&boundary));
            }
            Err(error) => answer(&error),
        }
    }
}

/// Asks the form everything that the server asks.
fn ask(events: Vec<FormEvent>) {
    let mut fields = Vec::new();
    let mut file = FileHead::default();
    for event in events {
        match event {
            FormEvent::Field(field) => fields.push(field),
            FormEvent::File(head) => file = head,
            FormEvent::FileBytes(_) | FormEvent::FileEnd | FormEvent::End => {}
        }
    }
    match PostForm::new(fields, file) {
        Err(error) => answer(&error),
        Ok(form) => {
            for error in [
                form.object_key().err(),
                form.credentials().err(),
                form.overwrite().err(),
            ] {
                error.iter().for_each(answer);
            }
            for (name, value) in form.fields() {
                let mut names = form.fields().map(|(other, _)| other);
                let first = names.find(|other| other.eq_ignore_ascii_case(name));
                let is_repeated = first.is_some() && names.any(|other| other.eq_ignore_ascii_case(name));
                let expected = if is_repeated {
                    FieldValue::Repeated
                } else {
                    FieldValue::Once(value)
                };
                assert_eq!(form.condition_value(&name.to_ascii_uppercase()), expected);
            }
            for known in KnownField::ALL {
                let _ = form.field(*known);
            }
            for (_, value) in form.metadata() {
                assert!(
                    !value.contains(['\r', '\n', '\0']),
                    "a header could be forged"
                );
            }
            assert!(
                !form.content_type().contains(['\r', '\n', '\0']),
                "a header could be forged"
            );
            let _ = (form.success_action(), form.custom_variables().count());
        }
    }
}

/// A refusal is the client's fault and says what to do.
fn answer(error: &FormError) {
    let refusal = error.refusal();
    assert_eq!(refusal.row().status, 400);
    assert!(refusal.hint_text().is_some());
    let _ = refusal.to_xml(
        "5CF3E7821AB22D0FDB86704D",
        "photos.oss-cn-hangzhou.localhost",
    );
}

fn boundary_of(data: &[u8]) -> Boundary {
    let start = data
        .iter()
        .take_while(|b| matches!(b, b'\r' | b'\n'))
        .count();
    let line = data[start..].split(|b| *b == b'\r').next();
    line.and_then(|line| line.strip_prefix(b"--"))
        .and_then(|line| str::from_utf8(line).ok())
        .and_then(|line| Boundary::parse(line.trim_end_matches([' ', '\t', '-'])).ok())
        .unwrap_or_else(|| Boundary::parse("B").expect("a letter is a boundary"))
}

fn parse<'p>(
    boundary: &Boundary,
    pieces: impl IntoIterator<Item = &'p [u8]>,
    limits: FormLimits,
) -> (Vec<FormEvent>, Option<FormError>) {
    let mut parser = FormParser::new(boundary.clone(), limits);
    let mut events = Vec::new();
    for piece in pieces {
        parser.push(Bytes::copy_from_slice(piece));
        if let Err(error) = drain(&mut parser, &mut events) {
            return (events, Some(error));
        }
    }
    parser.finish();
    let error = drain(&mut parser, &mut events).err();
    let is_over = events.last() == Some(&FormEvent::End);
    assert_ne!(is_over, error.is_some(), "a form ends, or is refused");
    (events, error)
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

const fn is_bytes(event: &FormEvent) -> bool {
    matches!(event, FormEvent::FileBytes(_))
}

fn bytes_of(event: &FormEvent) -> usize {
    match event {
        FormEvent::Field(field) => field.name.len() + field.value.len(),
        FormEvent::FileBytes(bytes) => bytes.len(),
        FormEvent::File(_) | FormEvent::FileEnd | FormEvent::End => 0,
    }
}

/// Where to cut: random, but the same for the same bytes.
struct Cuts(u64);

impl Cuts {
    fn new(data: &[u8]) -> Self {
        let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        Self(data.iter().fold(0xcbf2_9ce4_8422_2325, mix))
    }

    fn pieces<'d>(&mut self, mut data: &'d [u8]) -> Vec<&'d [u8]> {
        let mut pieces = Vec::new();
        while !data.is_empty() {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            // Small pieces as often as large ones.
            let most = [1, 3, 40, 1000][usize::from(self.0.to_le_bytes()[7] % 4)];
            let size = 1 + usize::from(self.0.to_le_bytes()[6]) % most;
            let (piece, rest) = data.split_at(size.min(data.len()));
            pieces.push(piece);
            data = rest;
        }
        pieces
    }
}

/// Limits that a seed can hit.
const SMALL: FormLimits = FormLimits {
    strictness: upcall::form::Strictness::Lenient,
    name_bytes: 12,
    value_bytes: 200,
    total_value_bytes: 600,
    part_head_bytes: 100,
    parts: 8,
    preamble_bytes: 4,
    trailing_value_bytes: 10,
};
