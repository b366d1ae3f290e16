// The same kernels compiled for relaxed SIMD, in a memory of their own.

import { started } from "./own.js";

export const create = (data) => started(data, "kernels-relaxed");
