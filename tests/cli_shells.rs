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
    assert_eq!(page, succeed(&["man", "hullo-serve"]).0);
    assert!(fail(2, &["man", "srve"]).contains("no command \"srve\": choose one of serve, "));
}

#[test]
fn every_page_of_a_command_has_the_sections_that_a_reader_looks_for() {
    for command in ["hullo", "serve", "talk", "fetch", "load", "dialects", "completions", "man"] {
        let (page, _) = succeed(&["man", command]);
        let mut rest = page.as_str();
        for section in ["EXIT STATUS", "SIGNALS", "ENVIRONMENT", "FILES", "EXAMPLES", "SEE ALSO"] {
            // A name of several words is one argument, in quotes.
            let quote = if section.contains(' ') { "\"" } else { "" };
            let heading = format!(".SH {quote}{section}{quote}\n");
            let Some((_, behind)) = rest.split_once(&heading) else {
                panic!("{command}: no {section}:\n{page}")
            };
            assert!(!behind.starts_with(".SH"), "{command}: nothing in {section}");
            rest = behind;
        }
        assert!(page.is_ascii(), "{command}: every troff reads it");
    }
    for (command, parts) in [
        ("serve", &["clients were cut", "SIGHUP", "HULLO_LOG", "hullo.toml(5)"][..]),
        ("load", &["NOT TRUSTWORTHY", "\\fB130, 143\\fR", "SIGINT"]),
        ("talk", &["not answered", "\\fB130\\fR", "\\[u6570]\\[u636E]"]),
        ("fetch", &["answered with an error", "\\fB143\\fR"]),
    ] {
        let (page, _) = succeed(&["man", command]);
        for part in parts {
            assert!(page.contains(part), "{command}: {part:?} is missing in:\n{page}");
        }
    }
}

#[test]
fn the_page_of_the_config_has_every_key_that_is_printed_with_its_default() {
    let (page, _) = succeed(&["man", "hullo.toml"]);
    assert!(page.contains(".TH hullo.toml 5 "), "{page}");
    let (printed, _) = succeed(&["serve", "--check-config"]);
    let limits = printed.lines().skip_while(|line| *line != "[limits]").skip(1);
    let limits: Vec<&str> = limits.take_while(|line| !line.is_empty()).collect();
    assert!(limits.len() > 20, "{printed}");
    for line in limits {
        let (key, value) = line.split_once(" = ").unwrap();
        let value = value.trim_matches('"');
        let value = if key == "connections" { "10k" } else { value };
        let entry = page.lines().find(|line| line.starts_with(&format!("\\fB{key}\\fR (")));
        let entry = entry.unwrap_or_else(|| panic!("{key} is missing in:\n{page}"));
        assert!(entry.ends_with(&format!(", default {value})")), "{entry}");
        let comment = printed.lines().find(|line| line.starts_with(&format!("#   {key} "))).unwrap();
        assert!(comment.contains(&format!(", default {value}. ")), "{comment}");
    }
    for key in
        ["address", "dialect", "mode", "welcome", "reply", "farewell", "delay", "encoding", "max_message"]
    {
        assert!(page.contains(&format!("\\fB{key}\\fR (")), "{key} is missing in:\n{page}");
    }
}
