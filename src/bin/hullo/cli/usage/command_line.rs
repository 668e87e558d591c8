//! The command line as it was typed.

/// Joins arguments so that a shell reads them back: an argument with special characters is quoted.
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

/// The arguments of this process. Bytes that are no text are replaced by a mark.
pub fn typed() -> Vec<String> {
    std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect()
}
