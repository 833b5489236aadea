//! The form: `multipart/form-data` in, typed fields and the file's bytes out; and the other way
//! round.
//!
//! [`FormParser`] turns pieces of a body into events, without I/O, without copying the file's bytes
//! and within bounds ([`FormLimits`]) whatever is sent. The fields before `file` become a
//! [`PostForm`], which is what policy, credentials and storage look at: the fields are read once, and
//! what was checked is what is acted upon. [`FormWriter`] writes forms, for clients and tests.
//!
//! Source: OSS, "`PostObject`"; RFC 7578 and RFC 2046 (5.1.1); WHATWG HTML, "Multipart form data".

mod boundary;
mod credentials;
mod error;
mod head;
mod known_field;
mod limits;
mod parameter;
mod parser;
mod post_form;
mod scan;
mod strictness;
mod writer;

#[cfg(test)]
mod tests;

pub use boundary::{Boundary, InvalidBoundary};
pub use credentials::{CredentialFault, FormCredentials, Missing};
pub use error::FormError;
pub use head::PartHeadFault;
pub use known_field::KnownField;
pub use limits::FormLimits;
pub use parser::{Field, FileHead, FormEvent, FormParser};
pub use post_form::{FieldValue, Overwrite, PostForm, SuccessAction};
pub use strictness::Strictness;
pub use writer::{FormFrame, FormWriter, Unwritable};
