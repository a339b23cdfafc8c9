/** Quantities that change hands: the verbs of word problems, sums, and statements about one change. */
import type { Random } from '../../tensor/random';
import { KINDS, NAMES, withS } from '../grammar/lexicon';
import { from, type Split, spell } from './exercise';

/** Verbs by the split whose problems they may be in; the base model met all of them, each in one-step statements. */
export const GAINING: Readonly<Record<Split, readonly string[]>> = {
  train: ['buys', 'finds', 'gets', 'takes'],
  validation: ['wins', 'borrows'],
  test: ['receives', 'collects'],
};
export const LOSING: Readonly<Record<Split, readonly string[]>> = {
  train: ['sells', 'loses', 'gives', 'breaks'],
  validation: ['drops', 'lends'],
  test: ['throws', 'wastes'],
};

/** What is counted: fruit, instruments and vehicles, in the plural. */
export const THINGS = [...KINDS.fruit, ...KINDS.instrument, ...KINDS.vehicle].map(withS);

/** Largest number in a sum. */
export const LARGEST = 99;

/** `1 2 + 5 = 1 7`. */
export function equation(a: number, operator: '+' | '-' | '*', b: number): { text: string; result: number } {
  const result = operator === '+' ? a + b : operator === '-' ? a - b : a * b;
  return { text: `${spell(a)} ${operator} ${spell(b)} = ${spell(result)}`, result };
}

/** A sum with small second operand and results from 0 to `LARGEST`. */
export function sum(random: Random): string {
  const operator = random.pick(['+', '+', '-', '-', '*'] as const);
  if (operator === '*') return equation(from(random, 2, 9), '*', from(random, 2, 9)).text;
  const b = from(random, 1, 20);
  return equation(operator === '+' ? from(random, 0, LARGEST - b) : from(random, b, LARGEST), operator, b).text;
}

/** One person, one change, and what follows: `anna has 1 2 pears . anna buys 5 pears . now anna has 1 7 pears .` */
export function statement(random: Random): string {
  const person = random.pick(NAMES);
  const thing = random.pick(THINGS);
  const gains = random.uniform() < 0.5;
  const verb = random.pick(Object.values(gains ? GAINING : LOSING).flat());
  const change = from(random, 1, 20);
  const before = gains ? from(random, 1, 60) : from(random, change, 79);
  const after = gains ? before + change : before - change;
  const all = `${person} has ${spell(before)} ${thing} . ${person} ${verb} ${spell(change)} ${thing} .`;
  return `${all} now ${person} has ${spell(after)} ${thing} .`;
}
