// The Vercel edge VM as a process of its own, with the app in it behind Node's server. Takes the project's
// directory and the settings.

import { EdgeVM } from "@edge-runtime/vm";

import { bundleForEdgeVm } from "../edge_vm.mjs";
import { serve } from "./serve.mjs";

const [directory, settings] = process.argv.slice(2);
const { bundle, globals } = await bundleForEdgeVm(directory);
const vm = new EdgeVM({ extend: (context) => Object.assign(context, { ...globals, settings }) });
vm.evaluate(bundle);
serve((url) => vm.evaluate(`answer(${JSON.stringify(url)})`));
