//! The remedy for a name that does not exist: the nearest that does, and all of them.

/// From here on, of 1 for the same word, two words are near.
const LIKENESS: f64 = 0.6;

/// Shorter words are contained in too many others.
const LEAST: usize = 3;

/// A sentence for `word`, which is none of `names`; `what` says what it should have been.
pub fn unknown_name<'a>(what: &str, word: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    let guess = match nearest(word, names.iter().copied()) {
        Some(nearest) => format!(": did you mean {nearest:?}?"),
        None if names.is_empty() => return format!("there is no {what} {word:?}"),
        None => ":".to_owned(),
    };
    // A question is a sentence of its own.
    let the = if guess.ends_with('?') { "The" } else { "the" };
    format!("there is no {what} {word:?}{guess} {the} {what}s are {}", names.join(", "))
}

/// The one of `names` that somebody may have meant who wrote `word`.
pub fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_ascii_lowercase();
    let likeness = |name: &str| match strsim::normalized_damerau_levenshtein(&word, name) {
        likeness if likeness < LIKENESS && is_part(&word, name) => LIKENESS,
        likeness => likeness,
    };
    let rated = names.into_iter().map(|name| (likeness(name), name));
    let best = rated.max_by(|(a, _), (b, _)| a.total_cmp(b));
    best.filter(|(likeness, _)| *likeness >= LIKENESS).map(|(_, name)| name)
}

/// Whether one contains the other, as `idle_timeout` does `idle`, or `word` abbreviates `name`, as `msg` does `message`.
fn is_part(word: &str, name: &str) -> bool {
    let mut rest = name.chars();
    let is_abbreviation = name.chars().next() == word.chars().next()
        && word.chars().all(|letter| rest.any(|other| other == letter));
    word.len().min(name.len()) >= LEAST && (word.contains(name) || name.contains(word) || is_abbreviation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_is_answered_with_the_nearest_and_with_all() {
        let names = ["idle", "outbox_high", "outbox_low"];
        assert_eq!(
            unknown_name("key", "outbox_hihg", names),
            r#"there is no key "outbox_hihg": did you mean "outbox_high"? The keys are idle, outbox_high, outbox_low"#
        );
        assert!(unknown_name("key", "idel", names).contains(r#"did you mean "idle"?"#));
    }

    #[test]
    fn what_is_near_to_nothing_is_answered_with_all_names_and_no_guess() {
        let names = ["idle", "outbox_high", "outbox_low"];
        for word in ["colour", "x", "", "数据", "threads"] {
            let sentence = unknown_name("key", word, names);
            assert_eq!(
                sentence,
                format!("there is no key {word:?}: the keys are idle, outbox_high, outbox_low")
            );
        }
        assert_eq!(unknown_name("key", "x", []), r#"there is no key "x""#);
    }

    #[test]
    fn parts_and_abbreviations_are_near() {
        let names = ["address", "connections", "idle", "message", "mode"];
        for (word, name) in [
            ("addr", "address"),
            ("conns", "connections"),
            ("max_connections", "connections"),
            ("idle_timeout", "idle"),
            ("Message", "message"),
            ("mesage", "message"),
            ("msg", "message"),
        ] {
            assert_eq!(nearest(word, names), Some(name), "{word}");
        }
        for word in ["a", "me", "nothing", "text", "name"] {
            assert_eq!(nearest(word, names), None, "{word}");
        }
    }
}
