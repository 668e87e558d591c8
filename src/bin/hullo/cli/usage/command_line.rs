//! The command line as a shell takes it.

/// As typed, more or less: what a shell would split or read in its own way is quoted.
pub fn quoted(args: &[String]) -> String {
    let is_plain = |arg: &str| {
        !arg.is_empty()
            && arg.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./:=,@%+*[]".contains(&byte))
    };
    let quoted = args.iter().map(|arg| match is_plain(arg) {
        true => arg.clone(),
        false => format!("'{}'", arg.replace('\'', r"'\''")),
    });
    quoted.collect::<Vec<_>>().join(" ")
}

/// What is no text is shown with a mark.
pub fn typed() -> Vec<String> {
    std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect()
}
