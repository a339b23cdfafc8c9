/**
 * The kit as one contender: a process that runs one training step for every line it reads and answers with its cost.
 * Arguments: model, method, compiled | eager, and a folder to leave weights, batch and adapters in (for the peer).
 */
import { createInterface } from 'node:readline';
import type { Adapters } from '../src/methods/method';
import { saveAdapters } from '../src/methods/save';
import { startBackend } from '../src/tensor/backend';
import { peakResidentBytes } from '../src/tensor/memory';
import { attach, leave, makeModel, stepperOf, TRAINING } from './cases';

/** What a contender answers to every step. */
export interface StepCost {
  readonly ms: number;
  /** Processor time of all threads. */
  readonly cpuMs: number;
  readonly peakBytes: number;
  readonly loss: number;
  /** How the step ran. */
  readonly mode: string;
}

async function main([name, method, mode, folder]: string[]): Promise<void> {
  await startBackend();
  const { model, batch } = makeModel(name);
  if (folder) await leave(model, batch, folder);
  const adapters: Adapters = attach(model, batch, method);
  if (folder && adapters.state) await saveAdapters(adapters, model, folder);
  const { stepper } = stepperOf(model, adapters, mode === 'compiled');
  const send = (answer: object) => process.stdout.write(`${JSON.stringify(answer)}\n`);
  let step = 0;
  send({ ready: true });
  for await (const _line of createInterface({ input: process.stdin })) {
    const [started, processor] = [performance.now(), process.cpuUsage()];
    const result = stepper.run(batch, ++step, TRAINING.lr);
    const [loss] = await result.loss.data();
    await result.norm.data();
    const used = process.cpuUsage(processor);
    const cost = { ms: performance.now() - started, cpuMs: (used.user + used.system) / 1000 };
    result.loss.dispose();
    result.norm.dispose();
    send({ ...cost, peakBytes: peakResidentBytes(), loss, mode: stepper.mode } satisfies StepCost);
  }
}

if (require.main === module) void main(process.argv.slice(2));
