/** Descriptive statistics in float64. */
import { ranksOf } from '../../data/metrics';
import { UserError } from '../../errors';

function sorted(values: readonly number[]): number[] {
  if (values.length === 0) throw new UserError('a statistic of no values is undefined: give at least one');
  return [...values].sort((a, b) => a - b);
}

/** Arithmetic mean, summed with Neumaier's compensation. @throws UserError on an empty list. */
export function mean(values: readonly number[]): number {
  if (values.length === 0) throw new UserError('the mean of no values is undefined: give at least one');
  let sum = 0;
  let lost = 0;
  for (const value of values) {
    const next = sum + value;
    lost += Math.abs(sum) >= Math.abs(value) ? sum - next + value : value - next + sum;
    sum = next;
  }
  return (sum + lost) / values.length;
}

/** Sample standard deviation (n − 1 in the denominator); null for one value, where it is undefined. */
export function sd(values: readonly number[]): number | null {
  const centre = mean(values);
  if (values.length < 2) return null;
  if (values.every((value) => value === values[0])) return 0; // the mean's last bit must not make a spread
  const squares = values.map((value) => (value - centre) ** 2);
  return Math.sqrt((mean(squares) * values.length) / (values.length - 1));
}

/** Quantile 0 ≤ q ≤ 1 by linear interpolation between order statistics (type 7, numpy's default). */
export function quantile(values: readonly number[], q: number): number {
  if (!(q >= 0 && q <= 1)) throw new UserError(`a quantile lies between 0 and 1, not ${q}`);
  const order = sorted(values);
  const at = q * (order.length - 1);
  const low = Math.floor(at);
  const high = Math.min(low + 1, order.length - 1);
  return order[low] + (at - low) * (order[high] - order[low]);
}

/** The middle value, or the mean of the two middle ones. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

export { ranksOf };

/**
 * Mean rank of each method over tasks, 1 being the best; ties share ranks.
 * @param scores [task][method]; every method needs a score on every task.
 * @param higherIsBetter [task]
 */
export function averageRanks(scores: readonly (readonly number[])[], higherIsBetter: readonly boolean[]): number[] {
  if (scores.length === 0 || scores.length !== higherIsBetter.length) {
    throw new UserError(`${scores.length} tasks and ${higherIsBetter.length} directions: give one direction a task`);
  }
  const ranks = scores.map((task, i) => ranksOf(higherIsBetter[i] ? task.map((score) => -score) : task));
  return scores[0].map((_, method) => mean(ranks.map((task) => task[method])));
}

/** Spearman's rank correlation: Pearson's of the average ranks; null when either side is constant. */
export function spearman(x: readonly number[], y: readonly number[]): number | null {
  if (x.length !== y.length || x.length < 2) {
    throw new UserError(`a correlation needs two lists of one length ≥ 2, not ${x.length} and ${y.length}`);
  }
  const centred = [x, y].map((values) => ranksOf(values).map((rank) => rank - (values.length + 1) / 2));
  const dot = (a: number[], b: number[]) => a.reduce((sum, value, i) => sum + value * b[i], 0);
  const scale = Math.sqrt(dot(centred[0], centred[0]) * dot(centred[1], centred[1]));
  return scale === 0 ? null : dot(centred[0], centred[1]) / scale;
}
