// Holds through a cache on workerd. Where the API behind it has none they are the cache's own: as many
// as the balance that it read covers, and what is captured arrives there once, whatever is killed.
// Where it is our own ledger they are the ledger's, and so are several caches' together.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { CreditEngine } from "../../pkg/js/index.js";
import { ledgerApi } from "./api.mjs";
import { makeKeys } from "./keys.mjs";
import { startPlainApi } from "./plain_api.mjs";
import { cacheWorker, ledgerWorker, startWorkerd } from "./workerd.mjs";

const MICRO = 1_000_000;
const keys = makeKeys();
let directory;
let plain;
let ledger;
let api;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "edge-credits-cache-holds-"));
  plain = await startPlainApi();
  ledger = await startWorkerd({ workers: [ledgerWorker({ API_KEYS: keys.secret })] });
  api = ledgerApi(ledger.urls.ledger, keys.admin.text);
});
after(async () => {
  await plain?.stop();
  await ledger?.stop();
  await rm(directory, { recursive: true, force: true });
});

/** A cache on its own disk, which can be killed and started again. */
async function cache(t, name, upstream, settings = {}) {
  const bindings = {
    API_KEYS: keys.secret,
    UPSTREAM_URL: upstream,
    UPSTREAM_KEY_LIVE: keys.admin.text,
    UPSTREAM_TIMEOUT_MS: "2000",
    SYNC_INTERVAL_MS: "300",
    MAX_STALENESS_MS: "30000",
    ...settings,
  };
  const self = {
    async start() {
      const state = join(directory, name);
      self.runtime = await startWorkerd({ workers: [cacheWorker(bindings)], state });
      self.edge = ledgerApi(self.runtime.urls.cache, keys.admin.text);
    },
    kill: () => self.runtime.stop(),
  };
  t.after(() => self.kill());
  await self.start();
  return self;
}

async function eventually(ask) {
  for (let tries = 0; tries < 600; tries += 1) {
    const answer = await ask();
    if (answer) return answer;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("it did not come to pass in 30 seconds");
}

const answered = ({ status, json }) => {
  assert.equal(status, 200, JSON.stringify(json));
  return json;
};
const refused = ({ status, json }) => [status, json.error?.code];
const random = (most) => Math.floor(Math.random() * most * MICRO) + 1;
const decimal = (micro) => (micro / MICRO).toFixed(6);
/** Nothing waits, and the balance is what is wanted: without positions a charge may be subtracted until
 * a balance was read after it was acknowledged. */
const settled = (edge, customer, wanted) =>
  eventually(async () => {
    const balance = await edge.balance(customer);
    return balance.pending === 0 && balance.balance === wanted() && balance;
  });
/** Twenty holds of 75 at once, by turns through these. */
const twenty = (edges, customer) =>
  Promise.all(
    Array.from({ length: 20 }, (_, n) =>
      edges[n % edges.length].hold(customer, { amount: 75, idempotency_key: `hold-${n}` }),
    ),
  );

test("an API without holds: of twenty holds of 75 at once on 500 credits six are granted, and arrive to the micro-credit", async (t) => {
  const { edge } = await cache(t, "twenty", plain.url);
  const placed = await twenty([edge], "twenty");
  const granted = placed.filter(({ status }) => status === 200).map(({ json }) => json);
  assert.equal(granted.length, 6);
  for (const answer of placed.filter(({ status }) => status !== 200)) {
    assert.deepEqual(refused(answer), [402, "insufficient_credits"]);
  }
  assert.equal((await edge.balance("twenty")).balance, 50);
  assert.deepEqual(refused(await edge.gate("twenty", { amount: 51 })), [402, "insufficient_credits"]);
  assert.equal((await edge.holds("twenty")).data.length, 6);

  const used = [0, 75 * MICRO, random(75), random(75), random(75), random(75)];
  const ends = granted.flatMap(({ hold_id: id }, n) => {
    const capture = () => edge.holdChange("twenty", id, "capture", { amount: decimal(used[n]) });
    return [capture(), capture()];
  });
  const ended = (await Promise.all(ends)).map(answered);
  assert.equal(ended.filter(({ replayed }) => replayed).length, 6, "each end counts once");
  const spent = used.reduce((sum, micro) => sum + micro, 0);
  await settled(edge, "twenty", () => (500 * MICRO - spent) / MICRO);
  assert.equal(plain.spent("twenty"), spent, used.join());
  const by = (one, other) => one - other;
  assert.deepEqual(plain.charges("twenty").sort(by), used.slice(1).sort(by));
  t.diagnostic(`figure: 6 of 20 granted, ${spent} micro-credits captured and charged upstream, 0 off`);
});

test("a hold of the cache is answered as the ledger answers one", async (t) => {
  const { edge } = await cache(t, "alike", plain.url);
  await api.grant("alike", 500);
  const life = async (there) => {
    const told = [];
    const tell = ({ status, json }) => {
      const { request_id: _, ...error } = json.error ?? {};
      told.push(json.error ? [status, error] : [status, json]);
      return json;
    };
    const body = { amount: 75, ttl_ms: 60_000, description: "AI: chat", metadata: { a: [1, "}"] } };
    const { hold_id: id } = tell(await there.hold("alike", { ...body, idempotency_key: "h" }));
    tell(await there.hold("alike", { ...body, idempotency_key: "h" }));
    tell(await there.hold("alike", { ...body, amount: 74, idempotency_key: "h" }));
    const change = async (what, json) => tell(await there.holdChange("alike", id, what, json));
    await change("progress", { used: 12.5 });
    await change("progress", { used: 3 });
    await change("progress", { used: 75.1 });
    await change("progress", { used: 1, unit: "gpu" });
    await change("extend", { ttl_ms: 3_600_000 });
    await change("extend", { ttl_ms: 1 });
    tell({ status: 200, json: await there.holds("alike") });
    tell(await there.holdState("alike", id));
    await change("capture", { amount: 80 });
    await change("capture");
    await change("capture", { amount: 12.5 });
    await change("capture", { amount: 13 });
    await change("release");
    tell(await there.holdState("alike", id));
    tell({ status: 200, json: await there.holds("alike") });
    const none = "txn_00000000000000000000000000000000";
    tell(await there.holdChange("alike", none, "capture"));
    tell(await there.hold("alike", { amount: 501, idempotency_key: "i" }));
    tell(await there.hold("alike", { amount: -1 }));
    return told;
  };
  // What a cache cannot tell, or tells besides, and what differs from call to call.
  const own = ["sequence", "as_of", "source", "stale", "degraded", "pending", "placed_at"];
  const other = ["expires_at", "transaction_id", "idempotency_key"];
  const common = (value) =>
    JSON.parse(
      JSON.stringify(value, (name, inner) => ([...own, ...other].includes(name) ? undefined : inner)),
    );
  const [here, there] = [await life(edge), await life(api)];
  assert.deepEqual(common(here), common(there));
  const [, placed] = here[0];
  assert.deepEqual(Object.keys(placed).filter((name) => !(name in there[0][1])).sort(), [
    "degraded",
    "pending",
    "source",
    "stale",
  ]);
  assert.equal(placed.hold_id, there[0][1].hold_id, "both name the hold alike");
});

test("kill -9 with open holds: after the restart they end by their rule, and the charge arrives once", async (t) => {
  const self = await cache(t, "killed", plain.url);
  const place = async (rest) => answered(await self.edge.hold("killed", { amount: 20, ...rest }));
  const soon = await place({ ttl_ms: 2000, idempotency_key: "soon" });
  await place({ ttl_ms: 2000, idempotency_key: "all", on_expiry: "capture_all" });
  await place({ ttl_ms: 2000, idempotency_key: "none", on_expiry: "release" });
  const long = await place({ idempotency_key: "long" });
  answered(await self.edge.holdChange("killed", soon.hold_id, "progress", { used: 7.25 }));
  await self.kill();
  await self.start();
  // Nobody calls: it is the alarm that ends them, and sends what they come to.
  await eventually(() => plain.spent("killed") === 27.25 * MICRO);
  await self.kill();
  await self.start();
  await settled(self.edge, "killed", () => 500 - 27.25 - 20);
  const state = answered(await self.edge.holdState("killed", soon.hold_id));
  assert.deepEqual([state.state, state.captured], ["expired", 7.25]);
  const late = await self.edge.holdChange("killed", soon.hold_id, "capture", { amount: 7.25 });
  assert.deepEqual(refused(late), [409, "hold_expired"]);
  assert.deepEqual((await self.edge.holds("killed")).data.map(({ hold_id }) => hold_id), [long.hold_id]);
  answered(await self.edge.holdChange("killed", long.hold_id, "release"));
  assert.equal((await self.edge.balance("killed")).balance, 472.75);
  assert.deepEqual(plain.charges("killed").sort(), [20 * MICRO, 7.25 * MICRO].sort());
});

test("kill -9 between a capture and the answer to its charge: it is charged once", async (t) => {
  const self = await cache(t, "cut", plain.url);
  const hold = answered(await self.edge.hold("cut", { amount: 75, idempotency_key: "h" }));
  plain.goSilent(true);
  t.after(() => plain.goSilent(false));
  const captured = answered(await self.edge.holdChange("cut", hold.hold_id, "capture", { amount: 30.5 }));
  assert.equal(captured.balance, 469.5);
  await eventually(() => plain.spent("cut") > 0);
  await self.kill();
  const before = plain.attempts();
  plain.goSilent(false);
  await self.start();
  const again = answered(await self.edge.holdChange("cut", hold.hold_id, "capture", { amount: 30.5 }));
  assert.deepEqual([again.replayed, again.transaction_id], [true, captured.transaction_id]);
  await settled(self.edge, "cut", () => 469.5);
  assert.ok(plain.attempts() > before, "it was sent again");
  assert.deepEqual(plain.charges("cut"), [30.5 * MICRO]);
});

test("killed again and again: every hold is charged what was last told of it, once", async (t) => {
  const self = await cache(t, "often", plain.url);
  /** What is certain of each hold: at least what was acknowledged, at most what was asked for. */
  const holds = [];
  const attempt = async (work) => {
    try {
      return await work();
    } catch {
      return undefined;
    }
  };
  for (let round = 0; round < 4; round += 1) {
    let answers = 0;
    const most = 5 + Math.floor(Math.random() * 50);
    const busy = Array.from({ length: 10 }, async (_, n) => {
      const body = { amount: 10, ttl_ms: 3000, idempotency_key: `often-${round}-${n}` };
      const placed = await attempt(() => self.edge.hold("often", body));
      if (placed?.status !== 200) return;
      const hold = { told: 0, asked: 0 };
      holds.push(hold);
      for (let step = 0; step < 8; step += 1) {
        hold.asked += random(1);
        const body = { used: decimal(hold.asked) };
        const told = await attempt(() =>
          self.edge.holdChange("often", placed.json.hold_id, "progress", body),
        );
        if (told?.status !== 200) return;
        hold.told = hold.asked;
        answers += 1;
      }
      if (n % 2 === 0) await attempt(() => self.edge.holdChange("often", placed.json.hold_id, "capture"));
    });
    await eventually(() => answers >= most);
    await self.kill();
    await Promise.all(busy);
    await self.start();
  }
  assert.ok(holds.length >= 10, `${holds.length} holds`);
  await eventually(async () => (await self.edge.holds("often")).data.length === 0);
  // Both sides agree.
  await settled(self.edge, "often", () => (500 * MICRO - plain.spent("often")) / MICRO);
  const sum = (what) => holds.reduce((total, hold) => total + hold[what], 0);
  const spent = plain.spent("often");
  assert.ok(spent >= sum("told"), `${spent} of ${sum("told")} acknowledged`);
  assert.ok(spent <= sum("asked"), `${spent} of ${sum("asked")} asked for`);
  t.diagnostic(`figure: ${holds.length} holds over 4 kills, ${sum("told")} told, ${spent} charged`);
});

test("our ledger behind it: two caches grant six of twenty holds of 75 on 500 credits together", async (t) => {
  await api.grant("shared", 500);
  const one = await cache(t, "shared-1", ledger.urls.ledger);
  const two = await cache(t, "shared-2", ledger.urls.ledger);
  // Both have read the whole balance.
  for (const { edge } of [one, two]) assert.equal((await edge.balance("shared")).balance, 500);
  const placed = await twenty([one.edge, two.edge], "shared");
  const granted = placed.filter(({ status }) => status === 200).map(({ json }) => json);
  assert.equal(granted.length, 6);
  const held = await api.balance("shared");
  assert.deepEqual([held.posted, held.held, held.balance], [500, 450, 50]);
  // Either cache can end them, as the ledger's.
  const used = granted.map(() => random(75));
  const ends = granted.map(({ hold_id: id }, n) => {
    const { edge } = n % 2 === 0 ? two : one;
    return edge.holdChange("shared", id, "capture", { amount: decimal(used[n]) });
  });
  (await Promise.all(ends)).map(answered);
  const spent = used.reduce((sum, micro) => sum + micro, 0);
  const { balance, held: left } = await api.balance("shared");
  assert.deepEqual([balance, left], [(500 * MICRO - spent) / MICRO, 0]);
  t.diagnostic(`figure: 6 of 20 granted through two caches, overdraft 0`);
});

test("a deployment that keeps holds at the cache in front of our ledger grants six, too", async (t) => {
  await api.grant("kept", 500);
  const { edge } = await cache(t, "kept", ledger.urls.ledger, { HOLDS_AT: "cache" });
  const placed = await twenty([edge], "kept");
  const granted = placed.filter(({ status }) => status === 200).map(({ json }) => json);
  assert.equal(granted.length, 6);
  assert.equal((await api.balance("kept")).held, 0, "the ledger knows nothing of it");
  for (const { hold_id: id } of granted) {
    answered(await edge.holdChange("kept", id, "capture", { amount: 75 }));
  }
  await settled(edge, "kept", () => 50);
  assert.equal((await api.balance("kept")).balance, 50);
  const { data } = await api.transactions("kept", "?type=consumption&limit=100");
  assert.deepEqual(data.map(({ amount }) => amount), Array(6).fill(-75));
});

test("the client holds through a cache as through the ledger", async (t) => {
  const { runtime } = await cache(t, "client", plain.url);
  const ce = new CreditEngine({ apiKey: keys.admin.text, baseUrl: runtime.urls.cache });
  const hold = await ce.hold("client", 75, { ttlMs: 60_000, description: "AI: chat" });
  assert.deepEqual([hold.amount, hold.balance, hold.replayed], [75, 425, false]);
  assert.equal((await hold.progress(12.5)).used, 12.5);
  const { captured, balance } = await hold.capture();
  assert.deepEqual([captured, balance], [12.5, 487.5]);
  await assert.rejects(hold.release(), { code: "hold_already_captured" });
  const released = await ce.hold("client", 75);
  await released[Symbol.asyncDispose]();
  await assert.rejects(ce.hold("client", 488), { name: "InsufficientCreditsError" });
  await eventually(() => plain.spent("client") === 12.5 * MICRO);
});

test("a gate and a hold at once, through a cache in front of our ledger, never take more than there is", async (t) => {
  const { edge } = await cache(t, "race", ledger.urls.ledger);
  let both = 0;
  for (let round = 0; round < 20; round += 1) {
    const customer = `race-${round}`;
    await api.grant(customer, 100);
    await edge.balance(customer);
    const answers = await Promise.all([
      edge.gate(customer, { amount: 60, idempotency_key: "gate" }),
      edge.hold(customer, { amount: 60, idempotency_key: "hold" }),
      edge.gate(customer, { amount: 60, idempotency_key: "other" }),
    ]);
    const granted = answers.filter(({ status }) => status === 200);
    assert.equal(granted.length, 1, JSON.stringify(answers.map(refused)));
    both += granted.length;
    await eventually(async () => (await edge.balance(customer)).pending === 0);
    assert.equal((await api.balance(customer)).balance, 40);
  }
  t.diagnostic(`figure: ${both} of 20 rounds granted one of three, overdraft 0`);
});
