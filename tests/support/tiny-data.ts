/** A data folder with a tiny decoder, its tokeniser and a text, made from a seed: the `shakespeare` task without downloads. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { Random } from '../../src/tensor/random';
import { tempDir } from './temp';

const CONFIG = { dim: 16, hidden: 32, layers: 2, heads: 4, kvHeads: 2, vocab: 300, context: 64 };
const FIRST_PIECE = 259; // after <unk>, <s>, </s> and 256 bytes

/** Bytes of a llama2.c checkpoint with random weights. */
export function tinyCheckpoint(random: Random): Buffer {
  const { dim, hidden, layers, heads, kvHeads, vocab, context } = CONFIG;
  const header = Int32Array.of(dim, hidden, layers, heads, kvHeads, vocab, context);
  const head = dim / heads;
  const normal = (size: number) => random.normals(size, 0, 0.1);
  const ones = (size: number) => new Float32Array(size).fill(1);
  const blocks = [
    normal(vocab * dim),
    ones(layers * dim),
    normal(layers * dim * dim),
    normal(layers * kvHeads * head * dim),
    normal(layers * kvHeads * head * dim),
    normal(layers * dim * dim),
    ones(layers * dim),
    normal(layers * hidden * dim),
    normal(layers * dim * hidden),
    normal(layers * hidden * dim),
    ones(dim),
    ones(context * head),
  ];
  return Buffer.concat([header, ...blocks].map((part) => Buffer.from(part.buffer)));
}

/** Bytes of a llama2.c tokeniser of single letters. */
function tinyTokenizer(): Buffer {
  const piece = (text: string) => {
    const entry = Buffer.alloc(8 + Buffer.byteLength(text));
    entry.writeInt32LE(Buffer.byteLength(text), 4);
    entry.write(text, 8);
    return entry;
  };
  const names = Array.from({ length: CONFIG.vocab }, (_, id) => {
    if (id < 3) return ['<unk>', '\n<s>\n', '\n</s>\n'][id];
    if (id < FIRST_PIECE) return `<0x${(id - 3).toString(16).toUpperCase().padStart(2, '0')}>`;
    return String.fromCharCode(97 + ((id - FIRST_PIECE) % 26)) + (id - FIRST_PIECE < 26 ? '' : 'x');
  });
  const longest = Buffer.alloc(4);
  longest.writeInt32LE(8);
  return Buffer.concat([longest, ...names.map(piece)]);
}

/** The folder; it goes when the test ends. */
export function tinyData(t: TestContext): string {
  const dir = tempDir(t);
  const random = new Random(5);
  for (const name of ['stories260K', 'tinyshakespeare']) mkdirSync(join(dir, name));
  writeFileSync(join(dir, 'stories260K', 'stories260K.bin'), tinyCheckpoint(random));
  writeFileSync(join(dir, 'stories260K', 'tok512.bin'), tinyTokenizer());
  const words = ['thou', 'art', 'more', 'lovely', 'and', 'temperate'];
  const lines = Array.from({ length: 400 }, () => Array.from({ length: 6 }, () => random.pick(words)).join(' '));
  writeFileSync(join(dir, 'tinyshakespeare', 'input.txt'), `${lines.join('\n')}\n`);
  return dir;
}
