//! Namespaces that a test makes for itself: a network in which every address and port is its own, and files of `/etc`
//! that nobody else reads.

use std::path::Path;
use std::process::Command;

use super::skip;

/// A line of sh in a network of its own, with loopback up, once `setup` has prepared it. Mounts are its own as well.
pub fn in_network(setup: &str, line: &str) -> Command {
    let mut shell = Command::new("unshare");
    shell.args(["--net", "--mount", "sh", "-c", &format!("ip link set lo up && {setup} && {{ {line}\n}}")]);
    shell.env_remove("HULLO_LOG");
    shell
}

/// A line of sh in a mount namespace of its own: the network is that of all.
pub fn in_mounts(line: &str) -> Command {
    let mut shell = Command::new("unshare");
    shell.args(["--mount", "sh", "-c", line]).env_remove("HULLO_LOG");
    shell
}

/// Whether such a network is to be had here; why not is printed.
pub fn has_network(setup: &str) -> bool {
    works(in_network(setup, "true"), "network namespace")
}

/// Whether a mount namespace is to be had here; why not is printed.
pub fn has_mounts() -> bool {
    works(in_mounts("true"), "mount namespace")
}

fn works(mut command: Command, what: &str) -> bool {
    let output = command.output();
    let works = output.as_ref().is_ok_and(|output| output.status.success());
    if !works {
        skip(&format!("no {what} is to be had here (root, unshare and ip make one): {output:?}"));
    }
    works
}

/// For a line of a mount namespace: `/etc/NAME` is that file.
pub fn etc(name: &str, file: impl AsRef<Path>) -> String {
    format!("mount --bind {} /etc/{name}", file.as_ref().display())
}

/// Whether this test (its name with its module) runs in a network of its own, which `setup` has prepared. It does not at
/// first: then it is run again in one, to its end, by this very program. Where there is none it says so.
pub fn is_in_network(test: &str, setup: &str) -> bool {
    const INSIDE: &str = "HULLO_TEST_NAMESPACE";
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    if !has_network(setup) {
        return false;
    }
    let mut again = in_network(setup, "exec \"$0\" --exact \"$1\" --nocapture");
    let output = again.arg(std::env::current_exe().unwrap()).arg(test).env(INSIDE, test).output().unwrap();
    let said = [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
    assert!(output.status.success() && said[0].contains("1 passed"), "{}", said.join("\n"));
    false
}
