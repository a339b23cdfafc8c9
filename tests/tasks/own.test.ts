/** A person's own files as tasks: from table or folder to a trained adapter, on every kind of model that fits. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import sharp from 'sharp';
import { openTask } from '../../src/experiments/open';
import { studyRanks } from '../../src/experiments/rank-study';
import { runExperiment } from '../../src/experiments/run';
import { baseNet, disposeModel } from '../../src/models/params';
import { registerTask } from '../../src/tasks';
import { imageFolderTask } from '../../src/tasks/own-pictures';
import { tableTask } from '../../src/tasks/own-table';
import { startBackend } from '../../src/tensor/backend';
import { Random } from '../../src/tensor/random';
import { small, writeCheckpoint } from '../support/checkpoints';
import { tempDir } from '../support/temp';

before(() => startBackend());

const GOOD = ['great', 'lovely', 'superb', 'fine'];
const BAD = ['awful', 'dull', 'poor', 'bad'];
const THINGS = ['film', 'meal', 'book', 'song', 'place'];

/** Sixty reviews whose word decides the label. */
const reviews = Array.from({ length: 60 }, (_, i) => {
  const words = i % 2 ? GOOD : BAD;
  return { sentence: `The ${THINGS[i % 5]} number ${i} was ${words[i % 4]}.`, label: i % 2 ? 'praise' : 'blame' };
});

const csv = (rows: readonly Record<string, unknown>[]) =>
  [
    Object.keys(rows[0]).join(),
    ...rows.map((row) =>
      Object.values(row)
        .map((v) => JSON.stringify(v))
        .join(),
    ),
  ].join('\n');
const jsonl = (rows: readonly unknown[]) => rows.map((row) => JSON.stringify(row)).join('\n');

function write(dir: string, name: string, text: string): string {
  const path = join(dir, name);
  writeFileSync(path, text);
  return path;
}

const SET = { steps: 3, batch: 4, rank: 2, gradientBatches: 2 };

test('a table of two classes trains an encoder, a decoder and a T5, and says its scores', async (t) => {
  const dir = tempDir(t);
  const task = await tableTask({ train: write(dir, 'reviews.csv', csv(reviews)) });
  registerTask(task, { replace: true });
  assert.equal(task.name, 'reviews');
  for (const family of ['bert', 'llama', 't5'] as const) {
    const model = writeCheckpoint(join(dir, family), family);
    const record = await runExperiment({ task: 'reviews', method: 'gora', model, seed: 1, set: SET }, { dataDir: dir });
    assert.equal(record.status, 'completed', family);
    assert.ok(record.metrics.accuracy >= 0 && record.metrics.accuracy <= 100);
    const expected = family === 'bert' ? ['accuracy', 'f1', 'loss', 'macroF1', 'matthews'] : ['accuracy', 'loss'];
    assert.deepEqual(Object.keys(record.metrics).sort(), expected);
    assert.deepEqual(record.notes.labels, ['blame', 'praise']);
    const data = record.notes.data as { sizes: { train: number; validation: number; test: number } };
    assert.deepEqual(data.sizes, { train: 48, validation: 6, test: 6 });
  }
});

test('an encoder learns a table whose words decide, and the head is new', async (t) => {
  const dir = tempDir(t);
  registerTask(await tableTask({ train: write(dir, 'learn.csv', csv(reviews)) }), { replace: true });
  const model = writeCheckpoint(join(dir, 'bert'), 'bert');
  const set = { steps: 60, batch: 16, lr: 0.01 };
  const record = await runExperiment({ task: 'learn', method: 'full', model, seed: 1, set }, { dataDir: dir });
  assert.equal(record.notes.head, 'new');
  assert.equal(record.metrics.accuracy, 100);
});

test('numbers are regressed, on an encoder alone', async (t) => {
  const dir = tempDir(t);
  const rows = reviews.map(({ sentence }, i) => ({ sentence, score: (i % 7) / 2 }));
  registerTask(await tableTask({ train: write(dir, 'scores.jsonl', jsonl(rows)) }, { label: 'score' }), {
    replace: true,
  });
  const model = writeCheckpoint(join(dir, 'bert'), 'bert');
  const record = await runExperiment(
    { task: 'scores', method: 'lora', model, seed: 1, set: { steps: 3, batch: 4, rank: 2 } },
    { dataDir: dir },
  );
  assert.deepEqual(Object.keys(record.metrics).sort(), ['loss', 'pearson', 'spearman']);
  const llama = writeCheckpoint(join(dir, 'llama'), 'llama');
  const refused = runExperiment({ task: 'scores', method: 'lora', model: llama, seed: 1 }, { dataDir: dir });
  await assert.rejects(refused, /scores wants a model of kind text; .* is of kind causal/);
});

test('prompts with completions: the loss is that of the completion alone', async (t) => {
  const dir = tempDir(t);
  const rows = Array.from({ length: 40 }, (_, i) => ({ prompt: `What is ${i}?`, completion: `It is ${i}.` }));
  registerTask(await tableTask({ train: write(dir, 'asked.jsonl', jsonl(rows)) }), { replace: true });
  for (const family of ['llama', 't5'] as const) {
    const model = writeCheckpoint(join(dir, family), family);
    const opened = await openTask(
      { task: 'asked', model, taskOptions: { length: 48, template: 'auto' } },
      dir,
      new Random(1),
    );
    const { targets, weights } = opened.train.batch([0]);
    const [ids, learnt] = [await targets.data(), await weights.data()];
    const said = opened.tokenizer!.decode([...ids].filter((_, i) => learnt[i] > 0));
    assert.match(said.trim(), /^It is \d+\.$/, family);
    const { loss, perplexity } = await opened.evaluate(baseNet(opened.model), opened.validation);
    assert.ok(Math.abs(perplexity - Math.exp(loss)) < 1e-6 * perplexity);
    disposeModel(opened.model);
  }
});

test('conversations need a chat template; with one only the assistant’s words are learnt', async (t) => {
  const dir = tempDir(t);
  const rows = Array.from({ length: 30 }, (_, i) => ({
    messages: [
      { role: 'user', content: `Say ${i}` },
      { role: 'assistant', content: `${i}` },
    ],
  }));
  registerTask(await tableTask({ train: write(dir, 'talk.jsonl', jsonl(rows)) }), { replace: true });
  const model = writeCheckpoint(join(dir, 'llama'), 'llama');
  const open = () =>
    openTask({ task: 'talk', model, taskOptions: { length: 64, template: 'auto' } }, dir, new Random(1));
  await assert.rejects(open(), /has no chat template/);
  writeFileSync(
    join(model, 'chat_template.jinja'),
    '{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}{% if add_generation_prompt %}[assistant] {% endif %}',
  );
  const opened = await open();
  const { targets, weights } = opened.train.batch([0]);
  const [ids, learnt] = [await targets.data(), await weights.data()];
  const said = opened.tokenizer!.decode([...ids].filter((_, i) => learnt[i] > 0));
  assert.match(said.trim(), /^\d+$/, `learnt: ${JSON.stringify(said)}`);
  disposeModel(opened.model);
});

test('plain text is cut into windows; too short a text is refused', async (t) => {
  const dir = tempDir(t);
  const model = writeCheckpoint(join(dir, 'llama'), 'llama');
  const text = Array.from({ length: 400 }, (_, i) => `Line ${i} of a long text.`).join('\n');
  registerTask(await tableTask({ train: write(dir, 'long.txt', text) }), { replace: true });
  const record = await runExperiment(
    { task: 'long', method: 'lora', model, seed: 1, set: { steps: 2, batch: 4, length: 32, rank: 2 } },
    { dataDir: dir },
  );
  assert.ok(record.metrics.loss > 0);
  registerTask(await tableTask({ train: write(dir, 'short.txt', 'A few words. '.repeat(12)) }), { replace: true });
  await assert.rejects(
    runExperiment({ task: 'short', method: 'lora', model, seed: 1, set: { length: 64 } }, { dataDir: dir }),
    /fewer than one window of 64\. Lower length/,
  );
});

test('texts beyond the positions of the model are cut and counted', async (t) => {
  const dir = tempDir(t);
  const rows = reviews.map((row, i) => (i < 5 ? { ...row, sentence: `${row.sentence} `.repeat(20) } : row));
  registerTask(await tableTask({ train: write(dir, 'wide.csv', csv(rows)) }), { replace: true });
  const model = writeCheckpoint(join(dir, 'bert'), 'bert');
  const opened = await openTask(
    { task: 'wide', model, taskOptions: { length: 256, template: 'auto' } },
    dir,
    new Random(1),
  );
  assert.equal(opened.notes.cutTexts, 5);
  assert.equal(opened.notes.maxLength, small.bert.config.max_position_embeddings);
  disposeModel(opened.model);
});

test('the same files and request have one id, other contents another', async (t) => {
  const dir = tempDir(t);
  const path = write(dir, 'twice.csv', csv(reviews));
  const checksum = async () => (await tableTask({ train: path })).options.parse({}).data;
  const first = await checksum();
  assert.equal(await checksum(), first);
  write(dir, 'twice.csv', csv(reviews.slice(1)));
  assert.notEqual(await checksum(), first);
});

test('an unknown score is refused with those that there are', async (t) => {
  const train = write(tempDir(t), 'scored.csv', csv(reviews));
  await assert.rejects(
    tableTask({ train }, { metric: 'pearson' }),
    /no score "pearson" for classify\. Scores: accuracy, f1/,
  );
});

test('a folder of pictures trains a vision transformer, with a probed head and at another size', async (t) => {
  const dir = tempDir(t);
  for (const [name, colour] of [
    ['red', { r: 220, g: 20, b: 30 }],
    ['blue', { r: 20, g: 40, b: 220 }],
  ] as const) {
    mkdirSync(join(dir, 'colours', name), { recursive: true });
    for (let i = 0; i < 20; i++) {
      const create = {
        width: 20 + i,
        height: 24,
        channels: 3 as const,
        background: { ...colour, g: colour.g + 3 * i },
      };
      await sharp({ create })
        .png()
        .toFile(join(dir, 'colours', name, `${i}.png`));
    }
  }
  const task = await imageFolderTask(join(dir, 'colours'));
  registerTask(task, { replace: true });
  const model = writeCheckpoint(join(dir, 'vit'), 'vit');
  const set = { steps: 2, batch: 4, rank: 2, gradientBatches: 2 };
  for (const size of [16, 32]) {
    const record = await runExperiment(
      { task: 'colours', method: 'gora', model, seed: 1, set: { ...set, size } },
      { dataDir: dir },
    );
    assert.equal(record.notes.pictureSize, size);
    assert.equal(record.notes.head, 'linear probe');
    assert.equal(record.metrics.accuracy, 100);
  }
  await assert.rejects(
    runExperiment({ task: 'colours', method: 'lora', model, seed: 1, set: { size: 20 } }, { dataDir: dir }),
    /pictures of 20 pixels are not tiled by patches of 8\. Try 24|Try 16/,
  );
});

test('a rank study hands out the ranks that a run begins with', async (t) => {
  const dir = tempDir(t);
  registerTask(await tableTask({ train: write(dir, 'ranked.csv', csv(reviews)) }), { replace: true });
  const model = writeCheckpoint(join(dir, 'bert'), 'bert');
  const request = { task: 'ranked', model, seed: 3, set: { rank: 4, batch: 8, gradientBatches: 3 } };
  const done: number[] = [];
  const study = await studyRanks(request, { dataDir: dir, onBatch: (count) => done.push(count) });
  assert.deepEqual(done, [1, 2, 3]);
  const record = await runExperiment(
    { ...request, method: 'gora', set: { ...request.set, steps: 1 } },
    { dataDir: dir },
  );
  assert.deepEqual(study.ranks, record.ranks);
  assert.deepEqual(study.importances, record.importances);
  assert.equal(study.spent, record.notes.spent);
});
