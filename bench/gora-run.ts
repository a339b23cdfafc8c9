/** `gora run` in a process of its own: what a person gets, loading and evaluation included. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunRecord } from '../src/experiments/record';
import { readRecord } from '../src/experiments/store';
import { root } from './facts';

export interface GoraRun {
  readonly task: string;
  readonly method: string;
  readonly steps: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Leaves the adapter in `adapter/` of the run's folder. */
  readonly save?: boolean;
}

/** What `look` makes of the record and of the run's folder, which goes afterwards. */
export function goraRun<T>(run: GoraRun, look: (record: RunRecord, folder: string) => T): T {
  const { task, method, steps, env, save } = run;
  const folder = mkdtempSync(join(tmpdir(), 'gora-bench-'));
  try {
    const cli = [join(root, 'scripts', 'gora.cjs'), 'run', '--task', task, '--method', method, '--out', folder];
    if (save) cli.push('--save', join(folder, 'adapter'));
    execFileSync(process.execPath, [...cli, '--set', `steps=${steps}`, '--set', 'evalEvery=0'], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const file = readdirSync(folder).find((name) => name.endsWith('.json')) as string;
    return look(readRecord(join(folder, file)), folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
