//! What helps against a failure of TLS.

use rustls::{AlertDescription, CertificateError, Error};
use std::io;

/// The remedy for an error of TLS; `None` for one of another kind.
pub fn remedy(error: &io::Error) -> Option<&'static str> {
    let Some(error) = error.get_ref().and_then(|error| error.downcast_ref::<Error>()) else {
        let is_end = error.kind() == io::ErrorKind::UnexpectedEof;
        return is_end.then_some("check that the server speaks TLS on this port, and what its log says");
    };
    Some(match error {
        Error::InvalidCertificate(what) => of_certificate(what),
        Error::PeerIncompatible(_) => "the server has to offer TLS 1.2 or 1.3 with a cipher of today",
        Error::InvalidMessage(_) | Error::InappropriateMessage { .. } => {
            "the server does not speak TLS there: check the port, or do without TLS"
        }
        Error::AlertReceived(alert) => of_alert(*alert),
        _ => "see what the server's log says",
    })
}

fn of_certificate(what: &CertificateError) -> &'static str {
    match what {
        // The signature is bad where another authority has the name of a trusted one.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "nobody who is trusted has signed it: trust whoever has with --cacert FILE, or any certificate with --insecure"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "use a name that it is for, or take any certificate with --insecure"
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the server needs a new one; --insecure takes any"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "check the clock here, or take any certificate with --insecure"
        }
        _ => "name the server's own with --cacert FILE, or take any certificate with --insecure",
    }
}

fn of_alert(alert: AlertDescription) -> &'static str {
    match alert {
        AlertDescription::CertificateRequired => {
            "the server asks for a certificate of ours, and hullo shows none"
        }
        AlertDescription::ProtocolVersion | AlertDescription::HandshakeFailure => {
            "the server has to offer TLS 1.2 or 1.3 with a cipher of today, and ask for no certificate of ours"
        }
        AlertDescription::UnrecognisedName => "the server has no certificate for this name: check it",
        _ => "the server has refused: see what its log says",
    }
}
