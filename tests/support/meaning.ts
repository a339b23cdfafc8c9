/**
 * Reads the sentences of the generated world back, with a dictionary of its own: what the kit's generator says of two
 * sentences can be held against what they say.
 */

/** Words that mean the same, the first of each for all. */
const SYNONYMS = [
  ...[
    'chase pursue',
    'watch observe',
    'push shove',
    'fix repair',
    'help assist',
    'pull drag',
    'seize grab',
    'lift raise',
  ],
  ...['big large', 'small tiny', 'old ancient', 'new modern', 'dirty filthy', 'wet damp', 'fast quick'],
].map((pair) => pair.split(' '));

const PAST = new Map(
  'chased chase pursued pursue watched watch observed observe pushed push shoved shove fixed fix repaired repair helped help assisted assist pulled pull dragged drag seized seize grabbed grab lifted lift raised raise'
    .split(' ')
    .flatMap((word, i, all) => (i % 2 === 0 ? [[word, all[i + 1]] as const] : [])),
);

/** Verbs of giving and of taking. */
const TRANSFERS = [
  ['gave', 'received'],
  ['sold', 'bought'],
  ['lent', 'borrowed'],
];

const common = (word: string) => SYNONYMS.find((pair) => pair.includes(word))?.[0] ?? word;

/** A noun phrase without its article: the adjective's common word, and the noun. */
const phrase = (text: string) =>
  text
    .replace(/^(a|an|the|some|no) /, '')
    .split(' ')
    .map(common)
    .join(' ');

export interface Meaning {
  /** What is told, the same text for the same meaning. */
  readonly told: string;
  /** That it did not happen. */
  readonly denied: boolean;
  /** How it is told. */
  readonly form: 'property' | 'giving' | 'taking' | 'passive' | 'active';
  readonly fronted: boolean;
}

/** @throws Error on a sentence that it does not know how to read. */
export function meaningOf(sentence: string): Meaning {
  const property = /^the (\w+) (in the \w+) was (not )?(\w+)$/.exec(sentence);
  if (property) {
    const [, noun, place, not, adjective] = property;
    return { told: `${noun} ${place}: ${common(adjective)}`, denied: Boolean(not), form: 'property', fronted: false };
  }
  const front = /^((?:in|near) the \w+) (.+)$/.exec(sentence);
  const back = /^(.+) ((?:in|near) the \w+)$/.exec(sentence);
  const [core, place] = front ? [front[2], front[1]] : back ? [back[1], back[2]] : [sentence, 'anywhere'];
  const fronted = front !== null;
  for (const [gave, received] of TRANSFERS) {
    const giving = new RegExp(`^(\\w+) ${gave} (.+) to (\\w+)$`).exec(core);
    const taking = new RegExp(`^(\\w+) ${received} (.+) from (\\w+)$`).exec(core);
    if (giving)
      return { told: `${giving[1]} ${gave} ${phrase(giving[2])} ${giving[3]}`, denied: false, form: 'giving', fronted };
    if (taking)
      return { told: `${taking[3]} ${gave} ${phrase(taking[2])} ${taking[1]}`, denied: false, form: 'taking', fronted };
  }
  const passive = /^(.+) was (\w+) by (.+)$/.exec(core);
  const denial = /^(.+) did not (\w+) (.+)$/.exec(core);
  const active = /^((?:(?:some|no|a|an) )?(?:\w+ )?\w+?) (\w+ed) (.+)$/.exec(core);
  const [agent, verb, patient] = passive
    ? [passive[3], PAST.get(passive[2]), passive[1]]
    : denial
      ? [denial[1], denial[2], denial[3]]
      : active
        ? [active[1], PAST.get(active[2]), active[3]]
        : [];
  if (!agent || !verb || !patient) throw new Error(`cannot read "${sentence}"`);
  return {
    told: `${phrase(agent)} | ${common(verb)} | ${phrase(patient)} | ${place}`,
    denied: denial !== null || agent.startsWith('no '),
    form: passive ? 'passive' : 'active',
    fronted,
  };
}
