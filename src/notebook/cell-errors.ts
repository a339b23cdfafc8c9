/** Turns what a cell threw, or what its compiler refused, into the name, message and traceback Jupyter shows. */
import { inspect } from 'node:util';
import { Interrupted } from '../errors';
import type { CellError } from './events';

/** A refusal of the TypeScript compiler; the offset counts from the start of the cell. */
export interface CellDiagnostic {
  offset: number;
  message: string;
  code: number;
  fileName?: string | undefined;
}

/** Refusals that are shown, and the longest line that is shown with one: a cell may hold a table of 10,000 mistakes. */
const mostDiagnostics = 50;
const longestLine = 1000;

/** One error for all refusals of a cell, each with the line it stands on and a caret below. */
export function diagnosticsError(source: string, diagnostics: readonly CellDiagnostic[]): CellError {
  const traceback: string[] = [];
  const lines = source.split('\n');
  const starts = [0];
  for (const line of lines) starts.push(starts.at(-1)! + line.length + 1);
  for (const { offset, message, code, fileName } of diagnostics.slice(0, mostDiagnostics)) {
    if (fileName) {
      traceback.push(`${fileName} - TS${code}: ${message}`);
      continue;
    }
    const found = starts.findIndex((start) => start > offset);
    const number = found < 0 ? lines.length : found;
    const line = lines[number - 1] ?? '';
    const column = offset - (starts[number - 1] ?? 0);
    traceback.push(`${number}:${column + 1} - TS${code}: ${message}`);
    if (line.trim() && line.length <= longestLine) traceback.push(`    ${line}`, `    ${' '.repeat(column)}^`);
  }
  const more = diagnostics.length - mostDiagnostics;
  if (more > 0) traceback.push(`and ${more} more`);
  return { ename: 'TypeScriptError', evalue: traceback[0] ?? 'the cell was refused', traceback };
}

// Frames of the machinery below a cell, which its author can do nothing about.
const foreignFrame = /^\s+at .*(?:node_modules[\\/]tslab[\\/]|[( ]node:|[\\/]notebook[\\/](?:session|kernel|worker)\.)/;

// Where the cell itself stands in a stack; node also puts its place above the line of code that failed.
const cellFrame = /^(?:\s+at )?evalmachine\.<anonymous>(?::\d+)*$/;

/** Errors that need no stack: those the user can mend, and that the work was stopped. */
const plain = ['UserError', 'Interrupted'];

/** The error of anything a cell threw. */
export function thrownError(thrown: unknown): CellError {
  if (!(thrown instanceof Error) && !isErrorLike(thrown)) {
    const evalue = typeof thrown === 'string' ? thrown : inspect(thrown);
    return { ename: 'Error', evalue, traceback: [`Error: ${evalue}`] };
  }
  const { name, message } = thrown;
  if ((thrown as { code?: unknown }).code === 'ERR_SCRIPT_EXECUTION_INTERRUPTED') {
    return thrownError(new Interrupted('interrupted'));
  }
  if (plain.includes(name)) return { ename: name, evalue: message, traceback: [`${name}: ${message}`] };
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
