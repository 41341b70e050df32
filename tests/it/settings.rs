//! Settings: their sources, the refused values, and the errors.

use hardtack::server::settings::{KeySource, LogFormat, Setting, Settings, StoreUrl, TABLES, markdown};
use std::fs;
use std::path::Path;
use std::time::Duration;
use tower_sessions::cookie::SameSite;

const HTTPS: (&str, &str) = ("HARDTACK_SITE_URL", "https://app.example.com");

/// Loads settings from a file `Leptos.toml` with this text.
fn load(text: &str, env: &[(&str, &str)]) -> Result<Settings, String> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("Leptos.toml");
    fs::write(&file, text).expect("a file");
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Settings::load(Some(&file), env).map_err(|error| {
        let sentence = error.to_string();
        assert!(sentence.ends_with(['.', '?']) && sentence.lines().count() == 1, "{sentence}");
        sentence.replace(&file.display().to_string(), "Leptos.toml")
    })
}

fn refused(text: &str, env: &[(&str, &str)]) -> String {
    match load(text, env) {
        Ok(settings) => panic!("{text:?} with {env:?} was taken: {settings:?}"),
        Err(sentence) => sentence,
    }
}

fn begins(sentence: &str, with: &str) {
    assert!(sentence.starts_with(with), "{sentence}");
}

fn shipped(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).expect(name)
}

#[test]
fn without_anything_set_the_defaults_are_right_for_one_machine() {
    let settings = load("", &[]).expect("defaults");
    let (site, session, limits) = (&settings.site, &settings.session, &settings.limits);
    assert_eq!(site.url.to_string(), "http://localhost:3000");
    assert_eq!(site.listen.to_string(), "127.0.0.1:3000");
    assert!(site.url.is_loopback() && !site.insecure);
    assert_eq!(session.name, "hardtack_sess");
    assert!(!session.secure && !session.partitioned && !session.persistent);
    assert_eq!(session.idle, Duration::from_mins(30));
    assert_eq!(session.absolute, Duration::from_hours(12));
    assert_eq!(session.touch_every, Duration::from_mins(1));
    assert_eq!(session.keys, []);
    assert_eq!((session.renew_every, settings.metrics.listen), (None, None));
    assert!(settings.store.migrate && !settings.store.insecure);
    assert_eq!(session.max_data.bytes(), 16 * 1024);
    assert_eq!(session.same_site, SameSite::Lax);
    assert_eq!((&session.domain, session.path.as_str()), (&None, "/"));
    assert_eq!(settings.store.url, StoreUrl::Sqlite("data/hardtack.db".into()));
    assert_eq!(settings.store.timeout, Duration::from_millis(800));
    assert_eq!(limits.body.bytes(), 64 * 1024);
    assert_eq!((limits.header_count, limits.connections), (100, 1024));
    assert_eq!(settings.log.format, LogFormat::Text);
    assert!(settings.leptos.hash_files);
}

#[test]
fn the_environment_wins_over_the_file_and_the_file_over_the_defaults() {
    let file = "[session]\nidle = '5m'\nabsolute = '1h'\n";
    let settings = load(file, &[("HARDTACK_SESSION_IDLE", "7m"), ("PATH", "/bin")]).expect("settings");
    assert_eq!(settings.session.idle, Duration::from_mins(7));
    assert_eq!(settings.session.absolute, Duration::from_hours(1));
    assert_eq!(settings.session.touch_every, Duration::from_mins(1));
}

#[test]
fn every_setting_can_be_set_by_its_variable_alone() {
    for setting in TABLES.iter().flat_map(|table| table.settings) {
        let settings = load("", &[(&setting.variable(), setting.default)]);
        assert_eq!(settings, load("", &[]), "{}", setting.variable());
    }
}

#[test]
fn variables_have_the_types_that_the_file_has() {
    let by_variables = load(
        "",
        &[
            ("HARDTACK_SESSION_KEYS", "new.key, env:OLD_KEY"),
            ("HARDTACK_SESSION_MAX_DATA", "4096"),
            ("HARDTACK_SESSION_PERSISTENT", "true"),
            ("HARDTACK_LIMITS_HEADER_COUNT", "64"),
            ("HARDTACK_SESSION_RENEW_EVERY", "15m"),
            ("HARDTACK_SESSION_PER_ACCOUNT", "5"),
            ("HARDTACK_STORE_URL", "memory:"),
            ("HARDTACK_LOG_FORMAT", "json"),
            ("HARDTACK_METRICS_LISTEN", "[::1]:9090"),
        ],
    )
    .expect("settings");
    let by_file = "[session]
        keys = ['new.key', 'env:OLD_KEY']
        max_data = 4096
        persistent = true
        renew_every = '15m'
        per_account = 5
        [limits]
        header_count = 64
        [store]
        url = 'memory:'
        [log]
        format = 'json'
        [metrics]
        listen = '[::1]:9090'";
    assert_eq!(Ok(&by_variables), load(by_file, &[]).as_ref());
    let (new, old) = (KeySource::File("new.key".into()), KeySource::Env("OLD_KEY".into()));
    assert_eq!(by_variables.session.keys, [new, old]);
    assert_eq!(by_variables.store.url, StoreUrl::Memory);
}

#[test]
fn an_empty_variable_is_a_value_and_not_absence() {
    let file = "session = { keys = ['a.key'], domain = 'example.com' }";
    let empty = [HTTPS, ("HARDTACK_SESSION_KEYS", ""), ("HARDTACK_SESSION_DOMAIN", "")];
    let session = load(file, &empty).expect("settings").session;
    assert!(session.keys.is_empty() && session.domain.is_none());
    for name in "SITE_URL SESSION_NAME SESSION_IDLE SESSION_SECURE STORE_URL LOG_LEVEL".split(' ') {
        refused("", &[(&format!("HARDTACK_{name}"), "")]);
    }
}

#[test]
fn secure_and_the_name_follow_from_the_origin() {
    for (text, name) in [
        ("", "__Host-hardtack_sess"),
        ("domain = 'example.com'", "hardtack_sess"),
        ("path = '/app'", "hardtack_sess"),
        ("name = 'mine'", "mine"),
        ("name = '__Secure-mine', secure = true", "__Secure-mine"),
    ] {
        let session = load(&format!("session = {{ {text} }}"), &[HTTPS]).expect(text).session;
        assert_eq!((session.name.as_str(), session.secure), (name, true), "{text}");
    }
    let plain = load("", &[("HARDTACK_SITE_URL", "http://127.0.0.1:8080")]).expect("plain http").session;
    assert_eq!((plain.name.as_str(), plain.secure), ("hardtack_sess", false));
}

#[test]
fn plain_http_is_for_this_machine_or_for_trials() {
    let url = |host: &str| format!("site = {{ url = 'http://{host}' }}");
    for here in "localhost:3000 app.localhost 127.0.0.1 127.8.8.8:1 [::1]:80/".split(' ') {
        assert!(load(&url(here), &[]).expect(here).site.url.is_loopback(), "{here}");
    }
    for there in "192.168.1.9:3000 example.com localhost.example.com [::2]".split(' ') {
        let sentence = refused(&url(there), &[]);
        begins(&sentence, "`site.url` is plain http");
        assert!(sentence.contains("`site.insecure = true`"), "{sentence}");
        let trial = load(&url(there), &[("HARDTACK_SITE_INSECURE", "true")]).expect("a trial");
        assert!(!trial.site.url.is_loopback() && !trial.session.secure);
    }
}

#[test]
fn unknown_names_are_refused_with_the_nearest_known_one() {
    for (text, unknown, nearest) in [
        ("session = { idel = '1m' }", "session.idel", "session.idle"),
        ("session = { url = 'x' }", "session.url", "site.url"),
        ("limits = { max_body = 1 }", "limits.max_body", "limits.body"),
        ("listen = 'x'", "listen", "site.listen"),
        ("'session.idle' = '1m'", "\"session.idle\"", "session.idle"),
    ] {
        assert_eq!(
            refused(text, &[]),
            format!("`{unknown}` in Leptos.toml is not a setting; did you mean `{nearest}`?")
        );
    }
    assert_eq!(
        refused("[sesion]\nidle = '1m'", &[]),
        "`[sesion]` in Leptos.toml is not a table of settings; did you mean `[session]`?"
    );
    assert_eq!(
        refused("", &[("HARDTACK_SESSION_IDEL", "1m")]),
        "`HARDTACK_SESSION_IDEL` is not a setting; did you mean `HARDTACK_SESSION_IDLE`?"
    );
}

#[test]
fn a_wrong_value_is_named_with_the_place_where_it_was_set() {
    assert_eq!(
        refused("[session]\nidle = 'soon'", &[]),
        "`session.idle` in Leptos.toml is `soon`, which is not a duration from 1ms to 10 years; write it like \
         `800ms`, `60s`, `30m`, `12h` or `14d`."
    );
    assert_eq!(
        refused("", &[("HARDTACK_SITE_LISTEN", "localhost")]),
        "`site.listen` (set by HARDTACK_SITE_LISTEN) is `localhost`, which is not an address with a port; write it \
         like `127.0.0.1:3000`, `0.0.0.0:3000` or `[::1]:3000`."
    );
}

#[test]
fn values_of_the_wrong_type_or_out_of_range_are_refused() {
    for line in WRONG.lines() {
        let (setting, values) = line.split_once(": ").expect("a setting and its wrong values");
        let (table, key) = setting.split_once('.').expect("table and key");
        for value in values.split("; ") {
            let sentence = refused(&format!("[{table}]\n{key} = {value}"), &[]);
            assert!(sentence.starts_with(&format!("`{setting}`")), "{setting} = {value}: {sentence}");
        }
    }
}

const WRONG: &str = "\
site.url: 3000; true; ['http://localhost']; {a = 1}; ''; 'localhost:3000'; 'ftp://a.org'; '*'; 'http://'
site.listen: 3000; ':3000'; '127.0.0.1'; '127.0.0.1:99999'; 'localhost:3000'
site.front_ends: 'https://a.org'; ['*']; ['https://*.a.org']; ['null']; ['a.org']; [1]; ['http://127.0.0.1:1']; ['http://a.org']; ['https://localhost']
site.trusted_proxies: '10.0.0.1'; ['10.0.0.0/33']; ['proxy']; ['::ffff:10.0.0.0/104']
cors.methods: ['*']; ['GET POST']; ['']
cors.headers: ['*']; ['x-a: b']; 'content-type'
cors.expose: ['*']
site.insecure: 1; 'true'; 'yes'; ''
session.name: 5; ''; 'a b'; 'a=b'; 'a;b'; 'ä'
session.idle: 30; 1.5; '30'; '0'; '0s'; '-1s'; '1ns'; '1000years'; '99999999999999999999s'; ''
session.absolute: '401d'; '0d'
session.touch_every: '0s'; '30m'
session.rotation_grace: '0s'
session.renew_every: 15; false; 'never'; '0s'; '10s'; ''
session.per_account: -1; 1.5; '5'; 1000001; 'off'
session.keys: 'a.key'; ['']; [1]; ['env:']; ['env:A B']; ['env:1A']; ['env:HARDTACK_KEY']
session.max_data: 0; -1; '0 KiB'; '16 KB'; '16kb'; 'KiB'; '1.5 KiB'; '4096 MiB'; true; 1.5; ''
session.same_site: 'Lax'; false; ''
session.path: 'app'; ''; '/a;b'; '/ä'; '/ '
store.url: ''; 'sqlite'; 'sqlite:'; 'sqlite::memory:'; 'sqlite://a.db'; 'sqlite:a?mode=ro'; 'memory:a'
store.url: 'postgres:'; 'postgres://'; 'redis:a'; 'rediss://'; 'postgres://127.0.0.1:x/a'; 'redis://127.0.0.1/a b'; 'redis-cluster://'
store.migrate: 1; 'true'
store.insecure: 'yes'
store.connections: 0; -1; 1.0; '4'; 4294967296
store.timeout: 800; '0ms'
limits.body: 0
limits.headers: '4 KiB'; '1 MiB'
limits.header_count: 0; 1001
limits.shutdown_grace: '0s'
log.format: 'xml'
log.level: 'inof'; 'loud=5x'; ''; 'info,'; 3
metrics.listen: 9090; ':9090'; 'localhost:9090'; false
leptos.output_name: ''; 1
leptos.hash_files: 'true'";

#[test]
fn the_site_is_an_origin_and_nothing_more() {
    let with = |rest: &str| load(&format!("[site]\nurl = 'https://app.example.com{rest}'"), &[]);
    for (rest, part) in [("/app", "path"), ("?a", "query"), ("#a", "fragment"), ("/?", "query")] {
        begins(&with(rest).expect_err(rest), &format!("`site.url` in Leptos.toml has a {part}, but"));
    }
    assert_eq!(with("/").expect("a slash"), with("").expect("no slash"));
}

#[test]
fn contradictions_are_refused() {
    for line in CONTRADICTIONS.lines() {
        let (text, about) = line.split_once(" => ").expect("settings and sentence");
        let (scheme, text) = text.split_once(": ").expect("a scheme and settings");
        let site = if scheme == "https" { HTTPS } else { ("HARDTACK_SITE_URL", "http://localhost:3000") };
        let sentence = refused(&format!("session = {{ {text} }}"), &[site]);
        begins(&sentence, about);
        assert!(sentence.contains("; "), "{sentence} does not say what to change");
    }
    let fits = "session = { same_site = 'none', partitioned = true, absolute = '400d', idle = '400d' }";
    load(fits, &[HTTPS]).expect("no contradiction");
}

const CONTRADICTIONS: &str = "\
https: secure = false => `session.secure` is false
http: secure = true => `session.secure` is true
http: same_site = 'none' => `session.same_site` is `none`
http: partitioned = true => `session.partitioned` is true
http: name = '__Host-a' => `session.name` begins with `__Host-`
http: name = '__host-a' => `session.name` begins with `__Host-`
https: name = '__Host-a', path = '/a' => `session.name` begins with `__Host-`
https: name = '__Host-a', domain = 'example.com' => `session.name` begins with `__Host-`
http: name = '__Secure-a' => `session.name` begins with a prefix
https: idle = '13h' => `session.idle` is longer than `absolute`
https: idle = '60s' => `session.touch_every` is not shorter than `idle`
https: absolute = '401d' => `session.absolute` is longer than 400 days";

#[test]
fn the_cookie_is_shared_only_with_domains_above_the_host() {
    let with = |domain: &str| load(&format!("[session]\ndomain = '{domain}'"), &[HTTPS]);
    for covering in ["app.example.com", "example.com"] {
        let session = with(covering).expect(covering).session;
        assert_eq!(session.domain.as_deref(), Some(covering));
    }
    for other in "example.org xample.com www.app.example.com com".split(' ') {
        begins(&with(other).expect_err(other), "`session.domain` does not cover the host of `site.url`");
    }
    begins(&with("example.com;Secure").expect_err("no host"), "`session.domain` is not a host name");
    for (host, above) in [("10.0.0.1", "0.0.1"), ("api.example.co.uk", "co.uk"), ("one.github.io", "github.io")] {
        let text = format!("site = {{ url = 'https://{host}' }}\nsession = {{ domain = '{above}' }}");
        begins(&refused(&text, &[]), "`session.domain` does not cover");
    }
}

#[test]
fn s87_a_store_on_another_machine_needs_tls_that_verifies_it() {
    let url = |url: &str| format!("store = {{ url = '{url}' }}");
    for safe in SAFE.split_whitespace() {
        assert!(load(&url(safe), &[]).expect(safe).store.url.is_shared(), "{safe}");
    }
    for open in OPEN.split_whitespace() {
        let sentence = refused(&url(open), &[]);
        begins(&sentence, "`store.url` is a ");
        assert!(sentence.contains(if open.starts_with("postgres") { "sslmode=verify-full" } else { "rediss://" }));
        assert!(sentence.contains("`store.insecure = true`") && !sentence.contains("hunter2"), "{sentence}");
        load(&url(open), &[("HARDTACK_STORE_INSECURE", "true")]).expect("a trial");
    }
}

const SAFE: &str = "\
postgres://127.0.0.1/app postgresql://me:hunter2@localhost:5433/app postgres://[::1]/app
postgres://%2Frun%2Fpostgresql/app postgres:///app?host=/run/postgresql
postgres://me:hunter2@db.example.com/app?sslmode=verify-full
redis://127.0.0.1 redis://:hunter2@localhost:6380/2 redis://[::1]:6379/ rediss://:hunter2@cache.example.com/1
redis-cluster://127.0.0.1:7000,127.0.0.1:7001 rediss-cluster://me:hunter2@a.example.com:7000,b.example.com:7000";

const OPEN: &str = "\
postgres://db.example.com/app postgres://me:hunter2@10.0.0.7/app postgres://me:hunter2@localhost.example.com/app
postgres://db.example.com/app?sslmode=require postgres://db.example.com/app?sslmode=verify-ca
redis://cache.example.com redis://:hunter2@10.0.0.7:6380/2
redis-cluster://127.0.0.1:7000,b.example.com:7001";

#[test]
fn g11_no_sentence_repeats_what_may_be_a_secret() {
    let hex = &"c0ffee".repeat(11)[..64];
    for (setting, value) in [
        ("SESSION_KEYS", hex),
        ("SESSION_KEYS", &format!("good.key,{hex}")),
        ("SESSION_KEYS", "c0ffeelqgk7TTQ6OkRNFaVzjHXYIy6nzpTXjXgZtqLb"),
        ("SESSION_KEYS", "c0ffeelqgk7TTQ/OkRNFaVzjHXY+y6nzpTXjXgZtqLb="),
        ("SITE_URL", "https://me:c0ffee@app.example.com"),
        ("STORE_URL", "mysql://me:c0ffee@db.example.com"),
        ("STORE_URL", "postgres://me:c0ffee@db.example.com/app"),
        ("STORE_URL", "postgres://me:c0ffee@127.0.0.1:c0ffee/app"),
        ("STORE_URL", "postgres://me@127.0.0.1/app?passwort=c0ffee"),
        ("STORE_URL", "redis://me:c0ffee@cache.example.com"),
        ("STORE_URL", "redis://me:c0ffee@127.0.0.1:c0ffee/1"),
        ("STORE_URL", "rediss://:c0ffee@cache.example.com/#insecure"),
        ("STORE_URL", "redis-cluster://me:c0ffee@127.0.0.1:c0ffee,127.0.0.1:7001"),
    ] {
        let sentence = refused("", &[(&format!("HARDTACK_{setting}"), value)]);
        assert!(!sentence.contains("c0ffee"), "{sentence}");
    }
    let address = load("", &[("HARDTACK_STORE_URL", "rediss://me:c0ffee@cache.example.com/1")]);
    assert!(!format!("{address:?}").contains("c0ffee"), "{address:?}");
    let long = "/etc/hardtack/keys/2026/the-key-that-signs-cookies.key";
    load("", &[("HARDTACK_SESSION_KEYS", long)]).expect("a path is not a key");
}

#[test]
fn a_named_file_must_exist_and_be_toml() {
    let missing = Settings::load(Some(Path::new("no/such.toml")), []).expect_err("no such file");
    begins(&missing.to_string(), "no/such.toml cannot be read (");
    for text in ["[site", "[site]\nurl = ", "[log]\nlevel = 'a'\nlevel = 'a'", "[site]\nurl = http://x"] {
        begins(&refused(text, &[]), "Leptos.toml is not valid TOML (TOML parse error at line ");
    }
    let no_table = refused("site = 5", &[("HARDTACK_SITE_LISTEN", "127.0.0.1:1")]);
    begins(&no_table, "`site` in Leptos.toml is a table of settings;");
}

#[test]
fn the_page_of_settings_is_the_list_of_settings() {
    let page = shipped("docs/SETTINGS.md");
    assert!(page == markdown(), "out of date; run `hardtack settings > docs/SETTINGS.md`");
}

#[test]
fn leptos_toml_explains_every_setting() {
    let (mut table, mut above, mut shown) = (String::new(), String::new(), Vec::new());
    for line in shipped("Leptos.toml").lines() {
        if let Some(name) = line.strip_prefix('[') {
            table = name.trim_end_matches(']').to_owned();
        } else if let Some((key, _)) = commented_key(line).and_then(|line| line.split_once(" = ")) {
            assert!(above.starts_with("# "), "{table}.{key} has no comment");
            shown.push(format!("{table}.{key}"));
        }
        line.clone_into(&mut above);
    }
    let known = TABLES.iter().flat_map(|table| table.settings).map(Setting::path);
    assert_eq!(shown, known.collect::<Vec<_>>());
}

#[test]
fn leptos_toml_shows_the_defaults() {
    let text = shipped("Leptos.toml");
    let lines: Vec<&str> = text.lines().map(|line| commented_key(line).unwrap_or(line)).collect();
    assert_eq!(load(&lines.join("\n"), &[]), load("", &[]));
    assert_eq!(load(&text, &[]), load("", &[]));
}

/// Returns `key = default` of a line `#key = default`. Prose has a space after `#`.
fn commented_key(line: &str) -> Option<&str> {
    line.strip_prefix('#').filter(|rest| rest.starts_with(char::is_alphabetic))
}
