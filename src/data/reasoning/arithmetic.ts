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

/** A change of a count: the verb, and by how much; what there is stays from 0 to `LARGEST`. */
function changeOf(random: Random, before: number): { verb: string; operator: '+' | '-'; by: number } {
  const gains = before < 2 || (before <= LARGEST - 20 && random.uniform() < 0.5);
  const verb = random.pick(Object.values(gains ? GAINING : LOSING).flat());
  return { verb, operator: gains ? '+' : '-', by: from(random, 1, gains ? 20 : Math.min(20, before)) };
}

/**
 * One person, one or two changes, and what follows from them, in words or as sums:
 * `anna has 1 2 pears . anna buys 5 pears . now anna has 1 7 pears .`
 */
export function statement(random: Random): string {
  const person = random.pick(NAMES);
  const thing = random.pick(THINGS);
  let count = from(random, 1, 60);
  const all = [`${person} has ${spell(count)} ${thing} .`];
  // what follows stands after each change, or after the last
  const late: string[] = [];
  const isLate = random.uniform() < 0.5;
  for (let changes = 1 + random.int(2); changes > 0; changes--) {
    const { verb, operator, by } = changeOf(random, count);
    const { text, result } = equation(count, operator, by);
    const says = isLate || random.int(2) === 0 ? `that is ${text} .` : `now ${person} has ${spell(result)} ${thing} .`;
    all.push(`${person} ${verb} ${spell(by)} ${thing} .`);
    (isLate ? late : all).push(says);
    count = result;
  }
  return [...all, ...late].join(' ');
}

/** Boxes, questions and answers, one step each: `anna has 3 boxes with 4 pears each , that is 3 * 4 = 1 2 .` */
export function question(random: Random): string {
  const person = random.pick(NAMES);
  const thing = random.pick(THINGS);
  if (random.int(3) === 0) {
    const [boxes, each] = [from(random, 2, 9), from(random, 2, 9)];
    const { text } = equation(boxes, '*', each);
    return `${person} has ${spell(boxes)} boxes with ${spell(each)} ${thing} each , that is ${text} .`;
  }
  if (random.int(2) === 0) return `what is the answer to ${sum(random).replace('=', '? \n the answer is')} .`;
  const count = spell(from(random, 0, LARGEST));
  const asked = random.pick([
    `how many ${thing} has ${person} now`,
    `how many ${thing} has ${person}`,
    `what number of ${thing} has ${person}`,
    `how many are the ${thing} of ${person}`,
  ]);
  return `${person} has ${count} ${thing} . ${asked} ? \n ${count} ${thing} .`;
}
