/**
 * The `model` of a tokenizer.json and its added tokens, checked: pieces with ids, merges, scores. What the JavaScript
 * library would read otherwise than Rust's is refused by name.
 */
import { type Part, type PartError, typeOf } from './tokenizer-json-parts';

/** A token that is found in a text before anything else. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly single_word?: boolean;
  readonly lstrip?: boolean;
  readonly rstrip?: boolean;
  readonly normalized?: boolean;
  readonly special?: boolean;
}

/** Ids beyond this are a broken file: the largest vocabularies have 2¹⁸. */
const MAX_ID = 2 ** 24;

const isId = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) <= MAX_ID;

/** Models without a `type`, as older files have them. */
function kindOf(value: unknown, bad: PartError): Part {
  const part = value as (Record<string, unknown> & { type?: unknown }) | null | undefined;
  if (typeof part !== 'object' || part === null || Array.isArray(part)) throw bad('it is missing');
  if (part.type !== undefined) return typeOf(part, bad);
  if (Array.isArray(part.vocab)) return { ...part, type: 'Unigram' };
  if ('merges' in part) return { ...part, type: 'BPE' };
  if ('continuing_subword_prefix' in part) return { ...part, type: 'WordPiece' };
  throw bad('it has no "type"');
}

/** Pieces with their ids. */
function vocabularyOf(part: Part, bad: PartError): Map<string, number> {
  if (part.type === 'Unigram') {
    if (!Array.isArray(part.vocab)) throw bad('its vocab is no list of pieces and scores');
    const pieces = part.vocab.map((entry: unknown, i) => {
      const [piece, score] = Array.isArray(entry) ? entry : [];
      if (typeof piece !== 'string' || typeof score !== 'number') throw bad(`piece ${i} is no pair of piece and score`);
      return piece;
    });
    return new Map(pieces.map((piece, id) => [piece, id]));
  }
  if (typeof part.vocab !== 'object' || part.vocab === null || Array.isArray(part.vocab)) {
    throw bad('its vocab is no object of pieces and ids');
  }
  const vocabulary = new Map<string, number>();
  const pieces = new Map<number, string>();
  for (const [piece, id] of Object.entries(part.vocab as Record<string, unknown>)) {
    if (!isId(id)) throw bad(`the piece ${JSON.stringify(piece)} has the id ${JSON.stringify(id)}`);
    const other = pieces.get(id);
    if (other !== undefined) throw bad(`${JSON.stringify(other)} and ${JSON.stringify(piece)} have the same id ${id}`);
    pieces.set(id, piece);
    vocabulary.set(piece, id);
  }
  return vocabulary;
}

function checkMerges(part: Part, vocabulary: ReadonlyMap<string, number>, bad: PartError): void {
  if (!Array.isArray(part.merges)) throw bad('BPE has no list of merges');
  const pairs = Array.isArray(part.merges[0]);
  for (const [i, merge] of part.merges.entries()) {
    // a text is cut at its first space, so pieces with a space come as pairs
    const [left, right, ...rest]: unknown[] = pairs ? merge : typeof merge === 'string' ? merge.split(' ') : [];
    const whole = typeof left === 'string' && typeof right === 'string' && rest.length === 0;
    if (!whole) throw bad(`merge ${i} is no pair of pieces: ${JSON.stringify(merge)}`);
    if (!vocabulary.has(left + right)) throw bad(`merge ${i} makes ${JSON.stringify(left + right)}, which is no piece`);
  }
}

/** Checks what only one kind of model has. */
function checkKind(part: Part, vocabulary: ReadonlyMap<string, number>, bad: PartError): void {
  switch (part.type) {
    case 'BPE':
      checkMerges(part, vocabulary, bad);
      if (part.dropout) throw bad('BPE with dropout is not supported: its ids are drawn by chance');
      if (part.continuing_subword_prefix) throw bad('BPE with a continuing_subword_prefix is not supported');
      break;
    case 'Unigram':
      if (!isId(part.unk_id) || part.unk_id >= vocabulary.size) throw bad('Unigram without an unk_id is not supported');
      if (part.byte_fallback) throw bad('Unigram with byte_fallback is not supported');
      break;
    case 'WordPiece':
      if (typeof part.continuing_subword_prefix !== 'string') throw bad('WordPiece has no continuing_subword_prefix');
      break;
    case 'WordLevel':
      break;
    default:
      throw bad(`the kind ${JSON.stringify(part.type)} is not supported`);
  }
  const unknown = part.unk_token ?? null;
  if (part.type === 'Unigram' || (part.type === 'BPE' && unknown === null)) return;
  if (typeof unknown !== 'string' || !vocabulary.has(unknown)) {
    throw bad(`its unk_token ${JSON.stringify(unknown)} is no piece`);
  }
}

/**
 * Checks a model. @param bad makes the error about it.
 * @returns the model with its kind, and its pieces with their ids.
 * @throws UserError naming what is broken or not supported.
 */
export function modelOf(value: unknown, bad: PartError): { model: Part; vocabulary: Map<string, number> } {
  const model = kindOf(value, bad);
  const vocabulary = vocabularyOf(model, bad);
  if (vocabulary.size === 0) throw bad('its vocabulary is empty');
  checkKind(model, vocabulary, bad);
  return { model, vocabulary };
}

/** The `added_tokens`. @throws UserError naming the token that is broken or not supported. */
export function addedTokensOf(value: unknown, bad: PartError): AddedToken[] {
  if (value === null || value === undefined) return [];
  if (!Array.isArray(value)) throw bad('it is no list');
  return value.map((entry: Partial<AddedToken> | null, i): AddedToken => {
    const { content, id } = entry ?? {};
    if (typeof content !== 'string' || content === '' || !isId(id)) throw bad(`entry ${i} has no content and id`);
    if (entry?.single_word) throw bad(`${JSON.stringify(content)} with single_word is not supported`);
    return { ...entry, content, id };
  });
}
