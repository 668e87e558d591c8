//! The names that our flags have in other programs.

/// The command that has the flag, its names in other programs, and its name here.
const SYNONYMS: [(&str, &[&str], &str); 12] = [
    ("serve", &["--threads", "--workers", "-t", "-j"], "--reactors"),
    ("serve", &["--max-clients", "--max-conns", "--connections", "-c"], "--max-connections"),
    ("serve", &["--log", "--verbosity"], "--log-level"),
    ("serve", &["--test", "--check", "-T"], "--check-config"),
    ("load", &["--clients", "--concurrency", "--users", "--conns"], "--connections"),
    ("load", &["--time", "-t"], "--duration"),
    ("load", &["--rps", "--qps", "--throughput", "-R"], "--rate"),
    ("load", &["--pipeline", "-P"], "--outstanding"),
    ("load", &["--body", "--data"], "--message"),
    ("load", &["--threshold", "--assert"], "--expect"),
    ("talk", &["--interval", "-i"], "--every"),
    ("fetch", &["--out", "--output-document", "-O"], "--output"),
];

/// The name of our flag that does in `command` what `flag` does in other programs.
pub fn own_name(command: &str, flag: &str) -> Option<&'static str> {
    let known = SYNONYMS.iter().find(|(of, others, _)| *of == command && others.contains(&flag));
    known.map(|(.., ours)| *ours)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use clap::CommandFactory;

    #[test]
    fn what_is_proposed_is_there_and_what_it_is_called_elsewhere_is_not() {
        let hullo = Cli::command();
        for (command, others, ours) in SYNONYMS {
            let command = hullo.find_subcommand(command).unwrap();
            let has = |flag: &str| {
                command.get_arguments().any(|arg| {
                    arg.get_long().is_some_and(|long| flag == format!("--{long}"))
                        || arg.get_short().is_some_and(|short| flag == format!("-{short}"))
                })
            };
            assert!(has(ours), "{ours}");
            assert!(!others.iter().any(|other| has(other)), "{others:?}");
        }
    }
}
