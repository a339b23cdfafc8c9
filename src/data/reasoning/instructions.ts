/**
 * Instructions whose answers a program can mark: what to write, and how to end it.
 *
 *     name three fruits and say please last . \n
 *     plum , pear , apple please
 *
 * Validation and test combine tasks, wordings and endings as training never does.
 */
import type { Random } from '../../tensor/random';
import { KINDS, kindOf, NAMES, PLACES, withS } from '../grammar/lexicon';
import { type Exercise, type ExerciseKind, pickSome, type Split } from './exercise';

const COUNTS = ['one', 'two', 'three', 'four'] as const;
const NOUNS = [...Object.values(KINDS).flat(), ...PLACES];

/** What is wanted of a response, one answer, and the words the instruction asks with. */
interface Demand {
  readonly wordings: Readonly<Record<Split, readonly string[]>>;
  readonly answer: string;
  readonly accepts: (words: string) => boolean;
}

const list = (words: readonly string[]): string => words.join(' , ');

/** Different members of a kind; any will do. */
function nameSome(random: Random): Demand {
  const count = 1 + random.int(4);
  const kind = random.pick(Object.keys(KINDS));
  const plural = count === 1 ? kind : withS(kind);
  return {
    wordings: {
      train: [`name ${COUNTS[count - 1]} ${plural}`, `write ${COUNTS[count - 1]} ${plural}`],
      validation: [`give ${COUNTS[count - 1]} ${plural}`],
      test: [`list ${COUNTS[count - 1]} ${plural}`],
    },
    answer: list(pickSome(random, KINDS[kind], count)),
    accepts: (text) => {
      const words = text.split(' , ');
      return words.length === count && new Set(words).size === count && words.every((word) => kindOf(word) === kind);
    },
  };
}

/** A demand that only one text meets. */
const exactly = (answer: string, wordings: Demand['wordings']): Demand => ({
  wordings,
  answer,
  accepts: (text) => text === answer,
});

function repeat(random: Random): Demand {
  const word = random.pick(NOUNS);
  const count = 2 + random.int(3);
  const times = COUNTS[count - 1];
  return exactly(new Array(count).fill(word).join(' '), {
    train: [`write ${word} ${times} times`, `repeat ${word} ${times} times`],
    validation: [`${times} times write ${word}`],
    test: [`say ${word} ${times} times`],
  });
}

function reverse(random: Random): Demand {
  const words = pickSome(random, NOUNS, 2 + random.int(3));
  return exactly(list([...words].reverse()), {
    train: [`reverse ${list(words)}`, `write ${list(words)} backwards`],
    validation: [`turn round ${list(words)}`],
    test: [`say ${list(words)} backwards`],
  });
}

/** The words of one kind, in their order. */
function keep(random: Random): Demand {
  const [kind, other] = pickSome(random, Object.keys(KINDS), 2);
  const right = pickSome(random, KINDS[kind], 1 + random.int(2));
  const all = [...right, ...pickSome(random, KINDS[other], 2)];
  const mixed = random.permutation(all.length).map((i) => all[i]);
  const plural = withS(kind);
  return exactly(list(mixed.filter((word) => kindOf(word) === kind)), {
    train: [`keep the ${plural} of ${list(mixed)}`, `write the ${plural} of ${list(mixed)}`],
    validation: [`find the ${plural} of ${list(mixed)}`],
    test: [`list the ${plural} of ${list(mixed)}`],
  });
}

/** The item at a place. */
function select(random: Random): Demand {
  const words = pickSome(random, NOUNS, 3 + random.int(2));
  const place = random.int(3);
  const ordinal = ['first', 'second', 'last'][place];
  return exactly(place === 2 ? words[words.length - 1] : words[place], {
    train: [`write the ${ordinal} of ${list(words)}`, `choose the ${ordinal} of ${list(words)}`],
    validation: [`give the ${ordinal} of ${list(words)}`],
    test: [`say the ${ordinal} of ${list(words)}`],
  });
}

const DEMANDS = { name: nameSome, repeat, reverse, keep, select };

/** A frame round the answer: words to put first or last. */
interface Ending {
  readonly name: string;
  readonly ask: string;
  readonly first: string;
  readonly last: string;
}

const ENDINGS: readonly Ending[] = [
  { name: 'none', ask: '', first: '', last: '' },
  { name: 'stop', ask: ' and end with stop', first: '', last: ' stop' },
  { name: 'question', ask: ' and end with ?', first: '', last: ' ?' },
  { name: 'please', ask: ' and begin with please', first: 'please ', last: '' },
  { name: 'both', ask: ' and begin with yes and end with stop', first: 'yes ', last: ' stop' },
];

/** The split that has a demand with an ending; the plain ending is everybody's, wordings keep those apart. */
function pairSplit(demand: number, ending: number): Split {
  if (ending === 0) return 'train';
  const turn = (demand + 2 * ending) % 5;
  return turn === 0 ? 'validation' : turn === 1 ? 'test' : 'train';
}

function write(random: Random, split: Split): Exercise {
  const names = Object.keys(DEMANDS) as (keyof typeof DEMANDS)[];
  while (true) {
    const which = random.int(names.length);
    const end = random.int(ENDINGS.length);
    const pair = pairSplit(which, end);
    if (pair !== split && (pair !== 'train' || split === 'train')) continue;
    const demand = DEMANDS[names[which]](random);
    // a pair that training has is asked in new words, a new pair in known ones
    const words: Split = pair === split ? 'train' : split;
    const wording = random.int(demand.wordings[words].length);
    const { name, ask, first, last } = ENDINGS[end];
    return {
      template: `${names[which]} ${words} ${wording} / ${name}`,
      prompt: `${demand.wordings[words][wording]}${ask} . \n`,
      answer: `${first}${demand.answer}${last}`,
      passes: (response) => {
        const framed = response.startsWith(first) && response.endsWith(last);
        return framed && demand.accepts(response.slice(first.length, response.length - last.length));
      },
    };
  }
}

export const instructions: ExerciseKind = { name: 'instructions', context: 40, write };

/** Verbs of the instructions, which the base model meets in requests without an answer. */
const ASKING = 'list give find choose name keep say write repeat reverse begin end'.split(' ');

/** Plain texts about lists, order and saying things, for pretraining: the same skills in other words. */
export function remark(random: Random): string {
  const words = pickSome(random, NOUNS, 2 + random.int(3));
  const kind = random.pick(Object.keys(KINDS));
  const some = pickSome(random, KINDS[kind], 1 + random.int(4));
  const count = 2 + random.int(3);
  const word = random.pick(NOUNS);
  const who = random.pick(NAMES);
  switch (random.int(9)) {
    case 0:
      return `${who} has ${COUNTS[some.length - 1]} ${some.length === 1 ? kind : withS(kind)} : ${list(some)}`;
    case 1:
      return `${list(words)} backwards is ${list([...words].reverse())}`;
    case 2:
      return `${who} says ${word} ${COUNTS[count - 1]} times : ${new Array(count).fill(word).join(' ')}`;
    case 3:
      return `in ${list(words)} the first is ${words[0]} , the second ${words[1]} , the last ${words.at(-1)}`;
    case 4:
      return `please ${random.pick([...ASKING])} the ${word} . yes`;
    case 5:
      return `${who} begins with ${words[0]} and ends with ${words[1]} : ${words[0]} ${word} ${words[1]}`;
    case 6:
      return `${who} begins with please and says ${list(words)} : \n please ${list(words)}`;
    case 7:
      return `${who} says ${list(words)} and ends with stop : \n ${list(words)} stop`;
    default: {
      const other = pickSome(
        random,
        NOUNS.filter((noun) => kindOf(noun) !== kind),
        2,
      );
      const all = [...some, ...other];
      const mixed = random.permutation(all.length).map((i) => all[i]);
      return `of ${list(mixed)} , ${withS(kind)} are ${list(mixed.filter((noun) => kindOf(noun) === kind))}`;
    }
  }
}
