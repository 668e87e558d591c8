//! No line of help, manuals, tables and printed configs is wider than 80 columns, where it has blanks to break at.

use crate::support::{HULLO, TempDir, hullo, skip, succeed, text};
use std::io::Write;
use std::process::{Command, Stdio};

const COMMANDS: [&str; 7] = ["serve", "talk", "fetch", "load", "dialects", "completions", "man"];

/// Chinese characters take two columns.
fn columns(line: &str) -> usize {
    line.chars().map(|c| if ('\u{2e80}'..='\u{ffe6}').contains(&c) { 2 } else { 1 }).sum()
}

#[track_caller]
fn assert_narrow(what: &str, text: &str) {
    for line in text.lines() {
        assert!(columns(line) <= 80, "{what}: {} columns: {line}", columns(line));
    }
    assert!(text.lines().count() > 1, "{what}: {text}");
}

#[test]
fn every_help_fits_on_a_page_whatever_the_terminal() {
    for help in ["-h", "--help"] {
        let commands = COMMANDS.iter().map(|command| vec![*command, help]);
        for args in commands.chain([vec![help]]) {
            for width in ["80", "200"] {
                let output = hullo(&args).env("COLUMNS", width).output().unwrap();
                assert_narrow(&format!("{args:?}"), text(&output.stdout));
            }
        }
    }
}

#[test]
fn a_narrower_terminal_has_narrower_help() {
    let widest = |width: &str| {
        let output = hullo(&["serve", "-h"]).env("COLUMNS", width).output().unwrap();
        text(&output.stdout).lines().map(columns).max().unwrap()
    };
    assert!(widest("60") <= 60 && widest("80") > 60, "{} {}", widest("60"), widest("80"));
}

#[test]
fn every_page_of_the_manual_fits_on_a_page() {
    let pages = COMMANDS.iter().copied().chain(["hullo", "hullo.toml"]);
    for page in pages {
        let (roff, _) = succeed(&["man", page]);
        let groff = Command::new("groff")
            .args(["-man", "-Tutf8", "-P-c", "-P-b", "-P-u", "-rLL=80n", "-ww"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let Ok(mut groff) = groff else { return skip("there is no groff here to lay out manuals") };
        groff.stdin.take().unwrap().write_all(roff.as_bytes()).unwrap();
        let output = groff.wait_with_output().unwrap();
        assert_narrow(page, text(&output.stdout));
        assert_eq!(text(&output.stderr), "", "{page}: groff has nothing to say");
    }
}

#[test]
fn what_is_printed_to_be_read_fits_on_a_page() {
    assert_narrow("the table", &succeed(&["dialects"]).0);
    assert_narrow("the dialects", &succeed(&["dialects", "--toml"]).0);
    assert_narrow("the config", &succeed(&["serve", "--check-config"]).0);
    let dir = TempDir::new();
    let all = dir.write("all.toml", succeed(&["dialects", "--toml"]).0);
    assert_narrow("a config", &succeed(&["serve", "--check-config", "--config", &all]).0);
}

#[test]
fn a_long_sentence_is_broken_between_words_on_a_terminal_and_nowhere_else() {
    let line = ["serve", "--dialect", "nothing of the kind"];
    let sentence = text(&hullo(&line).output().unwrap().stderr).to_owned();
    assert!(sentence.lines().count() == 1 && columns(&sentence) > 80, "{sentence}");
    let on_a_terminal = "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)";
    let python =
        Command::new("python3").args(["-c", on_a_terminal, HULLO]).args(line).stdin(Stdio::null()).output();
    let Ok(output) = python else { return skip("there is no python3 here to make a terminal") };
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let broken = text(&output.stdout).replace("\r\n", "\n");
    assert_narrow("on a terminal", &broken);
    assert_eq!(broken.replace("\n  ", " "), sentence);
}
