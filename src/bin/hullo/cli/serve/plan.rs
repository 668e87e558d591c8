//! What `hullo serve` is to do: its flags and its config, checked and made into one plan.

use super::flags::Serve;
use super::identity::{self, ReadIdentity};
use super::resolve::resolve;
use crate::cli::config::Config;
use crate::cli::config::known_dialects::KnownDialects;
use crate::cli::config::listen_table::Listen;
use crate::cli::descriptors;
use crate::cli::output::failure::{Complaint, Failure, Place};
use crate::cli::output::logger;
use crate::cli::units;
use crate::daemon::ServePlan;
use hullo::Address;
use hullo::Host;
use hullo::greeting::{Dialect, Transport};
use std::sync::Arc;

/// A plan, and the config that it was made from, with every flag applied.
pub struct Prepared {
    pub plan: ServePlan,
    pub config: Config,
}

/// Reads the config, applies the flags and looks names up. All of it may block.
pub fn prepare(serve: &Serve) -> Result<Prepared, Failure> {
    let mut config = serve.config.as_deref().map_or(Ok(Config::default()), Config::load)?;
    apply_flags(serve, &mut config);
    if let Some(level) = logger::level_of(config.log_level, serve.log_level) {
        log::set_max_level(level);
    }
    prepare_with(serve, config, identity::load)
}

/// Does the same while the daemon runs. The number of reactors stays as it is.
pub fn prepare_again(serve: &Serve, reactors: usize) -> Result<Prepared, Failure> {
    let mut config = serve.config.as_deref().map_or(Ok(Config::default()), Config::reload)?;
    apply_flags(serve, &mut config);
    let wanted = config.reactors.replace(reactors).unwrap_or(1);
    if wanted != reactors {
        log::warn!("the number of reactors stays {reactors}: to have {wanted}, restart");
    }
    prepare_with(serve, config, identity::reload)
}

/// Makes the plan of a config to which every flag was applied.
fn prepare_with(serve: &Serve, mut config: Config, read_identity: ReadIdentity) -> Result<Prepared, Failure> {
    let reactors = config.reactors.unwrap_or(1);
    let listen = sockets_asked_for(serve, &mut config);
    check_dialect_flag(serve, &listen, &config.dialects)?;
    identity::check_flags(serve, &listen)?;

    let mut sockets = Vec::new();
    let mut complaints = Vec::new();
    for wish in &listen {
        match (dialect(serve, wish, &config), identity::tls(serve, wish, read_identity)) {
            (Ok(dialect), Ok(tls)) => sockets.push((wish, Arc::new(dialect), tls)),
            (dialect, tls) => complaints.extend(dialect.err().into_iter().chain(tls.err())),
        }
    }
    if !complaints.is_empty() {
        return Err(Failure::usage(complaints));
    }
    let sockets = resolve(sockets, &config.limits, reactors)?;
    config.limits.reactor.connections = clients_with_room(&config, sockets.len(), reactors)?;

    let plan = ServePlan {
        sockets,
        limits: config.limits.reactor.clone(),
        drain_timeout: config.limits.drain,
        guard: config.limits.guard(),
        reactors,
        log_level: logger::level_of(config.log_level, serve.log_level),
    };
    Ok(Prepared { plan, config })
}

fn apply_flags(serve: &Serve, config: &mut Config) {
    let limits = &mut config.limits;
    if let Some(connections) = serve.max_connections {
        limits.reactor.connections = connections;
        config.sets_connections = true;
    }
    limits.reactor.idle = serve.idle_timeout.unwrap_or(limits.reactor.idle);
    limits.drain = serve.drain_timeout.unwrap_or(limits.drain);
    config.framing = serve.framing.or(config.framing);
    config.reactors = serve.reactors.map(usize::from).or(config.reactors);
}

fn sockets_asked_for(serve: &Serve, config: &mut Config) -> Vec<Listen> {
    let in_config = std::mem::take(&mut config.listen);
    if !serve.addresses.is_empty() {
        return serve.addresses.iter().cloned().map(Listen::bare).collect();
    }
    if !in_config.is_empty() {
        return in_config;
    }
    let host = || Host::Ip([127, 0, 0, 1].into());
    vec![Listen::bare(Address::Tcp(host(), 9999)), Listen::bare(Address::Udp(host(), 9999))]
}

fn check_dialect_flag(serve: &Serve, listen: &[Listen], dialects: &KnownDialects) -> Result<(), Failure> {
    let Some(name) = &serve.dialect else { return Ok(()) };
    let usage = |sentence: String| Failure::usage(vec![Place::default().complaint(sentence)]);
    dialects.check_name(name).map_err(usage)?;
    if listen.iter().any(|wish| dialects.find(name, wish.transport()).is_some()) {
        return Ok(());
    }
    let remedy = match dialects.find(name, Transport::Stream) {
        Some(_) => "streams: add a tcp:// or unix: address",
        None => "datagrams: add a udp:// or unixgram: address",
    };
    Err(usage(format!("no socket can speak the dialect {name:?}, which is for {remedy}, or choose another")))
}

/// The dialect of one socket, with the flags applied to it.
fn dialect(serve: &Serve, wish: &Listen, config: &Config) -> Result<Dialect, Complaint> {
    let transport = wish.transport();
    let flagged = serve.dialect.as_deref().and_then(|name| config.dialects.find(name, transport));
    let dialect = match flagged {
        Some(dialect) => dialect,
        None => config
            .dialects
            .require(wish.dialect_name(), transport)
            .map_err(|sentence| wish.place.complaint(sentence))?,
    };
    let mut spec = dialect.spec().clone();
    spec.max_message = serve.max_message.unwrap_or(spec.max_message);
    if transport == Transport::Stream {
        spec.framing = serve.framing.or(wish.framing).or(config.framing).unwrap_or(spec.framing);
    }
    let is_flagged = serve.max_message.is_some() || serve.framing.is_some();
    let place = if is_flagged { Place::default() } else { wish.place.clone() };
    let dialect = Dialect::new(dialect.name(), spec).map_err(|error| place.complaint(error.to_string()))?;
    if transport == Transport::Stream {
        check_room(&dialect, config).map_err(|sentence| {
            let place = if is_flagged { place } else { config.dialects.place(dialect.name()) };
            place.complaint(sentence)
        })?;
    }
    Ok(dialect)
}

/// Checks that the longest answer fits into an outbox at its high mark. If it did not, a client could be cut off for an answer of
/// ours although it reads.
fn check_room(dialect: &Dialect, config: &Config) -> Result<(), String> {
    let spec = dialect.spec();
    let placeholders =
        |text: &Option<String>| text.as_ref().map_or(0, |text| text.matches("{message}").count());
    let placeholders = placeholders(&spec.reply).max(placeholders(&spec.farewell_reply));
    // `growth` is the length of the answer to a message of one byte.
    let answer = dialect.growth().saturating_add(placeholders.saturating_mul(spec.max_message - 1));
    let welcome = spec.welcome.as_ref().map_or(0, String::len);
    let room = config.limits.answer_room();
    if answer.max(welcome) <= room {
        return Ok(());
    }
    let what = if answer > room { "an answer" } else { "the welcome" };
    Err(format!(
        "dialect {:?}: {what} can be {} bytes, and between outbox_high and outbox_cap there is room for {room}: \
         raise outbox_cap, or shorten the text or max_message",
        dialect.name(),
        answer.max(welcome),
    ))
}

/// How many clients to serve: as many as are asked for, or as there are descriptors for.
fn clients_with_room(config: &Config, sockets: usize, reactors: usize) -> Result<usize, Failure> {
    let limit = descriptors::raise();
    let room = descriptors::room(limit, sockets, reactors);
    let wanted = config.limits.reactor.connections;
    if room == 0 {
        let sentence = format!(
            "the descriptor limit of {limit} leaves no room for clients beside the sockets that listen: raise it (ulimit -n)"
        );
        return Err(Failure::failed(&Place::default(), sentence));
    }
    if wanted > room {
        let (wanted, room) = (units::write_count(wanted), units::write_count(room));
        let level = if config.sets_connections { log::Level::Warn } else { log::Level::Info };
        log::log!(
            level,
            "the descriptor limit of {limit} leaves room for {room} of {wanted} clients: \
             going on with {room}; raise the limit (ulimit -n) for more"
        );
    }
    Ok(wanted.min(room))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::SocketPlan;
    use hullo::greeting::Framing;
    use std::fs;
    use std::time::Duration;

    fn serve(addresses: &[&str]) -> Serve {
        Serve { addresses: addresses.iter().map(|text| text.parse().unwrap()).collect(), ..Serve::default() }
    }

    fn plan(serve: &Serve, config: &str) -> Result<ServePlan, String> {
        let mut config = Config::parse("x.toml", config).unwrap();
        apply_flags(serve, &mut config);
        prepare_with(serve, config, identity::load)
            .map(|prepared| prepared.plan)
            .map_err(|failure| failure.to_string())
    }

    fn sockets(serve: &Serve, config: &str) -> Vec<String> {
        let show = |socket: &SocketPlan| format!("{} ({})", socket.address, socket.dialect.name());
        plan(serve, config).unwrap().sockets.iter().map(show).collect()
    }

    #[test]
    fn nothing_asked_for_is_hello_on_both_transports() {
        let asked = serve(&[]);
        assert_eq!(sockets(&asked, ""), ["tcp://127.0.0.1:9999 (hello)", "udp://127.0.0.1:9999 (hello)"]);
        let farewells =
            plan(&asked, "").unwrap().sockets.into_iter().map(|s| s.dialect.spec().farewell.clone());
        assert_eq!(farewells.collect::<Vec<_>>(), [Some("exit".to_owned()), None]);
    }

    #[test]
    fn arguments_take_the_place_of_the_sockets_in_the_config() {
        let config = "[[listen]]\naddress = \"tcp://127.0.0.1:1\"\ndialect = \"once\"";
        assert_eq!(sockets(&serve(&[]), config), ["tcp://127.0.0.1:1 (once)"]);
        assert_eq!(sockets(&serve(&["udp://127.0.0.1:2"]), config), ["udp://127.0.0.1:2 (hello)"]);
    }

    #[test]
    fn a_dialect_flag_goes_to_the_sockets_that_have_it() {
        let mut asked = serve(&["tcp://127.0.0.1:1", "udp://127.0.0.1:1"]);
        asked.dialect = Some("indeed".to_owned());
        assert_eq!(sockets(&asked, ""), ["tcp://127.0.0.1:1 (indeed)", "udp://127.0.0.1:1 (hello)"]);
        asked.dialect = Some("echo".to_owned());
        assert_eq!(sockets(&asked, ""), ["tcp://127.0.0.1:1 (hello)", "udp://127.0.0.1:1 (echo)"]);
        asked.addresses.pop();
        let error = plan(&asked, "").err().unwrap();
        assert!(error.starts_with("error: no socket can speak the dialect \"echo\""), "{error}");
    }

    #[test]
    fn framing_and_message_size_override_the_dialect_and_the_config() {
        let mut asked = serve(&[]);
        let config = "[[listen]]\naddress = \"tcp://127.0.0.1:1\"\nframing = \"raw\"\n\
                      [[listen]]\naddress = \"udp://127.0.0.1:1\"\n";
        let specs = |asked: &Serve| {
            let sockets = plan(asked, config).unwrap().sockets;
            sockets.iter().map(|s| (s.dialect.spec().framing, s.dialect.max_message())).collect::<Vec<_>>()
        };
        assert_eq!(specs(&asked), [(Framing::Raw, 1024), (Framing::Auto, 1024)]);
        asked.framing = Some(Framing::Line);
        asked.max_message = Some(99);
        assert_eq!(specs(&asked), [(Framing::Line, 99), (Framing::Auto, 99)]);
        asked.max_message = Some(3);
        let error = plan(&asked, config).err().unwrap();
        assert!(error.starts_with("error: dialect \"hello\": farewell is 4 bytes"), "{error}");
    }

    #[test]
    fn a_flag_counts_more_than_the_file_and_that_more_than_the_default() {
        let mut asked = serve(&[]);
        let config = "reactors = 3\nframing = \"line\"\n\
                      [[listen]]\naddress = \"tcp://127.0.0.1:1\"\nframing = \"raw\"\n\
                      [[listen]]\naddress = \"tcp://127.0.0.1:2\"\n\
                      [[listen]]\naddress = \"udp://127.0.0.1:1\"\n";
        let seen = |asked: &Serve, config: &str| {
            let plan = plan(asked, config).unwrap();
            (plan.reactors, plan.sockets.iter().map(|s| s.dialect.spec().framing).collect::<Vec<_>>())
        };
        assert_eq!(seen(&asked, ""), (1, vec![Framing::Auto, Framing::Auto]));
        assert_eq!(seen(&asked, config), (3, vec![Framing::Raw, Framing::Line, Framing::Auto]));
        asked.reactors = Some(2);
        asked.framing = Some(Framing::Raw);
        assert_eq!(seen(&asked, config), (2, vec![Framing::Raw, Framing::Raw, Framing::Auto]));
    }

    #[test]
    fn a_name_becomes_every_address_it_has_and_none_is_taken_twice() {
        let found = sockets(&serve(&["tcp://localhost:5"]), "");
        assert!(found.contains(&"tcp://127.0.0.1:5 (hello)".to_owned()), "{found:?}");
        let error = plan(&serve(&["tcp://localhost:5", "tcp://127.0.0.1:5"]), "").err().unwrap();
        assert_eq!(error, "error: tcp://127.0.0.1:5 is asked for twice: take one out\n");
    }

    #[test]
    fn the_same_address_twice_is_refused_unless_the_system_chooses_the_port() {
        assert!(plan(&serve(&["udp://127.0.0.1:0", "udp://127.0.0.1:0"]), "").is_ok());
        assert!(plan(&serve(&["udp://127.0.0.1:5", "tcp://127.0.0.1:5"]), "").is_ok());
        assert!(plan(&serve(&["unix:x", "unixgram:./x"]), "").is_err());
        assert!(plan(&serve(&["unix:@x", "unix:./@x"]), "").is_ok());
        assert!(plan(&serve(&["unix:@x", "unix:@x"]), "").is_err());
        let twice = "[[listen]]\naddress = \"udp://[::1]:5\"\n".repeat(2);
        let error = plan(&serve(&[]), &twice).err().unwrap();
        assert_eq!(error, "x.toml:4: udp://[::1]:5 is asked for twice: take one out\n");
    }

    #[test]
    fn flags_override_limits() {
        let asked = Serve {
            max_connections: Some(5),
            idle_timeout: Some(Duration::ZERO),
            drain_timeout: Some(Duration::from_secs(1)),
            ..Serve::default()
        };
        let config = "[limits]\nconnections = 6\nidle = \"7s\"\ndrain = \"8s\"\nlinger = \"9s\"";
        let plan = plan(&asked, config).unwrap();
        assert_eq!(
            (plan.limits.connections, plan.limits.idle.as_secs(), plan.drain_timeout.as_secs()),
            (5, 0, 1)
        );
        assert_eq!(plan.limits.linger.as_secs(), 9);
    }

    #[test]
    fn connections_never_exceed_the_descriptors_there_are() {
        let most = i32::MAX as usize;
        let plan = plan(&Serve { max_connections: Some(most), ..Serve::default() }, "").unwrap();
        assert_eq!(plan.limits.connections, descriptors::room(descriptors::raise(), 2, 1).min(most));
    }

    #[test]
    fn an_answer_that_would_burst_the_outbox_is_refused_where_it_is_written() {
        let limits = "[limits]\noutbox_high = 100\noutbox_low = 50\noutbox_cap = 400\n";
        let dialect = |messages: usize| {
            let reply = "{message}".repeat(messages);
            format!("{limits}[dialects.mine]\nmax_message = 90\nreply = {reply:?}\n")
        };
        let mut asked = serve(&["tcp://127.0.0.1:5"]);
        asked.dialect = Some("mine".to_owned());
        assert!(plan(&asked, &dialect(3)).is_ok());
        let error = plan(&asked, &dialect(4)).err().unwrap();
        assert!(error.starts_with("x.toml:7: dialect \"mine\": an answer can be 361 bytes"), "{error}");
        asked.addresses = serve(&["udp://127.0.0.1:5"]).addresses;
        assert!(plan(&asked, &dialect(4)).is_ok(), "a datagram waits in no outbox");
    }

    #[test]
    fn a_message_size_that_would_burst_the_outbox_is_refused() {
        let asked = |max_message| Serve { max_message: Some(max_message), ..Serve::default() };
        assert!(plan(&asked(64 * 1024), "").is_ok());
        let error = plan(&asked(1 << 20), "").err().unwrap();
        assert!(error.starts_with("error: dialect \"hello\": an answer can be 1048585 bytes"), "{error}");
    }

    #[test]
    fn the_example_with_every_dialect_is_valid() {
        let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/blogs.toml")).unwrap();
        assert_eq!(
            sockets(&serve(&[]), &text),
            [
                "tcp://127.0.0.1:13145 (hello)",
                "udp://127.0.0.1:13145 (echo)",
                "tcp://127.0.0.1:9999 (patient)",
                "udp://127.0.0.1:9999 (hello)",
                "tcp://127.0.0.1:9998 (plain)",
                "tcp://127.0.0.1:9000 (receipt)",
                "udp://127.0.0.1:9000 (quiet)",
                "tcp://127.0.0.1:8888 (indeed)",
                "tcp://127.0.0.1:8887 (once)",
            ]
        );
    }
}
