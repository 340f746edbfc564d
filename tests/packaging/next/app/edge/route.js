import { charge } from "../charge.js";

export const runtime = "edge";

export const POST = charge;
