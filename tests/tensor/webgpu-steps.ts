/** Trains small models with LoRA on the backend of GORA_BACKEND and prints the losses; run in its own process. */
import { findMethod } from '../../src/methods/registry';
import { startBackend } from '../../src/tensor/backend';
import { Random } from '../../src/tensor/random';
import { trainingSchema } from '../../src/training/options';
import { train } from '../../src/training/train';
import { attachTo, families } from '../support/models';

async function main(): Promise<void> {
  const { device } = await startBackend();
  const losses: Record<string, number[]> = {};
  for (const family of families) {
    const model = family.make();
    const adapters = attachTo(findMethod('lora'), family, model);
    const data = { size: 64, batch: (indices: readonly number[]) => family.batch(indices[0]) };
    const options = trainingSchema.parse({ steps: 4, batch: 2, lr: 1e-2 });
    losses[family.name] = (await train({ model, adapters, data, options, random: new Random(1) })).curve.loss;
  }
  process.stdout.write(`${JSON.stringify({ device, losses })}\n`);
  process.exit(0); // Dawn keeps the process alive
}

void main();
