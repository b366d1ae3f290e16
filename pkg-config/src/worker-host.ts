// The script of the worker that `openInWorker` starts.

import { Sottovoce, init } from "./index.js";
import { serve } from "./worker/host.js";
import type { Port } from "./worker/wire.js";

serve(globalThis as unknown as Port, { Sottovoce, init });
