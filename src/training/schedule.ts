/** Learning rates over a run: linear warm-up, then cosine decay (Loshchilov & Hutter 2017), linear decay, or none. */

export const SCHEDULES = ['cosine', 'linear', 'constant'] as const;
export type Schedule = (typeof SCHEDULES)[number];

/** Share of the way from peak to floor that is left after a share of the decay. */
const LEFT: Record<Schedule, (progress: number) => number> = {
  cosine: (progress) => 0.5 * (1 + Math.cos(Math.PI * progress)),
  linear: (progress) => 1 - progress,
  constant: () => 1,
};

/**
 * Learning rate of a step.
 * @param step 1 … steps.
 * @returns a share of the peak in [0, 1].
 */
export function scheduleFactor(
  step: number,
  steps: number,
  warmup: number,
  minLr: number,
  schedule: Schedule = 'cosine',
): number {
  const rising = Math.round(steps * warmup);
  if (step <= rising) return step / rising;
  const progress = steps === rising ? 1 : (step - 1 - rising) / Math.max(1, steps - 1 - rising);
  return minLr + (1 - minLr) * LEFT[schedule](progress);
}
