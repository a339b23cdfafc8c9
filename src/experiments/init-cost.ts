/** What making an initial adapter will take, told before the work: memory from the sizes, time from one forward pass. */
import type { Method } from '../methods/method';
import type { LinearLayer, Model } from '../models/model';
import { baseNet, countParams } from '../models/params';
import type { Dataset } from '../tasks/dataset';
import { overBatches } from '../tasks/score';

/** Bytes by what they hold, and seconds; `seconds` is null where nothing is measured on data. */
export interface InitCost {
  readonly model: number;
  /** Running sums of what is measured on batches. */
  readonly sums: number;
  /** The weights of before, kept by methods that shift them. */
  readonly copies: number;
  /** The largest layer with the working space of its decomposition. */
  readonly layer: number;
  readonly batches: number;
  readonly seconds: number | null;
}

/** Methods that subtract their init from the base. */
const SHIFTING: readonly string[] = ['pissa', 'olora', 'lora-ga'];

/** A matrix, its factors and a working copy. */
const WORKSPACE = 3;
/** A backward pass costs twice its forward pass. */
const BACKWARD = 2;

/** Memory and time for a method on a model. @param batches most that will be measured on, of `batchSize` examples. */
export async function initCost(
  method: Method,
  model: Model,
  targets: readonly LinearLayer[],
  data: Dataset,
  batchSize: number,
  batches: number,
): Promise<InitCost> {
  const sizes = targets.map((layer) => 4 * layer.in * layer.out);
  const total = sizes.reduce((a, b) => a + b, 0);
  const gradients = method.measures === 'gradients';
  const inputs = targets.reduce((sum, layer) => sum + 4 * layer.in * Math.min(layer.in, 64), 0);
  const measured = method.measures !== undefined;
  return {
    model: 4 * countParams(model),
    sums: gradients ? total : measured ? inputs : 0,
    copies: SHIFTING.includes(method.name) ? total : 0,
    layer: WORKSPACE * Math.max(...sizes),
    batches: measured ? batches : 0,
    seconds: measured
      ? (gradients ? 1 + BACKWARD : 1) * batches * (await forwardSeconds(model, data, batchSize))
      : null,
  };
}

/** One forward pass of one batch. */
async function forwardSeconds(model: Model, data: Dataset, batchSize: number): Promise<number> {
  const count = Math.min(batchSize, data.size);
  const first: Dataset = { size: count, batch: (indices) => data.batch(indices) };
  const began = performance.now();
  await overBatches(
    first,
    count,
    (batch) => model.logits(baseNet(model), batch),
    () => {},
  );
  return (performance.now() - began) / 1000;
}

const sizeText = (bytes: number): string =>
  bytes >= 2 ** 30 ? `${(bytes / 2 ** 30).toFixed(1)} GiB` : `${Math.max(1, Math.round(bytes / 2 ** 20))} MiB`;

const timeText = (seconds: number): string =>
  seconds < 1 ? 'less than a second' : seconds < 120 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`;

/** The cost as one line. */
export function costText(cost: InitCost): string {
  const { model, sums, copies, layer, batches, seconds } = cost;
  const parts = [
    `model ${sizeText(model)}`,
    ...(sums > 0 ? [`sums over the batches ${sizeText(sums)}`] : []),
    ...(copies > 0 ? [`the weights before the shift ${sizeText(copies)}`] : []),
    `one layer at a time ${sizeText(layer)}`,
  ];
  const time =
    seconds === null
      ? 'no data is measured'
      : `about ${timeText(seconds)} for up to ${batches} ${batches === 1 ? 'batch' : 'batches'}, which need their activations too`;
  return `needs ${sizeText(model + sums + copies + layer)} (${parts.join(', ')}); ${time}`;
}
