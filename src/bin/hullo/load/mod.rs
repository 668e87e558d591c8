//! `hullo load`: honest numbers from many clients.
//!
//! | room | what it knows |
//! |---|---|
//! | `plan` | what to do |
//! | `script`, `message`, `paper`, `sources`, `schedule`, `expect` | parts of it: what is said, from where, when; what must hold |
//! | `preflight` | what can be known to be too much |
//! | `lanes`, `queue`, `sheets` | the clients, what each has under way, and what it says and hears next; all allocated at the start |
//! | `lost` | what was given up on datagrams and may be answered after all; grows with what is lost, up to a bound |
//! | `driver`, `phases` | the [`Handler`](hullo::Handler): timers, who is told what, what comes when |
//! | `ramp`, `pace` | how clients come and go; who sends the next request, and when |
//! | `matcher`, `replies`, `last_words`, `flows`, `spoiled` | what came, and which book it belongs in |
//! | `heartbeat` | how long the generator itself stood still |
//! | `tally`, `recorder`, `seconds`, `kept` | the books, the histograms, one record a second |
//! | `ending`, `judge`, `advice`, `outcome`, `settings` | the figures, what to think of them, what helps, and what was in force |
//! | `progress` | what a person sees meanwhile |

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
pub use plan::{Check, Framing, Plan};
pub use report::verdict::conclusion;

use crate::signals::{self, Signals};
use engine::handler::Driver;
use hullo::{Limits, Reactor};
use signal_hook::consts::{SIGINT, SIGTERM};
use std::io;
use std::time::Duration;

/// What ends a run before its end, with the report so far.
const SIGNALS: [i32; 2] = [SIGINT, SIGTERM];

/// Runs a plan to its end, or to a signal; the next one, while the report is written, ends the process. `tell` hears of every second of it when it is over: the outcome keeps a number
/// of them that does not grow with the length of the run.
///
/// # Errors
///
/// When the system has no descriptor for the loop itself, or the poller fails; or when a callback panicked, as it does where
/// the books do not balance. What happens to a client is in the outcome.
pub fn run(plan: &Plan, progress: &mut Progress, tell: &mut dyn FnMut(&Interval)) -> io::Result<Outcome> {
    let mut reactor = Reactor::with_limits(limits(plan))?;
    let signals = Signals::catch(reactor.net(), &SIGNALS)?;
    let mut driver = Driver::new(plan, signals, progress, tell);
    driver.start_seconds();
    driver.begin(reactor.net());
    while !driver.is_over {
        reactor.turn(&mut driver, None)?;
        driver.end_of_turn();
        if reactor.stats().panics > 0 {
            driver.progress.end();
            return Err(io::Error::other(
                "the load tester itself failed, as the message above says, and its figures would be wrong: report it",
            ));
        }
    }
    driver.progress.end();
    let outcome = driver.outcome();
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
        outbox_high: usual.outbox_high.max(most.saturating_mul(2)),
        outbox_cap: usize::MAX,
        ..usual
    }
}
