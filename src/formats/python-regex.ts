/**
 * Regular expressions as Python's `re` reads them, for patterns that stand in files of others: the keys of PEFT's
 * `rank_pattern`, a `target_modules` given as text. Matching walks an automaton and visits each of its states once a
 * position, so no pattern can make it slow, and what JavaScript spells otherwise (`(?P<name>…)`, `\Z`, `{,3}`) means
 * here what it means there.
 *
 * Not followed, and refused by name: back-references, inline flags, comments, possessive repeats.
 */

/** Why a pattern is not understood. */
export class PatternError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'PatternError';
  }
}

type Test = (char: string) => boolean;
type Place = 'start' | 'end' | 'last' | 'word' | 'inside';

type Node =
  | { readonly kind: 'char'; readonly test: Test }
  | { readonly kind: 'place'; readonly place: Place }
  | { readonly kind: 'all'; readonly parts: readonly Node[] }
  | { readonly kind: 'any'; readonly parts: readonly Node[] }
  | { readonly kind: 'repeat'; readonly part: Node; readonly least: number; readonly most: number }
  | { readonly kind: 'look'; readonly part: Node; readonly behind: boolean; readonly wanted: boolean };

type Step =
  | { readonly op: 'char'; readonly test: Test }
  | { readonly op: 'place'; readonly place: Place }
  | { readonly op: 'fork'; readonly to: readonly number[] }
  | { readonly op: 'look'; readonly steps: readonly Step[]; readonly back: number; readonly wanted: boolean }
  | { readonly op: 'done' };

/** Longest pattern, most states of its automaton, and most visits of one match. */
const LONGEST = 10_000;
const MOST_STATES = 20_000;
const MOST_VISITS = 2_000_000;

const word: Test = (char) => /[\p{L}\p{N}_]/u.test(char);
const CLASSES: Readonly<Record<string, Test>> = {
  d: (char) => /\p{Nd}/u.test(char),
  w: word,
  s: (char) => /\s/.test(char),
};
const CONTROLS: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', f: '\f', v: '\v', a: '\x07' };
const PLACES: Readonly<Record<string, Place>> = { b: 'word', B: 'inside', A: 'start', Z: 'last' };

class Parser {
  private at = 0;
  private readonly names = new Set<string>();

  constructor(private readonly text: string) {}

  parse(): Node {
    if (this.text.length > LONGEST) throw new PatternError(`it is longer than ${LONGEST} characters`);
    const node = this.choice();
    if (this.at < this.text.length) throw this.fail('a ) closes nothing');
    return node;
  }

  private fail(what: string): PatternError {
    return new PatternError(`${what} at character ${this.at}`);
  }

  private take(token: string): boolean {
    if (!this.text.startsWith(token, this.at)) return false;
    this.at += token.length;
    return true;
  }

  /** The next character, one code point. */
  private next(): string {
    const code = this.text.codePointAt(this.at);
    if (code === undefined) throw this.fail('it ends too early');
    const char = String.fromCodePoint(code);
    this.at += char.length;
    return char;
  }

  private choice(): Node {
    const parts = [this.sequence()];
    while (this.take('|')) parts.push(this.sequence());
    return parts.length === 1 ? parts[0] : { kind: 'any', parts };
  }

  private sequence(): Node {
    const parts: Node[] = [];
    while (this.at < this.text.length && !'|)'.includes(this.text[this.at])) {
      parts.push(this.repeated());
    }
    return { kind: 'all', parts };
  }

  private repeated(): Node {
    const started = this.text[this.at];
    const atom = this.atom();
    const bounds = this.bounds();
    if (!bounds) return atom;
    if (atom.kind === 'place' && started !== '(') throw this.fail('there is nothing to repeat');
    this.take('?'); // lazy: the same texts match
    if (this.take('+')) throw this.fail('possessive repeats are not followed');
    if (this.bounds()) throw this.fail('a repeat of a repeat');
    return { kind: 'repeat', part: atom, least: bounds[0], most: bounds[1] };
  }

  /** The quantifier that begins here, as least and most; null, and nothing read, where none does. */
  private bounds(): [least: number, most: number] | null {
    if (this.take('*')) return [0, Number.POSITIVE_INFINITY];
    if (this.take('+')) return [1, Number.POSITIVE_INFINITY];
    if (this.take('?')) return [0, 1];
    const braces = /^\{(\d*)(,?)(\d*)\}/.exec(this.text.slice(this.at, this.at + 40));
    if (!braces || (braces[1] === '' && braces[2] === '')) return null; // a { like any other character
    this.at += braces[0].length;
    const least = Number(braces[1]);
    const most = braces[2] === '' ? least : braces[3] === '' ? Number.POSITIVE_INFINITY : Number(braces[3]);
    if (least > most) throw this.fail('the least repeat is above the most');
    return [least, most];
  }

  private atom(): Node {
    const char = this.next();
    if (char === '(') return this.group();
    if (char === '[') return { kind: 'char', test: this.set() };
    if (char === '\\') return this.escape();
    if (char === '.') return { kind: 'char', test: (c) => c !== '\n' };
    if (char === '^') return { kind: 'place', place: 'start' };
    if (char === '$') return { kind: 'place', place: 'end' };
    if ('*+?'.includes(char)) throw this.fail('there is nothing to repeat');
    return { kind: 'char', test: (c) => c === char };
  }

  private group(): Node {
    let look: { behind: boolean; wanted: boolean } | null = null;
    if (this.take('?')) {
      if (this.take('=')) look = { behind: false, wanted: true };
      else if (this.take('!')) look = { behind: false, wanted: false };
      else if (this.take('<=')) look = { behind: true, wanted: true };
      else if (this.take('<!')) look = { behind: true, wanted: false };
      else if (!this.take(':')) this.name();
    }
    const part = this.choice();
    if (!this.take(')')) throw this.fail('a ( is not closed');
    return look ? { kind: 'look', part, ...look } : { kind: 'all', parts: [part] };
  }

  private name(): void {
    const name = /^P<([^\W\d]\w*)>/.exec(this.text.slice(this.at));
    if (!name) throw this.fail('back-references, flags, comments and conditions are not followed');
    if (this.names.has(name[1])) throw this.fail(`two groups are named ${name[1]}`);
    this.names.add(name[1]);
    this.at += name[0].length;
  }

  private escape(): Node {
    const char = this.next();
    if (Object.hasOwn(PLACES, char)) return { kind: 'place', place: PLACES[char] };
    return { kind: 'char', test: this.escaped(char) };
  }

  /** What stands after a backslash, in a set or outside. */
  private escaped(char: string): Test {
    const lower = char.toLowerCase();
    if (Object.hasOwn(CLASSES, lower)) return char === lower ? CLASSES[lower] : (c) => !CLASSES[lower](c);
    const literal = this.literal(char);
    return (c) => c === literal;
  }

  private literal(char: string): string {
    if (Object.hasOwn(CONTROLS, char)) return CONTROLS[char];
    const digits = { x: 2, u: 4 }[char];
    if (digits !== undefined) {
      const code = this.text.slice(this.at, this.at + digits);
      if (!/^[0-9a-fA-F]+$/.test(code) || code.length < digits) throw this.fail(`\\${char} needs ${digits} digits`);
      this.at += digits;
      return String.fromCharCode(Number.parseInt(code, 16));
    }
    if (/[1-9]/.test(char)) throw this.fail('back-references are not followed');
    if (/[0-9A-Za-z]/.test(char)) throw this.fail(`\\${char} is no escape`);
    return char;
  }

  private set(): Test {
    const negated = this.take('^');
    const tests: Test[] = [];
    for (let first = true; first || this.text[this.at] !== ']'; first = false) {
      const from = this.member();
      if (typeof from === 'string' && this.text[this.at] === '-' && this.text[this.at + 1] !== ']') {
        this.at += 1;
        const to = this.member();
        if (typeof to !== 'string' || to < from) throw this.fail('a range of a set runs backwards');
        tests.push((c) => c >= from && c <= to);
      } else tests.push(typeof from === 'string' ? (c) => c === from : from);
    }
    this.at += 1;
    return (c) => tests.some((test) => test(c)) !== negated;
  }

  /** One character of a set, or a class like \d. */
  private member(): string | Test {
    const char = this.next();
    if (char !== '\\') return char;
    const escaped = this.next();
    if (escaped === 'b') return '\b';
    return Object.hasOwn(CLASSES, escaped.toLowerCase()) ? this.escaped(escaped) : this.literal(escaped);
  }
}

/** Characters that a part always takes. @throws PatternError when that is not one number, as Python demands. */
function widthOf(node: Node): number {
  if (node.kind === 'char') return 1;
  if (node.kind === 'place' || node.kind === 'look') return 0;
  if (node.kind === 'all') return node.parts.reduce((sum, part) => sum + widthOf(part), 0);
  if (node.kind === 'repeat' && node.least === node.most) return node.least * widthOf(node.part);
  const widths = node.kind === 'any' ? node.parts.map(widthOf) : [0, 1];
  if (widths.some((width) => width !== widths[0])) throw new PatternError('a look-behind needs one width');
  return widths[0];
}

/** The automaton of a pattern: steps in order, forks name where they go on. */
class Builder {
  readonly steps: Step[] = [];

  private add(step: Step): number {
    if (this.steps.length >= MOST_STATES) throw new PatternError('it is too large');
    return this.steps.push(step) - 1;
  }

  /** A fork whose ways are known later. */
  private fork(): { to: number[]; at: number } {
    const to: number[] = [];
    return { to, at: this.add({ op: 'fork', to }) };
  }

  write(node: Node): void {
    if (node.kind === 'char') this.add({ op: 'char', test: node.test });
    else if (node.kind === 'place') this.add({ op: 'place', place: node.place });
    else if (node.kind === 'all') for (const part of node.parts) this.write(part);
    else if (node.kind === 'any') this.writeChoice(node.parts);
    else if (node.kind === 'repeat') this.writeRepeat(node.part, node.least, node.most);
    else {
      const back = node.behind ? widthOf(node.part) : 0;
      this.add({ op: 'look', steps: build(node.part), back, wanted: node.wanted });
    }
  }

  private writeChoice(parts: readonly Node[]): void {
    const ways = this.fork();
    const ends: number[][] = [];
    for (const part of parts) {
      ways.to.push(this.steps.length);
      this.write(part);
      ends.push(this.fork().to);
    }
    for (const end of ends) end.push(this.steps.length);
  }

  private writeRepeat(part: Node, least: number, most: number): void {
    for (let i = 0; i < least; i++) this.write(part);
    if (most === Number.POSITIVE_INFINITY) {
      const { to, at } = this.fork();
      to.push(this.steps.length);
      this.write(part);
      this.fork().to.push(at);
      to.push(this.steps.length);
      return;
    }
    const exits: number[][] = [];
    for (let i = least; i < most; i++) {
      const { to } = this.fork();
      to.push(this.steps.length);
      exits.push(to);
      this.write(part);
    }
    for (const exit of exits) exit.push(this.steps.length);
  }
}

function build(node: Node): readonly Step[] {
  const builder = new Builder();
  builder.write(node);
  return [...builder.steps, { op: 'done' }];
}

function holds(place: Place, text: readonly string[], at: number): boolean {
  const last = text.length;
  if (place === 'start') return at === 0;
  if (place === 'last') return at === last;
  if (place === 'end') return at === last || (at === last - 1 && text[at] === '\n');
  if (last === 0) return false; // \B is nowhere in an empty text, up to Python 3.13
  const border = (at > 0 && word(text[at - 1])) !== (at < last && word(text[at]));
  return border === (place === 'word');
}

/** A pattern of Python's `re`, without flags. */
export class PythonPattern {
  private readonly steps: readonly Step[];
  private visits = 0;

  /** @throws PatternError when Python would refuse it, or it uses what is not followed here. */
  constructor(pattern: string) {
    this.steps = build(new Parser(pattern).parse());
  }

  /** `re.match`: whether the text begins with what the pattern describes. */
  match(text: string): boolean {
    this.visits = 0;
    return this.run(this.steps, [...text], 0, null);
  }

  /** `re.fullmatch`: whether the pattern describes the whole text. */
  fullMatch(text: string): boolean {
    const chars = [...text];
    this.visits = 0;
    return this.run(this.steps, chars, 0, chars.length);
  }

  /** Whether the automaton can end when it begins at `from`; at `end` exactly where one is given. */
  private run(steps: readonly Step[], text: readonly string[], from: number, end: number | null): boolean {
    const width = text.length + 1;
    const seen = new Set<number>();
    const waiting = [from];
    for (let state = waiting.pop(); state !== undefined; state = waiting.pop()) {
      if (seen.has(state)) continue;
      seen.add(state);
      this.visits += 1;
      if (this.visits > MOST_VISITS) throw new PatternError('it takes too many steps');
      const at = state % width;
      const index = (state - at) / width;
      const step = steps[index];
      const go = (next: number, to: number) => void waiting.push(next * width + to);
      if (step.op === 'done') {
        if (end === null || at === end) return true;
      } else if (step.op === 'char') {
        if (at < text.length && step.test(text[at])) go(index + 1, at + 1);
      } else if (step.op === 'place') {
        if (holds(step.place, text, at)) go(index + 1, at);
      } else if (step.op === 'look') {
        const begin = at - step.back;
        const there = begin >= 0 && this.run(step.steps, text, begin, step.back > 0 ? at : null);
        if (there === step.wanted) go(index + 1, at);
      } else for (const to of step.to) go(to, at);
    }
    return false;
  }
}
