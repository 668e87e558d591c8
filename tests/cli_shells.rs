//! What a shell and a reader of manuals get: completions and pages.
#![cfg(feature = "cli")]

mod cli_common;

use cli_common::{TempDir, fail, skip, succeed};
use std::process::{Command, Stdio};

#[test]
fn completions_name_every_command_for_each_shell() {
    for shell in ["bash", "zsh", "fish"] {
        let (script, stderr) = succeed(&["completions", shell]);
        assert_eq!(stderr, "");
        for word in ["serve", "dialects", "completions", "man", "check-config"] {
            assert!(script.contains(word), "{shell}: {word} is missing");
        }
    }
    assert!(fail(2, &["completions", "ksh"]).contains("bash, zsh, fish"));
    assert!(fail(2, &["completions"]).contains("SHELL"));
}

#[test]
fn the_shells_accept_their_completions() {
    let dir = TempDir::new("completions");
    for (shell, check) in [("bash", "-n"), ("zsh", "-n"), ("fish", "--no-execute")] {
        let script = dir.write(shell, succeed(&["completions", shell]).0);
        match Command::new(shell).args([check, &script]).stdin(Stdio::null()).output() {
            Ok(output) => assert!(output.status.success() && output.stderr.is_empty(), "{shell}: {output:?}"),
            Err(_) => skip(&format!("there is no {shell} here to read its completions")),
        }
    }
}

#[test]
fn the_manual_is_roff_and_tells_what_the_help_tells() {
    let (page, stderr) = succeed(&["man"]);
    assert_eq!(stderr, "");
    for part in
        [".TH hullo 1 ", ".SH NAME\n", ".SH SYNOPSIS\n", ".SH OPTIONS\n", ".SH EXAMPLES\n", "serve(1)"]
    {
        assert!(page.contains(part), "{part:?} is missing in:\n{page}");
    }
    let (page, _) = succeed(&["man", "serve"]);
    for part in [".TH hullo-serve 1 ", "check\\-config", ".SH EXAMPLES\n", "SIGTERM"] {
        assert!(page.contains(part), "{part:?} is missing in:\n{page}");
    }
    assert!(fail(2, &["man", "srve"]).contains("no command \"srve\": choose one of serve, "));
}
