//! The descriptor limit, and how many clients it leaves room for.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// The fewest descriptors that are kept from clients.
const RESERVE: u64 = 16;

/// The descriptors of the process besides its sockets and clients: the three standard streams, the poller and its waker, the
/// timer, the signal pipe, the one that is kept for shedding clients, a name lookup or a file that is read again; and some
/// to spare.
const OWN: u64 = 14;

/// The descriptors of each further reactor: a poller, its waker, a timer, the one that is kept for shedding clients.
const ANOTHER_REACTOR: u64 = 4;

/// Raises the soft descriptor limit to the hard one, and says what it is now.
pub fn raise() -> u64 {
    // Where the limit cannot be read there is none to keep to.
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return u64::MAX };
    if soft == hard || setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok() { hard } else { soft }
}

/// How many clients there is room for beside the sockets that listen. Every reactor may hold each of those sockets.
pub fn room(limit: u64, sockets: usize, reactors: usize) -> usize {
    let others = reactors as u64 - 1;
    let reserve = RESERVE.max(OWN + sockets as u64) + others * (ANOTHER_REACTOR + sockets as u64);
    usize::try_from(limit.saturating_sub(reserve)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reserve_covers_our_own_sockets() {
        assert_eq!(room(1024, 1, 1), 1008);
        assert_eq!(room(1024, 2, 1), 1008);
        assert_eq!(room(1024, 10, 1), 1000);
        assert_eq!(room(1024, 2, 3), 996);
        assert_eq!(room(10, 1, 1), 0);
    }

    #[test]
    fn the_soft_limit_becomes_the_hard_one() {
        let limit = raise();
        assert_eq!(getrlimit(Resource::RLIMIT_NOFILE).unwrap().0, limit);
    }
}
