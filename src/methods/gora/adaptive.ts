/**
 * GoRA's two automatic settings: the size γ of the init and the number N of batches behind the gradient.
 * Deviations: the loss that γ must beat is measured with B = 0 (the authors' code measures it after B is set),
 * and a relative change has no 1e-8 in its denominator, which would hide every change of small importances.
 */
import type { LinearLayer, Model } from '../../models/model';
import type { Random } from '../../tensor/random';
import type { GradientWatch } from '../gradients';
import { type ImportanceOptions, measureImportance, type Score } from './importance';

/** 0.8⁰, 0.8¹, … down to 1e-5: 52 sizes. */
export const gammaCandidates: readonly number[] = Array.from({ length: 52 }, (_, k) => 0.8 ** k);

export interface GammaChoice {
  /** 0 when no init lowers the loss: plain LoRA's B = 0. */
  readonly gamma: number;
  readonly loss: number;
  /** Loss with B = 0. */
  readonly base: number;
}

/** The candidate with the lowest loss among those below the loss at γ = 0. A loss of NaN never wins. */
export function chooseGamma(lossAt: (gamma: number) => number, candidates = gammaCandidates): GammaChoice {
  const base = lossAt(0);
  let best = { gamma: 0, loss: base };
  for (const gamma of candidates) {
    const loss = lossAt(gamma);
    if (loss < best.loss) best = { gamma, loss };
  }
  return { ...best, base };
}

/** True when no score moved by more than `threshold` of its last value. */
export function settled(before: readonly Score[], now: readonly Score[], threshold: number): boolean {
  const numbers = (scores: readonly Score[]) => scores.flat();
  const old = numbers(before);
  return numbers(now).every((v, i) => Math.abs(v - old[i]) <= threshold * Math.abs(old[i]));
}

/** Stops the gradient estimation once the importances of the running mean have settled. */
export function convergenceWatch(
  model: Model,
  targets: readonly LinearLayer[],
  options: ImportanceOptions & { readonly minBatches: number; readonly convergence: number },
  probes: number,
  random: Random,
): GradientWatch {
  let before: Score[] | null = null;
  return (batches, mean) => {
    const now = measureImportance(model, targets, (layer) => mean(layer.name), options, probes, random);
    const done = batches >= options.minBatches && before !== null && settled(before, now, options.convergence);
    before = now;
    return done;
  };
}
