/** tslab's own TypeScript, and what it takes to look at a cell's code and to add to its text. */
import { createRequire } from 'node:module';
import type * as TypeScript from '@tslab/typescript-for-tslab';

export type { TypeScript };

// wherever npm has put it
export const ts = createRequire(require.resolve('tslab'))('@tslab/typescript-for-tslab') as typeof TypeScript;

/** Text to be added at an offset. */
export interface Insertion {
  at: number;
  text: string;
}

/** The text with the insertions, which are sorted by their offsets on the way; those of one offset keep their order. */
export function inserted(source: string, insertions: Insertion[]): string {
  insertions.sort((a, b) => a.at - b.at);
  const pieces: string[] = [];
  let from = 0;
  for (const { at, text } of insertions) {
    pieces.push(source.slice(from, at), text);
    from = at;
  }
  pieces.push(source.slice(from));
  return pieces.join('');
}

/** Visits a node and all below it, outer ones first. */
export function walk(root: TypeScript.Node, visit: (node: TypeScript.Node) => void): void {
  const waiting: TypeScript.Node[] = [root];
  for (let node = waiting.pop(); node; node = waiting.pop()) {
    visit(node);
    ts.forEachChild(node, (child) => void waiting.push(child));
  }
}
