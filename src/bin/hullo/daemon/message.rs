//! What reaches a reactor of the daemon from another thread.

use super::plan::ServePlan;

/// Sent through a [`Remote`](hullo::Remote), and received by the greeter.
pub enum DaemonMessage {
    /// The first reactor is told that the config was read again: the plan that it leads to, or why there is none.
    Reloaded(Result<ServePlan, String>),
    /// A worker is told the plan that the first reactor has gone over to.
    SwitchTo(ServePlan),
    /// A worker is told to print its counters.
    PrintCounters,
}
