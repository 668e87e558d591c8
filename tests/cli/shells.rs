//! What a shell and a reader of manuals get: completions and pages.

use crate::support::{TempDir, fail, skip, succeed, text};
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

/// What bash offers behind these words, the last of which is begun.
fn offered(script: &str, words: &[&str]) -> Vec<String> {
    const ASK: &str = r#"source "$0" 2>/dev/null
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
        _hullo hullo "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}" 2>/dev/null
        printf '%s\n' "${COMPREPLY[@]}""#;
    let output =
        Command::new("bash").args(["--norc", "-c", ASK, script, "hullo"]).args(words).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let offered = text(&output.stdout).lines().filter(|line| !line.is_empty());
    offered.map(str::to_owned).collect()
}

#[test]
fn bash_offers_commands_dialects_framings_pages_and_files() {
    if Command::new("bash").arg("--version").output().is_err() {
        return skip("there is no bash here to complete a line");
    }
    let dir = TempDir::new();
    let script = dir.write("hullo.bash", succeed(&["completions", "bash"]).0);
    let config = dir.write("my.toml", "");
    let dialects = ["hello", "patient", "plain", "receipt", "indeed", "once", "echo", "quiet"];
    for command in ["serve", "talk", "load"] {
        assert_eq!(offered(&script, &[command, "--dialect", ""]), dialects, "{command}");
        assert_eq!(offered(&script, &[command, "--dialect", "q"]), ["quiet"], "{command}");
    }
    for (words, found) in [
        (&["lo"][..], &["load"][..]),
        (&["help", "se"], &["serve"]),
        (&["serve", "--framing", ""], &["auto", "raw", "line"]),
        (&["talk", "--framing", ""], &["raw", "line"]),
        (&["load", "--framing", ""], &["raw", "line"]),
        (&["load", "--check", "f"], &["full"]),
        (&["serve", "--log-level", "tr"], &["trace"]),
        (&["completions", "fi"], &["fish"]),
        (&["man", "hu"], &["hullo.toml"]),
        (&["man", "lo"], &["load"]),
        (&["serve", "--max-m"], &["--max-message"]),
        (&["serve", "--config", config.strip_suffix(".toml").unwrap()], &[config.as_str()]),
        (&["serve", "--max-connections", ""], &[]),
    ] {
        assert_eq!(offered(&script, words), found, "{words:?}");
    }
}

#[test]
fn zsh_and_fish_are_told_the_same() {
    let (zsh, _) = succeed(&["completions", "zsh"]);
    let dialects = "hello patient plain receipt indeed once echo quiet";
    assert_eq!(zsh.matches(&format!(":NAME:({dialects})'")).count(), 3, "{zsh}");
    for part in [":F:(auto raw line)'", "--config=", ":FILE:_files'", ":DIR:_files -/'", " hullo.toml)'"] {
        assert!(zsh.contains(part), "{part}");
    }
    let (fish, _) = succeed(&["completions", "fish"]);
    for command in ["serve", "talk", "load"] {
        let start = format!("__fish_hullo_using_subcommand {command}\" -l dialect ");
        let found = fish.split(&start).nth(1).unwrap_or_else(|| panic!("no dialects of {command}: {fish}"));
        let values = found.split('"').nth(1).unwrap().replace("\\t''\n", " ").replace("\\t''", "");
        assert_eq!(values, dialects, "{command}");
    }
    for part in ["subcommand completions\" -f -a \"bash zsh fish\"", "subcommand man\" -f -a \"serve talk "] {
        assert!(fish.contains(part), "{part}: {fish}");
    }
}

#[test]
fn a_dialect_of_ones_own_is_taken_though_no_shell_offers_it() {
    let dir = TempDir::new();
    let config = dir.write("my.toml", "[dialects.mine]\nreply = \"{message}\"");
    let (printed, _) = succeed(&["serve", "--config", &config, "--dialect", "mine", "--check-config"]);
    assert!(printed.contains("dialect = \"mine\""), "{printed}");
}

#[test]
fn the_shells_accept_their_completions() {
    let dir = TempDir::new();
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
