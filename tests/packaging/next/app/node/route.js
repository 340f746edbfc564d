import { charge } from "../charge.js";

export const POST = charge;
