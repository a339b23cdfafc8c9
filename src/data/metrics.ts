/**
 * Scores of predictions, in float64, as scikit-learn and SciPy compute them.
 *
 * Where a score is undefined (predictions or labels that are all equal) it is 0 here: scikit-learn gives 0 for F1 and
 * Matthews' correlation with a warning, SciPy NaN for the correlations, and a record cannot hold NaN. A model that says
 * the same of everything has no correlation with anything, so 0 is also what a reader expects.
 */
import { UserError } from '../errors';

function checkLengths(predicted: readonly number[], truth: readonly number[]): void {
  if (predicted.length === truth.length && truth.length > 0) return;
  throw new UserError(`${predicted.length} predictions for ${truth.length} labels: give one each, and one at least`);
}

/** Share of predictions that are the label, 0 … 1. @throws UserError on lists of different lengths, or empty ones. */
export function accuracy(predicted: readonly number[], truth: readonly number[]): number {
  checkLengths(predicted, truth);
  return predicted.filter((value, i) => value === truth[i]).length / truth.length;
}

/** F1 of one class: 2 tp / (2 tp + fp + fn); 0 when the class is neither predicted nor there. */
function f1Of(predicted: readonly number[], truth: readonly number[], label: number): number {
  let [hits, said, there] = [0, 0, 0];
  for (let i = 0; i < truth.length; i++) {
    if (predicted[i] === label) said += 1;
    if (truth[i] === label) there += 1;
    if (predicted[i] === label && truth[i] === label) hits += 1;
  }
  return said + there === 0 ? 0 : (2 * hits) / (said + there);
}

/** F1 of class 1, 0 … 1, the harmonic mean of precision and recall. @throws UserError as `accuracy`. */
export function f1(predicted: readonly number[], truth: readonly number[]): number {
  checkLengths(predicted, truth);
  return f1Of(predicted, truth, 1);
}

/** Mean of the classes' F1, over the classes that are predicted or there. @throws UserError as `accuracy`. */
export function macroF1(predicted: readonly number[], truth: readonly number[]): number {
  checkLengths(predicted, truth);
  const classes = [...new Set([...predicted, ...truth])];
  return classes.reduce((sum, label) => sum + f1Of(predicted, truth, label), 0) / classes.length;
}

/**
 * Matthews' correlation, −1 … 1, for any number of classes (Gorodkin 2004); 0 when predictions or labels are all equal.
 * @throws UserError as `accuracy`.
 */
export function matthews(predicted: readonly number[], truth: readonly number[]): number {
  checkLengths(predicted, truth);
  const n = truth.length;
  const said = new Map<number, number>();
  const there = new Map<number, number>();
  let hits = 0;
  for (let i = 0; i < n; i++) {
    said.set(predicted[i], (said.get(predicted[i]) ?? 0) + 1);
    there.set(truth[i], (there.get(truth[i]) ?? 0) + 1);
    if (predicted[i] === truth[i]) hits += 1;
  }
  const dot = (a: Map<number, number>, b: Map<number, number>) =>
    [...a].reduce((sum, [label, count]) => sum + count * (b.get(label) ?? 0), 0);
  const spread = (n * n - dot(said, said)) * (n * n - dot(there, there));
  return spread === 0 ? 0 : (hits * n - dot(said, there)) / Math.sqrt(spread);
}

/** Ranks from 1 (the smallest); equal values share the mean of their ranks. */
export function ranksOf(values: readonly number[]): number[] {
  const order = values.map((_, i) => i).sort((i, j) => values[i] - values[j]);
  const ranks = new Array<number>(values.length);
  for (let start = 0; start < order.length; ) {
    let end = start + 1;
    while (end < order.length && values[order[end]] === values[order[start]]) end++;
    for (let i = start; i < end; i++) ranks[order[i]] = (start + 1 + end) / 2;
    start = end;
  }
  return ranks;
}

/** @throws UserError on a number that is none, or infinite. */
function checkFinite(predicted: readonly number[], truth: readonly number[]): void {
  checkLengths(predicted, truth);
  for (const values of [predicted, truth]) {
    const wrong = values.findIndex((value) => !Number.isFinite(value));
    if (wrong >= 0) throw new UserError(`value ${wrong} is ${values[wrong]}: a correlation needs finite numbers`);
  }
}

/** Values less their mean, over their length; all 0 when they are equal. */
function direction(values: readonly number[]): number[] {
  if (values.every((value) => value === values[0])) return values.map(() => 0); // the mean's last bit is no spread
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const centred = values.map((value) => value - mean);
  const most = Math.max(...centred.map(Math.abs));
  const scaled = centred.map((value) => value / most);
  const length = Math.sqrt(scaled.reduce((sum, value) => sum + value * value, 0));
  return scaled.map((value) => value / length);
}

/** Pearson's correlation, −1 … 1; 0 when either side is constant. @throws UserError as `accuracy`, and on NaN. */
export function pearson(predicted: readonly number[], truth: readonly number[]): number {
  checkFinite(predicted, truth);
  const [a, b] = [direction(predicted), direction(truth)];
  const r = a.reduce((sum, value, i) => sum + value * b[i], 0);
  return Math.min(1, Math.max(-1, r));
}

/** Spearman's rank correlation: Pearson's of the average ranks; 0 when either side is constant. */
export function spearman(predicted: readonly number[], truth: readonly number[]): number {
  checkFinite(predicted, truth);
  return pearson(ranksOf(predicted), ranksOf(truth));
}

/** Perplexity of a mean loss in nats; `Number.MAX_VALUE` where the exponential is beyond the numbers. */
export function perplexity(loss: number): number {
  return Math.min(Math.exp(loss), Number.MAX_VALUE);
}

const plainText = (text: string) => text.trim().replace(/\s+/g, ' ');

/** Share of responses that are the reference, white space aside, 0 … 1. @throws UserError as `accuracy`. */
export function exactMatch(responses: readonly string[], references: readonly string[]): number {
  if (responses.length !== references.length || references.length === 0) {
    throw new UserError(`${responses.length} responses for ${references.length} references: give one each`);
  }
  const hits = responses.filter((response, i) => plainText(response) === plainText(references[i]));
  return hits.length / references.length;
}

const NUMBER = /-?(?:\d[\d,]*)?(?:\.\d+|\d)/g;

/**
 * The final number of an answer, as GSM8K marks it: what stands behind the last `####`, else the last number of the
 * text, without thousands' commas, currency or a zero fraction; null when there is none.
 */
export function finalNumber(text: string): string | null {
  const marked = text.lastIndexOf('####');
  const [first] = marked < 0 ? [] : (text.slice(marked + 4).match(NUMBER) ?? []);
  const found = first ?? text.match(NUMBER)?.at(-1);
  if (found === undefined) return null;
  const plain = found.replaceAll(',', '');
  if (!plain.includes('.')) return plain;
  let end = plain.length;
  while (plain[end - 1] === '0') end--;
  return plain.slice(0, plain[end - 1] === '.' ? end - 1 : end) || '0';
}

/** Share of responses whose final number is the reference's, 0 … 1. @throws UserError as `exactMatch`. */
export function finalNumberMatch(responses: readonly string[], references: readonly string[]): number {
  if (responses.length !== references.length || references.length === 0) {
    throw new UserError(`${responses.length} responses for ${references.length} references: give one each`);
  }
  const hits = responses.filter((response, i) => {
    const number = finalNumber(response);
    return number !== null && Number(number) === Number(finalNumber(references[i]) ?? Number.NaN);
  });
  return hits.length / references.length;
}

/** Scores of classes or numbers by name, for the tasks that say which they are judged by. */
export const scores = { accuracy, f1, macroF1, matthews, pearson, spearman } as const;
export type ScoreName = keyof typeof scores;
