/** Answers chosen among a few: what multiple-choice evaluations count. */

/** One answer: whether it is right, and the cross-entropy of the right choice in nats. */
export interface Score {
  readonly hit: boolean;
  readonly nats: number;
}

/**
 * Scores rows of log-probabilities.
 * @param values [rows, choices] row-major; the largest of a row is the answer.
 * @param right the right choice of every row.
 */
export function scoreChoices(values: Float32Array, choices: number, right: readonly number[]): Score[] {
  return right.map((choice, row) => {
    const own = Array.from(values.subarray(row * choices, (row + 1) * choices));
    return { hit: own.indexOf(Math.max(...own)) === choice, nats: -own[choice] };
  });
}
