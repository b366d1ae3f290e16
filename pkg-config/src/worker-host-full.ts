// The script of the worker that `openInWorker({ full: true })` starts: a file of its own, so that no other page downloads the larger engine.

import { Sottovoce, init } from "./full.js";
import { serve } from "./worker/host.js";
import type { Port } from "./worker/wire.js";

serve(globalThis as unknown as Port, { Sottovoce, init });
