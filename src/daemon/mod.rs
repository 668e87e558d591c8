//! The greeting daemon: a `Handler` that keeps one greeting session per connection.

mod plan;

pub use plan::{Plan, SocketPlan, StartError, Summary};

/// Runs the daemon.
pub fn run(
    _plan: Plan,
    _reload: &mut dyn FnMut() -> Result<Plan, String>,
) -> Result<Summary, StartError> {
    unimplemented!()
}
