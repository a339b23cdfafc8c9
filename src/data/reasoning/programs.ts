/**
 * Programs from descriptions, in the language of `interpreter.ts`. A description has two operations; which
 * may follow which is divided over the splits, and so are the wordings.
 *
 *     program : add 3 to x . then double it . \n
 *     y = x + 3 ; y = y * 2 ; return y ;
 */
import type { Random } from '../../tensor/random';
import { NAMES } from '../grammar/lexicon';
import { type Exercise, type ExerciseKind, from, type Split, spell } from './exercise';
import { ProgramError, parseProgram, runProgram } from './interpreter';

interface Operation {
  readonly name: string;
  /** Constants it takes, as ranges. */
  readonly constants: readonly (readonly [number, number])[];
  /** Wording by split; `v` is the value, the constants are spelt. */
  readonly say: Readonly<Record<Split, (v: string, ...k: string[]) => string>>;
  /** Statements that change y, given the value they start from: `x` in the first operation. */
  readonly code: (v: string, ...k: string[]) => string;
  /** What it does, written independently of the code. */
  readonly apply: (value: number, ...k: number[]) => number;
}

const OPERATIONS: readonly Operation[] = [
  {
    name: 'add',
    constants: [[2, 30]],
    say: {
      train: (v, k) => `add ${k} to ${v}`,
      validation: (v, k) => `take ${v} plus ${k}`,
      test: (v, k) => `take the sum of ${v} and ${k}`,
    },
    code: (v, k) => `y = ${v} + ${k} ;`,
    apply: (value, k) => value + k,
  },
  {
    name: 'subtract',
    constants: [[2, 30]],
    say: {
      train: (v, k) => `take ${k} from ${v}`,
      validation: (v, k) => `take ${v} minus ${k}`,
      test: (v, k) => `make ${v} less by ${k}`,
    },
    code: (v, k) => `y = ${v} - ${k} ;`,
    apply: (value, k) => value - k,
  },
  {
    name: 'multiply',
    constants: [[3, 9]],
    say: {
      train: (v, k) => `multiply ${v} by ${k}`,
      validation: (v, k) => `take ${v} times ${k}`,
      test: (v, k) => `take ${k} times ${v}`,
    },
    code: (v, k) => `y = ${v} * ${k} ;`,
    apply: (value, k) => value * k,
  },
  {
    name: 'double',
    constants: [],
    say: {
      train: (v) => `double ${v}`,
      validation: (v) => `take twice ${v}`,
      test: (v) => `take ${v} twice`,
    },
    code: (v) => `y = ${v} * 2 ;`,
    apply: (value) => value + value,
  },
  {
    name: 'square',
    constants: [],
    say: {
      train: (v) => `square ${v}`,
      validation: (v) => `take the square of ${v}`,
      test: (v) => `multiply ${v} by itself`,
    },
    code: (v) => `y = ${v} * ${v} ;`,
    apply: (value) => value ** 2,
  },
  {
    name: 'at-least',
    constants: [[5, 40]],
    say: {
      train: (v, k) => `if ${v} is less than ${k} use ${k}`,
      validation: (v, k) => `if ${v} is below ${k} use ${k}`,
      test: (v, k) => `use ${k} if ${v} is less than ${k}`,
    },
    code: (v, k) => `${v === 'y' ? '' : `y = ${v} ; `}if y < ${k} { y = ${k} ; }`,
    apply: (value, k) => Math.max(value, k),
  },
  {
    name: 'at-most',
    constants: [[5, 40]],
    say: {
      train: (v, k) => `if ${v} is more than ${k} use ${k}`,
      validation: (v, k) => `if ${v} is above ${k} use ${k}`,
      test: (v, k) => `use ${k} if ${v} is more than ${k}`,
    },
    code: (v, k) => `${v === 'y' ? '' : `y = ${v} ; `}if y > ${k} { y = ${k} ; }`,
    apply: (value, k) => Math.min(value, k),
  },
  {
    name: 'until',
    constants: [
      [2, 9],
      [10, 40],
    ],
    say: {
      train: (v, k, end) => `while ${v} is less than ${end} add ${k}`,
      validation: (v, k, end) => `while ${v} is below ${end} add ${k}`,
      test: (v, k, end) => `add ${k} while ${v} is less than ${end}`,
    },
    code: (v, k, end) => `${v === 'y' ? '' : `y = ${v} ; `}while y < ${end} { y = y + ${k} ; }`,
    apply: (value, k, end) => value + k * Math.max(0, Math.ceil((end - value) / k)),
  },
];

/** The split in which operation b may follow operation a. */
function pairSplit(a: number, b: number): Split {
  const turn = (3 * a + 2 * b) % 5;
  return turn === 0 ? 'validation' : turn === 1 ? 'test' : 'train';
}

/** Two operations, a pair that only this split has. Two squares would outgrow the language's numbers. */
function chainOf(random: Random, split: Split): Operation[] {
  while (true) {
    const [a, b] = [random.int(OPERATIONS.length), random.int(OPERATIONS.length)];
    if (pairSplit(a, b) !== split || (a === b && OPERATIONS[a].name === 'square')) continue;
    return [OPERATIONS[a], OPERATIONS[b]];
  }
}

/** Inputs on which a program must agree with what was asked. */
export const INPUTS = [0, 1, 2, 5, 9, 14, 33] as const;

/** Whether a program returns the wanted value for every input. */
export function passesTests(text: string, wanted: (x: number) => number): boolean {
  try {
    const program = parseProgram(text);
    return INPUTS.every((x) => runProgram(program, x) === wanted(x));
  } catch (error) {
    if (error instanceof ProgramError) return false;
    throw error;
  }
}

function write(random: Random, split: Split): Exercise {
  const chain = chainOf(random, split).map((operation) => ({
    operation,
    constants: operation.constants.map(([low, high]) => from(random, low, high)),
  }));
  // a third of the wordings of a held-out exercise are new as well
  const wordings = chain.map(() => (random.int(3) === 0 ? split : 'train'));
  const texts = chain.map(({ operation, constants }, i) =>
    operation.say[wordings[i]](i === 0 ? 'x' : 'it', ...constants.map(spell)),
  );
  const code = chain.map(({ operation, constants }, i) => operation.code(i === 0 ? 'x' : 'y', ...constants.map(spell)));
  const wanted = (x: number) =>
    chain.reduce((value, { operation, constants }) => operation.apply(value, ...constants), x);
  return {
    template: chain.map(({ operation }, i) => `${operation.name} ${wordings[i]}`).join(' / '),
    prompt: `program : ${texts.join(' . then ')} . \n`,
    answer: `${code.join(' ')} return y ;`,
    passes: (response) => passesTests(response, wanted),
  };
}

export const programs: ExerciseKind = { name: 'programs', context: 60, write };

/** A program without description, for pretraining. */
export function snippet(random: Random): string {
  const names = ['x', 'y', 'z', 'n'];
  const number = () => spell(from(random, 0, 50));
  const atom = () => (random.int(2) === 0 ? random.pick(names) : number());
  const value = () => `${random.pick(names)} ${random.pick(['+', '-', '*'])} ${atom()}`;
  const assign = () => `${random.pick(names)} = ${random.int(3) === 0 ? atom() : value()} ;`;
  const guarded = () =>
    `${random.pick(['if', 'while'])} ${random.pick(names)} ${random.pick(['<', '>'])} ${atom()} { ${assign()} }`;
  const body = Array.from({ length: 1 + random.int(3) }, () => (random.int(3) === 0 ? guarded() : assign()));
  const title = random.int(3) === 0 ? `a program of ${random.pick(NAMES)} : \n ` : '';
  return `${title}${body.join(' ')} return ${random.pick(names)} ;`;
}

/** What the words of descriptions mean, for pretraining: `twice n : n * 2`, `add 3 to n , double n : n = n + 3 ; n = n * 2 ;` */
export function glossary(random: Random): string {
  if (random.int(3) === 0) return commands(random);
  const k = spell(from(random, 2, 40));
  const b = spell(from(random, 2, 9));
  const v = random.pick(['x', 'n', 'z', 'y']);
  const meaning = random.pick([
    [`${v} + ${k}`, [`${v} plus ${k}`, `the sum of ${v} and ${k}`, `${k} more than ${v}`, `add ${k} to ${v}`]],
    [`${v} - ${k}`, [`${v} minus ${k}`, `${v} less ${k}`, `make ${v} less by ${k}`, `take ${k} from ${v}`]],
    [`${v} * ${k}`, [`${v} times ${k}`, `${k} times ${v}`, `multiply ${v} by ${k}`]],
    [`${v} * 2`, [`twice ${v}`, `${v} twice`, `double ${v}`]],
    [`${v} * ${v}`, [`the square of ${v}`, `${v} by itself`, `square ${v}`]],
    [`${v} < ${k}`, [`${v} is less than ${k}`, `${v} is below ${k}`]],
    [`${v} > ${k}`, [`${v} is more than ${k}`, `${v} is above ${k}`]],
    [`if ${v} < ${k} { ${v} = ${k} ; }`, [`if ${v} is less than ${k} then use ${k}`, `use ${k} if ${v} is below ${k}`]],
    [`if ${v} > ${k} { ${v} = ${k} ; }`, [`if ${v} is above ${k} then use ${k}`, `use ${k} if ${v} is more than ${k}`]],
    [
      `while ${v} < ${k} { ${v} = ${v} + ${b} ; }`,
      [`while ${v} is below ${k} add ${b}`, `add ${b} while ${v} is less than ${k}`],
    ],
    [`${v} = ${v} + ${b} ;`, [`add ${b} to ${v} and keep it`]],
  ] as const);
  const [code, wordings] = meaning;
  return `${random.pick(wordings as readonly string[])} : ${code}`;
}

/** Two commands about one variable, in the plainest words, and their code. */
function commands(random: Random): string {
  const v = random.pick(['x', 'n', 'z', 'y']);
  const command = (): readonly [string, string] => {
    const k = spell(from(random, 2, 40));
    const b = spell(from(random, 2, 9));
    return random.pick([
      [`add ${k} to ${v}`, `${v} = ${v} + ${k} ;`],
      [`take ${k} from ${v}`, `${v} = ${v} - ${k} ;`],
      [`multiply ${v} by ${b}`, `${v} = ${v} * ${b} ;`],
      [`double ${v}`, `${v} = ${v} * 2 ;`],
      [`square ${v}`, `${v} = ${v} * ${v} ;`],
      [`if ${v} is less than ${k} use ${k}`, `if ${v} < ${k} { ${v} = ${k} ; }`],
      [`if ${v} is more than ${k} use ${k}`, `if ${v} > ${k} { ${v} = ${k} ; }`],
      [`while ${v} is less than ${k} add ${b}`, `while ${v} < ${k} { ${v} = ${v} + ${b} ; }`],
    ] as const);
  };
  const [first, second] = [command(), command()];
  return `${first[0]} , ${second[0]} : ${first[1]} ${second[1]}`;
}
