// Writes what a server would send. Test only: the engine reads, this writes.

type Item = Uint8Array | number[];

function head(major: number, value: number): number[] {
  const m = major << 5;
  if (value < 24) return [m | value];
  if (value < 0x100) return [m | 24, value];
  if (value < 0x1_0000) return [m | 25, value >> 8, value & 255];
  if (value < 0x1_0000_0000) return [m | 26, value >>> 24, (value >> 16) & 255, (value >> 8) & 255, value & 255];
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return [m | 27, ...bytes];
}

export const uint = (value: number): number[] => head(0, value);
export const list = (...items: Item[]): number[] => [...head(4, items.length), ...items.flatMap((item) => [...item])];
export const float = (value: number): number[] => {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value);
  return [0xfa, ...bytes];
};
export const tensor = (values: Uint32Array | Uint16Array | Float32Array | Int8Array): number[] => {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return [...head(2, bytes.length), ...bytes];
};
export const message = (kind: number, payload: number[]): Uint8Array => Uint8Array.from([...list(uint(1), uint(kind), payload)]);
