// The app for the Vercel edge VM, which runs a bundle that can only leave something behind.

import { handle } from "./app.js";

const settings = JSON.parse(globalThis.settings);
globalThis.answer = (url) => handle(settings, new Request(url));
