//! Why TLS handshakes come to nothing.

use crate::load::books::causes::{Cause, SessionEnd};
use rustls::{CertificateError, Error};
use std::fmt;
use std::io::{self, ErrorKind};

/// Why a TLS handshake came to nothing, in words that do not change with the moment.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum HandshakeFault {
    Certificate(CertificateFault),
    /// The server refused with an alert.
    Alert(String),
    /// What the server said was no TLS.
    NotTls,
    Ended(SessionEnd),
    Other(String),
}

/// What is wrong with the certificate of the server.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum CertificateFault {
    /// Nobody has signed it who is trusted.
    Untrusted,
    OtherName,
    Expired,
    NotYetValid,
    Revoked,
    /// Anything else, in the words of the library.
    Unusable(String),
}

impl HandshakeFault {
    /// Why the handshake failed, if it was that and not the connection below it.
    pub fn of(error: &io::Error) -> Option<HandshakeFault> {
        if let Some(error) = error.get_ref().and_then(|error| error.downcast_ref::<Error>()) {
            return Some(match error {
                Error::InvalidCertificate(error) => HandshakeFault::Certificate(CertificateFault::of(error)),
                Error::AlertReceived(alert) => HandshakeFault::Alert(format!("{alert:?}")),
                Error::InvalidMessage(_) => HandshakeFault::NotTls,
                other => HandshakeFault::Other(other.to_string()),
            });
        }
        match error.kind() {
            ErrorKind::UnexpectedEof => Some(HandshakeFault::Ended(SessionEnd::Closed)),
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => {
                Some(HandshakeFault::Ended(SessionEnd::Reset))
            }
            _ => None,
        }
    }
}

impl CertificateFault {
    fn of(error: &CertificateError) -> CertificateFault {
        match error {
            CertificateError::UnknownIssuer | CertificateError::BadSignature => CertificateFault::Untrusted,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                CertificateFault::OtherName
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => CertificateFault::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                CertificateFault::NotYetValid
            }
            CertificateError::Revoked => CertificateFault::Revoked,
            // It signs itself: whoever trusts it has to name it.
            CertificateError::Other(other) if other.to_string() == "CaUsedAsEndEntity" => {
                CertificateFault::Untrusted
            }
            other => CertificateFault::Unusable(other.to_string()),
        }
    }
}

impl From<HandshakeFault> for Cause {
    fn from(fault: HandshakeFault) -> Cause {
        Cause::Handshake(fault)
    }
}

impl fmt::Display for HandshakeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HandshakeFault::Certificate(fault) => write!(f, "certificate {fault}"),
            HandshakeFault::Alert(alert) => write!(f, "TLS handshake refused by the server: {alert}"),
            HandshakeFault::NotTls => f.write_str("answered without TLS"),
            HandshakeFault::Ended(end) => write!(f, "{end} in the TLS handshake"),
            HandshakeFault::Other(reason) => write!(f, "TLS handshake: {reason}"),
        }
    }
}

impl fmt::Display for CertificateFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CertificateFault::Untrusted => f.write_str("not signed by anybody who is trusted"),
            CertificateFault::OtherName => f.write_str("for another name"),
            CertificateFault::Expired => f.write_str("expired"),
            CertificateFault::NotYetValid => f.write_str("not valid yet"),
            CertificateFault::Revoked => f.write_str("revoked"),
            CertificateFault::Unusable(reason) => write!(f, "of no use: {reason}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::AlertDescription;

    #[test]
    fn each_failure_of_a_handshake_has_words_of_its_own_and_others_are_none() {
        let tls = |error: Error| io::Error::new(ErrorKind::InvalidData, error);
        let certificate = |error: CertificateError| tls(Error::InvalidCertificate(error));
        for (error, words) in [
            (
                certificate(CertificateError::UnknownIssuer),
                "certificate not signed by anybody who is trusted",
            ),
            (certificate(CertificateError::BadSignature), "certificate not signed by anybody who is trusted"),
            (certificate(CertificateError::NotValidForName), "certificate for another name"),
            (certificate(CertificateError::Expired), "certificate expired"),
            (certificate(CertificateError::NotValidYet), "certificate not valid yet"),
            (certificate(CertificateError::Revoked), "certificate revoked"),
            (
                tls(Error::AlertReceived(AlertDescription::HandshakeFailure)),
                "TLS handshake refused by the server: HandshakeFailure",
            ),
            (tls(Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType)), "answered without TLS"),
            (tls(Error::NoCertificatesPresented), "TLS handshake: peer sent no certificates"),
            (ErrorKind::UnexpectedEof.into(), "closed by the server in the TLS handshake"),
            (ErrorKind::ConnectionReset.into(), "reset by the server in the TLS handshake"),
        ] {
            assert_eq!(HandshakeFault::of(&error).unwrap().to_string(), words);
        }
        assert_eq!(HandshakeFault::of(&ErrorKind::ConnectionRefused.into()), None);
        assert_eq!(HandshakeFault::of(&ErrorKind::TimedOut.into()), None);
    }
}
