/** Words of the generated world: what there is, what it is called, and how words relate. */

const words = (text: string): string[] => text.split(' ');

export const WOMEN = words('anna clara emma julia laura maria nora olivia paula rosa sara vera');
export const MEN = words('adam ben carl david felix henry jacob leo martin oscar paul victor');
export const NAMES = [...WOMEN, ...MEN];

/** Nouns by what they are. */
export const KINDS: Readonly<Record<string, readonly string[]>> = {
  animal: words('dog cat horse cow rabbit fox bear goat'),
  vehicle: words('car bus boat truck train tractor van wagon'),
  fruit: words('apple pear plum lemon melon cherry peach grape'),
  instrument: words('drum flute violin guitar piano trumpet harp horn'),
  worker: words('baker farmer teacher doctor singer painter sailor soldier'),
};
/** Kinds that act. */
export const ACTORS = ['animal', 'worker'];

const kindByNoun = new Map(Object.entries(KINDS).flatMap(([kind, nouns]) => nouns.map((noun) => [noun, kind])));
/** `dog` → `animal`; undefined for a kind and for a name. */
export const kindOf = (noun: string): string | undefined => kindByNoun.get(noun);

export const PLACES = words('garden market barn school harbour forest street kitchen');
export const COLOURS = words('red blue green white black yellow brown grey');
/** Pairs that exclude each other. */
export const OPPOSITES = ['big small', 'old new', 'dirty clean', 'wet dry', 'heavy light', 'slow fast'].map(words);
export const QUALITIES = OPPOSITES.flat();
export const ADJECTIVES = [...COLOURS, ...QUALITIES];

/** Verbs that mean the same. */
export const VERB_PAIRS = [
  'chase pursue',
  'watch observe',
  'push shove',
  'fix repair',
  'help assist',
  'pull drag',
  'seize grab',
  'lift raise',
].map(words);
const ADJECTIVE_PAIRS = [
  'big large',
  'small tiny',
  'old ancient',
  'new modern',
  'dirty filthy',
  'wet damp',
  'fast quick',
];
export const TRANSITIVE = VERB_PAIRS.flat();
export const INTRANSITIVE = words('jump wait smile dance cough laugh shout work');

const pairs = [...VERB_PAIRS, ...ADJECTIVE_PAIRS.map(words)];
const synonyms = new Map(pairs.flatMap(([a, b]) => [[a, b] as const, [b, a] as const]));
/** Another word with the same meaning, or null. */
export const synonymOf = (word: string): string | null => synonyms.get(word) ?? null;

const opposites = new Map(OPPOSITES.flatMap(([a, b]) => [[a, b] as const, [b, a] as const]));
/** The adjectives that exclude this one: its opposite, or all other colours. */
export const rivalsOf = (adjective: string): string[] => {
  const opposite = opposites.get(adjective);
  return opposite ? [opposite] : COLOURS.filter((colour) => colour !== adjective);
};

/** Transfers told from either side: base and past form of giving and of taking. */
export const TRANSFERS = ['give gave receive received', 'sell sold buy bought', 'lend lent borrow borrowed'].map(words);

export const GOOD = words(
  'wonderful brilliant charming clever delightful excellent fresh funny gentle gorgeous graceful great honest lively ' +
    'lovely moving perfect rich smart splendid superb touching warm witty',
);
export const BAD = words(
  'awful boring clumsy crude dreadful dull empty flat foolish horrible lazy messy noisy painful pointless poor sad ' +
    'shallow silly stale terrible tired ugly weak',
);
export const WORKS = words('film book song play game show concert story');
export const ASPECTS = words('plot music cast ending style humour rhythm scenery');

const DOUBLED = new Set(['grab', 'drag']);
const SIBILANT = /(?:s|x|sh|ch)$/;
const HARD_Y = /[^aeiou]y$/;

/** `-s` of plural nouns and of verbs in the third person. */
export function withS(word: string): string {
  if (HARD_Y.test(word)) return `${word.slice(0, -1)}ies`;
  return word + (SIBILANT.test(word) ? 'es' : 's');
}

/** Past tense and participle of the regular verbs. */
export function past(verb: string): string {
  if (verb.endsWith('e')) return `${verb}d`;
  return `${verb}${DOUBLED.has(verb) ? verb.at(-1) : ''}ed`;
}

/** `a` or `an` before a word. */
export const article = (next: string): string => (/^[aeiou]/.test(next) ? 'an' : 'a');
export const isFemale = (name: string): boolean => WOMEN.includes(name);
