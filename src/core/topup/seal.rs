//! The seal on what is written into a session: whose sale it was, and that nobody has edited it.
//!
//! Stripe delivers an account's events to every endpoint of the account, so a deployment also hears
//! of what others have sold: its mark tells which is which. Whoever has access to the account can edit
//! metadata: its signature shows that.
//!
//! Both come from one text that no other deployment has, and that stays the same for as long as the
//! ledgers do, for a payment may be refunded months later. Which text that is, the shell decides.

use alloc::string::String;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};

/// How many bytes of a digest the mark has: enough that no two deployments share one.
const MARK_BYTES: usize = 12;

/// What a deployment seals with. It has neither `Debug` nor `Display`.
#[derive(Clone)]
pub struct Seal {
    mark: String,
    key: [u8; 32],
}

impl Seal {
    /// The seal of the deployment that has `secret`. Neither mark nor signatures say anything of it.
    #[must_use]
    pub fn derive(secret: &str) -> Self {
        let digest = |purpose: &[u8]| -> [u8; 32] {
            Sha256::new().chain_update(purpose).chain_update(secret.as_bytes()).finalize().into()
        };
        let mark = digest(b"edge-credits top-up mark\0");
        let (mark, _) = mark.split_at(MARK_BYTES);
        Self { mark: URL_SAFE_NO_PAD.encode(mark), key: digest(b"edge-credits top-up seal\0") }
    }

    /// What tells this deployment's sales from others'.
    #[must_use]
    pub fn mark(&self) -> &str {
        &self.mark
    }

    /// The signature of members, in the order given; one that is absent counts as such.
    pub(crate) fn sign(&self, members: &[(&str, Option<&str>)]) -> String {
        let signature = self.mac(members).map(|mac| mac.finalize().into_bytes());
        URL_SAFE_NO_PAD.encode(signature.unwrap_or_default())
    }

    /// Whether a signature is that of these members. It is compared in constant time.
    pub(crate) fn signed(&self, signature: &str, members: &[(&str, Option<&str>)]) -> bool {
        let Ok(signature) = URL_SAFE_NO_PAD.decode(signature) else { return false };
        self.mac(members).is_some_and(|mac| mac.verify_slice(&signature).is_ok())
    }

    fn mac(&self, members: &[(&str, Option<&str>)]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).ok()?;
        for (name, value) in members {
            let Some(value) = value else { continue };
            // With its length, so that no value can look like the next member.
            for part in [name, value] {
                mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
                mac.update(part.as_bytes());
            }
        }
        Some(mac)
    }
}
