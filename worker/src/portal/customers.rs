//! Whose page it is, by the name that the directory knows.
//!
//! Each isolate keeps the names that it was told lately, and asks again as [`Pace::NAME`] has it: a page
//! waits for a name that is not known yet for a moment, and once; where the directory is slow or away it
//! is shown without one, and the name comes with a later refresh.

use core::cell::RefCell;
use core::panic::AssertUnwindSafe;

use edge_credits_core::catalog::{News, NewsStep, Pace};
use edge_credits_core::ids::Owner;
use edge_credits_core::usage::name_in;
use js_sys::futures::{JsFuture, future_to_promise};
use wasm_bindgen::JsValue;
use worker::{Delay, Env};

use crate::conversation::within;
use crate::{directory_line, host};

/// Most names that are kept: more pages than are looked at at once in one isolate.
const MAX_KEPT: usize = 256;

struct Kept {
    /// Of which deployment.
    env: JsValue,
    owner: Owner,
    name: Option<String>,
    news: News,
}

thread_local! {
    static KEPT: RefCell<Vec<Kept>> = const { RefCell::new(Vec::new()) };
}

/// The customer's name, where there is one and it is known, or comes to be within a moment.
pub(super) async fn name(env: &Env, owner: &Owner) -> Option<String> {
    let step = kept(env, owner, |kept| kept.news.step(host::now(), &Pace::NAME));
    if let NewsStep::Ask { limit, wait } = step {
        kept(env, owner, |kept| kept.news.ask(host::now()));
        let (asking_env, asked) = (env.clone(), owner.clone());
        let asking = AssertUnwindSafe(async move {
            let answer = directory_line::record(&asking_env, &asked, limit).await;
            kept(&asking_env, &asked, |kept| match answer {
                Some(answer) if matches!(answer.status, 200 | 404) => {
                    kept.name = name_in(&answer.body);
                    kept.news.answered(host::now());
                }
                _ => kept.news.failed(host::now()),
            });
            Ok(JsValue::UNDEFINED)
        });
        // It goes on when nobody waits for it any more.
        let asking = JsFuture::from(future_to_promise(asking));
        if !wait.is_zero() {
            let _ = within(Delay::from(wait), asking).await;
        }
    }
    kept(env, owner, |kept| kept.name.clone())
}

/// What is kept of a customer; of one who is new here, nothing yet.
fn kept<T>(env: &Env, owner: &Owner, with: impl FnOnce(&mut Kept) -> T) -> T {
    KEPT.with_borrow_mut(|all| {
        let is_it = |kept: &Kept| kept.owner == *owner && kept.env == **env;
        let mut this = match all.iter().position(is_it) {
            Some(place) => all.remove(place),
            None => Kept {
                env: JsValue::clone(env),
                owner: owner.clone(),
                name: None,
                news: News::default(),
            },
        };
        let told = with(&mut this);
        if all.len() >= MAX_KEPT {
            all.remove(0);
        }
        all.push(this);
        told
    })
}
