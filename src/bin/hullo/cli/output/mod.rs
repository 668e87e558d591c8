//! What the program writes to its standard streams: results, errors, the log.

pub mod bounded_wait;
pub mod columns;
pub mod failure;
pub mod logger;
pub mod nonblocking;
pub mod stdout;
