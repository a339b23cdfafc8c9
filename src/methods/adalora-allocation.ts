/** AdaLoRA's budget and pruning rule (Zhang et al. 2023, eq. 9–12 and §3.3). Pure functions on numbers. */

export interface Schedule {
  /** Σ of starting and of final ranks over all layers. */
  readonly initial: number;
  readonly target: number;
  /** Steps before pruning begins, steps of training after it ends, all steps. */
  readonly tinit: number;
  readonly tfinal: number;
  readonly steps: number;
  /** Prune every so many steps. */
  readonly every: number;
}

/** Ranks left at a step = 1, 2, …: all, then falling cubically, then the target (eq. 12). */
export function budgetAt(step: number, s: Schedule): number {
  if (step <= s.tinit) return s.initial;
  if (step >= s.steps - s.tfinal) return s.target;
  const left = 1 - (step - s.tinit) / (s.steps - s.tfinal - s.tinit);
  return Math.trunc((s.initial - s.target) * left ** 3 + s.target);
}

/** Whether triplets are chosen anew at this step. The last choice, at steps − tfinal, holds to the end. */
export function prunesAt(step: number, s: Schedule): boolean {
  const last = s.steps - s.tfinal;
  return step === last || (step > s.tinit && step < last && step % s.every === 0);
}

/**
 * Which triplets stay when `budget` of them may: the lowest scores go. Ties with the threshold go too, as in the
 * authors' code.
 */
export function keepTriplets(scores: readonly Float64Array[], budget: number): boolean[][] {
  const sorted = Float64Array.from(scores.flatMap((layer) => [...layer])).sort();
  const drop = sorted.length - budget;
  const threshold = drop > 0 ? sorted[drop - 1] : Number.NEGATIVE_INFINITY;
  return scores.map((layer) => Array.from(layer, (score) => score > threshold));
}
