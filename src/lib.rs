//! hullo: a network reactor on mio.
#![deny(unsafe_code)]
#![warn(missing_docs, unreachable_pub)]

#[cfg(feature = "greeting")]
pub mod greeting;
mod reactor;

pub use reactor::*;

#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod daemon;
