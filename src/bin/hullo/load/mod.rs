//! `hullo load`: honest numbers from many clients.
//!
//! | room | what it knows | it uses |
//! |---|---|---|
//! | `text` | what is said and expected: templates, the texts of each client's requests and replies | |
//! | `plan` | what a run is to do: script, rate, sources, expectations, and whether the system has room for it | `text` |
//! | `books` | every number of the report: the ledger, latencies, one record a second, evidence, the outcome | `plan` |
//! | `clients` | each client's session and what it has under way, the ramp, and which request a reply is to, rightly or not | `books` |
//! | `report` | the verdict, and every form of the report: text, JSON, a page, a time series | `books` |
//! | `engine` | the [`Handler`](hullo::Handler): it sends, sets alarms, goes from phase to phase and shows progress | all of them |
//!
//! A room may use those above it too, and none below (`report` and `clients` do not meet); a test reads the imports.

mod books;
mod clients;
mod engine;
mod plan;
pub mod report;
mod text;

pub use books::outcome::{Interval, Outcome};
pub use engine::progress::Progress;
pub use plan::expectations::Expectation;
pub use plan::preflight::{check as preflight, room_in};
pub use plan::rate::Rate;
pub use plan::script::{Script, Templates, Wanted};
pub use plan::settings::Setting;
pub use plan::sources::Sources;
pub use plan::tls::Tls;
pub use plan::{Check, Framing, Plan};
pub use report::verdict::conclusion;

use crate::signals::{self, Signals};
use engine::Engine;
use hullo::{Limits, Reactor};
use signal_hook::consts::{SIGINT, SIGTERM};
use std::io;
use std::time::Duration;

/// What ends a run before its end, with the report so far.
const SIGNALS: [i32; 2] = [SIGINT, SIGTERM];

/// Runs a plan to its end, or to a signal; the next one, while the report is written, ends the process. `tell` hears of every
/// second of it when it is over: the outcome keeps a number of them that does not grow with the length of the run.
///
/// # Errors
///
/// When the system has no descriptor for the loop itself, or the poller fails; or when a callback panicked, as it does where
/// the books do not balance. What happens to a client is in the outcome.
pub fn run(plan: &Plan, progress: &mut Progress, tell: &mut dyn FnMut(&Interval)) -> io::Result<Outcome> {
    let mut reactor = Reactor::with_limits(limits(plan))?;
    let signals = Signals::catch(reactor.net(), &SIGNALS)?;
    let mut engine = Engine::new(plan, signals, progress, tell);
    engine.begin(reactor.net());
    while !engine.is_over() {
        reactor.turn(&mut engine, None)?;
        engine.end_turn();
        if reactor.stats().panics > 0 {
            engine.end_progress();
            return Err(io::Error::other(
                "the load tester itself failed, as the message above says, and its figures would be wrong: report it",
            ));
        }
    }
    engine.end_progress();
    let mut outcome = engine.outcome();
    outcome.verdict = report::verdict::verdict(&outcome, plan);
    signals::end_the_process_on(&SIGNALS)?;
    Ok(outcome)
}

/// The clocks of the reactor stand still: ours know what is waited for. A request may be as long as it likes.
fn limits(plan: &Plan) -> Limits {
    let usual = Limits::default();
    let most = plan.script.request.longest().saturating_mul(plan.outstanding + 1);
    Limits {
        idle: Duration::ZERO,
        write_stall: Duration::ZERO,
        connect: Duration::ZERO,
        handshake: Duration::ZERO,
        outbox_high: usual.outbox_high.max(most.saturating_mul(2)),
        outbox_cap: usize::MAX,
        ..usual
    }
}
