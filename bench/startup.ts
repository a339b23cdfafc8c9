/**
 * Milliseconds of whole processes: `gora --help`, and `gora run` with one training step of the kit's own task.
 * Writes results/bench/startup.{json,md}. Run: npm run bench -- startup [--rounds 5] [--out FOLDER]
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { markdown, median, RESULTS, report, root } from './facts';

async function main(): Promise<void> {
  const { values: flags } = parseArgs({
    options: { rounds: { type: 'string', default: '5' }, out: { type: 'string', default: RESULTS } },
  });
  console.log('expect about 1 minute');
  const folder = mkdtempSync(join(tmpdir(), 'gora-bench-'));
  const one = ['--set', 'steps=1', '--set', 'evalEvery=0', '--set', 'shots=2', '--out', folder];
  const commands: Record<string, string[]> = {
    'node, nothing': ['-e', '0'],
    'gora --help': [join(root, 'scripts', 'gora.cjs'), '--help'],
    'one step of glyphs': [join(root, 'scripts', 'gora.cjs'), 'run', '--task', 'glyphs', '--method', 'lora', ...one],
  };
  const samples: Record<string, number[]> = {};
  try {
    for (let round = 0; round < Number(flags.rounds); round++) {
      for (const [name, args] of Object.entries(commands)) {
        const started = performance.now();
        execFileSync(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
        (samples[name] ??= []).push(performance.now() - started);
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const rows = Object.entries(samples).map(([name, times]) => [
    name,
    Math.min(...times).toFixed(0),
    median(times).toFixed(0),
  ]);
  await report(flags.out, 'startup', { samples }, [
    `Whole processes, ${flags.rounds} rounds in turn. The step's process also draws the data, fits the head and evaluates.`,
    '',
    ...markdown(['Process', 'min ms', 'median ms'], rows),
  ]);
}

void main();
