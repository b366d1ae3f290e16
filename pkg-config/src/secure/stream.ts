// Masks out of the browser's own cipher, which is many times faster than one in WebAssembly.

/**
 * `length` bytes of the key stream of AES-128 in counter mode, from counter 0; empty where the browser has no such cipher, and then the engine
 * uses its own.
 */
export async function keyStream(key: Uint8Array, length: number): Promise<Uint8Array> {
  const { subtle } = globalThis.crypto ?? {};
  if (!subtle) return new Uint8Array();
  try {
    const held = await subtle.importKey("raw", key as Uint8Array<ArrayBuffer>, "AES-CTR", false, ["encrypt"]);
    // Zeros enciphered are the stream itself. The whole block counts: 128 bits.
    return new Uint8Array(await subtle.encrypt({ name: "AES-CTR", counter: new Uint8Array(16), length: 128 }, held, new Uint8Array(length)));
  } catch {
    return new Uint8Array();
  }
}
