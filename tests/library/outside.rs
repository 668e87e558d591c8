//! A crate outside that takes the bare library: it builds, and brings in no more than it was promised.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

struct Package(PathBuf);

impl Drop for Package {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn an_outside_crate_builds_the_echo_server_with_at_most_eight_packages() {
    let here = env!("CARGO_MANIFEST_DIR");
    let package = Package(std::env::temp_dir().join(format!("hullo-outside-{}", std::process::id())));
    fs::create_dir_all(package.0.join("src")).unwrap();
    let manifest = format!(
        "[package]\nname = \"outside\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
         [dependencies]\nhullo = {{ path = {here:?}, default-features = false }}\n[workspace]\n"
    );
    fs::write(package.0.join("Cargo.toml"), manifest).unwrap();
    fs::copy(format!("{here}/Cargo.lock"), package.0.join("Cargo.lock")).unwrap();
    fs::copy(format!("{here}/examples/echo.rs"), package.0.join("src/main.rs")).unwrap();
    let cargo = |arguments: &[&str]| {
        // What was fetched to build these tests is all it takes.
        let mut command = Command::new(env!("CARGO"));
        command.current_dir(&package.0).args(arguments).arg("--offline").env_remove("CARGO_TARGET_DIR");
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    cargo(&["build", "--quiet"]);
    let tree = cargo(&["tree", "-e", "normal", "--prefix", "none", "--format", "{p}"]);
    let mut packages: Vec<&str> = tree.lines().filter(|line| !line.contains(" (")).collect();
    packages.sort_unstable();
    packages.dedup();
    assert!((1..=8).contains(&packages.len()), "{packages:?}");
}
