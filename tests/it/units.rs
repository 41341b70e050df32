//! The systemd unit: it is valid, it permits little, and it restarts the program while that can help.

use super::support::process::Place;
use super::support::servers::{Program, Server, find, note_skipped};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

const ANALYZE: &str = "systemd-analyze";

fn unit() -> String {
    fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/hardtack.service")).expect("the unit")
}

/// Returns the values of a key in their order.
fn values<'a>(unit: &'a str, key: &str) -> Vec<&'a str> {
    unit.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('=')).collect()
}

/// Returns the output of `systemd-analyze` for a unit that starts the program of these tests, or `None` if the tool is
/// not installed.
fn analyze(place: &Place, unit: &str, arguments: &[&str]) -> Option<Output> {
    let Some(program) = find(ANALYZE, 247) else {
        note_skipped(ANALYZE);
        return None;
    };
    let file: PathBuf = place.path().join("hardtack.service");
    fs::write(&file, unit.replace("/opt/hardtack/hardtack", env!("CARGO_BIN_EXE_hardtack"))).expect("a unit");
    Some(Command::new(program).args(arguments).arg(file).output().expect("it runs"))
}

#[test]
fn systemd_understands_every_line_of_the_unit() {
    let place = Place::new();
    let Some(verified) = analyze(&place, &unit(), &["verify", "--man=no"]) else { return };
    let said = String::from_utf8_lossy(&verified.stderr);
    assert!(verified.status.success() && said.is_empty(), "{said}");
    let spoilt = unit().replace("LimitNOFILE=", "LimitNofile=");
    let said = analyze(&place, &spoilt, &["verify", "--man=no"]).expect("the tool is installed").stderr;
    assert!(String::from_utf8_lossy(&said).contains("LimitNofile"), "an unknown line is reported");
}

#[test]
fn systemd_finds_little_that_the_program_could_do_beyond_its_work() {
    let place = Place::new();
    let narrow = ["security", "--offline=true", "--no-pager", "--threshold=15"];
    let Some(judged) = analyze(&place, &unit(), &narrow) else { return };
    assert!(judged.status.success(), "{}", String::from_utf8_lossy(&judged.stdout));
    let wider = unit()
        .replace("ProtectSystem=strict", "")
        .replace("PrivateDevices=yes", "")
        .replace("CapabilityBoundingSet=", "");
    let judged = analyze(&place, &wider.replace("DynamicUser=yes", ""), &narrow).expect("the tool is installed");
    assert!(!judged.status.success(), "a unit that allows more is above the threshold");
}

#[test]
fn the_unit_gives_files_enough_for_every_connection() {
    let unit = unit();
    let files: u32 = values(&unit, "LimitNOFILE")[0].parse().expect("a number");
    // With the program's own TLS, a client may request a hundred files at once on each of the default number of
    // connections.
    assert!(files > 1024 * (1 + 100), "{files}");
}

/// Returns whether systemd restarts the program after this exit code and this number of starts within 10 s.
///
/// Source: systemd.service(5), systemd.unit(5).
fn starts_again(unit: &str, code: i32, starts: usize) -> bool {
    let prevented = values(unit, "RestartPreventExitStatus").join(" ");
    let limited = values(unit, "StartLimitIntervalSec") != ["0"] && starts >= 5;
    let prevented = prevented.split(' ').any(|prevented| prevented == code.to_string());
    values(unit, "Restart") == ["on-failure"] && code != 0 && !prevented && !limited
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_comes_up_late_is_waited_for_and_wrong_settings_are_not() {
    let unit = unit();
    let place = Place::new();
    for wrong in [
        ("SITE_URL", "localhost"),
        ("SITE_COLOUR", "red"),
        ("SESSION_PATH", "/app"),
        ("STORE_URL", "redis://127.0.0.1:1"),
    ] {
        let code = place.run(&["serve"], &[wrong, ("SITE_LISTEN", "127.0.0.1:0")]).status.code().expect("an end");
        assert!(!starts_again(&unit, code, 1), "{wrong:?} ends with {code}");
    }
    if !Program::Postgres.is_here() {
        return;
    }
    let server = Server::postgres(&[]).await;
    let place = Place::on(&server.url("postgres"));
    server.stop().await;
    for starts in 1..=6 {
        let ended = place.run(&["serve"], &[("SITE_LISTEN", "127.0.0.1:0")]);
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(said.contains("store.url: the PostgreSQL database") && said.lines().count() == 1, "{said}");
        assert!(starts_again(&unit, ended.status.code().expect("an end"), starts), "after {starts} starts");
    }
    server.start().await;
    place.serve(&[]).await.stop().await;
}
