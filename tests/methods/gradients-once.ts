/** Estimates gradients as a graph and prints a hash of them; run in its own process. */
import { createHash } from 'node:crypto';
import { estimateGradients } from '../../src/methods/gradients';
import { startBackend } from '../../src/tensor/backend';
import { families } from '../support/models';

async function main(): Promise<void> {
  await startBackend('native');
  const hash = createHash('sha256');
  for (const { make, batch } of families) {
    const model = make();
    const batches = Array.from({ length: 16 }, (_, i) => batch(i + 1));
    for (const gradient of estimateGradients(model, model.linears, batches).gradients.values()) hash.update(gradient);
  }
  console.log(hash.digest('hex'));
}

void main();
