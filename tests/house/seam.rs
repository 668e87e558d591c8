//! The library has one seam to the system: `src/reactor/sys`, and `src/reactor/socket` for what concerns a socket. This reads
//! every path that is written in the library, so that a simulator or another system has one place to stand in.

use crate::floors::sources;
use std::fs;
use std::iter::Peekable;
use std::path::Path;

const SYS: &str = "src/reactor/sys";
const SOCKET: &str = "src/reactor/socket";
/// The file of a Unix socket.
const SOCKET_FILES: &str = "src/reactor/socket/files.rs";

/// What touches the system, and where alone it may be written.
const TOUCHES: &[(&str, &[&str])] = &[
    ("libc", &[SYS]),
    ("mio", &[SYS, SOCKET]),
    ("socket2", &[SYS, SOCKET]),
    ("std::*", &[]),
    ("std::env", &[]),
    ("std::fs", &[SYS, SOCKET_FILES]),
    ("std::io::stderr", &[]),
    ("std::io::stdin", &[]),
    ("std::io::stdout", &[]),
    ("std::net::TcpListener", &[]),
    ("std::net::TcpStream", &[]),
    ("std::net::ToSocketAddrs", &[SYS]),
    ("std::net::UdpSocket", &[]),
    ("std::os::linux", &[]),
    ("std::os::unix", &[SYS, SOCKET_FILES]),
    ("std::process", &[]),
    ("std::thread", &[SYS]),
    ("std::time::SystemTime", &[]),
    ("Instant::now", &[SYS]),
    ("last_os_error", &[SYS]),
    ("raw_os_error", &[SYS]),
    ("eprintln", &[]),
    ("println", &[]),
];

#[test]
fn nothing_but_the_seam_touches_the_system() {
    let mut is_found = vec![false; TOUCHES.len()];
    for file in sources(Path::new("src")) {
        if file.starts_with("src/bin") {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        for (line, path) in paths(&text) {
            for (what, _) in touched(&path) {
                let (number, allowed) = place(what);
                is_found[number] = true;
                assert!(
                    allowed.iter().any(|room| file.starts_with(room)),
                    "{}:{line}: {path} touches the system: {what} belongs to {allowed:?}, or to nobody",
                    file.display()
                );
            }
        }
    }
    for ((what, allowed), is_found) in TOUCHES.iter().zip(is_found) {
        assert_eq!(is_found, !allowed.is_empty(), "{what} is found nowhere: are the right files read?");
    }
}

/// Whoever ports the reactor reads there what is wanted.
#[test]
fn the_seam_lists_what_a_system_must_give_and_takes_over_just_that() {
    let text = fs::read_to_string("src/reactor/sys/mod.rs").unwrap();
    let wanted = text.split_once("each system must give").unwrap().1.split_once("#![allow").unwrap().0;
    let mut listed: Vec<&str> =
        wanted.split("[`").skip(1).map(|name| name.split_once("`]").unwrap().0).collect();
    let taken = text.split_once("pub(crate) use linux::{").unwrap().1.split_once("};").unwrap().0;
    let mut taken: Vec<&str> = taken.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    listed.sort_unstable();
    taken.sort_unstable();
    assert_eq!(listed, taken);
}

#[test]
fn every_way_to_write_a_path_is_seen() {
    for (code, what) in [
        ("use std::fs;", "std::fs"),
        ("use std::{io, fs::{self, File}};", "std::fs"),
        ("use ::std::{\n    io,\n    thread as other,\n};", "std::thread"),
        ("fn f(file: std::fs::File) {}", "std::fs"),
        ("let when = std::time::Instant::now();", "Instant::now"),
        (r#"let at = "tcp://*:1"; libc::getpid();"#, "libc"),
        (r##"let quoted = r#""//"#; mio::Token(1);"##, "mio"),
        ("let slash = '/'; let quote = '\"'; socket2::Socket::new();", "socket2"),
        ("fn f<'a>(x: &'a str) { println!() }", "println"),
        ("matches!(e.raw_os_error(), None)", "raw_os_error"),
        ("use std::*;", "std::*"),
        ("/* a */ use std::net::{IpAddr, UdpSocket};", "std::net::UdpSocket"),
    ] {
        let mut found: Vec<&str> =
            paths(code).iter().flat_map(|(_, path)| touched(path)).map(|(what, _)| what).collect();
        found.dedup();
        assert_eq!(found, [what], "{code}");
    }
    for code in [
        "// use std::fs;",
        "/* libc:: /* std::fs */ libc */ fn f() {}",
        r#"let text = "std::fs and \" libc::x";"#,
        "std::thread_local!(static X: u8 = 1);",
        "use std::net::{IpAddr, SocketAddr};\nuse std::os::fd::OwnedFd;",
        "#[cfg(test)]\nmod tests {\n    use std::fs;\n}",
    ] {
        assert!(paths(code).iter().all(|(_, path)| touched(path).is_empty()), "{code}");
    }
}

fn place(what: &str) -> (usize, &'static [&'static str]) {
    let number = TOUCHES.iter().position(|(name, _)| *name == what).unwrap();
    (number, TOUCHES[number].1)
}

/// What of the system a path names.
fn touched(path: &str) -> Vec<(&'static str, &'static [&'static str])> {
    let path = format!("::{path}::");
    TOUCHES.iter().filter(|(what, _)| path.contains(&format!("::{what}::"))).copied().collect()
}

/// Every path in the code, a name alone as well, with its line. Groups are taken apart, and tests, which come last, left
/// out.
fn paths(text: &str) -> Vec<(usize, String)> {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let words = words(code);
    let mut words = words.into_iter().peekable();
    let mut found = Vec::new();
    while words.peek().is_some() {
        read_path(&mut words, "", &mut found);
    }
    found
}

type Words<'a> = Peekable<std::vec::IntoIter<(usize, &'a str)>>;

/// Reads one path, or past what is none.
fn read_path(words: &mut Words, prefix: &str, found: &mut Vec<(usize, String)>) {
    let is_name = |word: &str| word.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    let Some((line, first)) = words.next() else { return };
    let is_glob = first == "*" && !prefix.is_empty();
    if !is_name(first) && !is_glob {
        return;
    }
    let mut path = format!("{prefix}{first}");
    while words.next_if(|(_, word)| *word == "::").is_some() {
        if words.next_if(|(_, word)| *word == "{").is_some() {
            while words.next_if(|(_, word)| *word == "}").is_none() && words.peek().is_some() {
                read_path(words, &format!("{path}::"), found);
            }
            return;
        }
        match words.next_if(|(_, word)| is_name(word) || *word == "*") {
            Some((_, next)) => path = format!("{path}::{next}"),
            None => break,
        }
    }
    found.push((line, path));
}

/// Names, `::` and single signs, each with its line; without comments and literals.
fn words(code: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let (mut rest, mut line) = (code, 1);
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => block_comment(rest),
            '"' => quoted(rest),
            'r' if raw_hashes(rest).is_some() => {
                let end = format!("\"{}", "#".repeat(raw_hashes(rest).unwrap()));
                let begin = 1 + end.len();
                rest[begin..].find(&end).map_or(rest.len(), |at| begin + at + end.len())
            }
            '\'' => character(rest),
            c if c.is_alphanumeric() || c == '_' => {
                let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
                found.push((line, &rest[..length]));
                length
            }
            ':' if rest.starts_with("::") => {
                found.push((line, "::"));
                2
            }
            c if c.is_whitespace() => c.len_utf8(),
            c => {
                found.push((line, &rest[..c.len_utf8()]));
                c.len_utf8()
            }
        };
        line += rest[..length].matches('\n').count();
        rest = &rest[length..];
    }
    found
}

/// The length of a comment that may hold others.
fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    loop {
        match &text[at..] {
            "" => return at,
            rest if rest.starts_with("/*") => (depth, at) = (depth + 1, at + 2),
            rest if rest.starts_with("*/") => (depth, at) = (depth - 1, at + 2),
            rest => at += rest.chars().next().unwrap().len_utf8(),
        }
        if depth == 0 {
            return at;
        }
    }
}

fn quoted(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// How many signs a raw string has before its quote; `None` where this is none.
fn raw_hashes(text: &str) -> Option<usize> {
    let rest = text.strip_prefix('r')?;
    let hashes = rest.len() - rest.trim_start_matches('#').len();
    rest[hashes..].starts_with('"').then_some(hashes)
}

/// The length of a character's literal; of a lifetime its mark alone.
fn character(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), _) => text[3..].find('\'').map_or(text.len(), |at| 3 + at + 1),
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 1,
    }
}
