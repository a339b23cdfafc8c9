/** Trains small models with compiled steps and prints a hash of losses and values; run in its own process. */
import { createHash } from 'node:crypto';
import { findMethod } from '../../src/methods/registry';
import { startBackend } from '../../src/tensor/backend';
import { Random } from '../../src/tensor/random';
import { trainingSchema } from '../../src/training/options';
import { train } from '../../src/training/train';
import { attachTo, families } from '../support/models';

async function main(): Promise<void> {
  await startBackend('native');
  for (const family of families.filter(({ name }) => name !== 'mlp')) {
    const model = family.make();
    const adapters = attachTo(findMethod('gora'), family, model);
    const data = { size: 64, batch: (indices: readonly number[]) => family.batch(indices[0]) };
    const options = trainingSchema.parse({ steps: 30, batch: 2 });
    const { curve, mode } = await train({ model, adapters, data, options, random: new Random(1) });
    const hash = createHash('sha256').update(Float64Array.from(curve.loss));
    for (const { value } of adapters.trainable) hash.update(value.dataSync());
    console.log(mode, hash.digest('hex'));
  }
}

void main();
