// How a client without a place for its balances is refused.

import { CreditEngine } from "edge-credits";

export function refusal() {
  try {
    new CreditEngine({ apiKey: "ce_test_x", mode: "persistent" });
    return "none";
  } catch (error) {
    return `${error.code}: ${error.message}`;
  }
}
