import { fileURLToPath } from "node:url";

/** The folder of the lock file that has next. */
const root = fileURLToPath(new URL("../../..", import.meta.url));

export default { reactStrictMode: true, turbopack: { root }, outputFileTracingRoot: root };
