/**
 * Tokens a second of greedy generation with a key–value cache, one prompt and many at once, here and with
 * transformers' `generate` on the same weights and prompts. Writes results/bench/generation.{json,md}.
 *
 * Run: npm run bench -- generation [--model decoder256] [--tokens 64] [--together 16] [--rounds 5] [--out FOLDER]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { generateBatch } from '../src/models/generate';
import type { Decoder } from '../src/models/model';
import { baseNet } from '../src/models/params';
import { startBackend } from '../src/tensor/backend';
import { Random } from '../src/tensor/random';
import { layoutOf, leave, MODELS, makeModel } from './cases';
import { markdown, median, RESULTS, report } from './facts';
import { pythonWithPeft, Runner } from './peers';

const PROMPT = 16;

const { values: flags } = parseArgs({
  options: {
    model: { type: 'string', default: 'decoder256' },
    tokens: { type: 'string', default: '64' },
    together: { type: 'string', default: '16' },
    rounds: { type: 'string', default: '5' },
    threads: { type: 'string', default: String(availableParallelism()) },
    out: { type: 'string', default: RESULTS },
  },
});
process.env.TF_NUM_INTRAOP_THREADS = flags.threads;

/** Milliseconds and the texts, prompts among them. */
interface Generated {
  readonly ms: number;
  readonly texts: readonly (readonly number[])[];
}

async function main(): Promise<void> {
  console.log('expect about 1 minute');
  await startBackend();
  const { model, batch } = makeModel(flags.model);
  const net = baseNet(model);
  const random = new Random(3, 'prompts');
  const fresh = Number(flags.tokens);
  const python = pythonWithPeft();
  const folder = mkdtempSync(join(tmpdir(), 'gora-bench-'));
  const samples: Record<string, number[]> = {};
  const peers: Runner[] = [];
  let same = 0;
  let compared = 0;
  try {
    await leave(model, batch, folder);
    for (const rows of [1, Number(flags.together)]) {
      const prompts = Array.from({ length: rows }, () => Array.from({ length: PROMPT }, () => random.int(512)));
      const contenders: [string, () => Promise<Generated>][] = [
        [
          `kit, ${rows}`,
          async () => {
            const started = performance.now();
            const texts = await generateBatch(model as Decoder, net, prompts, PROMPT + fresh);
            return { ms: performance.now() - started, texts };
          },
        ],
      ];
      if (python) {
        const layout = { config: layoutOf(flags.model), threads: Number(flags.threads), prompts, fresh };
        const peer = new Runner([python, join(__dirname, 'peer_generation.py'), folder, JSON.stringify(layout)]);
        peers.push(peer);
        await peer.answer();
        contenders.push([`transformers, ${rows}`, () => peer.ask<Generated>()]);
      }
      for (let round = -1; round < Number(flags.rounds); round++) {
        const texts: Generated['texts'][] = [];
        for (const [name, run] of contenders) {
          const result = await run();
          texts.push(result.texts);
          if (round >= 0) (samples[name] ??= []).push(result.ms);
        }
        if (round >= 0 || texts.length < 2) continue; // the first round warms up and compares
        compared += rows;
        same += texts[0].filter((text, i) => text.join() === texts[1][i].join()).length;
      }
    }
  } finally {
    for (const peer of peers) peer.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  const rows = Object.entries(samples).map(([name, times]) => {
    const count = Number(name.split(', ')[1]);
    return [name, median(times).toFixed(1), ((1000 * count * fresh) / median(times)).toFixed(0)];
  });
  const agreement = compared > 0 ? [`Texts equal to the peer's, token by token: ${same} of ${compared}.`] : [];
  await report(flags.out, 'generation', { model: flags.model, prompt: PROMPT, fresh, samples, same, compared }, [
    `${MODELS[flags.model].title}: ${fresh} tokens after prompts of ${PROMPT}, medians of ${flags.rounds} rounds in turn.`,
    '',
    ...markdown(['Contender, prompts at once', 'median ms', 'tokens a second'], rows),
    '',
    ...agreement,
  ]);
  process.exit(0);
}

void main();
