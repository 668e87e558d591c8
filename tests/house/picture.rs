//! ARCHITECTURE.md is true: its picture is the tree, its tables name files that are there, and what keeps an invariant says so.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::floors::sources;

/// The picture is the first block of text. A line is a file or a folder (which ends in a slash) and what it is for; what is
/// further in is in the folder above it.
#[test]
fn the_picture_is_the_tree() {
    let drawn = drawn();
    assert!(drawn.len() > 20, "only {drawn:?} is drawn");
    for path in &drawn {
        let is_there = if path.ends_with('/') { Path::new(path).is_dir() } else { Path::new(path).is_file() };
        assert!(is_there, "the picture has {path}, and the tree has not");
    }
    // A folder that is opened is shown whole.
    let opened: BTreeSet<&str> = drawn.iter().filter_map(|path| parent(path)).collect();
    for must in ["src/", "src/bin/hullo/", "tests/"] {
        assert!(opened.contains(must), "the picture does not show what is in {must}");
    }
    for folder in opened {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()) {
            let name = entry.file_name().into_string().unwrap();
            let slash = if entry.path().is_dir() { "/" } else { "" };
            let path = format!("{folder}{name}{slash}");
            let is_drawn = drawn.iter().any(|drawn| *drawn == path || drawn.starts_with(&path));
            let is_plain = name == "mod.rs" || name == "tests.rs";
            assert!(is_drawn || is_plain, "the tree has {path}, and the picture has not");
        }
    }
}

#[test]
fn the_table_of_the_reactor_names_each_of_its_rooms() {
    let text = fs::read_to_string("ARCHITECTURE.md").unwrap();
    let rooms = text.split_once("| file | what |").unwrap().1;
    let rooms: Vec<&str> = rooms.lines().skip(1).take_while(|line| line.starts_with('|')).collect();
    let named: BTreeSet<&str> =
        rooms.iter().skip(1).flat_map(|row| quoted(row.split('|').nth(1).unwrap())).collect();
    let there = fs::read_dir("src/reactor").unwrap().map(|entry| entry.unwrap());
    let there: BTreeSet<String> = there
        .map(|entry| entry.file_name().into_string().unwrap() + if entry.path().is_dir() { "/" } else { "" })
        .filter(|name| name != "mod.rs" && name != "tests.rs")
        .collect();
    assert_eq!(named, there.iter().map(String::as_str).collect());
}

#[test]
fn every_invariant_is_written_down_where_it_is_kept_and_its_guards_exist() {
    let architecture = fs::read_to_string("ARCHITECTURE.md").unwrap();
    for number in 1..=13 {
        let begin = format!("| I{number} |");
        let row =
            architecture.lines().find(|line| line.starts_with(&begin)).expect("a row for each invariant");
        let columns: Vec<&str> = row.split('|').collect();
        let keepers: Vec<PathBuf> = quoted(columns[3])
            .filter(|name| name.ends_with(".rs"))
            .map(|name| Path::new("src/reactor").join(name))
            .collect();
        assert!(!keepers.is_empty(), "nobody keeps I{number}");
        let texts: Vec<String> = keepers
            .iter()
            .map(|file| {
                fs::read_to_string(file).unwrap_or_else(|e| panic!("I{number}: {}: {e}", file.display()))
            })
            .collect();
        let says = |text: &String| text.contains(&format!("**I{number}**"));
        assert!(texts.iter().any(says), "none of {keepers:?} says that it keeps I{number}");
        let mut guards = 0;
        for link in row.split("[`").skip(1) {
            let (name, rest) = link.split_once("`](").unwrap();
            let file = rest.split(')').next().unwrap();
            let test = format!("#[test]\nfn {name}()");
            let is_there = fs::read_to_string(file).is_ok_and(|text| text.contains(&test));
            assert!(is_there, "I{number}: {file} has no test {name}");
            guards += 1;
        }
        assert!(guards > 0, "nothing guards I{number}");
    }
}

/// A guard that is named in a remark of the code is a test of that name.
#[test]
fn files_that_the_code_names_are_there() {
    let mut seen = 0;
    for file in sources(Path::new("src")) {
        let text = fs::read_to_string(&file).unwrap();
        for name in quoted(&text).filter(|name| name.starts_with("tests/") && name.ends_with(".rs")) {
            seen += 1;
            assert!(Path::new(name).is_file(), "{} names {name}, which is not there", file.display());
        }
    }
    assert!(seen >= 10, "only {seen} files are named");
}

/// Every path of the picture.
fn drawn() -> Vec<String> {
    let text = fs::read_to_string("ARCHITECTURE.md").unwrap();
    let picture = text.split_once("```text\n").unwrap().1.split_once("\n```").unwrap().0;
    let mut folders: Vec<(usize, String)> = Vec::new();
    let mut found = Vec::new();
    for line in picture.lines() {
        let depth = line.len() - line.trim_start().len();
        let name = line.split_whitespace().next().unwrap_or("");
        if !name.ends_with('/') && !name.ends_with(".rs") {
            continue; // a description that goes on
        }
        folders.retain(|(above, _)| *above < depth);
        let path = folders.last().map_or(String::new(), |(_, folder)| folder.clone()) + name;
        if name.ends_with('/') {
            folders.push((depth, path.clone()));
        }
        found.push(path);
    }
    found
}

/// The folder of a path, with its slash.
fn parent(path: &str) -> Option<&str> {
    let inner = path.strip_suffix('/').unwrap_or(path);
    inner.rfind('/').map(|at| &path[..=at])
}

/// What stands between single backquotes on one line.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| line.split('`').skip(1).step_by(2))
}
