//! The house has floors: imports point down, and rooms on one floor do not meet. This reads the `use` lines (and every
//! other `crate::` path) so that the picture in ARCHITECTURE.md cannot rot.

use std::fs;
use std::path::{Path, PathBuf};

/// Each room, with what it may import from the crate. `pub use reactor::*` makes the reactor's own names appear as
/// `crate::Name`, so that any capitalised name stands for the reactor.
const ROOMS: &[(&str, &[&str])] = &[
    ("reactor", &["reactor"]),
    ("greeting", &["frames", "greeting"]),
    ("frames", &["frames"]),
    // The landing between the floors: catching signals is needed above and is no matter of the loop itself.
    ("process", &["process"]),
    ("signals", &["reactor", "process", "signals"]),
    ("daemon", &["reactor", "greeting", "frames", "signals", "daemon"]),
    ("load", &["reactor", "greeting", "frames", "signals", "load"]),
    ("client", &["reactor", "greeting", "frames", "signals", "client"]),
    ("cli", &["reactor", "greeting", "frames", "daemon", "load", "client", "process", "cli"]),
];

/// The rooms of the load tester, with what each may import of them: each uses those above it, and none below.
const ROOMS_OF_LOAD: &[(&str, &[&str])] = &[
    ("text", &["text"]),
    ("plan", &["text", "plan"]),
    ("books", &["text", "plan", "books"]),
    ("clients", &["text", "plan", "books", "clients"]),
    ("report", &["plan", "books", "report"]),
    ("engine", &["text", "plan", "books", "clients", "report", "engine"]),
];

/// Packages that a room must not know of.
const FOREIGN: &[(&str, &[&str])] = &[
    (
        "greeting",
        &[
            "mio",
            "slab",
            "log",
            "socket2",
            "libc",
            "std::net::Tcp",
            "std::net::Udp",
            "Instant::now",
            "std::os",
        ],
    ),
    (
        "frames",
        &[
            "mio",
            "slab",
            "log",
            "socket2",
            "libc",
            "encoding_rs",
            "std::net",
            "std::io",
            "std::os",
            "std::time",
        ],
    ),
    ("daemon", &["mio", "slab", "socket2", "libc"]),
    ("cli", &["mio", "slab", "socket2", "libc"]),
];

#[test]
fn imports_point_down_only() {
    let mut seen = 0;
    for (room, allowed) in ROOMS {
        for file in sources(&folder(room)) {
            seen += 1;
            for (line, path) in paths(&code(&file), &["crate::", "hullo::"]) {
                let target = room_of(&path);
                assert!(
                    allowed.contains(&target.as_str()),
                    "{}:{line}: {room} may not use {path} ({target}); it may use {allowed:?}",
                    file.display()
                );
            }
        }
    }
    assert!(seen > 20, "only {seen} files were read: is the test run from the crate's folder?");
}

#[test]
fn the_rooms_of_the_load_tester_use_each_other_in_one_direction() {
    let load = Path::new("src/bin/hullo/load");
    for entry in fs::read_dir(load).unwrap().map(|entry| entry.unwrap().path()) {
        let name = entry.file_name().unwrap().to_str().unwrap();
        let is_known = ROOMS_OF_LOAD.iter().any(|(room, _)| *room == name);
        assert!(is_known || name == "mod.rs", "{name} is in none of the rooms {ROOMS_OF_LOAD:?}");
    }
    for (room, allowed) in ROOMS_OF_LOAD {
        let files = sources(&load.join(room));
        assert!(!files.is_empty(), "the load tester has no room {room}");
        for file in files {
            let code = code(&file);
            for (line, target) in paths(&code, &["crate::load::"]) {
                assert!(
                    allowed.contains(&target.as_str()),
                    "{}:{line}: {room} may not use crate::load::{target}; it may use {allowed:?}",
                    file.display()
                );
            }
            let above = code.lines().find(|line| line.contains("super::super::"));
            assert_eq!(above, None, "{}: write the path from the crate, so that it is read", file.display());
        }
    }
}

#[test]
fn each_room_knows_only_its_own_packages() {
    for (room, foreign) in FOREIGN {
        for file in sources(&folder(room)) {
            for (number, line) in code(&file).lines().enumerate() {
                for name in *foreign {
                    let is_used =
                        line.contains(&format!("{name}::")) || line.contains(&format!("use {name}"));
                    let is_used = is_used || (name.contains("::") && line.contains(name));
                    assert!(!is_used, "{}:{}: {room} may not use {name}: {line}", file.display(), number + 1);
                }
            }
        }
    }
}

#[test]
fn unsafe_stays_in_its_one_room() {
    for file in sources(Path::new("src")) {
        let is_sys = file.starts_with("src/reactor/sys") || file == Path::new("src/bin/hullo/process.rs");
        let has_unsafe =
            code(&file).lines().any(|line| line.contains("unsafe {") || line.contains("unsafe impl"));
        assert!(
            is_sys || !has_unsafe,
            "{} has unsafe code; src/reactor/sys is the room for it, and process.rs of the program",
            file.display()
        );
    }
}

/// The numbers of the invariants and the names of their guards are for those who work on this house.
#[test]
fn what_users_read_names_no_invariant_and_no_test() {
    let mut seen = 0;
    for file in sources(Path::new("src")) {
        let text = fs::read_to_string(&file).unwrap();
        let is_trait = |from: &str| text[..text.find(from).unwrap_or(0)].contains("pub trait ");
        for (doc, item) in documented(text.split("#[cfg(test)]\nmod tests {").next().unwrap()) {
            let is_public = ["pub ", "impl", "mod "].iter().any(|begin| item.starts_with(begin))
                || item.is_empty()
                || (item.starts_with("fn ") && is_trait(item));
            seen += is_public as usize;
            let names_one = (1..=13).any(|number| {
                doc.contains(&format!("**I{number}**")) || doc.contains(&format!("(I{number})"))
            });
            let is_for_us = names_one || doc.contains("Guard") || doc.contains("`tests/");
            assert!(!is_public || !is_for_us, "{}: {item}: {doc}", file.display());
        }
    }
    assert!(seen > 300, "only {seen} public docs were read");
}

#[test]
fn the_facade_has_no_logic() {
    let facade = code(Path::new("src/lib.rs"));
    assert!(!facade.contains("fn "), "src/lib.rs only declares and re-exports");
}

/// The files of a room, but for its tests. A small room is one file.
pub fn sources(folder: &Path) -> Vec<PathBuf> {
    if folder.with_extension("rs").is_file() {
        return vec![folder.with_extension("rs")];
    }
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.unwrap().path();
        if path.file_stem().is_some_and(|stem| stem == "tests") {
            continue;
        }
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// Each piece of documentation, and the line of code that it is about.
fn documented(text: &str) -> Vec<(String, &str)> {
    let (mut found, mut doc) = (Vec::new(), String::new());
    for line in text.lines().map(str::trim) {
        match line.strip_prefix("///") {
            Some(more) => doc += more,
            // Attributes and remarks stand between the two.
            None if line.starts_with("#[") || line.starts_with("//") => {}
            None if doc.is_empty() => {}
            None => found.push((std::mem::take(&mut doc), line)),
        }
    }
    found
}

/// The file without its comments and without its tests, which come last.
fn code(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    text.lines().map(|line| line.split("//").next().unwrap()).collect::<Vec<_>>().join("\n")
}

/// The first name of every path that begins at one of the roots, with its line; groups are taken apart.
fn paths(code: &str, roots: &[&str]) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for root in roots {
        for (at, _) in code.match_indices(root) {
            let line = code[..at].lines().count().max(1);
            let rest = &code[at + root.len()..];
            match rest.strip_prefix('{') {
                Some(group) => {
                    let group = group.split('}').next().unwrap();
                    found.extend(group.split(',').map(|name| (line, name.trim().to_string())));
                }
                None => found
                    .push((line, rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect())),
            }
        }
    }
    found.retain(|(_, path)| !path.is_empty());
    found
}

/// The ground floor is the library; the rooms above are the program's.
fn folder(room: &str) -> PathBuf {
    let program = Path::new("src/bin/hullo").join(room);
    match program.is_dir() || program.with_extension("rs").is_file() {
        true => program,
        false => Path::new("src").join(room),
    }
}

fn room_of(path: &str) -> String {
    let first = path.split("::").next().unwrap();
    if first.starts_with(|c: char| c.is_uppercase()) { "reactor".to_string() } else { first.to_string() }
}
