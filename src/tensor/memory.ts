/**
 * What a run costs in memory: bytes of live tensors (tfjs's own count) and of the whole process.
 *
 * The process's figure is the kernel's high-water mark and only ever rises, so a phase is charged the rise it
 * caused; live tensor bytes are sampled where the caller says so, which needs no timer and costs microseconds.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';

/** Bytes held by live tensors now. Native tensors that TensorFlow shares or caches are not in it. */
export function liveTensorBytes(): number {
  return tf.memory().numBytes;
}

/** The most resident memory this process has had, in bytes (since the last reset where the kernel allows one). */
export function peakResidentBytes(): number {
  return highWaterMark() ?? process.resourceUsage().maxRSS * 1024;
}

/** Resident memory now, in bytes. */
export function residentBytes(): number {
  return process.memoryUsage.rss();
}

/** Linux's resettable high-water mark in bytes, null elsewhere. */
function highWaterMark(): number | null {
  const file = '/proc/self/status';
  if (!existsSync(file)) return null;
  const line = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(file, 'utf8'));
  return line ? Number(line[1]) * 1024 : null;
}

/** Sets the kernel's high-water mark back to the present size. @returns false where that is not possible. */
function resetHighWaterMark(): boolean {
  try {
    writeFileSync('/proc/self/clear_refs', '5');
    return true;
  } catch {
    return false;
  }
}

/** Peak memory of one phase, in bytes. */
export interface PhaseMemory {
  /** Most bytes of live tensors at any sample. */
  readonly tensors: number;
  /** Live tensor bytes at the end of the phase less those at its start. */
  readonly kept: number;
  /** Most resident memory of the process during the phase. */
  readonly resident: number;
  /** False where the kernel cannot reset its mark: `resident` is then the peak since the process began. */
  readonly exact: boolean;
}

/**
 * Peak memory by phase, without a timer: call `sample()` where memory is highest (after the backward pass,
 * before the gradients are released). Phases follow one another; they do not nest.
 */
export class PeakMemory {
  readonly phases: Record<string, PhaseMemory> = {};
  private name: string | null = null;
  private atStart = 0;
  private most = 0;
  private exact = false;

  /** Ends the phase that runs, if any, and begins another. A name used again keeps the larger peaks. */
  begin(name: string): void {
    this.end();
    this.name = name;
    this.atStart = this.most = liveTensorBytes();
    this.exact = resetHighWaterMark();
  }

  /** Notes the live tensor bytes of this moment. */
  sample(): void {
    this.most = Math.max(this.most, liveTensorBytes());
  }

  /** Ends the phase that runs; without one it does nothing. */
  end(): void {
    if (this.name === null) return;
    this.sample();
    const before = this.phases[this.name];
    this.phases[this.name] = {
      tensors: Math.max(this.most, before?.tensors ?? 0),
      kept: liveTensorBytes() - this.atStart + (before?.kept ?? 0),
      resident: Math.max(peakResidentBytes(), before?.resident ?? 0),
      exact: this.exact && (before?.exact ?? true),
    };
    this.name = null;
  }

  /** The largest peaks over all phases, in bytes. */
  peak(): { tensors: number; resident: number } {
    const all = Object.values(this.phases);
    return {
      tensors: Math.max(0, ...all.map((phase) => phase.tensors)),
      resident: Math.max(0, ...all.map((phase) => phase.resident)),
    };
  }
}
