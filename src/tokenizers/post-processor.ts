/**
 * The special tokens that a tokenizer.json puts around one text or two (its `post_processor`), and the type ids that
 * follow: `[CLS] A [SEP] B [SEP]` has 0 up to the first [SEP] and 1 after it.
 */
import { type Part, type PartError, partsOf, typeOf } from './tokenizer-json-parts';

/** A place in the result: ids of a special token, or one of the texts. */
interface Item {
  readonly from: 'a' | 'b' | readonly number[];
  readonly typeId: number;
}

/** What one text, or a pair, becomes. */
export interface PostProcessor {
  readonly single: readonly Item[];
  readonly pair: readonly Item[];
}

const A: Item = { from: 'a', typeId: 0 };
const PLAIN: PostProcessor = { single: [A], pair: [A, { from: 'b', typeId: 1 }] };

/** Special tokens in a form. */
export const addedTokens = (items: readonly Item[]): number =>
  items.reduce((sum, { from }) => sum + (typeof from === 'string' ? 0 : from.length), 0);

/** Puts texts into a form. */
export function assemble(
  items: readonly Item[],
  first: readonly number[],
  second: readonly number[],
): { ids: number[]; typeIds: number[] } {
  const [ids, typeIds]: [number[], number[]] = [[], []];
  for (const { from, typeId } of items) {
    for (const id of from === 'a' ? first : from === 'b' ? second : from) {
      ids.push(id);
      typeIds.push(typeId);
    }
  }
  return { ids, typeIds };
}

/** A token's id, from `["[SEP]", 102]`. */
function marked(part: Part, key: string, bad: PartError): readonly number[] {
  const value = part[key];
  if (!Array.isArray(value) || value.length !== 2 || !isId(value[1])) throw bad(`${key} is no pair of token and id`);
  return [value[1]];
}

const isId = (value: unknown): value is number => Number.isInteger(value) && (value as number) >= 0;

/** The items of a `TemplateProcessing`'s list. */
function template(part: Part, key: 'single' | 'pair', bad: PartError): Item[] {
  const special = part.special_tokens as Record<string, { ids?: unknown } | undefined> | undefined;
  const items = part[key];
  if (!Array.isArray(items)) throw bad(`its template "${key}" is no list`);
  return items.map((item: Record<string, { id?: unknown; type_id?: unknown } | undefined> | null): Item => {
    const { Sequence: sequence, SpecialToken: token } = item ?? {};
    const typeId = (sequence ?? token)?.type_id ?? 0;
    if (!isId(typeId)) throw bad(`its template "${key}" has the type id ${JSON.stringify(typeId)}`);
    if (sequence?.id === 'A' || (sequence?.id === 'B' && key === 'pair')) {
      return { from: sequence.id === 'A' ? 'a' : 'b', typeId };
    }
    const ids =
      token && special && Object.hasOwn(special, String(token.id)) ? special[String(token.id)]?.ids : undefined;
    if (!Array.isArray(ids) || !ids.every(isId)) throw bad(`its template "${key}" has ${JSON.stringify(item)}`);
    return { from: ids, typeId };
  });
}

/**
 * Reads a `post_processor`. @param bad makes the error about a part of it.
 * @throws UserError naming a kind that is not supported.
 */
export function postProcessorOf(value: unknown, bad: PartError): PostProcessor {
  if (value === null || value === undefined) return PLAIN;
  const part = typeOf(value, bad);
  switch (part.type) {
    case 'ByteLevel': // offsets alone
      return PLAIN;
    case 'TemplateProcessing':
      return { single: template(part, 'single', bad), pair: template(part, 'pair', bad) };
    case 'BertProcessing': {
      const [cls, sep] = [marked(part, 'cls', bad), marked(part, 'sep', bad)];
      const single: Item[] = [{ from: cls, typeId: 0 }, A, { from: sep, typeId: 0 }];
      return { single, pair: [...single, { from: 'b', typeId: 1 }, { from: sep, typeId: 1 }] };
    }
    case 'RobertaProcessing': {
      const [cls, sep] = [marked(part, 'cls', bad), marked(part, 'sep', bad)].map((from) => ({ from, typeId: 0 }));
      return { single: [cls, A, sep], pair: [cls, A, sep, sep, { from: 'b', typeId: 0 }, sep] };
    }
    case 'Sequence': {
      const processors = partsOf(part, 'processors', bad).map((processor) => postProcessorOf(processor, bad));
      const own = processors.filter((processor) => processor !== PLAIN);
      if (own.length > 1) throw bad('it adds special tokens more than once');
      return own[0] ?? PLAIN;
    }
    default:
      throw bad(`the kind ${JSON.stringify(part.type)} is not supported`);
  }
}
