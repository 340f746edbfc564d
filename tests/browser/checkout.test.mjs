// The test checkout as a buyer meets it, in headless Chromium: the whole loop from the app to the
// page and back, by keyboard alone, on a phone and a desktop, in light and dark.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { CreditEngine } from "../../pkg/js/index.js";
import { makeKeys } from "../runtimes/keys.mjs";
import { REPOSITORY } from "../runtimes/project.mjs";
import { ledgerWorker, startWorkerd } from "../runtimes/workerd.mjs";
import { startChromium } from "./chromium.mjs";
import { contrasts } from "./contrast.mjs";

const SCREENS = {
  phone: { width: 360, height: 740, deviceScaleFactor: 2, isMobile: true, hasTouch: true },
  desktop: { width: 1280, height: 800, deviceScaleFactor: 1 },
};
/** WCAG 2.2: normal text, and what a finger or a shaky hand can hit. */
const MIN_CONTRAST = 4.5;
const MIN_TARGET_PIXELS = 44;
const PICTURES = join(REPOSITORY, "target", "browser", "screenshots");

const keys = makeKeys();
const packs = [
  { price: "price_starter", credits: 1000, product: "starter", expires_after_days: 365 },
  { price: `price_${"long_name_without_a_break_".repeat(3)}`, credits: "1234567890.123456" },
];
let runtime;
let app;
let credits;
let chromium;
before(async () => {
  const bindings = { API_KEYS: keys.secret, TOPUP_PACKS: JSON.stringify(packs) };
  runtime = await startWorkerd({ workers: [ledgerWorker(bindings)] });
  app = await startApp();
  const baseUrl = runtime.urls.ledger;
  credits = new CreditEngine({ apiKey: keys.test.text, baseUrl, mode: "stateless" });
  chromium = await startChromium();
  await mkdir(PICTURES, { recursive: true });
});
after(async () => {
  await chromium?.browser.close();
  await app?.stop();
  await runtime?.stop();
});

/** The app that sells: it shows where the buyer came back to, on another host from `/moved/…`. */
async function startApp() {
  const server = createServer((request, response) => {
    const { port } = server.address();
    if (request.url.startsWith("/moved/")) {
      const location = `http://127.0.0.1:${port}/${request.url.slice("/moved/".length)}`;
      return response.writeHead(302, { location }).end();
    }
    response.writeHead(200, { "content-type": "text/html" }).end(`<h1>${request.url}</h1>`);
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return {
    // Another origin than the worker's, as in life.
    url: `http://localhost:${server.address().port}`,
    other: `http://127.0.0.1:${server.address().port}`,
    stop: () => {
      server.closeAllConnections();
      return new Promise((done) => server.close(done));
    },
  };
}

const session = (customerId, more = {}) =>
  credits.createTopUpSession({
    customerId,
    successUrl: `${app.url}/thanks?session={CHECKOUT_SESSION_ID}`,
    cancelUrl: `${app.url}/credits?from=checkout`,
    ...more,
  });
const have = async (customer) => (await credits.getBalance(customer)).balance;

/** A fresh page that tells what it loads and what it complains of. */
async function open(url, { screen = "desktop", scheme = "light", script = true } = {}) {
  const context = await chromium.browser.createBrowserContext();
  const page = await context.newPage();
  const seen = { requests: [], complaints: [] };
  page.on("request", (request) => seen.requests.push(request.url()));
  page.on("console", (message) => seen.complaints.push(message.text()));
  page.on("pageerror", (error) => seen.complaints.push(error.message));
  await page.setJavaScriptEnabled(script);
  await page.setViewport(SCREENS[screen]);
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
  await page.goto(url);
  return { page, seen, close: () => context.close() };
}

/** Presses a key that leads to another page, and waits for that. */
const leave = (page, key) => Promise.all([page.waitForNavigation(), page.keyboard.press(key)]);
const focused = (page) => page.evaluate(() => document.activeElement.textContent);

describe("by keyboard alone", () => {
  test("a buyer pays: the credits are there, once, and the app knows the session", async (t) => {
    t.diagnostic(`figure: test checkout in ${chromium.from}`);
    const { checkoutUrl, sessionId } = await session("cus_pays");
    const { page, close } = await open(checkoutUrl);
    await page.keyboard.press("Tab");
    assert.equal(await focused(page), "Pay without money");
    const style = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
    assert.equal(style, "solid", "it shows where one is");
    await leave(page, "Enter");
    assert.equal(page.url(), `${app.url}/thanks?session=${sessionId}`);
    assert.equal(await have("cus_pays"), 1000);
    // Back, and once more.
    await page.goto(checkoutUrl);
    assert.equal(await page.$eval("h1", (heading) => heading.textContent), "Paid");
    assert.equal((await page.$$("form")).length, 0);
    await page.keyboard.press("Tab");
    await leave(page, "Enter");
    assert.equal(page.url(), `${app.url}/thanks?session=${sessionId}`);
    assert.equal(await have("cus_pays"), 1000);
    await close();
  });

  test("a buyer cancels: nothing happened, and the session can still be paid", async () => {
    const { checkoutUrl } = await session("cus_cancels");
    const { page, close } = await open(checkoutUrl);
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    assert.equal(await focused(page), "Cancel");
    await leave(page, "Enter");
    assert.equal(page.url(), `${app.url}/credits?from=checkout`);
    assert.equal(await have("cus_cancels"), 0);
    await page.goto(checkoutUrl);
    await page.keyboard.press("Tab");
    await leave(page, "Space");
    assert.equal(await have("cus_cancels"), 1000);
    await close();
  });

  test("a buyer comes back to an app that sends on to another host", async () => {
    const back = { successUrl: `${app.url}/moved/thanks`, cancelUrl: `${app.url}/moved/no` };
    for (const [tabs, target, balance] of [[2, "no", 0], [1, "thanks", 1000]]) {
      const { checkoutUrl } = await session("cus_moved", back);
      const { page, close } = await open(checkoutUrl);
      for (let tab = 0; tab < tabs; tab += 1) await page.keyboard.press("Tab");
      await leave(page, "Enter");
      assert.equal(page.url(), `${app.other}/${target}`);
      assert.equal(await have("cus_moved"), balance);
      await close();
    }
  });

  test("it works without a script, because there is none", async () => {
    const { checkoutUrl, sessionId } = await session("cus_plain");
    const { page, close } = await open(checkoutUrl, { script: false });
    await page.keyboard.press("Tab");
    await leave(page, "Enter");
    assert.equal(page.url(), `${app.url}/thanks?session=${sessionId}`);
    assert.equal(await have("cus_plain"), 1000);
    await close();
  });
});

describe("as it is seen", () => {
  for (const screen of Object.keys(SCREENS)) {
    for (const scheme of ["light", "dark"]) {
      test(`on a ${screen}, ${scheme}`, async () => {
        const { checkoutUrl } = await session("cus_seen");
        const { page, seen, close } = await open(checkoutUrl, { screen, scheme });
        await page.screenshot({ path: join(PICTURES, `${screen}-${scheme}.png`) });
        await judge(page);
        assert.deepEqual(seen.requests, [checkoutUrl], "nothing else is loaded");
        assert.deepEqual(seen.complaints, []);
        const ground = await page.$eval("body", (body) => getComputedStyle(body).backgroundColor);
        const [red] = ground.match(/\d+/g).map(Number);
        assert.equal(red < 128, scheme === "dark", `${scheme} has a ground of ${ground}`);
        await close();
      });
    }
  }

  test("with the longest names it knows, on a phone", async () => {
    const customer = `${"<b>customer</b>&".repeat(7)}…`;
    const { checkoutUrl } = await session(customer, { priceId: packs[1].price });
    const { page, close } = await open(checkoutUrl, { screen: "phone" });
    await page.screenshot({ path: join(PICTURES, "phone-longest.png"), fullPage: true });
    await judge(page);
    const heading = await page.$eval("h1", (heading) => heading.textContent);
    assert.equal(heading, "1,234,567,890.123456 credits");
    const shown = await page.$eval("dd", (value) => value.textContent);
    assert.equal(shown, customer, "text, and no markup");
    await close();
  });

  test("the other pages: paid, unknown", async () => {
    const { checkoutUrl } = await session("cus_after");
    await fetch(`${checkoutUrl}/pay`, { method: "POST", redirect: "manual" });
    const others = { paid: checkoutUrl, unknown: `${runtime.urls.ledger}/checkout/test/x.y` };
    for (const [name, url] of Object.entries(others)) {
      for (const scheme of ["light", "dark"]) {
        const { page, close } = await open(url, { screen: "phone", scheme });
        await page.screenshot({ path: join(PICTURES, `phone-${name}-${scheme}.png`) });
        await judge(page);
        await close();
      }
    }
  });

  test("to somebody who hears it", async () => {
    const { checkoutUrl } = await session("cus_hears");
    const { page, close } = await open(checkoutUrl);
    assert.equal(await page.$eval("html", (html) => html.lang), "en");
    assert.equal(await page.title(), "Buy 1,000 credits – Test checkout");
    const flat = (node) => [node, ...(node.children ?? []).flatMap(flat)];
    const nodes = flat(await page.accessibility.snapshot());
    const said = nodes.filter(({ role }) => ["heading", "button"].includes(role));
    assert.deepEqual(said.map(({ role, name }) => `${role}: ${name}`), [
      "heading: 1,000 credits",
      "button: Pay without money",
      "button: Cancel",
    ]);
    await close();
  });
});

/** What holds for every page, whatever it says. */
async function judge(page) {
  const { sideways, targets } = await page.evaluate(() => ({
    sideways: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    targets: [...document.querySelectorAll("button, a")].map((target) => {
      const { width, height } = target.getBoundingClientRect();
      return Math.min(width, height);
    }),
  }));
  assert.equal(sideways, 0, "nothing is cut off or scrolls sideways");
  for (const size of targets) assert.ok(size >= MIN_TARGET_PIXELS, `a target of ${size} pixels`);
  const measured = await contrasts(page);
  assert.ok(measured.length >= 3, "there is text to be measured");
  for (const { text, ratio } of measured) {
    assert.ok(ratio >= MIN_CONTRAST, `"${text}" has a contrast of ${ratio.toFixed(2)} : 1`);
  }
}
