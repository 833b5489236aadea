//! What holds for every form, however it is cut and whatever it holds.

use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures_core::Stream;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::super::{
    Boundary, Field, FieldValue, FileHead, FormEvent, FormFrame, FormLimits, FormWriter, PostForm,
};
use super::{parse_pieces, without_bytes};

/// A form as a client means it.
#[derive(Clone, Debug)]
struct Form {
    fields: Vec<Field>,
    file: FileHead,
    content: Vec<u8>,
}

impl Form {
    fn frame(&self, boundary: &str) -> FormFrame {
        let writer = FormWriter::new(Boundary::parse(boundary).unwrap());
        let write = |writer: FormWriter, field: &Field| writer.field(&field.name, &field.value);
        self.fields
            .iter()
            .try_fold(writer, write)
            .unwrap()
            .file(&self.file)
            .unwrap()
    }

    fn encode(&self, boundary: &str) -> Vec<u8> {
        let frame = self.frame(boundary);
        let body = [frame.head(), &self.content[..], frame.tail()].concat();
        assert_eq!(
            body.len() as u64,
            frame.content_length(self.content.len() as u64)
        );
        body
    }

    fn events(&self) -> Vec<FormEvent> {
        let mut events: Vec<_> = self.fields.iter().cloned().map(FormEvent::Field).collect();
        events.push(FormEvent::File(self.file.clone()));
        if !self.content.is_empty() {
            events.push(FormEvent::FileBytes(self.content.clone().into()));
        }
        events.extend([FormEvent::FileEnd, FormEvent::End]);
        events
    }
}

const BOUNDARY: &str = "--r-n";

/// Bytes that look like a delimiter as often as not, but are none.
fn any_content() -> impl Strategy<Value = Vec<u8>> {
    let bit = prop_oneof![
        Just(&b"\r\n--"[..]),
        Just(&b"\r\n----r-"[..]),
        Just(&b"\r\n----r-\n"[..]),
        Just(&b"\n----r-n"[..]),
        Just(&b"\r\r\n"[..]),
        Just(&b"-"[..]),
        Just(&b"a"[..]),
        Just(&[0xff, 0x00][..]),
    ];
    let is_content = |content: &Vec<u8>| {
        let delimiter = b"\r\n----r-n";
        memchr::memmem::find(content, delimiter).is_none() && !content.starts_with(&delimiter[2..])
    };
    vec(bit, 0..12)
        .prop_map(|bits| bits.concat())
        .prop_filter("holds the boundary", is_content)
}

fn any_form(name: &'static str) -> impl Strategy<Value = Form> {
    let value = prop_oneof![
        any::<String>(),
        any_content().prop_map(|content| String::from_utf8_lossy(&content).into_owned()),
    ];
    let is_field = |name: &String| !name.eq_ignore_ascii_case("file");
    let is_value = |value: &String| !value.contains("\r\n----r-n") && !value.starts_with("----r-n");
    let field = (
        name.prop_filter("is the file", is_field),
        value.prop_filter("holds the boundary", is_value),
    )
        .prop_map(|(name, value)| Field { name, value });
    let file = (option::of(name), option::of("[a-z]{1,9}/[a-z0-9.+-]{1,9}"));
    (vec(field, 0..5), file, any_content()).prop_map(
        |(fields, (filename, content_type), content)| {
            let file = FileHead {
                filename,
                is_filename_unreadable: false,
                content_type,
            };
            Form {
                fields,
                file,
                content,
            }
        },
    )
}

/// Names with everything that can be written, quotes and backslashes included.
const ANY_NAME: &str = "([a-zA-Z0-9 ;=%'\"\\\\/.*-]|猫|🐈|\u{e9}){1,20}";
/// `multer` takes `\"` apart but not `\\`.
const MULTER_NAME: &str = "([a-zA-Z0-9 ;=%'\"/.*-]|猫|🐈|\u{e9}){1,20}";

fn cut<'b>(body: &'b [u8], sizes: &[usize]) -> Vec<&'b [u8]> {
    let mut rest = body;
    let mut pieces = Vec::new();
    for size in sizes.iter().cycle().take(body.len()) {
        let (piece, after) = rest.split_at((*size).min(rest.len()));
        pieces.push(piece);
        rest = after;
    }
    pieces.push(rest);
    pieces
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    /// The network may cut the body anywhere; the parser must not notice.
    #[test]
    fn a_written_form_is_read_back_however_it_is_cut(
        form in any_form(ANY_NAME),
        sizes in vec(1..40_usize, 1..8),
    ) {
        let body = form.encode(BOUNDARY);
        let (events, end) = parse_pieces(BOUNDARY, cut(&body, &sizes), FormLimits::default());
        prop_assert_eq!(end, Ok(()));
        prop_assert!(events == form.events(), "{:?}", events);
    }

    /// Another parser reads the same.
    #[test]
    fn multer_agrees_on_every_written_form(
        form in any_form(MULTER_NAME),
        sizes in vec(1..40_usize, 1..8),
    ) {
        let body = form.encode(BOUNDARY);
        let (events, _) = parse_pieces(BOUNDARY, cut(&body, &sizes), FormLimits::default());
        prop_assert_eq!(with_multer(cut(&body, &sizes)), events);
    }

    /// Bytes nobody wrote: no panic, and the same answer however they are cut.
    #[test]
    fn noise_is_answered_the_same_however_it_is_cut(
        form in any_form(ANY_NAME),
        noise in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        end in any::<prop::sample::Index>(),
        sizes in vec(1..40_usize, 1..8),
    ) {
        let mut body = form.encode(BOUNDARY);
        for (place, byte) in noise {
            let place = place.index(body.len());
            body[place] = byte;
        }
        body.truncate(end.index(body.len() * 2).max(1));
        let (whole, error) = parse_pieces(BOUNDARY, [&body[..]], FormLimits::default());
        let (pieces, piece_error) = parse_pieces(BOUNDARY, cut(&body, &sizes), FormLimits::default());
        prop_assert_eq!(&error, &piece_error);
        prop_assert_eq!(without_bytes(&whole), without_bytes(&pieces));
        if error.is_ok() {
            prop_assert_eq!(whole, pieces);
        }
    }

    /// Whatever the fields hold, asking for what they say does not panic and stays in bound.
    #[test]
    fn any_fields_can_be_asked(names in vec("(key|policy|x-oss-signature-version|x:[a-z]|.{0,4})", 0..6), value in any::<String>(), filename in option::of(any::<String>())) {
        let field = |name: &String| Field { name: name.clone(), value: value.clone() };
        let file = FileHead { filename, ..FileHead::default() };
        if let Ok(form) = PostForm::new(names.iter().map(field).collect(), file) {
            for name in &names {
                let stands_once = names.iter().filter(|other| other.eq_ignore_ascii_case(name)).count() == 1;
                let expected = if stands_once { FieldValue::Once(&value) } else { FieldValue::Repeated };
                prop_assert_eq!(form.condition_value(&name.to_ascii_uppercase()), expected);
            }
            let _ = (form.object_key(), form.credentials(), form.success_action(), form.overwrite());
        }
    }
}

/// The events as `multer` sees them.
fn with_multer(pieces: Vec<&[u8]>) -> Vec<FormEvent> {
    let pieces: Vec<_> = pieces.into_iter().map(Bytes::copy_from_slice).collect();
    let mut events = Vec::new();
    let mut form = multer::Multipart::new(Pieces(pieces.into_iter()), BOUNDARY);
    block_on(async {
        while let Some(part) = form.next_field().await.unwrap() {
            let name = part.name().unwrap().to_owned();
            if name != "file" {
                let value = String::from_utf8(part.bytes().await.unwrap().into()).unwrap();
                events.push(FormEvent::Field(Field { name, value }));
                continue;
            }
            let content_type = part.headers().get("content-type");
            events.push(FormEvent::File(FileHead {
                filename: part.file_name().map(str::to_owned),
                is_filename_unreadable: false,
                content_type: content_type.map(|text| text.to_str().unwrap().to_owned()),
            }));
            let content = part.bytes().await.unwrap();
            if !content.is_empty() {
                events.push(FormEvent::FileBytes(content));
            }
            events.push(FormEvent::FileEnd);
        }
    });
    events.push(FormEvent::End);
    events
}

struct Pieces(std::vec::IntoIter<Bytes>);

impl Stream for Pieces {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.next().map(Ok))
    }
}

/// Nothing in these tests ever waits, so a waker that does nothing is enough.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
}
