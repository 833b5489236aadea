//! Why TLS could not be agreed upon, as far as a person can do something about it.

use std::fmt;
use std::io;

use rustls::{CertificateError, Error};

/// Why TLS could not be agreed upon.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum TlsFailure {
    /// The other end refused what we offered.
    Alert,
    /// The connection ended in the middle of it.
    Closed,
    Expired,
    NotYetValid,
    /// What answers speaks neither TLS nor HTTP.
    NoTls,
    OtherName,
    /// What answers speaks HTTP without TLS.
    PlainHttp,
    UnknownIssuer,
    /// Something else about the certificate.
    WrongCertificate,
    /// Something else about the protocol.
    WrongProtocol,
}

impl TlsFailure {
    pub(super) fn of(error: &io::Error) -> Self {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
        match inner {
            None => Self::Closed,
            Some(Error::InvalidCertificate(error)) => Self::of_certificate(error),
            Some(Error::AlertReceived(_)) => Self::Alert,
            Some(Error::InvalidMessage(_)) => Self::NoTls,
            Some(_) => Self::WrongProtocol,
        }
    }

    fn of_certificate(error: &CertificateError) -> Self {
        use CertificateError as E;
        // The list of rustls is open, and most of it is nothing a person can tell apart.
        if matches!(error, E::NotValidForName | E::NotValidForNameContext { .. }) {
            Self::OtherName
        } else if matches!(error, E::Expired | E::ExpiredContext { .. }) {
            Self::Expired
        } else if matches!(error, E::NotValidYet | E::NotValidYetContext { .. }) {
            Self::NotYetValid
        } else if matches!(error, E::UnknownIssuer) {
            Self::UnknownIssuer
        } else {
            Self::WrongCertificate
        }
    }
}

impl fmt::Display for TlsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Alert => {
                "the application's end refused; it may want the host's name (`callbackSNI`) or a \
                 certificate of ours"
            }
            Self::Closed => "the connection ended in the middle of the handshake",
            Self::Expired => "the certificate has expired",
            Self::NotYetValid => "the certificate is not valid yet; compare the clocks",
            Self::NoTls => "what answers speaks no TLS, and no HTTP either",
            Self::OtherName => {
                "the certificate is for another name; if several names share the address, set \
                 `callbackSNI`"
            }
            Self::PlainHttp => "what answers speaks plain HTTP: give the URL with `http://`",
            Self::UnknownIssuer => {
                "this system does not know who issued the certificate; it may be self-signed, or \
                 come without its intermediate one"
            }
            Self::WrongCertificate => "the certificate cannot be used",
            Self::WrongProtocol => "there is no version or cipher that both ends know",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_rustls_is_told_apart_inside_of_the_one_of_the_system() {
        let inside =
            |error: Error| TlsFailure::of(&io::Error::new(io::ErrorKind::InvalidData, error));
        for (error, failure) in [
            (CertificateError::NotValidForName, TlsFailure::OtherName),
            (CertificateError::Expired, TlsFailure::Expired),
            (CertificateError::NotValidYet, TlsFailure::NotYetValid),
            (CertificateError::UnknownIssuer, TlsFailure::UnknownIssuer),
            (CertificateError::BadEncoding, TlsFailure::WrongCertificate),
        ] {
            assert_eq!(inside(Error::InvalidCertificate(error)), failure);
        }
        let message = rustls::InvalidMessage::InvalidContentType;
        assert_eq!(inside(Error::InvalidMessage(message)), TlsFailure::NoTls);
        let alert = rustls::AlertDescription::HandshakeFailure;
        assert_eq!(inside(Error::AlertReceived(alert)), TlsFailure::Alert);
        assert_eq!(inside(Error::DecryptError), TlsFailure::WrongProtocol);
        let closed = io::Error::from(io::ErrorKind::UnexpectedEof);
        assert_eq!(TlsFailure::of(&closed), TlsFailure::Closed);
    }
}
