// Keys of both faces, and the ledger that knows them: where the tests of `/api/v1` begin.

import { ledgerApi } from "../api.mjs";
import { makeKeys } from "../keys.mjs";
import { ledgerWorker, startWorkerd } from "../workerd.mjs";
import { clocknextApi, clocknextKey } from "./api.mjs";

/** `keys` are the Credit Engine's, `cnk` ClockNext's; `API_KEYS` is what makes a worker know all of them. */
export function faceKeys() {
  const keys = makeKeys();
  const cnk = {
    live: clocknextKey("live", ["admin"]),
    test: clocknextKey("test", ["admin"]),
    user: clocknextKey("live", ["use"]),
    giving: clocknextKey("live", ["grant"]),
  };
  const own = Object.values(cnk).map(({ entry }) => entry);
  return { keys, cnk, API_KEYS: JSON.stringify([...JSON.parse(keys.secret), ...own]) };
}

/** A ledger; `engine` and `next` are its two faces, as an owner calls them. */
export async function startLedger({ keys, cnk, API_KEYS }) {
  const runtime = await startWorkerd({ workers: [ledgerWorker({ API_KEYS })] });
  const origin = runtime.urls.ledger;
  const engine = ledgerApi(origin, keys.admin.text);
  const next = clocknextApi(origin, cnk.live.text);
  return { runtime, origin, engine, next };
}
