//! `cargo xtask dev`: the worker with the embedded ledger, kept running on this machine.
//!
//! State and key survive a restart: they are in `target/dev` (or where `--home` says), which is
//! deleted to start afresh.

use std::{fs, net::TcpListener, path::Path};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::{
    arguments::Arguments, client_package, key::Key, node::Node, paths, worker_bundle,
    workerd::Runtime,
};

/// Where it listens unless told otherwise: the port that `wrangler dev` has made customary.
const PORT: u16 = 8787;

/// Runs the worker until interrupted.
///
/// # Errors
/// When the build fails or the port is taken.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let arguments = Arguments::parse(arguments, &["home", "port"])?;
    let port = match arguments.get("port") {
        Some(text) => text.parse().context("--port takes a number from 1 to 65535")?,
        None => PORT,
    };
    require_free(port)?;
    let home = paths::root().join(arguments.get("home").unwrap_or("target/dev"));
    let node = Node::set_up()?;
    client_package::build(&node)?;
    worker_bundle::build(&node)?;
    let key = key(&home)?;
    let options = json!({
        "workers": [{ "ledger": { "API_KEYS": json!([key.entry]).to_string() } }],
        "state": home.join("state"),
        "ports": { "ledger": port },
    });
    let mut runtime = Runtime::start(&node, &options)?;
    println!("{}", instructions(runtime.url("ledger")?, &key.text, &home));
    runtime.wait()
}

/// Asked before the build, so that nobody waits for a sentence.
fn require_free(port: u16) -> Result<()> {
    match TcpListener::bind(("127.0.0.1", port)) {
        Ok(_) => Ok(()),
        Err(_) => bail!(
            "port {port} is taken: stop the program that uses it, or choose another with --port N"
        ),
    }
}

/// A key that was made once and is kept: it opens nothing but this directory's sandbox.
struct KeptKey {
    text: String,
    entry: Value,
}

fn key(home: &Path) -> Result<KeptKey> {
    let file = home.join("key.json");
    if let Ok(text) = fs::read_to_string(&file) {
        let kept: Value = serde_json::from_str(&text).unwrap_or_default();
        if let (Some(text), Some(entry)) =
            (kept.get("key").and_then(Value::as_str), kept.get("entry"))
        {
            return Ok(KeptKey { text: text.to_owned(), entry: entry.clone() });
        }
    }
    let key = Key::generate("test", &["use", "grant"])?;
    fs::create_dir_all(home).with_context(|| format!("{} cannot be made", home.display()))?;
    fs::write(&file, json!({ "key": key.text(), "entry": key.entry() }).to_string())
        .with_context(|| format!("{} cannot be written to", file.display()))?;
    Ok(KeptKey { text: key.text().to_owned(), entry: key.entry().clone() })
}

fn instructions(url: &str, key: &str, home: &Path) -> String {
    let home = home.strip_prefix(paths::root()).unwrap_or(home).display();
    format!(
        r#"
edge-credits is listening at {url}. Its ledgers are in {home}. Ctrl+C stops it.

API key (sandbox, may spend and grant): {key}

Grant 100 credits to a customer:

curl -s {url}/v1/customers/cus_1/add \
  -H "Authorization: Bearer {key}" \
  -H "Content-Type: application/json" \
  -d '{{"amount": 100, "type": "topup"}}'

Spend 5 of them (paste into a shell in this directory):

node --input-type=module <<'JS'
import {{ CreditEngine }} from "./pkg/js/index.js"; // in your project: from "edge-credits"
const credits = new CreditEngine({{ apiKey: "{key}", baseUrl: "{url}" }});
console.log(await credits.consumeOrFail("cus_1", 5, "AI: chat"));
JS
"#
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{instructions, key};

    #[test]
    fn the_key_is_made_once() {
        let home = std::env::temp_dir().join(format!("edge-credits-dev-{}", std::process::id()));
        let first = key(&home).unwrap();
        let second = key(&home).unwrap();
        std::fs::remove_dir_all(&home).unwrap();
        assert_eq!(first.text, second.text);
        assert_eq!(first.entry, second.entry);
        assert!(first.text.starts_with("ce_test_"));
    }

    #[test]
    fn what_is_printed_can_be_pasted() {
        let text = instructions("http://127.0.0.1:8787", "ce_test_k", Path::new("/elsewhere"));
        assert!(text.contains(r#"-d '{"amount": 100, "type": "topup"}'"#));
        assert!(text.contains(r#"{ apiKey: "ce_test_k", baseUrl: "http://127.0.0.1:8787" }"#));
    }
}
