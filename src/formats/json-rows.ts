/** A JSON file that holds a list of objects, with the line that each begins in. */
import { messageOf, UserError } from '../errors';
import type { Placed } from './text';

const WHITE = /[ \t\r\n]*/y;

/** The index behind the string that opens with the quote at `at`. */
function stringEnd(text: string, at: number): number {
  let i = at + 1;
  while (text[i] !== '"') i += text[i] === '\\' ? 2 : 1;
  return i + 1;
}

/** Lines in which the elements of the outermost array begin, from 1. The text must be JSON. */
function elementLines(text: string): number[] {
  const lines: number[] = [];
  let depth = 0;
  let line = 1;
  let awaited = false;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (c === '\n') line++;
    if (c === ' ' || c === '\t' || c === '\r' || c === '\n') continue;
    if (awaited && c !== ']') lines.push(line);
    awaited = false;
    if (c === '"') i = stringEnd(text, i) - 1;
    else if (c === '[' || c === '{') awaited = ++depth === 1;
    else if (c === ']' || c === '}') depth--;
    else if (c === ',') awaited = depth === 1;
  }
  return lines;
}

/** The line of a syntax error: V8 names the character, or finds the end of the text too early. */
function lineOfFault(text: string, message: string): number {
  const position = /at position (\d+)/.exec(message);
  const before = position ? text.slice(0, Number(position[1])) : text.trimEnd();
  return before.split('\n').length;
}

/** True when the text begins with an object: then it is not a list but perhaps one object a line. */
export function beginsWithObject(text: string): boolean {
  WHITE.lastIndex = 0;
  WHITE.test(text);
  return text[WHITE.lastIndex] === '{';
}

/**
 * Parses a list of JSON objects.
 * @param source name of the file for error messages.
 * @throws UserError naming the line that is not JSON, or the element that is not an object.
 */
export function jsonRows(text: string, source: string): Placed<Record<string, unknown>>[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const message = messageOf(error);
    throw new UserError(`${source}:${lineOfFault(text, message)}: not JSON (${message.slice(0, 160)})`, {
      cause: error,
    });
  }
  if (!Array.isArray(value)) throw new UserError(`${source}: expected a list of objects, [{…}, {…}]`);
  const lines = elementLines(text);
  return value.map((item: unknown, i) => {
    if (typeof item !== 'object' || item === null || Array.isArray(item)) {
      throw new UserError(`${source}:${lines[i]}: element ${i + 1} of the list is not an object`);
    }
    return { line: lines[i], value: item as Record<string, unknown> };
  });
}
