/**
 * Mends a fault of tslab 1.0.22: it rewrites every name of an earlier cell to `exports.name`, also where grammar wants
 * a plain name, in `{ a }` and in `const { a: first } = …`. Giving each such property a quoted key (`{ "a": a }`) before
 * conversion keeps the meaning; positions in messages are mapped back to what the author wrote.
 */
import { type Insertion, inserted, type TypeScript, ts, walk } from './compiler';

/** A cell's text with quoted keys, and the way back from its positions to the author's. */
export interface Expanded {
  text: string;
  /** Offset in `text` → offset in the source. */
  originalOffset(offset: number): number;
}

/** Gives shorthand properties and renamed bindings a quoted key, so that no name of an earlier cell stands in a key's place. */
export function expandShorthand(source: string): Expanded {
  const file = ts.createSourceFile('cell.ts', source, ts.ScriptTarget.Latest, true, ts.ScriptKind.TS);
  const insertions: Insertion[] = [];
  walk(file, (node: TypeScript.Node) => {
    // `__proto__: x` sets the prototype while `{ __proto__ }` makes a property, so that one name stays as it is.
    if (ts.isShorthandPropertyAssignment(node) && node.name.text !== '__proto__') {
      insertions.push({ at: node.name.getStart(file), text: `"${node.name.text}": ` });
    } else if (ts.isBindingElement(node) && node.propertyName && ts.isIdentifier(node.propertyName)) {
      const key = node.propertyName;
      insertions.push({ at: key.getStart(file), text: '"' }, { at: key.getEnd(), text: '"' });
    }
  });
  const text = inserted(source, insertions);
  return { text, originalOffset: (offset) => originalOffset(insertions, offset) };
}

function originalOffset(insertions: readonly Insertion[], offset: number): number {
  let added = 0;
  for (const { at, text } of insertions) {
    if (at + added >= offset) break;
    if (at + added + text.length > offset) return at;
    added += text.length;
  }
  return offset - added;
}
