/**
 * Milliseconds from a checkpoint's file to a model that can run, here and in PyTorch, file in the page cache.
 * Writes results/bench/loading.{json,md}.
 *
 * Run: npm run bench -- loading [--model decoder512] [--rounds 5] [--out FOLDER]
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openSafetensors } from '../src/formats/safetensors';
import { buildModel } from '../src/models/auto';
import { disposeModel } from '../src/models/params';
import { startBackend } from '../src/tensor/backend';
import { layoutOf, leave, MODELS, makeModel } from './cases';
import { markdown, median, RESULTS, report } from './facts';
import { pythonWithPeft, Runner } from './peers';

async function main(): Promise<void> {
  const { values: flags } = parseArgs({
    options: {
      model: { type: 'string', default: 'decoder512' },
      rounds: { type: 'string', default: '5' },
      out: { type: 'string', default: RESULTS },
    },
  });
  console.log('expect about half a minute');
  await startBackend();
  const { decoder, title } = MODELS[flags.model];
  if (!decoder) throw new Error(`${flags.model} is no decoder`);
  const { model, batch } = makeModel(flags.model);
  const python = pythonWithPeft();
  const folder = mkdtempSync(join(tmpdir(), 'gora-bench-'));
  const samples: Record<string, number[]> = { kit: [] };
  let peer: Runner | null = null;
  let mib = 0;
  try {
    await leave(model, batch, folder);
    disposeModel(model);
    const path = join(folder, 'weights.safetensors');
    mib = statSync(path).size / 2 ** 20;
    if (python) {
      const layout = JSON.stringify({ config: layoutOf(flags.model), threads: availableParallelism() });
      peer = new Runner([python, join(__dirname, 'peer_loading.py'), folder, layout]);
      await peer.answer();
      samples.PyTorch = [];
    }
    for (let round = -1; round < Number(flags.rounds); round++) {
      const started = performance.now();
      const file = openSafetensors(path);
      // the peer's batch is in the same file
      const weights = { ...file, names: file.names.filter((name) => !name.startsWith('batch.')) };
      const loaded = buildModel('loaded', decoder, weights);
      file.close();
      const ms = performance.now() - started;
      disposeModel(loaded);
      const theirs = await peer?.ask<{ ms: number }>();
      if (round < 0) continue;
      samples.kit.push(ms);
      if (theirs) samples.PyTorch.push(theirs.ms);
    }
  } finally {
    peer?.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  const rows = Object.entries(samples).map(([name, times]) => [
    name,
    Math.min(...times).toFixed(1),
    median(times).toFixed(1),
    ((mib / median(times)) * 1000).toFixed(0),
  ]);
  await report(flags.out, 'loading', { model: flags.model, mib, samples }, [
    `${title}: ${mib.toFixed(0)} MiB of safetensors to a model, ${flags.rounds} rounds in turn.`,
    'The kit checks every value for NaN and infinity on the way; PyTorch does not.',
    '',
    ...markdown(['Contender', 'min ms', 'median ms', 'MiB a second'], rows),
  ]);
  process.exit(0);
}

void main();
