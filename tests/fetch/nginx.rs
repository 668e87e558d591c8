//! `hullo fetch` against nginx.

use crate::support::*;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

#[test]
fn nginx_is_understood() {
    let Ok(version) = Command::new("nginx").arg("-v").output() else {
        return skip("there is no nginx here");
    };
    assert!(version.status.success());
    let dir = TempDir::new();
    let big = noise(3 << 20);
    fs::create_dir_all(dir.join("root/sub")).unwrap();
    fs::write(dir.join("root/big"), &big).unwrap();
    dir.write("root/sub/index.html", "<!--# echo var=\"uri\" -->");
    let (_nginx, root) = start_nginx(&dir);
    let fetched = fetch([format!("{root}/big")]);
    assert_eq!(fetched.code, Some(0), "{}", fetched.err);
    assert!(fetched.body == big);
    // A page with an include in it comes in chunks.
    let fetched = fetch([format!("{root}/sub")]);
    assert_eq!(fetched.text(), "/sub/index.html");
    assert!(fetched.err.contains("301 Moved") && fetched.err.contains("Transfer-Encoding: chunked"));
    assert!(fetch([format!("{root}/nope")]).sentence().ends_with("the server answered with an error, 404"));
}

/// nginx cannot choose a port, so that one is chosen for it; somebody else may be faster.
fn start_nginx(dir: &TempDir) -> (Process, String) {
    let folder = dir.path().display();
    for _ in 0..5 {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {folder}/{kind};"))
            .concat();
        let config = dir.write(
            "nginx.conf",
            format!(
                "daemon off; master_process off; pid {folder}/pid; error_log stderr; events {{}}
                 http {{ access_log off; {temporary} types {{ text/html html; }} ssi on;
                 server {{ listen {address}; root {folder}/root; }} }}"
            ),
        );
        let mut nginx = Process::start(Command::new("nginx").args(["-e", "stderr", "-c", &config]));
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if TcpStream::connect(address).is_ok() {
                return (nginx, format!("http://{address}"));
            }
            if nginx.wait(Duration::from_millis(20)).is_some() {
                break;
            }
        }
    }
    panic!("nginx does not start");
}
