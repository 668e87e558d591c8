//! The remedy for a name that does not exist: the nearest name that does, and the list of all.

/// The least similarity of two words that are near to each other; a word has 1 with itself.
const LEAST_SIMILARITY: f64 = 0.6;

/// The least length of a word that counts as part of another one: shorter words are contained in too many others.
const LEAST_LENGTH: usize = 3;

/// The sentence for a `word` that is none of `names`; `what` says what the names are names of.
pub fn unknown_name<'a>(what: &str, word: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    let guess = match nearest(word, names.iter().copied()) {
        Some(nearest) => format!(": did you mean {nearest:?}?"),
        None if names.is_empty() => return format!("there is no {what} {word:?}"),
        None => ":".to_owned(),
    };
    // Behind a question begins a new sentence.
    let the = if guess.ends_with('?') { "The" } else { "the" };
    format!("there is no {what} {word:?}{guess} {the} {what}s are {}", names.join(", "))
}

/// The name that `word` was probably meant to be.
pub fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_ascii_lowercase();
    let similarity = |name: &str| match strsim::normalized_damerau_levenshtein(&word, name) {
        similarity if similarity < LEAST_SIMILARITY && is_part(&word, name) => LEAST_SIMILARITY,
        similarity => similarity,
    };
    let rated = names.into_iter().map(|name| (similarity(name), name));
    let best = rated.max_by(|(a, _), (b, _)| a.total_cmp(b));
    best.filter(|(similarity, _)| *similarity >= LEAST_SIMILARITY).map(|(_, name)| name)
}

/// Whether one word contains the other, as `idle_timeout` contains `idle`, or `word` abbreviates `name`, as `msg` abbreviates
/// `message`.
fn is_part(word: &str, name: &str) -> bool {
    let mut rest = name.chars();
    let is_abbreviation = name.chars().next() == word.chars().next()
        && word.chars().all(|letter| rest.any(|other| other == letter));
    word.len().min(name.len()) >= LEAST_LENGTH
        && (word.contains(name) || name.contains(word) || is_abbreviation)
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
