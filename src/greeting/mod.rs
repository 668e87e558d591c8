//! The greeting protocol as a sans-IO state machine.
