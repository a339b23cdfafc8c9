/** Time by phase and peak memory of a run. */
import * as tf from '@tensorflow/tfjs';

export class Meter {
  private readonly phases: Record<string, number> = {};
  private readonly started = performance.now();
  private peakTensors = 0;

  /** Runs a phase and adds its milliseconds. */
  async time<T>(phase: string, work: () => Promise<T>): Promise<T> {
    const from = performance.now();
    try {
      return await work();
    } finally {
      this.phases[phase] = (this.phases[phase] ?? 0) + performance.now() - from;
      this.sample();
    }
  }

  /** Notes the bytes of live tensors now. */
  sample(): void {
    this.peakTensors = Math.max(this.peakTensors, tf.memory().numBytes);
  }

  /** Median and minimum of the step times, the first two left out as warm-up where there are more. */
  steps(times: readonly number[]): void {
    const warm = (times.length > 4 ? times.slice(2) : [...times]).sort((a, b) => a - b);
    if (warm.length === 0) return;
    this.phases.stepMedian = warm[warm.length >> 1];
    this.phases.stepMin = warm[0];
  }

  /** Milliseconds, rounded to 0.01. */
  timings(): Record<string, number> {
    const all = { ...this.phases, total: performance.now() - this.started };
    return Object.fromEntries(Object.entries(all).map(([phase, ms]) => [phase, Math.round(ms * 100) / 100]));
  }

  /** MiB: `rss` is the peak of the whole process so far, `tensors` the peak between steps. */
  memory(): Record<string, number> {
    const round = (mib: number) => Math.round(mib * 10) / 10;
    return { rss: round(process.resourceUsage().maxRSS / 1024), tensors: round(this.peakTensors / 2 ** 20) };
  }
}
