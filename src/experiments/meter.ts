/** Time by phase and peak memory of a run. */
import { PeakMemory } from '../tensor/memory';

const MIB = 2 ** 20;

export class Meter {
  private readonly phases: Record<string, number> = {};
  private readonly started = performance.now();
  private readonly peaks = new PeakMemory();
  private depth = 0;
  private stepBytes = 0;
  private activationBytes = 0;

  /** Runs a phase and adds its milliseconds; memory is charged to the outermost phase. */
  async time<T>(phase: string, work: () => Promise<T>): Promise<T> {
    const from = performance.now();
    if (this.depth++ === 0) this.peaks.begin(phase);
    try {
      return await work();
    } finally {
      if (--this.depth === 0) this.peaks.end();
      this.phases[phase] = (this.phases[phase] ?? 0) + performance.now() - from;
    }
  }

  /** The same of work that does not wait for anything. */
  timeSync<T>(phase: string, work: () => T): T {
    const from = performance.now();
    if (this.depth++ === 0) this.peaks.begin(phase);
    try {
      return work();
    } finally {
      if (--this.depth === 0) this.peaks.end();
      this.phases[phase] = (this.phases[phase] ?? 0) + performance.now() - from;
    }
  }

  /** Notes the most bytes of live tensors inside a training step. */
  stepPeak(bytes: number): void {
    this.stepBytes = Math.max(this.stepBytes, bytes);
  }

  /** Notes the bytes that a step's forward pass kept for its backward pass. */
  activations(bytes: number): void {
    this.activationBytes = bytes;
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

  /**
   * MiB: `rss` is the process's peak, `trainRss` its peak while training, `step` the live tensors inside a step,
   * `activations` what its forward pass kept for its backward pass.
   * Where the kernel cannot reset its mark, `trainRss` is the peak since the process began.
   */
  memory(): Record<string, number> {
    const round = (bytes: number) => Math.round((bytes / MIB) * 10) / 10;
    const { resident } = this.peaks.peak();
    return {
      rss: round(resident),
      trainRss: round(this.peaks.phases.train?.resident ?? 0),
      step: round(this.stepBytes),
      activations: round(this.activationBytes),
    };
  }
}
