//! What holds of each file: its length, its head, and that it is one of a room at all.

use std::fs;
use std::path::{Path, PathBuf};

const LONGEST: usize = 420;

#[test]
fn no_file_is_longer_than_can_be_read_at_once() {
    let files = ["src", "tests", "examples", "bindings"].map(|folder| rust_files(Path::new(folder))).concat();
    assert!(
        files.len() > 300,
        "only {} files were read: is the test run from the crate's folder?",
        files.len()
    );
    for file in files {
        let lines = fs::read_to_string(&file).unwrap().lines().count();
        assert!(lines <= LONGEST, "{} has {lines} lines, and {LONGEST} are the most", file.display());
    }
}

/// The first line says what a file is for. What a peer of the benchmark is, its own folder says.
#[test]
fn every_file_begins_with_what_it_is_for() {
    for file in ["src", "tests"].map(|folder| rust_files(Path::new(folder))).concat() {
        let text = fs::read_to_string(&file).unwrap();
        let is_peer = file.starts_with("tests/peers");
        assert!(is_peer || text.starts_with("//! "), "{} begins with no `//!` line", file.display());
    }
}

/// A file that nobody declares is compiled by nobody, and its tests never run.
#[test]
fn every_file_is_declared_by_its_room() {
    for file in ["src", "tests"].map(|folder| rust_files(Path::new(folder))).concat() {
        let name = file.file_stem().unwrap().to_str().unwrap();
        let folder = file.parent().unwrap();
        let is_root = name == "main" || name == "lib";
        if is_root || file.starts_with("tests/peers") || file.starts_with("tests/gate") {
            continue;
        }
        let (name, folder) = match name {
            "mod" => (folder.file_name().unwrap().to_str().unwrap(), folder.parent().unwrap()),
            _ => (name, folder),
        };
        let parents = ["main.rs", "lib.rs", "mod.rs"].map(|parent| folder.join(parent));
        let is_declared = parents.iter().chain([&folder.with_extension("rs")]).any(|parent| {
            let declaration = format!("mod {name};");
            fs::read_to_string(parent).is_ok_and(|text| text.lines().any(|line| line.ends_with(&declaration)))
        });
        // The rooms of the tests declare what they share by its path.
        assert!(is_declared || file.starts_with("tests/support"), "no room declares {}", file.display());
    }
}

#[test]
fn every_room_of_the_tests_shares_the_one_folder_of_helpers() {
    for entry in fs::read_dir("tests").unwrap().map(|entry| entry.unwrap().path()) {
        assert!(entry.is_dir(), "{} is a program of its own: give it a room", entry.display());
        let mut helpers = rust_files(&entry);
        helpers.retain(|file| file.components().any(|part| part.as_os_str() == "common"));
        assert!(helpers.is_empty(), "{helpers:?}: helpers are in tests/support");
    }
}

/// The name of a test says what holds.
#[test]
fn tests_are_named_as_sentences() {
    let mut seen = 0;
    for file in rust_files(Path::new("tests")) {
        let text = fs::read_to_string(&file).unwrap();
        let mut lines = text.lines().map(str::trim);
        while let Some(line) = lines.next() {
            if line != "#[test]" {
                continue;
            }
            let signature = lines.by_ref().find(|line| !line.starts_with("#[")).unwrap();
            let name = signature.strip_prefix("fn ").and_then(|rest| rest.split('(').next()).unwrap();
            seen += 1;
            // A macro gets the name from where it is called.
            let is_sentence = name == "$test" || (name.contains('_') && !name.starts_with("test_"));
            assert!(is_sentence, "{}: {name} says not what holds", file.display());
        }
    }
    assert!(seen > 500, "only {seen} tests were read");
}

/// What users are shown is all that there is.
#[test]
fn nothing_of_the_library_is_public_and_hidden() {
    for file in rust_files(Path::new("src")) {
        let text = fs::read_to_string(&file).unwrap();
        let hidden = text.lines().find(|line| line.contains("doc(hidden)"));
        assert_eq!(hidden, None, "{}", file.display());
    }
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut found = Vec::new();
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}
