//! The upload policy: what a form may look like, as the application server signed it.
//!
//! An application server builds one ([`PolicyBuilder`]) and hands it out signed
//! ([`SignedPolicy`](signed::SignedPolicy)). A storage server reads it ([`PolicyDocument`]) and says
//! whether a form satisfies it ([`check`]); if not, which condition is not met, what it wants and what
//! came. For people there is more: [`explain`](mod@explain) goes through every condition, and
//! [`lint`](mod@lint) warns of what a policy leaves open before it is signed.
//!
//! Reading is strict where two readers could differ (a member twice, base64 with spare bits, numbers
//! that are no whole numbers) and as lenient as OSS where its documentation is (`\$`, a field without
//! `$`, unknown members beside the two).
//!
//! Source: OSS, "Appendix: Post Policy", and the EC pages 0006-00000201 to 0006-00000227.

mod builder;
mod check;
mod condition;
mod document;
mod error;
mod expiration;
pub mod explain;
mod json;
pub mod lint;
pub mod signed;

#[cfg(test)]
mod tests;

pub use builder::PolicyBuilder;
pub use check::{FormView, Found, LengthRange, Unmet, check, check_all};
pub use condition::Condition;
pub use document::PolicyDocument;
pub use error::{PolicyError, SyntaxFault};
pub use json::JsonFault;
