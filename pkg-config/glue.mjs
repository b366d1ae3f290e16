// The generated glue, shortened for the page. It is written to be taken alone: it fetches, warns, and knows old browsers. Here
// `src/load.ts` has compiled the module already, and the oldest browser with simd128 has TextEncoder.encodeInto and all else.

/** What goes, and what comes in its place. */
const cuts = [
  {
    what: "loading",
    needed: true,
    from: /async function __wbg_load\([\s\S]*$/,
    to: `export default async function start({ module_or_path: module }) {
      if (wasm === undefined) __wbg_finalize_init(await WebAssembly.instantiate(module, __wbg_get_imports()), module);
    }\n`,
  },
  { what: "instance and module, which nothing reads", from: /wasmInstance = instance;\s*|wasmModule = module;\s*/g, to: "" },
  {
    // An engine that takes no strings has no such function.
    what: "strings by halves",
    from: /function passStringToWasm0\(arg, malloc, realloc\) \{[\s\S]*?\n\}\n/,
    to: `function passStringToWasm0(arg, malloc) {
      const bytes = cachedTextEncoder.encode(arg);
      const ptr = malloc(bytes.length, 1) >>> 0;
      getUint8ArrayMemory0().set(bytes, ptr);
      WASM_VECTOR_LEN = bytes.length;
      return ptr;
    }\n`,
  },
  { what: "encodeInto for those without", from: /if \(!\('encodeInto' in cachedTextEncoder\)\) \{[\s\S]*?\n\}\n/, to: "" },
];

/** The glue as the package carries it. */
export function shortened(contents, path) {
  for (const { what, needed, from, to } of cuts) {
    if (needed && contents.search(from) < 0) throw new Error(`${path}: nothing to cut for "${what}"; the glue's shape has changed, see glue.mjs`);
    contents = contents.replace(from, to);
  }
  if (contents.includes("import.meta")) throw new Error(`${path} still asks for import.meta: the glue's shape has changed`);
  return contents;
}
