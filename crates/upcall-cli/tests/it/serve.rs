//! `upcall serve`: settings, the root key, the log.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use tempfile::tempdir;

use crate::http::get;
use crate::program::{ANY, Upcall};

#[test]
fn check_says_what_each_setting_is_and_where_it_came_from() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("upcall.toml");
    fs::write(
        &file,
        "data = \"/srv/file\"\nlisten = \"0.0.0.0:80\"\nregion = \"file\"\n\n\
         [callback]\nallow = [\"private\", \"10.1.0.0/16\"]\nkey_bits = 3072\n",
    )
    .unwrap();

    let printed = Upcall::new(&["serve", "--check", "--data", "/srv/flag", "--config"])
        .and(&[file.to_str().unwrap()])
        .and(&["--callback-webhook-signatures"])
        .env("UPCALL_CALLBACK_DENY", "*.internal.example,10.1.2.0/24")
        .env("UPCALL_REGION", "env")
        .env("UPCALL_MEMORY", "512MiB")
        .env("UPCALL_ACCESS_KEY_ID", "root")
        .env("UPCALL_ACCESS_KEY_SECRET", "hunter2-hunter2")
        .run()
        .done();

    assert_eq!(
        printed,
        "\
SETTING                      VALUE                            FROM
data                         /srv/flag                        flag --data
listen                       0.0.0.0:80                       file, listen
admin                        127.0.0.1:8702                   default
console_url                  an IP address or localhost       default
region                       env                              environment UPCALL_REGION
domains                      oss-env.localhost                default
signatures                   any                              default
cors_origins                 none                             default
trusted_proxies              none                             default
proxy_protocol               false                            default
callback.allow               private, 10.1.0.0/16             file, callback.allow
callback.deny                *.internal.example, 10.1.2.0/24  environment UPCALL_CALLBACK_DENY
callback.ports               web                              default
callback.own_addresses       nothing                          default
callback.key_url             this server's own                default
callback.key_bits            3072                             file, callback.key_bits
callback.anonymous           separate                         default
callback.unpinned            trusted                          default
callback.webhook_signatures  true                             flag --callback-webhook-signatures
record.calls                 1000                             default
record.bytes                 67108864 bytes                   default
record.age                   86400 s                          default
memory                       536870912 bytes                  environment UPCALL_MEMORY
store.min_free               64 MiB, or 1/16                  default
store.scrub_rate             4194304 bytes/s                  default
access key                   …                                environment UPCALL_ACCESS_KEY_SECRET
admin secret                 …                                data directory
"
    );
}

#[test]
fn check_starts_nothing_and_has_json() {
    let folder = tempdir().unwrap();
    let data = folder.path().join("data");

    let settings = Upcall::new(&["serve", "--check", "--json"])
        .data(&data)
        .run();
    let settings = settings.done_json();

    assert_eq!(settings["listen"]["value"], "127.0.0.1:8700");
    assert_eq!(settings["listen"]["source"], "default");
    assert!(!data.exists());
}

#[test]
fn a_wrong_setting_is_one_sentence_and_a_hint() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("upcall.toml");
    let path = file.to_str().unwrap();
    fs::write(
        &file,
        "data = \"/d\"\n\n[callback]\nkey-url = \"http://k/\"\n",
    )
    .unwrap();
    let check = |words: &[&str]| Upcall::new(&["serve", "--check"]).and(words);

    assert_eq!(
        check(&["--config", path]).run().not_done(),
        format!(
            "error: `{path}`, line 4: unknown key `callback.key-url`\n\n\
             hint: did you mean `callback.key_url`?\n"
        )
    );
    assert_eq!(
        check(&[]).run().not_done(),
        "error: no data directory was given\n\n\
         hint: name one with `--data DIR`, `UPCALL_DATA` or `data` in the file\n"
    );
    assert_eq!(
        check(&["--data", "/d"])
            .env("UPCALL_LISTEN", "everywhere")
            .run()
            .not_done(),
        "error: `everywhere` (environment UPCALL_LISTEN) is not an address\n\n\
         hint: write an address and a port, such as `0.0.0.0:8700`\n"
    );
    assert_eq!(
        check(&["--data", "/d"])
            .env("UPCALL_ACCESS_KEY_ID", "root")
            .run()
            .not_done(),
        "error: of `UPCALL_ACCESS_KEY_ID` and `UPCALL_ACCESS_KEY_SECRET` only one is set\n\n\
         hint: set both, or the same names with `_FILE`\n"
    );
    assert!(
        check(&["--data", "/d", "--callback-allow", "everything"])
            .run()
            .not_done()
            .starts_with("error: `everything` (flag --callback-allow) is not a rule\n\nhint: ")
    );
    assert!(
        check(&["--data", "/d", "--log", "loud=very"])
            .run()
            .not_done()
            .starts_with("error: `loud=very` is not a log filter\n\nhint: ")
    );
}

#[test]
fn the_first_key_lies_in_a_file_and_not_in_the_journal() {
    let folder = tempdir().unwrap();
    let first = Upcall::serve(folder.path()).start().stop();
    let file = folder.path().join("root-key");
    let text = fs::read_to_string(&file).unwrap();
    let value = |name: &str| {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .unwrap();
        line.trim_matches('\'').to_owned()
    };
    let (id, secret) = (
        value("UPCALL_ACCESS_KEY_ID="),
        value("UPCALL_ACCESS_KEY_SECRET="),
    );
    assert!(first.stderr.contains(&id), "{first:?}");
    assert!(first.stderr.contains(file.to_str().unwrap()), "{first:?}");
    assert!(!first.stderr.contains(&secret), "{first:?}");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    first.done();

    let second = Upcall::serve(folder.path()).start();
    let keys = Upcall::new(&["key", "list", "--json"]).data(folder.path());
    let keys = keys.run().done_json();
    let second = second.stop();

    assert_eq!(keys["keys"][0]["id"], id.as_str());
    assert!(!second.stderr.contains("access key"), "{second:?}");
    second.done();
}

/// A planted secret is one that its planter knows; a link leads the server's writes elsewhere.
#[test]
fn a_data_directory_that_others_prepared_is_refused() {
    let planted = |name: &str, mode: u32| {
        let folder = tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, "0123456789abcdef0123456789abcdef\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        folder
    };
    let refused = |folder: &tempfile::TempDir| match Upcall::serve(folder.path()).try_start() {
        Ok(_) => panic!("it started"),
        Err(ended) => ended.not_done(),
    };
    let said = refused(&planted("admin-secret", 0o644));
    assert!(said.contains("is not private: its mode is 0644"), "{said}");
    assert!(said.contains("hint: `chmod 600 "), "{said}");

    let open = tempdir().unwrap();
    fs::set_permissions(open.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let said = refused(&open);
    assert!(
        said.contains("every account may write to the data directory"),
        "{said}"
    );

    let linked = tempdir().unwrap();
    let precious = linked.path().join("precious");
    fs::write(&precious, "mine").unwrap();
    symlink(&precious, linked.path().join("admin-address")).unwrap();
    let serve = Upcall::serve(linked.path()).start();
    assert_eq!(fs::read_to_string(&precious).unwrap(), "mine");
    serve.stop().done();
}

#[test]
fn the_root_key_may_come_from_files() {
    let folder = tempdir().unwrap();
    let (id, secret) = (folder.path().join("id"), folder.path().join("secret"));
    fs::write(&id, "root-of-file\n").unwrap();
    fs::write(&secret, "hunter2-hunter2\n").unwrap();
    let data = folder.path().join("data");

    let serve = Upcall::serve(&data)
        .env("UPCALL_ACCESS_KEY_ID_FILE", id.to_str().unwrap())
        .env("UPCALL_ACCESS_KEY_SECRET_FILE", secret.to_str().unwrap())
        .start();
    let keys = Upcall::new(&["key", "list", "--json"]).data(&data).run();
    let keys = keys.done_json();

    assert_eq!(keys["keys"].as_array().unwrap().len(), 1);
    assert_eq!(keys["keys"][0]["id"], "root-of-file");
    assert!(!serve.stop().stderr.contains("hunter2"));
}

#[test]
fn a_root_key_that_was_changed_signs_no_longer() {
    let folder = tempdir().unwrap();
    let serve = |id: &str| {
        Upcall::serve(folder.path())
            .env("UPCALL_ACCESS_KEY_ID", id)
            .env("UPCALL_ACCESS_KEY_SECRET", "hunter2-hunter2")
            .start()
    };
    serve("former").stop();

    let serve = serve("current");
    let keys = Upcall::new(&["key", "list", "--json"]);
    let keys = keys.data(folder.path()).run().done_json();

    assert_eq!(keys["keys"].as_array().unwrap().len(), 1);
    assert_eq!(keys["keys"][0]["id"], "current");
    serve.stop();
}

#[test]
fn the_first_line_says_everything_a_script_needs() {
    let folder = tempdir().unwrap();
    let serve = Upcall::serve(folder.path())
        .and(&[
            "--region",
            "eu-1",
            "--domain",
            "a.example",
            "--domain",
            "B.example",
        ])
        .and(&["--callback-key-url", "https://k.example/key"])
        .start();

    let mut members: Vec<&String> = serve.ready.as_object().unwrap().keys().collect();
    members.sort();
    assert_eq!(
        members,
        ["admin", "domains", "publicKeyUrl", "region", "storage"]
    );
    assert_eq!(serve.text("region"), "eu-1");
    assert_eq!(
        serve.ready["domains"],
        serde_json::json!(["a.example", "b.example"])
    );
    assert_eq!(serve.text("publicKeyUrl"), "https://k.example/key");
    assert_eq!(get(serve.address("admin"), "/healthz").status, 200);
}

#[test]
fn the_log_may_be_json_and_escapes_what_comes_from_outside() {
    let folder = tempdir().unwrap();
    let serve = Upcall::serve(folder.path())
        .and(&["--log-format", "json", "--log", "trace"])
        .start();
    get(serve.address("storage"), "/photos/a%E2%80%AEb");
    let secret = fs::read_to_string(folder.path().join("admin-secret")).unwrap();
    Upcall::new(&["bucket", "list"])
        .data(folder.path())
        .run()
        .done();

    let ended = serve.stop();

    let events: Vec<serde_json::Value> = ended
        .stderr
        .lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let is_of_object = |event: &serde_json::Value| event.to_string().contains("GetObject");
    assert!(events.iter().any(is_of_object), "{events:?}");
    assert!(!ended.stderr.contains('\u{202e}'), "{ended:?}");
    assert!(
        !ended.stderr.contains(&secret),
        "the admin secret was logged"
    );
}

#[test]
fn a_taken_address_is_answered_with_the_flag_to_change() {
    let taken = std::net::TcpListener::bind(ANY).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = tempdir().unwrap();

    let refused = Upcall::new(&["serve", "--listen", &address, "--admin", ANY]);
    let refused = refused.data(folder.path()).run().not_done();

    assert!(
        refused.contains("choose another address with `--listen ADDR`"),
        "{refused}"
    );
}
