//! API keys: made here once, and known to the worker only by their digest.
//!
//! A key is `ce_live_` or `ce_test_`, then 32 random characters (190 bits), then 6 that are a
//! checksum of all before them, so that a scanner for leaked secrets can tell a key from a
//! look-alike. The worker compares digests and needs none of this.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{arguments::Arguments, fingerprint::hex};

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// 32 characters of 62 are 190 bits; 128 would do.
const RANDOM_CHARACTERS: usize = 32;
const CHECKSUM_CHARACTERS: usize = 6;
/// What a key may be allowed to do: read and spend; add; everything.
const SCOPES: [&str; 3] = ["use", "grant", "admin"];

/// A new key and what the worker is told about it.
pub(crate) struct Key {
    text: String,
    entry: Value,
}

impl Key {
    /// Makes a key of `environment` (`live` or `test`) with the given scopes.
    ///
    /// # Errors
    /// On an environment or scope that does not exist, or when the system gives no randomness.
    pub(crate) fn generate(environment: &str, scopes: &[&str]) -> Result<Self> {
        if !matches!(environment, "live" | "test") {
            bail!("--env is `live` or `test`, not `{environment}`");
        }
        if let Some(unknown) = scopes.iter().find(|scope| !SCOPES.contains(scope)) {
            bail!("there is no scope `{unknown}`; a key can have: {}", SCOPES.join(", "));
        }
        let mut text = format!("ce_{environment}_");
        for _ in 0..RANDOM_CHARACTERS {
            text.push(random_character()?);
        }
        text.push_str(&checksum(&text));
        let digest = hex(&Sha256::digest(text.as_bytes()));
        let id = format!("key_{}", digest.get(..8).unwrap_or(&digest));
        let entry = json!({ "id": id, "env": environment, "scopes": scopes, "sha256": digest });
        Ok(Self { text, entry })
    }

    /// The key itself: the secret.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Its entry in `API_KEYS`: safe to keep.
    pub(crate) fn entry(&self) -> &Value {
        &self.entry
    }
}

/// `cargo xtask key new`: prints a key once, and its entry.
///
/// # Errors
/// On arguments that are not understood.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let rest = match arguments.split_first() {
        Some((verb, rest)) if verb == "new" => rest,
        _ => bail!("usage: cargo xtask key new --env live|test [--scopes use,grant,admin]"),
    };
    let arguments = Arguments::parse(rest, &["env", "scopes"])?;
    let environment = arguments.get("env").context("say which: --env live or --env test")?;
    let scopes: Vec<&str> = arguments.get("scopes").unwrap_or("use").split(',').collect();
    let key = Key::generate(environment, &scopes)?;
    println!("The key. It is shown once and stored nowhere:\n\n  {}\n", key.text());
    println!("Its entry for the secret API_KEYS, which is a JSON list of such entries:\n");
    println!("  {}\n", key.entry());
    println!("With this as the only entry: npx wrangler secret put API_KEYS, then paste\n");
    println!("  [{}]", key.entry());
    Ok(())
}

/// One character, each of the 62 equally likely: bytes past the last whole multiple are redrawn.
fn random_character() -> Result<char> {
    let fair = u8::MAX - u8::MAX % 62;
    loop {
        let mut byte = [0u8];
        getrandom::fill(&mut byte)
            .map_err(|error| anyhow::anyhow!("the system gives no randomness: {error}"))?;
        let [byte] = byte;
        if let Some(character) = (byte < fair).then(|| letter(u64::from(byte))) {
            return Ok(character);
        }
    }
}

fn checksum(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    let mut number = digest.iter().take(8).fold(0u64, |sum, byte| (sum << 8) | u64::from(*byte));
    let mut characters = String::new();
    for _ in 0..CHECKSUM_CHARACTERS {
        characters.push(letter(number));
        number /= 62;
    }
    characters
}

fn letter(number: u64) -> char {
    let index = usize::try_from(number % 62).unwrap_or_default();
    ALPHABET.get(index).map_or('0', |byte| char::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::{Key, checksum, hex};
    use sha2::{Digest, Sha256};

    #[test]
    fn a_key_names_its_environment_and_carries_its_checksum() {
        for environment in ["live", "test"] {
            let key = Key::generate(environment, &["use"]).unwrap();
            let text = key.text();
            assert!(text.starts_with(&format!("ce_{environment}_")));
            assert_eq!(text.len(), "ce_live_".len() + 32 + 6);
            let (body, sum) = text.split_at(text.len() - 6);
            assert_eq!(checksum(body), sum);
        }
    }

    #[test]
    fn the_checksum_is_that_of_the_npm_package() {
        // As tests/runtimes/cli/key.test.mjs has it.
        assert_eq!(checksum("ce_test_00000000000000000000000000000000"), "d2NE9T");
    }

    #[test]
    fn the_entry_holds_the_digest_and_never_the_key() {
        let key = Key::generate("test", &["use", "grant"]).unwrap();
        let entry = key.entry().to_string();
        assert!(!entry.contains(key.text()));
        let digest = hex(&Sha256::digest(key.text().as_bytes()));
        assert_eq!(key.entry().get("sha256").unwrap(), &digest);
        assert_eq!(key.entry().get("scopes").unwrap(), &serde_json::json!(["use", "grant"]));
    }

    #[test]
    fn two_keys_differ() {
        let [one, two] = [0, 1].map(|_| Key::generate("live", &["use"]).unwrap());
        assert_ne!(one.text(), two.text());
    }

    #[test]
    fn what_does_not_exist_is_refused() {
        assert!(Key::generate("prod", &["use"]).is_err());
        assert!(Key::generate("live", &["root"]).is_err());
    }
}
