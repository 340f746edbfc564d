// The portal as a customer meets it, in headless Chromium: in a frame of an owner's page on another
// origin, on a phone and a desktop, in light and dark, by keyboard, and judged by axe-core.

import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { faceKeys } from "../runtimes/clocknext/world.mjs";
import { startWithMonth } from "../runtimes/portal/month.mjs";
import { SECRET, busy, caller, many, owing, tokenFor } from "../runtimes/portal/town.mjs";
import { REPOSITORY } from "../runtimes/project.mjs";
import { ledgerWorker, startWorkerd } from "../runtimes/workerd.mjs";
import { startChromium } from "./chromium.mjs";
import { contrasts } from "./contrast.mjs";

const SCREENS = {
  phone: { width: 360, height: 740, deviceScaleFactor: 2, isMobile: true, hasTouch: true },
  desktop: { width: 1180, height: 900, deviceScaleFactor: 1 },
};
const MIN_CONTRAST = 4.5;
const MIN_TARGET_PIXELS = 44;
const PICTURES = join(REPOSITORY, "target", "browser", "screenshots");
const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const CUSTOMERS = ["cus_busy", "cus_owing", "cus_many", "cus_new", "a month of usage"];

const { keys, cnk, API_KEYS } = faceKeys();
const ids = {}; // Of those whom the directory has named.
const packs = [
  { price: "price_small", credits: 1000, product: "starter", expires_after_days: 365 },
  { price: "price_medium", credits: 5000, expires_after_days: 365 },
  { price: "price_large", credits: 25000 },
];
let runtime;
let owner;
let chromium;
let call;
let axe;
let state;
before(async () => {
  const bindings = { API_KEYS, PORTAL_SECRET: SECRET, TOPUP_PACKS: JSON.stringify(packs) };
  const message = ledgerWorker({ ...bindings, PORTAL_TOPUP: "message" }, { name: "message" });
  state = await mkdtemp(join(tmpdir(), "edge-credits-portal-"));
  const start = () => startWorkerd({ workers: [ledgerWorker(bindings), message], state });
  ({ runtime, id: ids["a month of usage"] } = await startWithMonth(start, state, cnk.test.text));
  owner = await startOwner();
  call = caller(runtime.urls.ledger, keys.test.text);
  await busy(call, "cus_busy");
  await owing(call, "cus_owing");
  await many(call, "cus_many");
  chromium = await startChromium();
  axe = await readFile(AXE, "utf8");
  await mkdir(PICTURES, { recursive: true });
});
after(async () => {
  await chromium?.browser.close();
  await owner?.stop();
  await runtime?.stop();
  await rm(state, { recursive: true, force: true });
});

/** The owner's app: a page with a frame whose address it is told, and what that frame has said to it. */
async function startOwner() {
  const server = createServer((request, response) => {
    const { searchParams } = new URL(request.url, "http://owner");
    const sandbox = searchParams.get("sandbox");
    const limits = sandbox === null ? "" : ` sandbox="${sandbox}"`;
    response.writeHead(200, { "content-type": "text/html" }).end(
      `<!doctype html><title>App</title><style>body{margin:0}iframe{border:0;width:100%;height:100vh}
      </style><script>said=[];onmessage=(e)=>{if(e.source===frames[0])said.push(e.data)}</script>
      <iframe title="Your credits"${limits} src="${searchParams.get("src").replaceAll("&", "&amp;")}">
      </iframe>`,
    );
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return {
    url: `http://localhost:${server.address().port}`,
    stop: () => {
      server.closeAllConnections();
      return new Promise((done) => server.close(done));
    },
  };
}

const embed = (customer, { more = "", worker = "ledger", ...token } = {}) =>
  `${runtime.urls[worker]}/portal/embed?token=${tokenFor(ids[customer] ?? customer, { env: "test", ...token })}${more}`;

/** A fresh page; it notes what is loaded, what is complained of, and what the policy has stopped. */
async function open(url, { screen = "desktop", scheme = "light", zone, script = true, still } = {}) {
  const context = await chromium.browser.createBrowserContext();
  const page = await context.newPage();
  const seen = { requests: [], complaints: [] };
  page.on("request", (request) => seen.requests.push(request.url()));
  page.on("console", (message) => seen.complaints.push(message.text()));
  page.on("pageerror", (error) => seen.complaints.push(error.message));
  page.on("dialog", (dialog) => seen.complaints.push(`a dialog: ${dialog.message()}`));
  await page.evaluateOnNewDocument(() => {
    globalThis.violations = [];
    document.addEventListener("securitypolicyviolation", (event) => {
      globalThis.violations.push(`${event.violatedDirective} ${event.blockedURI}`);
    });
  });
  await page.setJavaScriptEnabled(script);
  await page.setViewport(SCREENS[screen]);
  const features = [{ name: "prefers-color-scheme", value: scheme }];
  if (still) features.push({ name: "prefers-reduced-motion", value: "reduce" });
  await page.emulateMediaFeatures(features);
  if (zone) await page.emulateTimezone(zone);
  await page.goto(url);
  return { page, seen, context, close: () => context.close() };
}

/** The same in the owner's page: `frame` is the portal's. */
async function openFramed(url, { sandbox, ...how } = {}) {
  const limits = sandbox === undefined ? "" : `&sandbox=${encodeURIComponent(sandbox)}`;
  const opened = await open(`${owner.url}/?src=${encodeURIComponent(url)}${limits}`, how);
  const element = await opened.page.waitForSelector("iframe");
  const frame = await element.contentFrame();
  await frame.waitForSelector("main");
  const said = () => opened.page.evaluate(() => globalThis.said);
  const hears = (type) =>
    opened.page.waitForFunction((type) => globalThis.said.some((one) => one.type === type), {}, type);
  return { ...opened, frame, said, hears };
}

const shown = (frame) => frame.$eval(".card data", (data) => data.textContent);

describe("as it is seen", () => {
  for (const customer of CUSTOMERS) {
    for (const screen of Object.keys(SCREENS)) {
      for (const scheme of ["light", "dark"]) {
        test(`${customer} on a ${screen}, ${scheme}`, async () => {
          const url = embed(customer, { member: "ann@example.com" });
          const { page, seen, close } = await open(url, { screen, scheme });
          const path = join(PICTURES, `portal-${customer}-${screen}-${scheme}.png`);
          await page.screenshot({ path, fullPage: true });
          await judge(page);
          await page.$$eval("details", (all) => all.forEach((one) => (one.open = true)));
          await judge(page);
          assert.deepEqual(seen, { requests: [url], complaints: [] }, "nothing else is loaded");
          assert.deepEqual(await page.evaluate(() => globalThis.violations), []);
          const ground = await page.$eval("body", (b) => getComputedStyle(b).backgroundColor);
          const [red] = ground.match(/\d+/g).map(Number);
          assert.equal(red < 128, scheme === "dark", `${scheme} has a ground of ${ground}`);
          await close();
        });
      }
    }
  }

  test("the owner's page may choose the scheme", async () => {
    for (const [theme, scheme] of [["light", "dark"], ["dark", "light"]]) {
      const { page, close } = await open(embed("cus_busy", { more: `&theme=${theme}` }), { scheme });
      const ground = await page.$eval("body", (body) => getComputedStyle(body).backgroundColor);
      assert.equal(Number(ground.match(/\d+/)[0]) < 128, theme === "dark");
      await judge(page);
      await close();
    }
  });

  test("plain pages: a link that does not work, that has ended, a payment made", async () => {
    for (const path of [
      embed("cus_busy", { secret: "x".repeat(40) }),
      embed("cus_busy", { seconds: -1 }),
      `${runtime.urls.ledger}/portal/paid`,
    ]) {
      const { page, close } = await open(path, { screen: "phone", scheme: "dark" });
      await judge(page, 2);
      await close();
    }
  });
});

describe("to who reads it", () => {
  test("dates are in the reader's time zone, and it says so", async () => {
    const words = [];
    for (const zone of ["Pacific/Auckland", "America/Los_Angeles"]) {
      const { page, close } = await open(embed("cus_busy"), { zone });
      const time = await page.$eval("footer time", (time) => ({
        at: time.dateTime,
        text: time.textContent,
        zone: document.querySelector("[data-zone]").textContent,
      }));
      const clock = new Intl.DateTimeFormat("en-GB", {
        hour: "2-digit",
        minute: "2-digit",
        timeZone: zone,
      });
      assert.ok(time.text.endsWith(clock.format(new Date(time.at))), `${time.text} in ${zone}`);
      assert.ok(time.zone.includes(zone.replace("_", " ")));
      words.push(time.text);
      await close();
    }
    assert.notEqual(words[0], words[1]);
  });

  test("without a script all is there, in UTC, and buying works", async () => {
    const { page, seen, context, close } = await open(embed("cus_many"), { script: false });
    assert.match(await page.$eval("footer time", (time) => time.textContent), /UTC$/);
    assert.equal((await page.$$(".bars")).length, 6, "every chart");
    const tab = new Promise((done) => context.once("targetcreated", done));
    await page.click(".buy");
    const checkout = await (await tab).page();
    await checkout.waitForSelector(".pay");
    assert.ok(new URL(checkout.url()).pathname.startsWith("/checkout/test/"));
    assert.deepEqual(seen.complaints, []);
    await close();
  });

  test("one chart of several, and each day in words", async () => {
    const { page, close } = await open(embed("cus_many"));
    const visible = () => page.$$eval("[data-series]", (all) => all.map((one) => !one.hidden));
    assert.deepEqual(await visible(), [true, false, false, false, false, false]);
    await page.select("#series", "3");
    assert.deepEqual(await visible(), [false, false, false, true, false, false]);
    const bar = await page.$("[data-series='3'] g:last-child .slot");
    await bar.hover();
    const words = await page.$eval("[data-series='3'] .readout", (readout) => readout.textContent);
    assert.match(words, /^\d+ \w+: [\d.]+ image credits$/);
    await close();
  });

  test("a month at a glance: what is used most, what is about to be lost, and for whom", async () => {
    const { page, close } = await open(embed("a month of usage"));
    const text = (selector) => page.$eval(selector, (element) => element.textContent);
    assert.equal(await text(".who strong"), "Northwind Laboratories");
    assert.equal(await text("#series :checked"), "API credits");
    const chart = "[data-series]:not([hidden])";
    assert.equal((await page.$$(`${chart} .bars .day`)).length, 30, "usage on every day");
    const rule = await page.$eval(chart, (one) => getComputedStyle(one).borderTopWidth);
    assert.equal(rule, "0px", "one chart needs no rule above it");
    assert.match(await text(".cards .alarm"), /^[\d,]+ expire in 3 days$/);
    await close();
  });

  test("heard: landmarks, headings, the chart in a sentence and as a table", async () => {
    const { page, close } = await open(embed("cus_busy"));
    const flat = (node) => [node, ...(node.children ?? []).flatMap(flat)];
    const nodes = flat(await page.accessibility.snapshot());
    const headings = nodes.filter(({ role }) => role === "heading").map(({ name }) => name);
    assert.deepEqual(headings, [
      "Balance and usage",
      "Balance",
      "Credits",
      "Top up",
      "Usage",
      "Coming up",
      "Recent activity",
    ]);
    const chart = nodes.find(({ role, name }) => ["image", "img"].includes(role) && name);
    assert.match(chart.name, /^Bar chart of credits used per day over the last 30 days\. The most was/);
    await page.$$eval("details", (all) => all.forEach((one) => (one.open = true)));
    assert.equal((await page.$$("table tbody tr")).length, 30);
    await close();
  });

  test("nothing moves for who does not want it", async () => {
    for (const [still, moving] of [[true, 0], [false, 1]]) {
      const { page, close } = await open(embed("cus_busy"), { still });
      const seconds = await page.$eval(".bars .day", (bar) => getComputedStyle(bar).transitionDuration);
      assert.equal(Number.parseFloat(seconds) > 0, moving === 1);
      await close();
    }
  });
});

describe("in a frame of the owner's", () => {
  test("by keyboard alone: every control, in order, seen; and a checkout in a new tab", async () => {
    const { page, frame, context, hears, close } = await openFramed(embed("cus_keys"));
    const walked = [];
    for (let tabs = 0; tabs < 4; tabs += 1) {
      await page.keyboard.press("Tab");
      const at = await frame.evaluate(() => ({
        text: document.activeElement.textContent,
        outline: getComputedStyle(document.activeElement).outlineStyle,
      }));
      if (at.text.startsWith("Add")) assert.equal(at.outline, "solid", "it shows where one is");
      walked.push(at.text);
    }
    assert.deepEqual(walked.slice(0, 3), [
      "Add 1,000 credits Starter, lasts 365 days",
      "Add 5,000 credits lasts 365 days",
      "Add 25,000 credits does not expire",
    ]);
    await page.keyboard.down("Shift");
    for (let tabs = 0; tabs < 3; tabs += 1) await page.keyboard.press("Tab");
    await page.keyboard.up("Shift");
    const tab = new Promise((done) => context.once("targetcreated", done));
    await page.keyboard.press("Enter");
    const checkout = await (await tab).page();
    await checkout.waitForSelector(".pay");
    assert.equal(await checkout.evaluate(() => globalThis.opener), null);
    assert.equal(await checkout.evaluate(() => document.referrer), "");
    await Promise.all([checkout.waitForNavigation(), checkout.click(".pay")]);
    assert.equal(await checkout.$eval("h1", (heading) => heading.textContent), "Thank you");
    await checkout.close();
    // Back in the tab of the app, the figures renew themselves.
    await page.bringToFront();
    await frame.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
    await frame.waitForFunction(() => document.querySelector(".card data").value === "1000");
    await hears("checkout");
    await close();
  });

  test("it says how high it is, and nothing of the customer", async () => {
    const { frame, said, hears, close } = await openFramed(embed("cus_busy"));
    await hears("ready");
    const messages = await said();
    const height = await frame.evaluate(() => document.documentElement.getBoundingClientRect().height);
    const resize = messages.find(({ type }) => type === "resize");
    assert.equal(resize.height, Math.ceil(height));
    for (const message of messages) {
      assert.equal(message.source, "edge-credits-portal");
      assert.deepEqual(Object.keys(message).filter((k) => !["source", "type", "height"].includes(k)), []);
    }
    await close();
  });

  test("renewed figures leave the reader where they were", async () => {
    const { page, frame, seen, close } = await openFramed(embed("cus_busy"));
    await frame.focus("#more-activity summary");
    await page.keyboard.press("Enter");
    await call("cus_busy", "consume", { amount: 0.5, description: "While you watch" });
    await frame.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
    await frame.waitForFunction(() => document.querySelector(".activity .what").textContent === "While you watch");
    const after = await frame.evaluate(() => ({
      open: document.querySelector("#more-activity").open,
      focused: document.activeElement.textContent,
      heard: document.querySelector("[role=status]").textContent,
    }));
    assert.deepEqual([after.open, after.focused], [true, "Show more"]);
    assert.equal(after.heard, `Balance: Credits ${await shown(frame)}`);
    const data = `${runtime.urls.ledger}/portal/data`;
    assert.ok(seen.requests.includes(data), "and no token stands in its URL");
    assert.deepEqual(seen.complaints, []);
    await close();
  });

  test("a token that ends while it is looked at is told plainly, and the app may renew it", async () => {
    const { page, frame, hears, close } = await openFramed(embed("cus_owing", { seconds: 2 }));
    await frame.waitForSelector(".banner:not([hidden])");
    const words = await frame.$eval(".banner", (banner) => banner.textContent);
    assert.match(words, /^This view has ended/);
    assert.equal(await frame.$eval(".buy", (buy) => getComputedStyle(buy).display), "none");
    await hears("ended");
    const token = tokenFor("cus_owing", { env: "test" });
    await page.evaluate((token) => {
      const message = { type: "edge-credits-portal:token", token, seconds: 600 };
      globalThis.frames[0].postMessage(message, "*");
    }, token);
    await frame.waitForSelector(".banner[hidden]");
    const renewed = await frame.$eval("input[name=token]", (input) => input.value);
    assert.equal(renewed, token);
    await close();
  });

  test("in a sandbox, which gives it no origin, it renews itself all the same", async () => {
    const sandbox = "allow-scripts allow-forms allow-popups allow-popups-to-escape-sandbox";
    const { frame, seen, close } = await openFramed(embed("cus_sandboxed"), { sandbox });
    await call("cus_sandboxed", "add", { amount: 3, type: "topup" });
    await frame.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
    await frame.waitForFunction(() => document.querySelector(".card data").value === "3");
    assert.deepEqual(seen.complaints, []);
    await close();
  });

  test("where the app sells by itself, the button tells it so", async () => {
    const { frame, hears, close } = await openFramed(embed("cus_busy", { worker: "message" }));
    await frame.click("[data-topup]");
    await hears("topup");
    await close();
    const { page, close: shut } = await open(embed("cus_busy", { worker: "message" }));
    assert.equal(await page.$eval("[data-topup]", (button) => button.hidden), true, "nobody to tell");
    await shut();
  });
});

/** What holds for every page, whatever it says. */
async function judge(page, least = 6) {
  const { sideways, targets } = await page.evaluate(() => ({
    sideways: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    targets: [...document.querySelectorAll("button, a, select, summary")]
      .filter((target) => target.checkVisibility())
      .map((target) => Math.min(target.getBoundingClientRect().width, target.getBoundingClientRect().height)),
  }));
  assert.equal(sideways, 0, "nothing is cut off or scrolls sideways");
  for (const size of targets) assert.ok(size >= MIN_TARGET_PIXELS, `a target of ${size} pixels`);
  const measured = (await contrasts(page)).filter(({ text }) => !text.startsWith("//"));
  assert.ok(measured.length >= least, "there is text to be measured");
  for (const { text, ratio } of measured) {
    assert.ok(ratio >= MIN_CONTRAST, `"${text}" has a contrast of ${ratio.toFixed(2)} : 1`);
  }
  const { violations, passes } = await page.evaluate(`${axe}; axe.run()`);
  assert.ok(passes.length > 10, "axe has looked");
  const told = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
  assert.deepEqual(told, []);
}
