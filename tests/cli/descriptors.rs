//! What each command says where there are hardly any descriptors: a sentence with the remedy.

use crate::support::{shell, text};

/// In each of them something fails in the end, since nobody listens on port 1.
const COMMANDS: [&str; 9] = [
    "serve tcp://127.0.0.1:0",
    "serve unix:/nowhere/socket udp://127.0.0.1:0",
    "talk tcp://127.0.0.1:1 hi",
    "talk udp://127.0.0.1:1 hi",
    "talk unix:/nowhere/socket hi",
    "fetch http://127.0.0.1:1/",
    "fetch -o /nowhere/file http://127.0.0.1:1/",
    "load -c 1 tcp://127.0.0.1:1",
    "load -c 1 --json udp://127.0.0.1:1",
];

#[test]
fn without_descriptors_every_command_fails_with_a_sentence() {
    for limit in 4..13 {
        for command in COMMANDS {
            let output = shell(&format!("ulimit -n {limit} && exec \"$0\" {command}"));
            let said = text(&output.stderr);
            let case = format!("{limit} descriptors, {command}: {output:?}");
            assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), ""), "{case}");
            assert!(said.starts_with("error: ") || said.contains("\nerror: "), "{case}");
            let had_enough =
                limit > 8 && (said.contains("nobody listens") || said.contains("no such socket"));
            assert!(said.contains("ulimit -n") || had_enough, "{case}");
        }
    }
}

#[test]
fn what_needs_no_descriptors_works_without() {
    for command in ["--version", "dialects", "completions bash", "man"] {
        let output = shell(&format!("ulimit -n 4 && exec \"$0\" {command}"));
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""), "{command}: {output:?}");
    }
}
