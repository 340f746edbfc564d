// What persistent mode says on the Vercel edge VM, which runs a bundle that can only leave something
// behind.

import { refusal } from "./refusal.js";

globalThis.refusal = refusal;
