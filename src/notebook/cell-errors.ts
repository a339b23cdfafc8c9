/** Turns what a cell threw, or what its compiler refused, into the name, message and traceback Jupyter shows. */
import { inspect } from 'node:util';
import type { CellError } from './events';

/** A refusal of the TypeScript compiler; the offset counts from the start of the cell. */
export interface CellDiagnostic {
  offset: number;
  message: string;
  code: number;
  fileName?: string | undefined;
}

/** One error for all refusals of a cell, each with the line it stands on and a caret below. */
export function diagnosticsError(source: string, diagnostics: readonly CellDiagnostic[]): CellError {
  const traceback: string[] = [];
  for (const { offset, message, code, fileName } of diagnostics) {
    if (fileName) {
      traceback.push(`${fileName} - TS${code}: ${message}`);
      continue;
    }
    const before = source.slice(0, offset).split('\n');
    const column = before.at(-1)!.length;
    const line = source.split('\n')[before.length - 1] ?? '';
    traceback.push(`${before.length}:${column + 1} - TS${code}: ${message}`);
    if (line.trim()) traceback.push(`    ${line}`, `    ${' '.repeat(column)}^`);
  }
  return { ename: 'TypeScriptError', evalue: traceback[0] ?? 'the cell was refused', traceback };
}

// Frames of the machinery below a cell, which its author can do nothing about.
const foreignFrame = /^\s+at .*(?:node_modules[\\/]tslab[\\/]|[( ]node:|[\\/]notebook[\\/](?:session|kernel|worker)\.)/;

// Where the cell itself stands in a stack; node also puts its place above the line of code that failed.
const cellFrame = /^(?:\s+at )?evalmachine\.<anonymous>(?::\d+)*$/;

/** The error of anything a cell threw. An error the user can mend (`UserError`) comes without a stack. */
export function thrownError(thrown: unknown): CellError {
  if (!(thrown instanceof Error) && !isErrorLike(thrown)) {
    const evalue = typeof thrown === 'string' ? thrown : inspect(thrown);
    return { ename: 'Error', evalue, traceback: [`Error: ${evalue}`] };
  }
  const { name, message } = thrown;
  if (name === 'UserError') return { ename: name, evalue: message, traceback: [`${name}: ${message}`] };
  const kept = inspect(thrown)
    .split('\n')
    .filter((line) => line !== '' && !foreignFrame.test(line) && !cellFrame.test(line));
  // The compiled cell's line numbers are not the author's.
  const traceback = kept.map((line) => line.replace(/evalmachine\.<anonymous>(:\d+)*/g, 'cell'));
  return { ename: name, evalue: message, traceback };
}

/** Errors made in another realm are not `instanceof` ours. */
function isErrorLike(value: unknown): value is Error {
  return Object.prototype.toString.call(value) === '[object Error]';
}
