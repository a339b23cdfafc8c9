/** Answers chosen among a few: what multiple-choice evaluations count. */
import type { Tensor } from '@tensorflow/tfjs';
import type { Batch } from '../../tensor/batch';
import type { Dataset } from '../dataset';
import { overBatches } from '../score';

/**
 * Accuracy in per cent, and the mean cross-entropy of the right choice in nats.
 * @param compute log-probabilities [rows, choices] of a batch; the largest of a row is the answer.
 * @param right the right choice of every row of a batch.
 */
export async function scoreChoices(
  data: Dataset,
  batchSize: number,
  compute: (batch: Batch) => Tensor,
  choices: number,
  right: (batch: Batch) => Promise<readonly number[]>,
): Promise<{ accuracy: number; loss: number }> {
  let [correct, loss] = [0, 0];
  await overBatches(data, batchSize, compute, async (values, batch) => {
    for (const [row, choice] of (await right(batch)).entries()) {
      const own = Array.from(values.subarray(row * choices, (row + 1) * choices));
      if (own.indexOf(Math.max(...own)) === choice) correct += 1;
      loss += -own[choice];
    }
  });
  return { accuracy: (100 * correct) / data.size, loss: loss / data.size };
}
