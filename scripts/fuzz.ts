/**
 * `npm run fuzz`: damaged adapter folders, safetensors and GGUF files and tokenizers against their readers.
 *
 *     npm run fuzz -- [--count 500000] [--seed 1] [--from 0]
 *
 * Each case must be read as the file says or be refused with an error that a person can act on, within 5 s and 1 GiB. A case
 * is made again by its seed and number: `npm run fuzz -- --seed 1 --from 4711 --count 1`. A case that never ends is told
 * by its number, since the readers run in a thread of their own. Exit code 1 on any fault.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { projectRoot } from '../src/project';
import { type FuzzReport, fuzz, fuzzSubjects } from '../tests/support/fuzz';

const MOST_MS = 5000;
const MOST_MIB = 1024;
/** Longer than the slowest case may take: it will not end. */
const HANGS_MS = 60_000;
const SHOW_MS = 10_000;

interface Plan {
  readonly seed: number;
  readonly count: number;
  readonly from: number;
  readonly folder: string;
  /** The number of the case in work. */
  readonly at: SharedArrayBuffer;
}

function work({ seed, count, from, folder, at }: Plan): void {
  const current = new Int32Array(at);
  const subjects = fuzzSubjects(folder, join(projectRoot(), 'tests', 'fixtures'));
  const onCase = (number: number) => Atomics.store(current, 0, number);
  parentPort?.postMessage(fuzz(subjects, { seed, count, from, most: MOST_MS, onCase }));
}

function show({ cases, outcomes, faults, slowest, growth, leaked }: FuzzReport): boolean {
  for (const [name, { read, refused, fault }] of Object.entries(outcomes)) {
    console.log(
      `  ${name.padEnd(24)} ${String(read).padStart(7)} read, ${String(refused).padStart(7)} refused, ${fault} faults`,
    );
  }
  console.log(
    `${cases} cases; slowest ${slowest.milliseconds.toFixed(0)} ms (case ${slowest.number}, ${slowest.subject}); memory grew by at most ${growth.toFixed(0)} MiB; ${leaked} tensors left behind`,
  );
  for (const { number, subject, why } of faults) console.log(`case ${number}, ${subject}: ${why}`);
  return faults.length === 0 && growth <= MOST_MIB && leaked === 0;
}

function whole(text: string, name: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  console.error(`--${name} takes an integer ≥ 0, not "${text}"`);
  process.exit(1);
}

function main(): void {
  const { values } = parseArgs({
    options: { count: { type: 'string' }, seed: { type: 'string' }, from: { type: 'string' } },
  });
  const plan = {
    seed: whole(values.seed ?? '1', 'seed'),
    count: whole(values.count ?? '500000', 'count'),
    from: whole(values.from ?? '0', 'from'),
  };
  // memory, where the system has such a folder: a file is written for every second case
  const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'gora-fuzz-'));
  const at = new SharedArrayBuffer(4);
  const current = new Int32Array(at);
  const worker = new Worker(`require('tsx/cjs'); require(${JSON.stringify(__filename)})`, {
    eval: true,
    workerData: { ...plan, folder, at },
  });
  const began = performance.now();
  let [last, since, shown] = [-1, began, began];
  const timer = setInterval(() => {
    const now = performance.now();
    const number = Atomics.load(current, 0);
    if (number !== last) [last, since] = [number, now];
    if (now - since > HANGS_MS) {
      console.log(`case ${number} of seed ${plan.seed} does not end`);
      void end(1);
    }
    if (now - shown > SHOW_MS) {
      shown = now;
      console.log(`case ${number - plan.from} of ${plan.count}`);
    }
  }, 200);
  const end = async (code: number) => {
    clearInterval(timer);
    await worker.terminate();
    rmSync(folder, { recursive: true, force: true });
    process.exitCode = code;
  };
  worker.on('message', (report: FuzzReport) => void end(show(report) ? 0 : 1));
  worker.on('error', (error) => {
    console.error(error);
    void end(1);
  });
}

if (isMainThread) main();
else work(workerData as Plan);
