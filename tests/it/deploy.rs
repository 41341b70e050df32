//! The steps of `docs/DEPLOY.md`: each code block runs in its order, with other folders and with another port.

use super::support::app::cookies_set;
use super::support::process::insist;
use super::support::servers::{Program, Server, free_port, note_skipped};
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

const CHECKOUT: &str = env!("CARGO_MANIFEST_DIR");
/// The script that replaces systemd and other programs.
const STAND_IN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/support/systemd.sh");
/// Folders that the commands and files of the page name.
const FOLDERS: [&str; 5] = ["/etc/", "/opt/", "/root/", "/srv/", "/var/lib/"];

/// A code block of the page.
#[derive(Debug)]
struct Block {
    section: String,
    language: String,
    text: String,
}

/// Returns all code blocks of the page in their order. Drawings have no language.
fn blocks() -> Vec<Block> {
    let page = fs::read_to_string(Path::new(CHECKOUT).join("docs/DEPLOY.md")).expect("the page");
    let (mut section, mut blocks, mut open) = (String::new(), Vec::new(), None::<Block>);
    for line in page.lines() {
        match (line.strip_prefix("```"), open.take()) {
            (Some(language), None) => {
                open = Some(Block { section: section.clone(), language: language.to_owned(), text: String::new() });
            }
            (Some(_), Some(block)) => blocks.push(block),
            (None, Some(block)) => open = Some(Block { text: format!("{}{line}\n", block.text), ..block }),
            (None, None) => line.strip_prefix("## ").into_iter().for_each(|title| title.clone_into(&mut section)),
        }
    }
    blocks
}

/// The machine that the steps run on: a folder, and a port for the service.
struct Machine {
    folder: TempDir,
    port: u16,
    browser: reqwest::Client,
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let machine = Self { folder, port: free_port(), browser: reqwest::Client::new() };
        // The user of the service must be able to enter the folder.
        fs::set_permissions(machine.root(), PermissionsExt::from_mode(0o755)).expect("a mode");
        // On a real machine, Debian and its packages create these folders.
        for there in
            ["etc/systemd/system", "etc/caddy", "etc/nginx/sites-available", "etc/nginx/sites-enabled", "opt", "srv"]
        {
            fs::create_dir_all(machine.root().join(there)).expect("a folder");
        }
        for there in ["usr/local/sbin", "var/lib", "root", "stand-ins"] {
            fs::create_dir_all(machine.root().join(there)).expect("a folder");
        }
        for name in ["systemctl", "systemd-run", "journalctl", "apt", "certbot", "nginx"] {
            symlink(STAND_IN, machine.root().join("stand-ins").join(name)).expect("a link");
        }
        machine.check_out();
        machine
    }

    fn root(&self) -> &Path {
        self.folder.path()
    }

    /// Creates the checkout with the output of `make run`, and the folder `new` for an upgrade.
    fn check_out(&self) {
        let built = self.root().join("checkout/target/release");
        let pkg = self.root().join("checkout/target/site/pkg");
        let deploy = self.root().join("checkout/deploy");
        let new = self.root().join("checkout/new");
        for folder in [&built, &pkg, &deploy, &new] {
            fs::create_dir_all(folder).expect("a folder");
        }
        let program = built.join("hardtack");
        // Stripped, because it is copied four times.
        let stripped = Command::new("strip")
            .args(["--strip-debug", "-o"])
            .arg(&program)
            .arg(env!("CARGO_BIN_EXE_hardtack"))
            .status();
        if !stripped.is_ok_and(|status| status.success()) {
            fs::copy(env!("CARGO_BIN_EXE_hardtack"), &program).expect("a program");
        }
        fs::write(built.join("hash.txt"), "js: j1\nwasm: w1\ncss: c1\n").expect("a file");
        for name in ["pkg/hardtack.j1.js", "pkg/hardtack.w1.wasm", "pkg/hardtack.c1.css", "robots.txt"] {
            fs::write(pkg.join("..").join(name), name).expect("a file");
        }
        for entry in fs::read_dir(Path::new(CHECKOUT).join("deploy")).expect("the folder") {
            let path = entry.expect("an entry").path();
            let text = self.moved(&fs::read_to_string(&path).expect("a text"));
            let copy = deploy.join(path.file_name().expect("a name"));
            fs::write(&copy, text).expect("a file");
            fs::set_permissions(copy, fs::metadata(&path).expect("a file").permissions()).expect("a mode");
        }
        fs::hard_link(&program, new.join("hardtack")).expect("a link");
        fs::write(new.join("hash.txt"), "js: j2\nwasm: w1\ncss: c1\n").expect("a file");
        fs::create_dir_all(new.join("site/pkg")).expect("folders");
        fs::write(new.join("site/pkg/hardtack.j2.js"), "newer").expect("a file");
    }

    /// Returns a text with the folders and ports of this machine.
    fn moved(&self, text: &str) -> String {
        let mut moved = text.replace("10.0.0.11:3000", &format!("127.0.0.1:{}", self.port));
        for folder in [&FOLDERS[..], &["/usr/local/sbin/"]].concat() {
            let there = format!("{}{folder}", self.root().display());
            // A folder is replaced only where a path begins, not in the middle of another path or an address.
            for before in [" ", "=", "'", ":", "\n"] {
                moved = moved.replace(&format!("{before}{folder}"), &format!("{before}{there}"));
            }
        }
        moved
    }

    /// Replaces the file of settings.
    fn set(&self, settings: &str) {
        fs::write(self.root().join("etc/hardtack.env"), settings).expect("written");
    }

    /// Runs the commands of a block, which must all succeed, and returns their output.
    fn run(&self, commands: &str) -> String {
        let (worked, said) = self.try_to(commands);
        assert!(worked, "{commands}\n{said}");
        said
    }

    /// Runs commands and returns whether all of them succeeded, and their output.
    fn try_to(&self, commands: &str) -> (bool, String) {
        let at = |folder: &str| self.root().join(folder).display().to_string();
        let path = [at("stand-ins"), at("usr/local/sbin"), std::env::var("PATH").unwrap_or_default()].join(":");
        let mut bash = Command::new("bash");
        bash.args(["-euc", &format!("exec 2>&1\n{}", self.moved(commands))]).current_dir(at("checkout"));
        bash.env("PATH", path).env("HOME", at("root")).env("DEPLOY_ROOT", self.root());
        bash.env("DEPLOY_PORT", self.port.to_string()).stdin(Stdio::null());
        let output = bash.output().expect("bash");
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Counts a visit of the browser with this cookie and returns the number of its visits, with its cookie.
    async fn visit(&self, cookie: Option<&str>) -> (u64, String) {
        let url = format!("http://127.0.0.1:{}/api/visits", self.port);
        let answer = insist(async || {
            let mut request = self.browser.post(&url).header("content-type", "application/json").body("{}");
            if let Some(cookie) = cookie {
                request = request.header("cookie", cookie);
            }
            request.send().await
        });
        let answer = answer.await;
        let set = cookies_set(&answer).first().and_then(|line| line.split(';').next()).map(str::to_owned);
        let body: serde_json::Value = answer.json().await.expect("JSON");
        let visits = body["visits"].as_u64().unwrap_or_else(|| panic!("{body}"));
        (visits, set.or(cookie.map(str::to_owned)).expect("a cookie"))
    }

    fn file(&self, path: &str) -> PathBuf {
        self.root().join(path)
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.try_to("systemctl stop hardtack");
    }
}

/// The blocks of the page that have not run yet.
struct Book(std::vec::IntoIter<Block>);

impl Book {
    /// Returns the next block, which must have this section and language.
    fn next(&mut self, section: &str, language: &str) -> String {
        let block = self.0.next().unwrap_or_else(|| panic!("{section} has no more blocks of {language}"));
        assert_eq!((block.section.as_str(), block.language.as_str()), (section, language), "{}", block.text);
        block.text
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_step_of_the_page_on_deployment_works_as_it_is_written() {
    for program in ["caddy", "nginx", "sqlite3", "setpriv", "openssl"] {
        let is_there = |folder: &str| Path::new(folder).join(program).exists();
        if !["/usr/bin", "/usr/sbin", "/bin", "/usr/local/bin"].into_iter().any(is_there) {
            return note_skipped(program);
        }
    }
    let machine = Machine::new();
    let mut book =
        Book(blocks().into_iter().filter(|block| !block.language.is_empty()).collect::<Vec<_>>().into_iter());

    machine.run(&book.next("The program", "sh"));
    let mode = |path: &str| fs::metadata(machine.file(path)).expect(path).permissions().mode() & 0o777;
    assert_eq!((mode("etc/hardtack.env"), mode("usr/local/sbin/hardtack")), (0o600, 0o755));
    let restart = book.next("The program", "sh");
    assert!(machine.run(&restart).contains("listening; open http://localhost:"), "the start is logged");
    // Set, because the doctor would report the port of the test.
    machine.set(&format!("HARDTACK_SITE_URL=http://localhost:{}\n", machine.port));
    let said = machine.run(&book.next("The program", "sh"));
    assert!(said.contains("Nothing is wrong") && said.contains("No sessions"), "{said}");

    let same_origin = book.next("Same origin", "ini");
    machine.set(&same_origin);
    assert!(machine.run(&restart).contains("listening; open https://app.example.com"));
    let (_, cookie) = machine.visit(None).await;
    assert!(cookie.starts_with("__Host-hardtack_sess="), "{cookie}");
    machine.run(&book.next("Same origin", "sh"));
    machine.run(&book.next("Same origin", "sh"));
    machine.set(&format!("{same_origin}HARDTACK_SITE_COLOUR=red\n"));
    assert!(machine.run(&restart).contains("HARDTACK_SITE_COLOUR"), "the error says what to change");

    two_origins(&machine, &mut book);
    several_nodes(&machine, &mut book, &restart).await;
    upgrade_and_go_back(&machine, &mut book, &same_origin, &restart).await;

    // This block is tested in a browser: `end2end/matrix`.
    assert!(book.next("The first visit from a page of another origin", "js").contains("withCredentials: true"));
    assert!(book.0.next().is_none(), "a block that this test does not run");
}

fn two_origins(machine: &Machine, book: &mut Book) {
    let settings = book.next("Two origins", "ini");
    machine.set(&format!("{settings}HARDTACK_SIGN_IN_REGISTER=closed\n"));
    let export = book.next("Two origins", "sh");
    assert!(machine.run(&export).contains("files are in"));
    let page = fs::read_to_string(machine.file("srv/hardtack/pages/register/index.html")).expect("a page");
    assert!(page.contains("content=\"https://api.example.com\"") && page.contains("/pkg/hardtack.j1.js"), "{page}");
    assert!(page.contains("This site does not accept new accounts."), "the pages show what the settings say: {page}");
    // The settings of another server than the one that the pages call.
    machine.set("HARDTACK_SITE_URL=https://app.example.com\n");
    let (worked, said) = machine.try_to(&export);
    assert!(!worked && said.contains("`--api https://api.example.com` is not `site.url`"), "{said}");
}

async fn several_nodes(machine: &Machine, book: &mut Book, restart: &str) {
    let settings = book.next("Several nodes", "ini");
    let (migrate, start) = (book.next("Several nodes", "sh"), book.next("Several nodes", "sh"));
    if !Program::Postgres.is_here() {
        return;
    }
    let server = Server::postgres(&[]).await;
    let written = "postgres://hardtack:PASSWORD@db.example.com/hardtack?sslmode=verify-full";
    let key = "3f9c1b7e5d2a48600c1e9f7b6a5d4c3b2a190817263544f3e2d1c0bfae9d8c7b";
    assert!(settings.contains(written) && settings.contains("the same 64 digits on all nodes"), "{settings}");
    let settings = machine.moved(&settings.replace(written, &server.url("postgres")));
    machine.set(&settings.replace("the same 64 digits on all nodes", key));
    let too_early = machine.run(restart);
    assert!(too_early.contains("`hardtack migrate`"), "{too_early}");
    assert!(machine.run(&migrate).contains("brought up to date"));
    machine.run(&start);
    assert_eq!(machine.visit(None).await.0, 1);
    machine.run("systemctl stop hardtack");
}

async fn upgrade_and_go_back(machine: &Machine, book: &mut Book, settings: &str, restart: &str) {
    machine.set(settings);
    machine.run(restart);
    let (visits, cookie) = machine.visit(None).await;
    machine.run(&book.next("Upgrades", "sh"));
    assert_eq!(machine.visit(Some(&cookie)).await.0, visits + 1, "the session survives the upgrade");
    let script = machine.browser.get(format!("http://127.0.0.1:{}/pkg/hardtack.j2.js", machine.port)).send().await;
    assert_eq!(script.expect("an answer").status(), 200, "the new build's files");

    machine.run(&book.next("Backup", "sh"));
    assert_eq!(machine.visit(Some(&cookie)).await.0, visits + 2);
    machine.run(&book.next("Backup", "sh"));
    assert_eq!(machine.visit(Some(&cookie)).await.0, visits + 2, "the state of the backup");
    let folder = fs::metadata(machine.file("var/lib/hardtack")).expect("the folder").uid();
    for entry in fs::read_dir(machine.file("var/lib/hardtack")).expect("the folder") {
        let entry = entry.expect("an entry");
        assert_eq!(entry.metadata().expect("a file").uid(), folder, "{}", entry.path().display());
    }
    let listed = machine.run("hardtack sessions list");
    assert!(!listed.contains("cannot be"), "{listed}");
}

#[test]
fn commands_have_the_settings_that_the_unit_gives_the_service() {
    let read = |name: &str| fs::read_to_string(Path::new(CHECKOUT).join("deploy").join(name)).expect(name);
    let (unit, script) = (read("hardtack.service"), read("hardtack.sh"));
    let of_the_unit = unit.lines().filter(|line| {
        ["Environment", "User=", "DynamicUser=", "StateDirectory", "WorkingDirectory=", "UMask="]
            .iter()
            .any(|key| line.starts_with(key))
    });
    let mut compared = 0;
    for line in of_the_unit {
        assert!(script.contains(&format!("-p {line}")), "{line}");
        compared += 1;
    }
    assert_eq!(compared, 9, "variables, user and folder");
}
