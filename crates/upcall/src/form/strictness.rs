//! How a form is judged where OSS is known to be less forgiving than this server.

/// Whether a form that OSS refuses may be taken.
///
/// A server takes what it can read. A double, against which an application is tried before it goes to
/// OSS, must refuse what OSS refuses.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Strictness {
    /// What can be read in one way only is taken.
    #[default]
    Lenient,
    /// What OSS is known to refuse is refused, with OSS's answer.
    Strict,
}
