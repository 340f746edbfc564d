// The hold of one metered call, which nobody else may have.

import { refuse } from "./errors.js";
import { INTERNALS } from "./internals.js";

/** The mark's name in a hold's metadata, as in a charge's. */
const MARK = "edge_credits_request";
/** How often one name is held for anew, after calls that came to nothing. */
const MAX_TIMES = 20;
/** That a hold is not there any more. */
const ENDED = ["hold_already_captured", "hold_already_released", "hold_expired"];

/**
 * Places a hold that is this call's. One of the same name may be there: it is its own where an answer was
 * lost on the way, which a random mark shows; another call's that came to nothing gives its name free.
 */
export async function ownHold(engine, plan, amount) {
  const { customerId, holdOptions } = plan;
  const isNamed = engine[INTERNALS].isNamed || plan.isNamed;
  if (!isNamed) return engine.hold(customerId, amount, holdOptions);
  const mark = crypto.randomUUID();
  const metadata = { ...holdOptions.metadata, [MARK]: mark };
  let options = { ...holdOptions, metadata };
  for (let times = 0; times < MAX_TIMES; times += 1) {
    const hold = await engine.hold(customerId, amount, options);
    if (!hold.replayed) return hold;
    let held;
    try {
      // Nothing is told by that, and what it is answered shows the hold.
      held = await hold.progress(0);
    } catch (error) {
      const wasFree = error.code === "hold_already_released" || error.details?.captured === 0;
      if (!ENDED.includes(error.code)) throw error;
      if (!wasFree) break;
      options = { ...options, idempotencyKey: `again:${hold.id}` };
      continue;
    }
    if (held.metadata?.[MARK] === mark) return hold;
    break;
  }
  const message =
    "a call of this name has been metered before, or is being metered: its work is not done twice for " +
    "one payment. Nothing was charged.";
  throw refuse("duplicate_request", "idempotencyKey", message);
}
