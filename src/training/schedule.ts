/** Linear warm-up, then cosine decay (Loshchilov & Hutter 2017). */

/**
 * Learning rate of a step.
 * @param step 1 … steps.
 * @returns a share of the peak in [0, 1].
 */
export function scheduleFactor(step: number, steps: number, warmup: number, minLr: number): number {
  const rising = Math.round(steps * warmup);
  if (step <= rising) return step / rising;
  const progress = steps === rising ? 1 : (step - 1 - rising) / Math.max(1, steps - 1 - rising);
  return minLr + (1 - minLr) * 0.5 * (1 + Math.cos(Math.PI * progress));
}
