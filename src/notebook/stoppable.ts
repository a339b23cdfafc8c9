/**
 * Makes a cell's compiled code stoppable. An interrupt cannot reach code that never yields, nor end what goes on after
 * the cell was given up, so that code asks by itself: in every turn of a loop and after every statement that awaits.
 * What it asks is the check of the cell that runs when a function is called, not of the cell that declared it.
 *
 * A cell also begins with an `await`: tslab runs what stands before the first one under `breakOnSigint`, which ends it
 * in the middle of anything, past every `finally`; a tensor library is not usable after that.
 */
import { currentCheck } from '../processes/interrupt';
import { type Insertion, inserted, type TypeScript, ts, walk } from './compiler';

/** Where compiled code finds `currentCheck`. */
const source = '__gora_check_of_this_cell__';

// Optional, as a function may be sent elsewhere as text: to a browser, to a thread.
const begin = `const __gora_check__ = globalThis.${source}?.();`;
const call = '__gora_check__?.();';

/** To be called once in the process that runs the code. */
export function installChecks(): void {
  Object.defineProperty(globalThis, source, { value: currentCheck, configurable: true });
}

/** The code of a cell. */
export function stoppableCell(output: string): string {
  return withChecks(output, `${begin} await void 0;`);
}

/** The code of a module that a cell imports; it runs at once, as `require` cannot wait. */
export function stoppableModule(output: string): string {
  return withChecks(output, begin);
}

function withChecks(output: string, first: string): string {
  const file = ts.createSourceFile('cell.js', output, ts.ScriptTarget.Latest, true, ts.ScriptKind.JS);
  const insertions: Insertion[] = [{ at: afterDirectives(file, 0), text: first }];
  const functions = new Set<TypeScript.Block>();
  const seen = new Set<TypeScript.Node>();
  const checked = (node: TypeScript.Node) => {
    const own = ts.findAncestor(node, ts.isFunctionLike) as { body?: TypeScript.Node } | undefined;
    if (own?.body && ts.isBlock(own.body)) functions.add(own.body);
  };
  walk(file, (node) => {
    if (ts.isIterationStatement(node, false)) {
      const { statement } = node;
      if (ts.isBlock(statement)) insertions.push({ at: statement.getStart(file) + 1, text: call });
      else insertions.push({ at: statement.getStart(file), text: `{${call}` }, { at: statement.end, text: '}' });
      checked(node);
    } else if (ts.isAwaitExpression(node)) {
      const statement = statementOf(node, seen);
      if (!statement) return;
      insertions.push({ at: statement.end, text: `;${call}` });
      checked(node);
    }
  });
  for (const body of functions) insertions.push({ at: afterDirectives(body, body.getStart(file) + 1), text: begin });
  return inserted(output, insertions);
}

/** The statement of a list in which an expression stands; null in a function without any, or when it was found before. */
function statementOf(expression: TypeScript.Node, seen: Set<TypeScript.Node>): TypeScript.Node | null {
  for (let node = expression; node.parent; node = node.parent) {
    if (seen.has(node) || ts.isFunctionLike(node)) return null;
    seen.add(node);
    const { parent } = node;
    const inList = ts.isSourceFile(parent) || ts.isBlock(parent) || ts.isCaseOrDefaultClause(parent);
    if (inList && ts.isStatement(node)) return node;
  }
  return null;
}

/** Where code can begin: after `'use strict'` and the like. */
function afterDirectives({ statements }: TypeScript.SourceFile | TypeScript.Block, start: number): number {
  const isDirective = (one: TypeScript.Statement) =>
    ts.isExpressionStatement(one) && ts.isStringLiteral(one.expression);
  const first = statements.findIndex((statement) => !isDirective(statement));
  const directives = first < 0 ? statements : statements.slice(0, first);
  return directives.at(-1)?.end ?? start;
}
