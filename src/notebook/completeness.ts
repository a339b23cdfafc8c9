/**
 * Whether a console should run what was typed or wait for more (`is_complete_request`). As tslab's own rule, which
 * looks for it with patterns that take cubic time on blank lines, and quadratic time on a line of brackets.
 */
import { type TypeScript, ts } from './compiler';

export type Completeness = { status: 'complete' } | { status: 'incomplete'; indent: string };

const indentation = '  ';

/** Two blank lines at the end force it to run; else it waits while the compiler expects something after the end. */
export function completenessOf(code: string): Completeness {
  const lines = code.split('\n');
  const last = lines.at(-1)!;
  if (lines.length > 1 && lines.slice(-2).every((line) => line.trim() === '')) return { status: 'complete' };
  const file = ts.createSourceFile('typed.ts', code, ts.ScriptTarget.Latest, false, ts.ScriptKind.TSX);
  const { parseDiagnostics = [] } = file as { parseDiagnostics?: readonly TypeScript.Diagnostic[] };
  const waits = parseDiagnostics.some(
    ({ start, length, messageText }) =>
      start === code.length && length === 0 && typeof messageText === 'string' && messageText.endsWith(' expected.'),
  );
  if (!waits) return { status: 'complete' };
  return { status: 'incomplete', indent: indentAfter(last) };
}

/** One step in after a line that leaves brackets open, one step out after one that begins by closing some. */
function indentAfter(line: string): string {
  const content = line.trim();
  const current = line.slice(0, line.length - line.trimStart().length);
  if (/^[\])}]/.test(content)) return current.slice(0, Math.max(0, current.length - indentation.length));
  let open = 0;
  for (const char of content) {
    if ('([{'.includes(char)) open++;
    else if (')]}'.includes(char)) open--;
  }
  return open > 0 ? current + indentation : current;
}
