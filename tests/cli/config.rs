//! Config files from outside: what is told of mistakes, and what `--check-config` prints.

use crate::support::{TempDir, fail, shell, succeed};

#[test]
fn each_mistake_in_a_config_is_told_with_its_file_and_line_and_the_nearest_name() {
    let dir = TempDir::new();
    let file = dir.write(
        "hullo.toml",
        "[limits]\nidel = \"5s\"\naccepts = 0\n\n[[listen]]\naddress = \"tcp://127.0.0.1:0\"\ndialekt = \"hello\"\n",
    );
    for check in [&[][..], &["--check-config"]] {
        let stderr = fail(2, &[&["serve", "--config", &file], check].concat());
        let lines: Vec<&str> = stderr.lines().collect();
        let [idle, accepts, dialect] = lines.as_slice() else { panic!("{stderr}") };
        assert!(
            idle.starts_with(&format!("{file}:2: ")) && idle.contains("did you mean \"idle\"?"),
            "{idle}"
        );
        assert!(accepts.starts_with(&format!("{file}:3: ")) && accepts.contains("at least 1"), "{accepts}");
        assert!(dialect.starts_with(&format!("{file}:7: ")), "{dialect}");
        assert!(dialect.contains("did you mean \"dialect\"?"), "{dialect}");
    }
}

#[test]
fn an_address_that_is_nearly_one_is_proposed() {
    let dir = TempDir::new();
    for (text, address) in [
        ("9000", "tcp://127.0.0.1:9000"),
        ("localhost:80", "tcp://localhost:80"),
        ("/run/hullo.sock", "unix:/run/hullo.sock"),
        ("http://127.0.0.1", "tcp://127.0.0.1:80"),
    ] {
        let file = dir.write("hullo.toml", format!("[[listen]]\naddress = {text:?}\n"));
        let sentence = format!("{text:?} is not an address: did you mean {address:?}?\n");
        assert_eq!(fail(2, &["serve", "--config", &file]), format!("{file}:2: [[listen]]: {sentence}"));
    }
    let file = dir.write("hullo.toml", "[[listen]]\naddress = \"70000\"\n");
    assert!(fail(2, &["serve", "--config", &file]).contains("write it as tcp://HOST:PORT"));
}

#[test]
fn a_placeholder_that_is_nearly_one_is_told_with_its_line_and_the_nearest() {
    let dir = TempDir::new();
    let told = |key: &str, text: &str| {
        let file =
            dir.write("hullo.toml", format!("[dialects.mine]\nfarewell = \"bye\"\n{key} = {text:?}\n"));
        let stderr = fail(2, &["serve", "--config", &file]);
        stderr.strip_prefix(&format!("{file}:3: [dialects.mine]: ")).map(str::to_owned).unwrap_or(stderr)
    };
    for key in ["reply", "farewell_reply"] {
        for (text, word) in [("Hello, {mesage}!", "mesage"), ("{Message}", "Message"), ("<{msg}>", "msg")] {
            let sentence =
                format!("{key} has {{{word}}}, which stands for nothing: did you mean {{message}}?\n");
            assert_eq!(told(key, text), sentence);
        }
    }
    assert!(told("welcome", "Hello, {message}!").contains("welcome has {message}"), "nobody has said it yet");
    let file =
        dir.write("hullo.toml", "[dialects.mine]\nreply = '{\"name\": \"{message}\", \"{user}\": {}}'");
    succeed(&["serve", "--config", &file, "--check-config"]);
}

#[test]
fn a_config_that_is_no_toml_or_no_text_is_told() {
    let dir = TempDir::new();
    let file = dir.write("hullo.toml", "# fine\n[limits\n");
    assert!(fail(2, &["serve", "--config", &file]).starts_with(&format!("{file}:2: ")));
    let file = dir.write("bytes.toml", b"reply = \"\xff\"");
    assert!(fail(2, &["serve", "--config", &file]).contains("bytes.toml"));
    assert!(fail(2, &["serve", "--config", dir.path().to_str().unwrap()]).contains("cannot read the config"));
}

#[test]
fn check_config_prints_a_config_that_says_the_same() {
    let dir = TempDir::new();
    let file = dir.write(
        "hullo.toml",
        r#"
            [limits]
            connections = 77
            idle = "90s"
            write_stall = 0

            [[listen]]
            address = "tcp://127.0.0.1:0"
            dialect = "mine"
            framing = "line"

            [[listen]]
            address = "unixgram:/run/hullo.sock"
            dialect = "echo"
            mode = "0660"

            [dialects.mine]
            reply = "你好, {message}"
        "#,
    );
    let (printed, stderr) = succeed(&["serve", "--config", &file, "--check-config"]);
    assert_eq!(stderr, "");
    for line in [
        "connections = 77",
        "idle = \"90s\"",
        "write_stall = 0",
        "drain = \"25s\"",
        "address = \"tcp://127.0.0.1:0\"",
        "framing = \"line\"",
        "mode = \"0660\"",
        "reply = \"你好, {message}\"",
    ] {
        assert!(printed.lines().any(|printed| printed == line), "{line} is missing in:\n{printed}");
    }
    let again = dir.write("again.toml", &printed);
    assert_eq!(succeed(&["serve", "--config", &again, "--check-config"]).0, printed);
}

#[test]
fn check_config_prints_every_limit_and_what_the_flags_make_of_it() {
    let args = [
        "serve",
        "--check-config",
        "--max-connections",
        "2k",
        "--idle-timeout",
        "0",
        "--drain-timeout",
        "1500ms",
    ];
    let (printed, _) = succeed(&args);
    let limits =
        printed.lines().skip_while(|line| *line != "[limits]").skip(1).take_while(|line| !line.is_empty());
    assert_eq!(
        limits.collect::<Vec<_>>(),
        [
            "connections = \"2k\"",
            "backlog = 4096",
            "nodelay = true",
            "reuse_address = true",
            "read_budget = \"64KiB\"",
            "accepts = 64",
            "datagrams = 256",
            "commands = 256",
            "timers = 1024",
            "outbox_high = \"64KiB\"",
            "outbox_low = \"16KiB\"",
            "outbox_cap = \"1MiB\"",
            "idle = 0",
            "write_stall = \"10s\"",
            "connect = \"10s\"",
            "linger = \"2s\"",
            "drain = \"1500ms\"",
            "datagram_rate = 100",
            "datagram_burst = 200",
            "datagram_sources = 4096",
            "rate_on_loopback = false",
        ]
    );
    assert!(printed.contains("address = \"tcp://127.0.0.1:9999\"\ndialect = \"hello\"\n"), "{printed}");
    assert!(printed.contains("address = \"udp://127.0.0.1:9999\"\ndialect = \"hello\"\n"), "{printed}");
}

#[test]
fn connections_keep_to_the_descriptor_limit() {
    let connections = |limit: &str, args: &str| {
        let output = shell(&format!("ulimit {limit} && exec \"$0\" serve --check-config {args}"));
        let stdout = String::from_utf8(output.stdout).unwrap();
        let line = stdout.lines().find(|line| line.starts_with("connections = ")).map(str::to_owned);
        (line, String::from_utf8(output.stderr).unwrap())
    };
    let (line, stderr) = connections("-n 64", "--max-connections 1000");
    assert_eq!(line.unwrap(), "connections = 48");
    assert!(stderr.contains("WARN") && stderr.contains("going on with 48"), "{stderr}");

    let (line, stderr) = connections("-n 64", "--max-connections 40");
    assert_eq!((line.as_deref(), stderr.as_str()), (Some("connections = 40"), ""));

    let (line, stderr) = connections("-n 64", "--log-level warn");
    assert_eq!((line.as_deref(), stderr.as_str()), (Some("connections = 48"), ""), "nobody asked for more");

    let (line, stderr) = connections("-Sn 64", "--max-connections 100");
    assert_eq!(
        (line.as_deref(), stderr.as_str()),
        (Some("connections = 100"), ""),
        "the soft limit is raised"
    );

    let (line, stderr) = connections("-n 16", "");
    assert!(line.is_none() && stderr.contains("leaves no room for clients"), "{stderr}");
}

#[test]
fn the_printed_dialects_are_a_config_as_they_stand() {
    let (toml, _) = succeed(&["dialects", "--toml"]);
    assert!(toml.starts_with("# "), "{toml}");
    let dir = TempDir::new();
    let file = dir.write("hullo.toml", &toml);
    let (printed, _) =
        succeed(&["serve", "--config", &file, "--check-config", "--dialect", "hello-datagram"]);
    assert!(printed.contains("dialect = \"hello-datagram\""), "{printed}");
}

#[test]
fn the_example_with_every_dialect_is_valid() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/blogs.toml");
    let (printed, stderr) = succeed(&["serve", "--config", file, "--check-config"]);
    assert_eq!((printed.matches("[[listen]]").count(), stderr.as_str()), (9, ""));
}

#[test]
fn a_config_that_never_comes_to_an_end_is_refused() {
    let stderr = fail(2, &["serve", "--config", "/dev/zero", "--check-config"]);
    assert!(stderr.contains("/dev/zero: it is longer than 16MiB"), "{stderr}");
}
