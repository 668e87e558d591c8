//! The handler: its phases, its timers, and who is told what.

pub mod ending;
pub mod handler;
pub mod heartbeat;
pub mod intervals;
pub mod pace;
pub mod phases;
pub mod progress;
