// The portal's page, where there is a script: figures that renew themselves, dates in the reader's own
// time, one chart at a time, and words with the page around it. Without it the page is all there, as of
// when it was opened. The server makes all markup, and escapes what goes into it.
"use strict";
(() => {
  const root = document.documentElement;
  const main = document.querySelector("main");
  const banner = document.querySelector(".banner");
  const status = document.querySelector("[role=status]");
  const around = window.parent === window ? null : window.parent;
  const EVERY = 30_000;
  const SOURCE = "edge-credits-portal";
  let token = main.dataset.token;
  let ends = performance.now() + Number(main.dataset.seconds) * 1000;
  let picked = null;
  let timer;
  let asking = false;
  let again = false;

  /** Tells the page around; it says nothing of the customer. */
  function tell(type, more) {
    if (around) around.postMessage({ source: SOURCE, type, ...more }, "*");
  }

  /** Dates in the reader's zone, and one chart of several. */
  function dress() {
    const minute = { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" };
    const day = { day: "numeric", month: "short", year: "numeric" };
    const forms = {
      minute: new Intl.DateTimeFormat("en-GB", { ...minute, hourCycle: "h23" }),
      day: new Intl.DateTimeFormat("en-GB", day),
    };
    const year = String(new Date().getFullYear());
    for (const time of main.querySelectorAll("time")) {
      // The year goes without saying where it is this one.
      const parts = forms[time.dataset.as].formatToParts(new Date(time.dateTime));
      const at = parts.findIndex(({ type, value }) => type === "year" && value === year);
      if (at > 0) parts.splice(at - 1, 2);
      time.textContent = parts.map(({ value }) => value).join("");
    }
    const { timeZone } = forms.minute.resolvedOptions();
    for (const zone of main.querySelectorAll("[data-zone]")) {
      zone.textContent = `Times are in your time zone, ${timeZone.replaceAll("_", " ")}.`;
    }
    for (const button of main.querySelectorAll("[data-topup]")) button.hidden = !around;
    const select = main.querySelector("#series");
    if (select) {
      select.parentElement.hidden = false;
      if (picked !== null && [...select.options].some(({ value }) => value === picked)) {
        select.value = picked;
      }
      root.classList.add("picked");
      show(select.value);
    }
    tell("resize", { height: Math.ceil(root.getBoundingClientRect().height) });
  }

  function show(number) {
    picked = number;
    for (const series of main.querySelectorAll("[data-series]")) {
      series.hidden = series.dataset.series !== number;
    }
  }

  /** Puts new content in place of the old, and leaves the reader where they were. */
  function replace(html) {
    const open = [...main.querySelectorAll("details[open]")].map(({ id }) => id);
    const focused = main.contains(document.activeElement) ? place(document.activeElement) : null;
    const before = figures();
    main.innerHTML = html;
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    dress();
    if (focused !== null) main.querySelectorAll("button, select, summary")[focused]?.focus();
    const changed = figures() !== before;
    root.classList.toggle("fresh", changed);
    if (changed) status.textContent = `Balance: ${figures()}`;
  }

  const place = (element) => [...main.querySelectorAll("button, select, summary")].indexOf(element);
  const figures = () =>
    [...main.querySelectorAll(".card")]
      .map((card) => `${card.querySelector("h3").textContent} ${card.querySelector("data").textContent}`)
      .join(", ");

  function say(text) {
    banner.textContent = text;
    banner.hidden = text === "";
    tell("resize", { height: Math.ceil(root.getBoundingClientRect().height) });
  }

  function end() {
    clearTimeout(timer);
    if (root.classList.contains("ended")) return;
    root.classList.add("ended");
    say("This view has ended, and the figures are no longer renewed. Open it again from where you came.");
    tell("ended");
  }

  async function refresh() {
    clearTimeout(timer);
    if (asking) {
      again = true;
      return;
    }
    if (performance.now() >= ends) return end();
    asking = true;
    const sent = token;
    try {
      // The token goes in the body: a URL would stand in logs. As plain text, which needs no leave to
      // be sent where a sandbox gives this page no origin.
      const limit = AbortSignal.timeout(15_000);
      const answer = await fetch("/portal/data", { method: "POST", body: sent, signal: limit });
      if (answer.ok) {
        root.classList.remove("ended");
        replace(await answer.text());
        say("");
      } else if (answer.status === 401 || answer.status === 410) {
        asking = false;
        again = false;
        // Meanwhile there may be another one.
        return token === sent ? end() : refresh();
      } else {
        say("These figures could not be renewed just now. Another try follows.");
      }
    } catch {
      say("There is no connection just now, so these figures are not renewed.");
    }
    asking = false;
    if (again) {
      again = false;
      return refresh();
    }
    plan();
  }

  /** The next refresh, while somebody looks; or the end, if that is sooner. */
  function plan() {
    clearTimeout(timer);
    if (document.visibilityState === "hidden") return;
    timer = setTimeout(refresh, Math.max(0, Math.min(EVERY, ends - performance.now())));
  }

  main.addEventListener("change", ({ target }) => {
    if (target.id === "series") show(target.value);
  });
  main.addEventListener("click", ({ target }) => {
    if (target.closest("[data-topup]")) tell("topup");
  });
  main.addEventListener("submit", () => tell("checkout"));
  main.addEventListener("toggle", () => dressed(), true);
  const dressed = () => tell("resize", { height: Math.ceil(root.getBoundingClientRect().height) });

  // The bar under the pointer, or the one that was tapped, in words.
  const point = ({ target }) => {
    const bar = target.closest?.("[data-day]");
    const readout = target.closest?.(".series")?.querySelector(".readout");
    if (!readout) return;
    for (const on of main.querySelectorAll(".bars .on")) on.classList.remove("on");
    bar?.classList.add("on");
    readout.textContent = bar ? bar.dataset.day : readout.dataset.rest;
  };
  main.addEventListener("pointerover", point);
  main.addEventListener("pointerdown", point);

  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") refresh();
    else clearTimeout(timer);
  });
  // The page around can keep this one going with a token that it had its server make.
  addEventListener("message", ({ source, data }) => {
    const renewed = around && source === around && data?.type === `${SOURCE}:token`;
    if (!renewed || typeof data.token !== "string" || !(Number(data.seconds) > 0)) return;
    token = data.token;
    ends = performance.now() + Number(data.seconds) * 1000;
    root.classList.remove("ended");
    refresh();
  });

  dress();
  tell("ready");
  plan();
})();
