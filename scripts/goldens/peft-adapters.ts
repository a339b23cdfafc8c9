/** Writes one PEFT folder a form of adapter under the folder given: the input of peft_roundtrip.py. */
import * as path from 'node:path';
import { saveAdapter } from '../../src/formats/peft';
import { peftCases } from '../../tests/support/peft-cases';

const root = process.argv[2];
if (!root) {
  console.error('usage: npx tsx scripts/goldens/peft-adapters.ts <folder>');
  process.exit(1);
}
for (const [name, adapter] of Object.entries(peftCases())) saveAdapter(path.join(root, name), adapter);
