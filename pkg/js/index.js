// edge-credits: everything the package has for callers.
export * from "./credit-engine.js";
export { withCredits } from "./with_credits.js";
