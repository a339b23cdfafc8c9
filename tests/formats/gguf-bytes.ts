/** GGUF files made byte by byte, so that a test can break one rule at a time. */

/** Types of metadata (gguf.h). */
export const U8 = 0;
export const U32 = 4;
export const F32 = 6;
export const BOOL = 7;
export const TEXT = 8;
export const LIST = 9;
export const U64 = 10;

export const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
};
export const u64 = (value: number | bigint): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
};
export const f32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return bytes;
};
export const text = (value: string | Uint8Array): Buffer => {
  const bytes = Buffer.from(value);
  return Buffer.concat([u64(bytes.length), bytes]);
};
export const list = (type: number, items: readonly Uint8Array[]): Buffer =>
  Buffer.concat([u32(type), u64(items.length), ...items]);

/** A metadata entry. */
export const key = (name: string | Uint8Array, type: number, value: Uint8Array): Buffer =>
  Buffer.concat([text(name), u32(type), value]);

/** A tensor's description; dimensions in ggml's order. */
export const tensor = (
  name: string,
  dimensions: readonly (number | bigint)[],
  type: number,
  offset: number | bigint,
): Buffer => Buffer.concat([text(name), u32(dimensions.length), ...dimensions.map(u64), u32(type), u64(offset)]);

export interface Parts {
  magic?: string;
  version?: number;
  keys?: readonly Uint8Array[];
  tensors?: readonly Uint8Array[];
  /** Counts in place of the true ones. */
  keyCount?: bigint;
  tensorCount?: bigint;
  alignment?: number;
  /** Bytes of data, or how many zeros. */
  data?: Uint8Array | number;
}

/** A file of these parts; without any, a file of nothing. */
export function ggufOf(parts: Parts): Buffer {
  const { keys = [], tensors = [], data = 0 } = parts;
  const head = Buffer.concat([
    Buffer.from(parts.magic ?? 'GGUF'),
    u32(parts.version ?? 3),
    u64(parts.tensorCount ?? tensors.length),
    u64(parts.keyCount ?? keys.length),
    ...keys,
    ...tensors,
  ]);
  const alignment = parts.alignment ?? 32;
  const padding = Buffer.alloc((alignment - (head.length % alignment)) % alignment);
  return Buffer.concat([head, padding, typeof data === 'number' ? Buffer.alloc(data) : data]);
}
