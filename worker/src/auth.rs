//! Who may do what: the secret `API_KEYS` and the `Authorization` header.
//!
//! Decides whether a request carries a key of this deployment and whether that key may do what is
//! asked. Keys are kept as SHA-256 digests: a key is at least 128 random bits, so a plain digest
//! cannot be reversed, and whoever reads the secret cannot charge anybody. Every failure to know a
//! key, whatever its reason, is the same answer.

use edge_credits_core::ids::Environment;
use edge_credits_core::wire::errors::{ApiError, Code};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};

use crate::hex;
use crate::routes::Action;

/// Most entries of `API_KEYS`: each request compares with all of them, in about 0.1 µs each.
pub(crate) const MAX_KEYS: usize = 256;

/// What a key may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Scope {
    /// Reads and charges: getBalance, consume, batches, getTransactions, analytics.
    Use,
    /// Changes what a customer has been given: add, voidGrant.
    Grant,
    /// Both, and what is an operator's.
    Admin,
    /// None in particular: any key may ask what it is. No entry has this.
    #[serde(skip)]
    Any,
}

impl Scope {
    /// The scope that an operation needs.
    pub(crate) const fn of(action: Action<'_>) -> Self {
        match action {
            Action::Balance
            | Action::Transactions
            | Action::Consume
            | Action::Batch
            | Action::Ask(_) => Self::Use,
            Action::Hold | Action::Holds => Self::Use,
            Action::HoldState { .. } | Action::HoldChange { .. } => Self::Use,
            Action::Add | Action::Void { .. } => Self::Grant,
            Action::Outbox | Action::Retry { .. } | Action::WriteOff { .. } => Self::Admin,
        }
    }

    /// The word in `API_KEYS`.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Use => "use",
            Self::Grant => "grant",
            Self::Admin => "admin",
            Self::Any => "any",
        }
    }
}

/// The keys of this deployment.
pub(crate) struct Keyring(Vec<Key>);

/// A key as the deployment knows it.
pub(crate) struct Key {
    /// Its name for people.
    pub(crate) id: String,
    /// What it reaches.
    pub(crate) environment: Environment,
    /// What it may be used for.
    pub(crate) scopes: Vec<Scope>,
    digest: [u8; 32],
}

/// An entry as the secret writes it. `id` is for people: it names the key without being one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    env: String,
    scopes: Vec<Scope>,
    sha256: String,
}

impl Keyring {
    /// Reads the secret `API_KEYS`.
    ///
    /// # Errors
    /// `not_configured` when it is absent or not such a list. The message names what is wrong by
    /// position, never by content.
    pub(crate) fn parse(secret: Option<&str>) -> Result<Self, ApiError> {
        let Some(secret) = secret.filter(|text| !text.trim().is_empty()) else {
            return Err(not_configured("API_KEYS is not set: without keys nothing is served."));
        };
        let entries: Vec<Entry> = serde_json::from_str(secret).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            not_configured(&format!(
                "API_KEYS is not a JSON list of {{id, env, scopes, sha256}}: look at line {line}, \
                 column {column}."
            ))
        })?;
        if entries.is_empty() || entries.len() > MAX_KEYS {
            return Err(not_configured(&format!("API_KEYS must have 1 to {MAX_KEYS} entries.")));
        }
        let keys = entries.iter().enumerate().map(|(index, entry)| Key::of(index, entry));
        keys.collect::<Result<_, _>>().map(Self)
    }

    /// The environment that the caller may work in, if the request's key has the scope.
    ///
    /// # Errors
    /// `duplicate_header` when the header was sent twice, `invalid_api_key` when there is no such
    /// key, `insufficient_scope` when there is one that may not do this.
    pub(crate) fn authorize(
        &self,
        authorization: Option<&str>,
        scope: Scope,
    ) -> Result<Environment, ApiError> {
        let key = self.holder(authorization)?;
        let may = scope == Scope::Any || key.scopes.contains(&Scope::Admin);
        if may || key.scopes.contains(&scope) {
            return Ok(key.environment);
        }
        let message = format!("This API key lacks the scope {:?}.", scope.as_str());
        Err(ApiError::new(Code::InsufficientScope, &message))
    }

    /// The key that the request carries, whatever it may do.
    ///
    /// # Errors
    /// `duplicate_header`, `invalid_api_key`, as [`Keyring::authorize`].
    pub(crate) fn holder(&self, authorization: Option<&str>) -> Result<&Key, ApiError> {
        // Repeated headers arrive joined; a key holds neither comma nor space.
        let second = authorization.and_then(|value| value.split_once(',')).map(|(_, rest)| rest);
        if second.is_some_and(|rest| rest.starts_with(' ')) {
            let message = "The Authorization header was sent more than once.";
            return Err(ApiError::about(Code::DuplicateHeader, "authorization", message));
        }
        let key = authorization.and_then(bearer).and_then(|key| self.find(key));
        key.ok_or_else(invalid_api_key)
    }

    /// Compares with every entry, so that the time taken does not tell which one matches.
    fn find(&self, key: &str) -> Option<&Key> {
        let digest = <[u8; 32]>::from(Sha256::digest(key.as_bytes()));
        let mut found = u32::MAX;
        for (index, known) in (0_u32..).zip(&self.0) {
            let same: Choice = known.digest.ct_eq(&digest);
            found.conditional_assign(&index, same);
        }
        let known = usize::try_from(found).ok().and_then(|index| self.0.get(index))?;
        marked_environment(key).is_none_or(|marked| marked == known.environment).then_some(known)
    }
}

impl Key {
    fn of(index: usize, entry: &Entry) -> Result<Self, ApiError> {
        let wrong = |what: &str| not_configured(&format!("API_KEYS entry {}: {what}.", index + 1));
        if entry.id.is_empty() {
            return Err(wrong("id is empty"));
        }
        let environment = Environment::parse(&entry.env);
        let environment = environment.ok_or_else(|| wrong("env is neither live nor test"))?;
        if entry.scopes.is_empty() {
            return Err(wrong("scopes is empty; there are use, grant and admin"));
        }
        let digest = hex::decode(&entry.sha256);
        let digest = digest.ok_or_else(|| wrong("sha256 is not 64 hexadecimal digits"))?;
        let (id, scopes) = (entry.id.clone(), entry.scopes.clone());
        Ok(Self { id, environment, scopes, digest })
    }
}

/// The token of `Bearer <token>`; the scheme's case does not matter (RFC 9110 §11.1).
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim_matches(' ');
    let visible = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    (scheme.eq_ignore_ascii_case("bearer") && visible).then_some(token)
}

/// The environment that a key's own prefix names; `None` for keys that carry no mark.
fn marked_environment(key: &str) -> Option<Environment> {
    if key.starts_with("ce_live_") {
        Some(Environment::Live)
    } else if key.starts_with("ce_test_") {
        Some(Environment::Test)
    } else {
        None
    }
}

fn invalid_api_key() -> ApiError {
    let message = "The API key is missing or is not one of this deployment. Nothing was changed.";
    ApiError::new(Code::InvalidApiKey, message)
}

fn not_configured(message: &str) -> ApiError {
    ApiError::new(Code::NotConfigured, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIVE: &str = "ce_live_0123456789abcdef";
    const TEST: &str = "ce_test_0123456789abcdef";
    const PLAIN: &str = "cnk_0123456789abcdef";

    fn digest(key: &str) -> String {
        hex::encode(&Sha256::digest(key.as_bytes()))
    }

    fn entry(env: &str, scopes: &str, key: &str) -> String {
        format!(r#"{{"id":"k","env":"{env}","scopes":{scopes},"sha256":"{}"}}"#, digest(key))
    }

    fn keyring(entries: &[String]) -> Keyring {
        Keyring::parse(Some(&format!("[{}]", entries.join(","))))
            .unwrap_or_else(|e| panic!("{e:?}"))
    }

    fn code(result: Result<Environment, ApiError>) -> Result<Environment, Code> {
        result.map_err(|error| error.code)
    }

    #[test]
    fn headers_by_the_table() {
        let ring = keyring(&[
            entry("live", r#"["use"]"#, LIVE),
            entry("test", r#"["use","grant"]"#, TEST),
            entry("test", r#"["admin"]"#, PLAIN),
        ]);
        let (no, twice) = (Err(Code::InvalidApiKey), Err(Code::DuplicateHeader));
        let table = [
            (None, no),
            (Some(String::new()), no),
            (Some(format!("Bearer {LIVE}")), Ok(Environment::Live)),
            (Some(format!("bEARER   {LIVE} ")), Ok(Environment::Live)),
            (Some(format!("Bearer {TEST}")), Ok(Environment::Test)),
            (Some(format!("Bearer {PLAIN}")), Ok(Environment::Test)),
            (Some(format!("Bearer {LIVE}x")), no),
            (Some(format!("Bearer {}", &LIVE[..LIVE.len() - 1])), no),
            (Some(format!("Bearer {} {LIVE}", "x")), no),
            (Some(format!("Basic {LIVE}")), no),
            (Some(format!("Bearer{LIVE}")), no),
            (Some(LIVE.to_owned()), no),
            (Some("Bearer".to_owned()), no),
            (Some("Bearer ".to_owned()), no),
            (Some(format!("Bearer {}", digest(LIVE))), no),
            (Some(format!("Bearer {LIVE},{LIVE}")), no),
            (Some(format!("Bearer {LIVE}, Bearer {LIVE}")), twice),
            (Some(format!("Bearer {LIVE}, Bearer {TEST}")), twice),
        ];
        for (header, expected) in table {
            let got = code(ring.authorize(header.as_deref(), Scope::Use));
            assert_eq!(got, expected, "{header:?}");
        }
    }

    #[test]
    fn scopes_by_the_table() {
        let lacks = Err(Code::InsufficientScope);
        let table = [
            (r#"["use"]"#, Ok(Environment::Live), lacks),
            (r#"["grant"]"#, lacks, Ok(Environment::Live)),
            (r#"["grant","use"]"#, Ok(Environment::Live), Ok(Environment::Live)),
            (r#"["admin"]"#, Ok(Environment::Live), Ok(Environment::Live)),
        ];
        for (scopes, uses, grants) in table {
            let ring = keyring(&[entry("live", scopes, LIVE)]);
            let header = format!("Bearer {LIVE}");
            assert_eq!(code(ring.authorize(Some(&header), Scope::Use)), uses, "{scopes}");
            assert_eq!(code(ring.authorize(Some(&header), Scope::Grant)), grants, "{scopes}");
            // No number of other scopes makes an owner.
            let owns = if scopes.contains("admin") { Ok(Environment::Live) } else { lacks };
            assert_eq!(code(ring.authorize(Some(&header), Scope::Admin)), owns, "{scopes}");
        }
    }

    #[test]
    fn a_prefix_must_agree_with_the_entry() {
        let ring = keyring(&[entry("test", r#"["admin"]"#, LIVE)]);
        let refused = ring.authorize(Some(&format!("Bearer {LIVE}")), Scope::Use);
        assert_eq!(code(refused), Err(Code::InvalidApiKey));
    }

    #[test]
    fn operations_need_their_scope() {
        let hold = Action::HoldChange { hold: "h", change: crate::routes::HoldChange::Capture };
        let uses = [Action::Balance, Action::Transactions, Action::Consume, Action::Hold, hold];
        assert!(uses.into_iter().all(|action| Scope::of(action) == Scope::Use));
        let grants = [Action::Add, Action::Void { grant: "g" }];
        assert!(grants.into_iter().all(|action| Scope::of(action) == Scope::Grant));
    }

    #[test]
    fn a_bad_secret_is_named_and_not_shown() {
        let many = vec![entry("live", r#"["use"]"#, LIVE); MAX_KEYS + 1];
        let table = [
            (None, "not set"),
            (Some("  ".to_owned()), "not set"),
            (Some("[]".to_owned()), "1 to 256"),
            (Some(format!("[{}]", many.join(","))), "1 to 256"),
            (Some("{\"hush\":1}".to_owned()), "line 1"),
            (Some("[{\"hush\":1}]".to_owned()), "column 8"),
            (Some(format!("[{}]", entry("prod", r#"["use"]"#, LIVE))), "entry 1: env"),
            (Some(format!("[{}]", entry("live", "[]", LIVE))), "entry 1: scopes"),
            (Some(format!("[{}]", entry("live", r#"["hush"]"#, LIVE))), "line 1"),
            (
                Some(entry("live", r#"["use"]"#, LIVE).replace("\"sha256\":\"", "\"sha256\":\"0")),
                "JSON",
            ),
            (
                Some(format!(
                    "[{}]",
                    entry("live", r#"["use"]"#, LIVE).replace(&digest(LIVE), "hush")
                )),
                "entry 1: sha256",
            ),
            (
                Some(format!("[{}]", entry("live", r#"["use"]"#, LIVE).replace("\"k\"", "\"\""))),
                "entry 1: id",
            ),
        ];
        for (secret, expected) in table {
            let error = Keyring::parse(secret.as_deref()).err().unwrap();
            assert_eq!(error.code, Code::NotConfigured);
            assert!(error.message.contains(expected), "{}", error.message);
            assert!(!error.message.contains("hush"), "{}", error.message);
        }
    }
}
