//! Placeholders like `{message}` in templates. A misspelt one would be sent as it stands, so that it is refused.

use crate::cli::usage::suggestion::nearest;

/// The placeholders of all templates.
const ALL: [&str; 4] = ["message", "conn", "seq", "rand"];

/// Checks that each placeholder is one of `known`. The error is the end of a sentence that begins with the name of the template.
pub fn check(text: &str, known: &[&str]) -> Result<(), String> {
    for word in words(text).filter(|word| !known.contains(word)) {
        let suggestion = nearest(word.trim(), known.iter().copied());
        match suggestion.map(|known| format!("{{{known}}}")) {
            Some(known) => {
                return Err(format!("has {{{word}}}, which stands for nothing: did you mean {known}?"));
            }
            None if ALL.contains(&word) => {
                return Err(format!("has {{{word}}}, which stands for nothing there: {}", remedy(known)));
            }
            None => {}
        }
    }
    Ok(())
}

fn remedy(known: &[&str]) -> String {
    let known: Vec<String> = known.iter().map(|word| format!("{{{word}}}")).collect();
    if known.is_empty() { "take it out".to_owned() } else { format!("use {}", known.join(", ")) }
}

/// The words that stand in braces. Braces around anything else are text.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let ends = text.matches('}').count();
    let inside =
        text.split('}').take(ends).filter_map(|before| before.rsplit_once('{')).map(|(_, inside)| inside);
    let is_word = |inside: &&str| {
        !inside.is_empty() && inside.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_' || b == b' ')
    };
    inside.take(ends).filter(is_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_nearly_a_placeholder_is_told_with_the_nearest() {
        for (text, known, guess) in [
            ("Hello, {mesage}!", &["message"][..], "{message}"),
            ("{message} {massage}", &["message"], "{message}"),
            ("{Message}", &["message"], "{message}"),
            ("{ message }", &["message"], "{message}"),
            ("{msg}", &["message"], "{message}"),
            ("{{mesage}}", &["message"], "{message}"),
            ("GET {connection}", &["message", "conn", "seq", "rand"], "{conn}"),
            ("{sequence}-{con}", &["conn", "seq", "rand"], "{seq}"),
            ("{random}", &["conn", "seq", "rand"], "{rand}"),
        ] {
            let error = check(text, known).unwrap_err();
            assert!(error.ends_with(&format!("did you mean {guess}?")), "{text}: {error}");
        }
    }

    #[test]
    fn a_placeholder_of_another_template_is_told() {
        let error = check("{message}", &[]).unwrap_err();
        assert_eq!(error, "has {message}, which stands for nothing there: take it out");
        assert!(check("{message}", &["conn", "seq"]).unwrap_err().ends_with("use {conn}, {seq}"));
    }

    #[test]
    fn placeholders_and_braces_that_are_text_pass() {
        for text in [
            "{message}",
            "",
            "{}",
            "{0}",
            r#"{"key": {message}}"#,
            "{user1000}.x",
            "{name}",
            "{mesage",
            "mesage}",
            "} {mesage",
        ] {
            assert_eq!(check(text, &["message"]), Ok(()), "{text}");
        }
    }
}
