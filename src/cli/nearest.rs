//! The remedy for a name that does not exist: the nearest that does, and all of them.

/// A sentence for `word`, which is none of `names`; `what` says what it should have been.
pub(super) fn no_such<'a>(what: &str, word: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    let likeness = |name: &&&str| strsim::normalized_damerau_levenshtein(word, name);
    match names.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b))) {
        Some(nearest) => {
            format!(
                "there is no {what} {word:?}: did you mean {nearest:?}? The {what}s are {}",
                names.join(", ")
            )
        }
        None => format!("there is no {what} {word:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_is_answered_with_the_nearest_and_with_all() {
        let names = ["idle", "outbox_high", "outbox_low"];
        assert_eq!(
            no_such("key", "outbox_hihg", names),
            r#"there is no key "outbox_hihg": did you mean "outbox_high"? The keys are idle, outbox_high, outbox_low"#
        );
        assert!(no_such("key", "idel", names).contains(r#"did you mean "idle"?"#));
    }
}
