/**
 * A strict JSON parser for untrusted headers. `JSON.parse` keeps the last of two equal keys, has no depth limit, and
 * turns 1.0 and 2⁵³+1 into integers; each of these lets two readers see two different files in one.
 * Time and memory are linear in the text.
 */

/** Objects become Maps (so `__proto__` is a key like any other); plain integers become bigint, other numbers number. */
export type Json = null | boolean | number | bigint | string | Json[] | JsonObject;
export type JsonObject = Map<string, Json>;

/** Why a text was refused. */
export type JsonRule = 'bad-json' | 'too-deep' | 'duplicate-name';

/** A refused JSON text. */
export class JsonError extends Error {
  constructor(
    readonly rule: JsonRule,
    message: string,
  ) {
    super(message);
    this.name = 'JsonError';
  }
}

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const WHITE = /[ \t\n\r]*/y;
const LITERALS: readonly (readonly [string, null | boolean])[] = [
  ['true', true],
  ['false', false],
  ['null', null],
];
/** Longest digit string kept as an integer; 2⁶⁴ has 20 digits. */
const MAX_DIGITS = 20;

/**
 * Parses one JSON text.
 * @param maxDepth deepest nesting of arrays and objects.
 * @throws JsonError on bad syntax, too deep nesting, or two equal keys in one object.
 */
export function parseJson(text: string, maxDepth = 64): Json {
  let at = 0;

  const fail = (what: string): JsonError => new JsonError('bad-json', `${what} at character ${at}`);

  function skipWhite(): void {
    WHITE.lastIndex = at;
    WHITE.test(text);
    at = WHITE.lastIndex;
  }

  function string(): string {
    const start = at++;
    let escaped = false;
    for (; text[at] !== '"'; at++) {
      if (at >= text.length) throw fail('unfinished string');
      if (text.charCodeAt(at) < 0x20) throw fail('control character in a string');
      if (text[at] === '\\') {
        escaped = true;
        at++;
      }
    }
    at++;
    if (!escaped) return text.slice(start + 1, at - 1);
    let value: string;
    try {
      value = JSON.parse(text.slice(start, at));
    } catch {
      throw fail('bad escape in the string before');
    }
    if (/\p{Surrogate}/u.test(value)) throw fail('half of a surrogate pair in the string before');
    return value;
  }

  function number(): number | bigint {
    NUMBER.lastIndex = at;
    const match = NUMBER.exec(text);
    if (!match) throw fail(at < text.length ? `unexpected ${JSON.stringify(text[at])}` : 'unexpected end');
    at = NUMBER.lastIndex;
    const token = match[0];
    return /^-?\d+$/.test(token) && token !== '-0' && token.length <= MAX_DIGITS ? BigInt(token) : Number(token);
  }

  /** After one member: true when another follows. */
  function more(close: string): boolean {
    skipWhite();
    const separator = text[at];
    if (separator !== ',' && separator !== close) throw fail(`expected , or ${close}`);
    at++;
    if (separator === close) return false;
    skipWhite();
    return true;
  }

  function empty(close: string): boolean {
    at++;
    skipWhite();
    if (text[at] !== close) return false;
    at++;
    return true;
  }

  function array(depth: number): Json[] {
    const items: Json[] = [];
    if (empty(']')) return items;
    do items.push(value(depth + 1));
    while (more(']'));
    return items;
  }

  function object(depth: number): JsonObject {
    const members: JsonObject = new Map();
    if (empty('}')) return members;
    do {
      if (text[at] !== '"') throw fail('expected a quoted name');
      const key = string();
      if (members.has(key)) throw new JsonError('duplicate-name', `the name ${JSON.stringify(key)} appears twice`);
      skipWhite();
      if (text[at] !== ':') throw fail('expected :');
      at++;
      members.set(key, value(depth + 1));
    } while (more('}'));
    return members;
  }

  function value(depth: number): Json {
    skipWhite();
    if (depth > maxDepth) throw new JsonError('too-deep', `nested deeper than ${maxDepth} levels`);
    const first = text[at];
    if (first === '{') return object(depth);
    if (first === '[') return array(depth);
    if (first === '"') return string();
    for (const [word, meaning] of LITERALS) {
      if (text.startsWith(word, at)) {
        at += word.length;
        return meaning;
      }
    }
    return number();
  }

  const result = value(0);
  skipWhite();
  if (at !== text.length) throw fail('text after the end');
  return result;
}
