//! What `hullo load` is to do: its flags, checked.

use super::flags::Load;
use super::usage;
use crate::cli::config::known_dialects::KnownDialects;
use crate::cli::config::listen_table::transport;
use crate::cli::config::placeholders;
use crate::cli::output::failure::{Failure, Place};
use crate::cli::units;
use crate::cli::usage::command_line;
use crate::load::{Check, Framing, Plan, Rate, Script, Setting, Templates, Tls, Wanted};
use hullo::{Address, Host};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// How long is measured where nothing is said of an end.
const TEN_SECONDS: Duration = Duration::from_secs(10);

/// The most requests that one client may have in flight: more would only measure its own queue.
const MOST_OUTSTANDING: usize = 1000;

pub fn plan(load: &Load) -> Result<Plan, Failure> {
    let is_datagram = load.address.is_datagram();
    check(load, is_datagram).map_err(usage)?;
    let script = script(load, is_datagram).map_err(usage)?;
    let tls = tls(load).map_err(usage)?;
    let mut targets =
        resolve(&load.address).map_err(|problem| Failure::failed(&Place::default(), problem))?;
    if let Some(sources) = load.source {
        targets.retain(|target| target.ip().is_some_and(|ip| ip.is_ipv4() == sources.is_ipv4()));
        if targets.is_empty() {
            return Err(usage(format!(
                "--source is of another family than {}: give addresses of the same",
                load.address
            )));
        }
    }
    let default = (load.duration.is_none() && load.requests.is_none()).then_some(TEN_SECONDS);
    Ok(Plan {
        command: command_line::quoted(&command_line::typed()),
        settings: settings(load),
        targets,
        tls,
        clients: load.connections,
        duration: load.duration.or(default),
        requests: load.requests.map(|requests| requests as u64),
        rate: load.rate,
        outstanding: load.outstanding,
        churn: load.churn,
        connect_rate: load.connect_rate,
        connect_timeout: load.connect_timeout,
        timeout: load.timeout,
        warmup: load.warmup,
        drain: load.drain,
        script,
        sources: load.source,
        expectations: load.expect.clone(),
        // 53 bits, which a reader of JSON can hold even where all its numbers are doubles.
        seed: RandomState::new().build_hasher().finish() >> 11,
    })
}

/// Refuses settings that cannot go together, or that mean nothing.
fn check(load: &Load, is_datagram: bool) -> Result<(), String> {
    if load.address.host() == Some(&Host::Any) {
        return Err(format!("{} is where to listen, not whom to test: name a host", load.address));
    }
    for (name, is_zero) in [
        ("--connections", load.connections == 0),
        ("--duration", load.duration == Some(Duration::ZERO)),
        ("--requests", load.requests == Some(0)),
        ("--outstanding", load.outstanding == 0),
        ("--timeout", load.timeout.is_zero()),
        ("--connect-timeout", load.connect_timeout.is_zero()),
    ] {
        if is_zero {
            return Err(format!("{name} is 0: choose more"));
        }
    }
    if load.outstanding > MOST_OUTSTANDING {
        return Err(format!("--outstanding is {}: choose at most {MOST_OUTSTANDING}", load.outstanding));
    }
    if load.outstanding > 1 && load.framing == Framing::Raw && !is_datagram {
        return Err(
            "--outstanding of more than 1 needs --framing line: raw replies would run together".to_owned()
        );
    }
    if load.outstanding > 1 && load.churn {
        return Err(
            "--outstanding of more than 1 and --churn exclude each other: a connection has one request"
                .to_owned(),
        );
    }
    if load.churn && is_datagram {
        return Err("--churn is for connections, and datagrams have none: take it out".to_owned());
    }
    if load.source.is_some() && load.address.host().is_none() {
        return Err("--source is for TCP and UDP: a Unix socket has no source address".to_owned());
    }
    Ok(())
}

fn script(load: &Load, is_datagram: bool) -> Result<Script, String> {
    let wanted = Wanted {
        is_datagram,
        churn: load.churn,
        framing: load.framing,
        check: load.check,
        text: load.message.as_deref(),
        size: load.size,
    };
    let own = ["conn", "seq", "rand"];
    let all = ["message", "conn", "seq", "rand"];
    for (name, template, known) in [
        ("--message", &load.message, &own[..]),
        ("--request", &load.request, &all),
        ("--reply", &load.reply, &all),
        ("--welcome", &load.welcome, &[]),
    ] {
        let problem = template.as_ref().map_or(Ok(()), |text| placeholders::check(text, known));
        problem.map_err(|problem| format!("{name} {problem}"))?;
    }
    match (&load.request, &load.reply) {
        (Some(request), Some(reply)) => {
            Script::of_templates(&Templates { request, reply, welcome: load.welcome.as_deref() }, &wanted)
        }
        _ => {
            let dialect = KnownDialects::default().require(&load.dialect, transport(&load.address))?;
            Script::of_dialect(&dialect, &wanted)
        }
    }
}

/// The host is the name, or the numeric address, that the certificate must have; which address it has makes no difference.
fn tls(load: &Load) -> Result<Option<Tls>, String> {
    let Some(client) = load.trust.client_for(&load.address)? else { return Ok(None) };
    let name = match (load.address.host(), load.address.ip()) {
        (Some(Host::Name(name)), _) => name.clone(),
        (_, ip) => ip.map_or_else(String::new, |ip| ip.to_string()),
    };
    Tls::new(&client, name).map(Some)
}

fn resolve(address: &Address) -> Result<Vec<Address>, String> {
    address.resolve().map_err(|error| {
        format!(
            "{address}: the name cannot be looked up ({error}): check its spelling, or give a numeric address"
        )
    })
}

/// The settings in force, defaults included, in the order of the help; the report lists them.
fn settings(load: &Load) -> Vec<(&'static str, Setting)> {
    let count = |number: usize| Setting::Count(number as u64);
    let time = |duration| Setting::from(units::write_duration(duration));
    let pace = |rate: Rate| match rate.is_steady() {
        true => Setting::Number(rate.mean()),
        false => rate.to_string().into(),
    };
    let default = (load.duration.is_none() && load.requests.is_none()).then_some(TEN_SECONDS);
    let mut settings = vec![("connections", count(load.connections))];
    settings.extend(load.duration.or(default).map(|duration| ("duration", time(duration))));
    settings.extend(load.requests.map(|number| ("requests", count(number))));
    settings.extend(load.rate.map(|rate| ("rate", pace(rate))));
    settings.push(("outstanding", count(load.outstanding)));
    settings.push(("churn", Setting::Switch(load.churn)));
    settings.extend(load.connect_rate.map(|rate| ("connect-rate", pace(rate))));
    settings.extend([
        ("connect-timeout", time(load.connect_timeout)),
        ("timeout", time(load.timeout)),
        ("warmup", time(load.warmup)),
        ("drain", time(load.drain)),
    ]);
    match (&load.request, &load.reply) {
        (Some(request), Some(reply)) => {
            settings.extend([("request", request.clone().into()), ("reply", reply.clone().into())]);
            settings.extend(load.welcome.clone().map(|welcome| ("welcome", welcome.into())));
        }
        _ => settings.push(("dialect", load.dialect.clone().into())),
    }
    if !load.address.is_datagram() {
        settings.push(("framing", if load.framing == Framing::Raw { "raw" } else { "line" }.into()));
    }
    settings.push(match (&load.message, load.size) {
        (_, Some((least, most))) if least == most => ("size", Setting::Count(least.into())),
        (_, Some((least, most))) => ("size", format!("{least}..{most}").into()),
        (message, None) => ("message", message.as_deref().unwrap_or("c{conn}-{seq}").into()),
    });
    let check = match load.check {
        Check::Full => "full",
        Check::Length => "length",
        Check::None => "none",
    };
    settings.push(("check", check.into()));
    settings.extend(load.source.map(|sources| ("source", sources.to_string().into())));
    settings.extend(load.trust.cacert.as_ref().map(|path| ("cacert", path.display().to_string().into())));
    settings.extend(load.trust.insecure.then_some(("insecure", Setting::Switch(true))));
    if !load.expect.is_empty() {
        settings.push(("expect", Setting::List(load.expect.iter().map(ToString::to_string).collect())));
    }
    let files = [
        ("output", &load.output),
        ("html", &load.html),
        ("hdr", &load.hdr),
        ("timeseries", &load.timeseries),
    ];
    for (name, path) in files {
        settings.extend(path.as_ref().map(|path| (name, path.display().to_string().into())));
    }
    settings
}
