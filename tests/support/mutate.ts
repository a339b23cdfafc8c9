/** Seeded damage: to bytes, to JSON text, to the header of a file whose length stands before it. */
import type { Random } from '../../src/tensor/random';

const NUMBERS = [
  ...['0', '-0', '1', '-1', '2', '3', '7', '8', '15', '16', '64', '1.5', '1e3', '1e308', '1e999', '4294967295'],
  ...['4294967296', '9007199254740991', '9007199254740993', '18446744073709551615', '2147483648', '100000000'],
];
const TEXTS = [
  ...['""', '"F32"', '"F16"', '"BF16"', '"I64"', '"F8_E4M3"', '"__proto__"', '"constructor"', '"pt"', '"all-linear"'],
  ...[
    '"(a+)+$"',
    '"^x"',
    '".*"',
    '"["',
    '"\\u0000"',
    '"\\ud800"',
    '"../../x"',
    '"LORA"',
    '"ADALORA"',
    '"pissa"',
    '"none"',
  ],
];
const VALUES = [
  'null',
  'true',
  'false',
  '[]',
  '{}',
  '[[[[]]]]',
  '[1,2]',
  '{"a":1}',
  '["q_proj"]',
  ...NUMBERS,
  ...TEXTS,
];

const U64 = [0n, 1n, 7n, 8n, 2n ** 31n, 2n ** 32n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n];

/** A place and a length within `size`. */
function span(random: Random, size: number, most = 64): [from: number, length: number] {
  const from = random.int(Math.max(1, size));
  return [from, Math.min(size - from, 1 + random.int(most))];
}

/** One change of bytes; the result is fresh. */
export function damageBytes(bytes: Uint8Array, random: Random): Uint8Array {
  const [from, length] = span(random, bytes.length);
  const kind = random.int(8);
  const copy = Buffer.from(bytes);
  if (copy.length === 0) return Buffer.from([random.int(256)]);
  switch (kind) {
    case 0:
      copy[from] ^= 1 << random.int(8);
      return copy;
    case 1:
      copy[from] = random.pick([0, 1, 0x7f, 0x80, 0xff, random.int(256)]);
      return copy;
    case 2:
      return copy.subarray(0, from);
    case 3:
      return Buffer.concat([copy.subarray(0, from), copy.subarray(from + length)]);
    case 4:
      return Buffer.concat([copy.subarray(0, from), Buffer.alloc(length, random.int(256)), copy.subarray(from)]);
    case 5:
      return Buffer.concat([
        copy.subarray(0, from + length),
        copy.subarray(from, from + length),
        copy.subarray(from + length),
      ]);
    case 6:
      if (copy.length >= 8) copy.writeBigUInt64LE(random.pick(U64), Math.min(from, copy.length - 8));
      return copy;
    default:
      copy.fill(random.pick([0, 0xff]), from, from + length);
      return copy;
  }
}

/** Places of a regular expression's matches. */
const places = (text: string, what: RegExp) =>
  [...text.matchAll(what)].map((found) => [found.index, found[0].length] as const);

function replaceOne(text: string, what: RegExp, by: (found: string) => string, random: Random): string {
  const found = places(text, what);
  if (found.length === 0) return text;
  const [at, length] = random.pick(found);
  return text.slice(0, at) + by(text.slice(at, at + length)) + text.slice(at + length);
}

const NUMBER = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const STRING = /"(?:[^"\\]|\\.)*"/g;
/** A whole member with a plain value. */
const MEMBER =
  /"(?:[^"\\]|\\.)*"\s*:\s*(?:"(?:[^"\\]|\\.)*"|-?[\d.eE+-]+|true|false|null|\[[^[\]{}]*\]|\{[^{}]*\})\s*,?/g;
const VALUE = /(?<=:\s*)(?:"(?:[^"\\]|\\.)*"|-?[\d.eE+-]+|true|false|null|\[[^[\]{}]*\]|\{[^{}]*\})/g;

/** One change of a JSON text, mostly to another JSON text; bytes as latin1, so that no character is lost. */
export function damageJson(text: string, random: Random): string {
  switch (random.int(9)) {
    case 0:
      return replaceOne(text, NUMBER, () => random.pick(NUMBERS), random);
    case 1:
      return replaceOne(text, STRING, () => random.pick(TEXTS), random);
    case 2: {
      const names = places(text, STRING);
      if (names.length === 0) return text;
      const [at, length] = random.pick(names);
      return replaceOne(text, STRING, () => text.slice(at, at + length), random);
    }
    case 3:
      return replaceOne(text, MEMBER, () => '', random);
    case 4:
      return replaceOne(text, MEMBER, (found) => `${found.replace(/,$/, '')},${found}`, random);
    case 5:
    case 6:
      return replaceOne(text, VALUE, () => random.pick(VALUES), random);
    case 7: {
      const depth = random.pick([3, 9, 40, 2000]);
      return replaceOne(text, VALUE, () => '['.repeat(depth) + ']'.repeat(depth), random);
    }
    default:
      return Buffer.from(damageBytes(Buffer.from(text, 'latin1'), random)).toString('latin1');
  }
}

/** One change of a safetensors file: its header, the length before it, a value, or any of its bytes. */
export function damageSafetensors(bytes: Uint8Array, random: Random): Uint8Array {
  const kind = random.int(6);
  if (kind === 0) return damageBytes(bytes, random);
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = 8 + Number(view.readBigUInt64LE(0));
  if (kind === 2 && end < bytes.length) {
    const copy = Buffer.from(view);
    copy[end + random.int(bytes.length - end)] = random.int(256);
    return copy;
  }
  const changed = Buffer.from(damageJson(view.toString('latin1', 8, end), random), 'latin1');
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(kind === 1 ? random.pick([...U64, BigInt(end - 8)]) : BigInt(changed.length));
  return Buffer.concat([length, changed, view.subarray(end)]);
}
