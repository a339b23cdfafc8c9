/** Real text tasks: their labels can be told apart by the real tokenizers, and a run on tiny files works. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { CLINC_LABELS } from '../../src/data/corpora/clinc150';
import { COLA_LABELS } from '../../src/data/corpora/cola';
import { SUBJECTIVITY_LABELS } from '../../src/data/corpora/subjectivity';
import { TREC_LABELS } from '../../src/data/corpora/trec';
import { runExperiment } from '../../src/experiments/run';
import { labelTokens } from '../../src/tasks/kinds/prompted';
import { textTasks } from '../../src/tasks/texts';
import { loadCharTokenizer105, loadLlama2cTokenizer } from '../../src/tokenizers';
import { dataFile } from '../support/data';
import { tinyData } from '../support/tiny-data';

test('the labels differ in their first token for both decoders', (t) => {
  const file = dataFile(t, 'stories260K', 'tok512.bin');
  const vocabulary = dataFile(t, 'babyllama-tok105', 'tok105.vocab');
  if (!file || !vocabulary) return;
  for (const tokenizer of [loadLlama2cTokenizer(file), loadCharTokenizer105(vocabulary)]) {
    for (const labels of [CLINC_LABELS, COLA_LABELS, SUBJECTIVITY_LABELS, TREC_LABELS]) {
      assert.equal(new Set(labelTokens(tokenizer, labels)).size, labels.length);
    }
  }
});

test('a run on a small file trains and is scored in per cent', async (t) => {
  assert.deepEqual(
    textTasks.map(({ name }) => name),
    ['cola', 'trec', 'subjectivity', 'clinc150'],
  );
  const dir = tinyData(t);
  const file = join(dir, 'glue', 'CoLA', 'in_domain_train.tsv');
  mkdirSync(dirname(file), { recursive: true });
  const lines = Array.from({ length: 900 }, (_, i) => `s\t${i % 2}\t\t${i % 2 ? 'aa' : 'bb'} ${i.toString(26)}`);
  writeFileSync(file, lines.join('\n'));
  const set = { examples: 64, length: 24, steps: 4, compile: false };
  const record = await runExperiment({ task: 'cola', method: 'lora', seed: 1, set }, { dataDir: dir });
  assert.equal(record.notes.testTexts, 500);
  assert.equal(record.notes.trainTexts, 64);
  assert.ok(record.metrics.accuracy >= 0 && record.metrics.accuracy <= 100);
  await assert.rejects(
    runExperiment({ task: 'cola', method: 'lora', seed: 1, set: { ...set, examples: 101 } }, { dataDir: dir }),
    /examples 101 is more than the 100 texts/,
  );
});
