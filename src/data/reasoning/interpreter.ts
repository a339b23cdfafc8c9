/**
 * The tiny language of the programming task, run for real. A program is a list of statements over whole numbers:
 *
 *     y = x + 3 ; if y > 9 { y = y - 9 ; } while y < 5 { y = y * 2 ; } return y ;
 *
 * Words are set off by spaces and a number is its digits, `1 2`. `x` is the input. `* ` binds before `+` and `-`.
 */

/** Why a program gave no result. */
export class ProgramError extends Error {
  constructor(
    readonly kind: 'syntax' | 'name' | 'steps' | 'overflow' | 'no-return',
    message: string,
  ) {
    super(message);
    this.name = 'ProgramError';
  }
}

type Expression =
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'binary'; readonly operator: string; readonly left: Expression; readonly right: Expression };

type Statement =
  | { readonly kind: 'assign'; readonly name: string; readonly value: Expression }
  | { readonly kind: 'return'; readonly value: Expression }
  | { readonly kind: 'if' | 'while'; readonly test: Expression; readonly body: readonly Statement[] };

export type Program = readonly Statement[];

const KEYWORDS = new Set(['if', 'while', 'return']);
const NAME = /^[a-z]$/;
const COMPARISONS = ['<', '>', '=='];
/** Values beyond it end a program: whole numbers stay exact below 2⁵³. */
const LARGEST = 1e12;

/** Digits that follow each other are one number. */
function wordsOf(text: string): string[] {
  const joined = text.trim().replace(/(?<=\d) (?=\d)/g, '');
  return joined === '' ? [] : joined.split(' ');
}

/** @throws ProgramError when the text is no program. */
export function parseProgram(text: string): Program {
  const words = wordsOf(text);
  let at = 0;
  const syntax = (wanted: string) => new ProgramError('syntax', `expected ${wanted}, found ${words[at] ?? 'the end'}`);
  const take = (wanted: string) => {
    if (words[at] !== wanted) throw syntax(wanted);
    at += 1;
  };
  const atom = (): Expression => {
    const word = words[at];
    if (word === '(') {
      take('(');
      const inner = addition();
      take(')');
      return inner;
    }
    if (word === undefined || !(/^\d+$/.test(word) || NAME.test(word))) throw syntax('a number or a name');
    at += 1;
    return NAME.test(word) ? { kind: 'name', name: word } : { kind: 'number', value: Number(word) };
  };
  const chain = (operators: readonly string[], part: () => Expression) => (): Expression => {
    let left = part();
    while (operators.includes(words[at])) {
      const operator = words[at++];
      left = { kind: 'binary', operator, left, right: part() };
    }
    return left;
  };
  const addition = chain(['+', '-'], chain(['*'], atom));
  const comparison = (): Expression => {
    const left = addition();
    if (!COMPARISONS.includes(words[at])) throw syntax('a comparison');
    const operator = words[at++];
    return { kind: 'binary', operator, left, right: addition() };
  };
  const block = (): Statement[] => {
    const body: Statement[] = [];
    take('{');
    while (words[at] !== '}') body.push(statement());
    take('}');
    return body;
  };
  const statement = (): Statement => {
    const word = words[at];
    if (word === 'if' || word === 'while') {
      at += 1;
      return { kind: word, test: comparison(), body: block() };
    }
    let made: Statement;
    if (word === 'return') {
      at += 1;
      made = { kind: 'return', value: addition() };
    } else {
      if (word === undefined || KEYWORDS.has(word) || !NAME.test(word)) throw syntax('a statement');
      at += 1;
      take('=');
      made = { kind: 'assign', name: word, value: addition() };
    }
    take(';');
    return made;
  };
  const program: Statement[] = [];
  while (at < words.length) program.push(statement());
  return program;
}

/**
 * The value that a program returns for an input.
 * @param steps most statements and loop tests that may run.
 * @throws ProgramError when it uses an unset name, runs too long, grows too large, or returns nothing.
 */
export function runProgram(program: Program, x: number, steps = 500): number {
  const values = new Map([['x', x]]);
  let left = steps;
  const evaluate = (e: Expression): number => {
    if (e.kind === 'number') return e.value;
    if (e.kind === 'name') {
      const value = values.get(e.name);
      if (value === undefined) throw new ProgramError('name', `${e.name} has no value`);
      return value;
    }
    const [a, b] = [evaluate(e.left), evaluate(e.right)];
    const results: Record<string, number> = { '+': a + b, '-': a - b, '*': a * b };
    const result = results[e.operator] ?? Number(e.operator === '<' ? a < b : e.operator === '>' ? a > b : a === b);
    if (Math.abs(result) > LARGEST) throw new ProgramError('overflow', `${result} is too large`);
    return result;
  };
  const tick = () => {
    if (--left < 0) throw new ProgramError('steps', `still running after ${steps} steps`);
  };
  /** The returned value, or null when the statements end without. */
  const run = (body: readonly Statement[]): number | null => {
    for (const s of body) {
      tick();
      if (s.kind === 'return') return evaluate(s.value);
      if (s.kind === 'assign') values.set(s.name, evaluate(s.value));
      else {
        while (evaluate(s.test) !== 0) {
          const result = run(s.body);
          if (result !== null) return result;
          if (s.kind === 'if') break;
          tick();
        }
      }
    }
    return null;
  };
  const result = run(program);
  if (result === null) throw new ProgramError('no-return', 'the program returns nothing');
  return result;
}
