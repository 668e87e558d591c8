//! Addresses of one interface, and a loopback without IPv6, in network namespaces that the test makes for itself.

use std::process::Command;

use crate::support::{HULLO, PATIENCE, Process, has_network, in_network};

/// A link with an address that means something on it alone.
const LINK: &str = "ip link add here0 type veth peer name there0 && \
    ip addr add fe80::1/64 dev here0 nodad && ip link set here0 up && ip link set there0 up";
const NO_V6: &str = "ip addr del ::1/128 dev lo";

/// Runs a script whose `$0` is hullo. Its exit code, stdout and stderr.
#[track_caller]
fn run(setup: &str, script: &str) -> (Option<i32>, Vec<String>, String) {
    let mut process = Process::start(in_network(setup, script).arg(HULLO));
    let status = process.wait(PATIENCE).unwrap_or_else(|| panic!("it has not ended: {:?}", process.said()));
    let said = process.said().clone();
    (status.code(), said.out, said.err.join("\n"))
}

/// Serves `addresses` as long as `then` takes, which begins once every one of `count` sockets is announced.
fn serving(addresses: &str, count: usize, then: &str) -> String {
    format!(
        "out=$(mktemp); \"$0\" serve {addresses} >$out & daemon=$!; \
         for i in $(seq 200); do [ $(wc -l <$out) -ge {count} ] && break; kill -0 $daemon || break; sleep 0.05; done; \
         cat $out; rm $out; {then}\nstatus=$?; kill $daemon && wait $daemon; exit $status"
    )
}

#[test]
fn an_address_with_its_interface_is_served_and_reached() {
    if !has_network(LINK) {
        return;
    }
    for kind in ["tcp", "udp"] {
        for (scope, then) in [
            ("here0", "\"$0\" talk KIND://[fe80::1%here0]:9000 Ann </dev/null"),
            ("here0", "\"$0\" load KIND://[fe80::1%here0]:9000 -c 2 -n 20 --expect 'errors<1' -q"),
            // As the number that it has on this machine.
            (
                "$(ip -o link show here0 | cut -d: -f1)",
                "\"$0\" talk KIND://[fe80::1%here0]:9000 Ann </dev/null",
            ),
            (
                "here0",
                "\"$0\" talk \"KIND://[fe80::1%$(ip -o link show here0 | cut -d: -f1)]:9000\" Ann </dev/null",
            ),
        ] {
            let script =
                serving(&format!("\"{kind}://[fe80::1%{scope}]:9000\""), 1, &then.replace("KIND", kind));
            let (code, out, err) = run(LINK, &script);
            assert_eq!(code, Some(0), "{script}\n{out:?}\n{err}");
            assert_eq!(out[0], format!("listening on {kind}://[fe80::1%here0]:9000 (hello)"));
            assert!(then.contains("load") || out.join("\n").contains("Hello, Ann!"), "{out:?}");
        }
    }
}

#[test]
fn an_interface_that_is_not_there_or_not_said_is_named_with_a_remedy() {
    if !has_network(LINK) {
        return;
    }
    for kind in ["tcp", "udp"] {
        for command in ["serve", "talk"] {
            let message = if command == "talk" { "Ann </dev/null" } else { "" };
            let tell = |host: &str| {
                let (code, out, err) =
                    run(LINK, &format!("\"$0\" {command} '{kind}://{host}:9000' {message}"));
                assert_eq!((code, out.len()), (Some(1), 0), "{command} {host}: {err}");
                err
            };
            let err = tell("[fe80::1%gone0]");
            assert!(err.contains("[fe80::1%gone0]"), "{err}");
            let err = tell("[fe80::1]");
            assert!(err.contains("[fe80::1%eth0]"), "{err}");
        }
    }
}

#[test]
fn an_ipv4_address_written_as_ipv6_is_told_how_to_be_written() {
    for kind in ["tcp", "udp"] {
        let address = format!("{kind}://[::ffff:127.0.0.1]:0");
        let output = Command::new(HULLO).args(["serve", &address]).output().unwrap();
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{err}");
        assert!(err.contains(&address) && err.contains("write 127.0.0.1"), "{err}");
    }
}

/// `localhost` has two addresses in nearly every hosts file.
#[test]
fn a_name_is_served_at_those_of_its_addresses_that_this_machine_has() {
    if !has_network(NO_V6) {
        return;
    }
    let hosts = "hosts=$(mktemp); printf '127.0.0.1 localhost both\\n::1 localhost both v6-only\\n' >$hosts; \
        mount --bind $hosts /etc/hosts; rm $hosts";
    for more in ["", "--reactors 2"] {
        for kind in ["tcp", "udp"] {
            for then in ["talk KIND://localhost:9000 Ann </dev/null", "load KIND://localhost:9000 -n 20 -q"] {
                let then = format!("\"$0\" {}", then.replace("KIND", kind));
                let script =
                    format!("{hosts}; {}", serving(&format!("{kind}://localhost:9000 {more}"), 1, &then));
                let (code, out, err) = run(NO_V6, &script);
                assert_eq!(code, Some(0), "{script}\n{out:?}\n{err}");
                assert_eq!(out[0], format!("listening on {kind}://127.0.0.1:9000 (hello)"));
                let warning = format!("{kind}://[::1]:9000 is no address of this machine");
                assert!(err.contains(&warning) && err.contains("WARN"), "{err}");
            }
        }
    }
    // With none of them there is nothing to serve; and what is asked for by number is not left out.
    for address in ["tcp://v6-only:9000", "udp://v6-only:9000", "'tcp://[::1]:9000' tcp://127.0.0.1:9000"] {
        let (code, out, err) = run(NO_V6, &format!("{hosts}; \"$0\" serve {address}"));
        assert_eq!((code, out.len()), (Some(1), 0), "{address}: {err}");
        assert!(err.contains("[::1]:9000 is no address of this machine"), "{err}");
    }
}
