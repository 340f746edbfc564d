// The story for the Vercel edge VM, with a request context as Vercel sets it.

import { call, honoApp, plainApp } from "./app.js";

globalThis.tellStory = async (text) => {
  const settings = JSON.parse(text);
  const kept = [];
  const context = { waitUntil: (promise) => void kept.push(promise) };
  globalThis[Symbol.for("@vercel/request-context")] = { get: () => context };
  const plain = await call(plainApp(settings), `${settings.unique}-plain`);
  const hono = await call(honoApp(settings), `${settings.unique}-hono`);
  const late = kept.length;
  await Promise.all(kept);
  return JSON.stringify({ plain, hono, late });
};
