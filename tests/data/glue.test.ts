/** GLUE's files as they are: the official layout, the hub's, and the real ones where they are. */
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import {
  type GlueName,
  type GlueSet,
  glueExamples,
  glueFromTables,
  glueMetrics,
  glueNames,
  readGlue,
} from '../../src/data/glue';
import { scores } from '../../src/data/metrics';
import { dataFile } from '../support/data';
import { fixturePath } from '../support/files';
import { tableOf } from '../support/tables';
import { tempDir } from '../support/temp';

/** A data folder with these files under `glue`. */
function folderWith(t: TestContext, files: Record<string, string>): string {
  const dir = tempDir(t);
  for (const [name, content] of Object.entries(files)) {
    const path = join(dir, 'glue', name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
  }
  return dir;
}

const rowsOf = (count: number, row: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => `${row(i)}\n`).join('');

/** Twelve rows of every task as the official download has them, and the class of each row. */
const OFFICIAL: Record<
  GlueName,
  { files: [string, string]; head: string; row: (i: number) => string; label: (i: number) => number }
> = {
  sst2: {
    files: ['SST-2/train.tsv', 'SST-2/dev.tsv'],
    head: 'sentence\tlabel\n',
    row: (i) => `s ${i} \t${i % 2}`,
    label: (i) => i % 2,
  },
  cola: {
    files: ['CoLA/train.tsv', 'CoLA/dev.tsv'],
    head: '',
    row: (i) => `gj04\t${i % 2}\t${i % 2 ? '' : '*'}\ts ${i} `,
    label: (i) => i % 2,
  },
  mrpc: {
    files: ['MRPC/train.tsv', 'MRPC/dev.tsv'],
    head: '\ufeffQuality\t#1 ID\t#2 ID\t#1 String\t#2 String\n',
    row: (i) => `${i % 2}\t1\t2\ts ${i} \t"second ${i}`,
    label: (i) => i % 2,
  },
  stsb: {
    files: ['STS-B/train.tsv', 'STS-B/dev.tsv'],
    head: 'index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2\tscore\n',
    row: (i) => `${i}\tg\tf\t2012\t1\tn\tn\ts ${i} \t"second ${i}\t${(i / 4).toFixed(3)}`,
    label: (i) => i / 4,
  },
  rte: {
    files: ['RTE/train.tsv', 'RTE/dev.tsv'],
    head: 'index\tsentence1\tsentence2\tlabel\n',
    row: (i) => `${i}\ts ${i} \t"second ${i}\t${i % 2 ? 'entailment' : 'not_entailment'}`,
    label: (i) => 1 - (i % 2),
  },
  qnli: {
    files: ['QNLI/train.tsv', 'QNLI/dev.tsv'],
    head: 'index\tquestion\tsentence\tlabel\n',
    row: (i) => `${i}\ts ${i} \t"second ${i}\t${i % 2 ? 'entailment' : 'not_entailment'}`,
    label: (i) => 1 - (i % 2),
  },
  mnli: {
    files: ['MNLI/train.tsv', 'MNLI/dev_matched.tsv'],
    head: 'index\tpromptID\tpairID\tgenre\tsentence1_binary_parse\tsentence1\tsentence2\tlabel1\tgold_label\n',
    row: (i) =>
      `${i}\t1\t1n\tg\t( s )\ts ${i} \t"second ${i}\tneutral\t${['contradiction', 'entailment', 'neutral'][i % 3]}`,
    label: (i) => [2, 0, 1][i % 3],
  },
  wnli: {
    files: ['WNLI/train.tsv', 'WNLI/dev.tsv'],
    head: 'index\tsentence1\tsentence2\tlabel\n',
    row: (i) => `${i}\ts ${i} \t"second ${i}\t${i % 2}`,
    label: (i) => i % 2,
  },
};

const all = (set: GlueSet) => [...set.train, ...set.validation];

for (const name of glueNames) {
  const { files, head, row, label } = OFFICIAL[name];
  const [train, dev] = files;

  test(`${name}: the official layout`, async (t) => {
    const dir = folderWith(t, { [train]: head + rowsOf(30, row), [dev]: head + rowsOf(6, (i) => row(i + 30)) });
    const set = await readGlue(name, dir);
    const first = head === '' ? 1 : 2;
    const expected = (i: number, line: number) => ({
      text: `s ${i} `,
      ...(set.pair ? { text2: `"second ${i}` } : {}),
      label: label(i),
      line,
    });
    assert.deepEqual(
      set.test,
      Array.from({ length: 6 }, (_, i) => expected(i + 30, i + first)),
    );
    assert.deepEqual(
      all(set).sort((a, b) => a.line - b.line),
      Array.from({ length: 30 }, (_, i) => expected(i, i + first)),
    );
    assert.deepEqual(set.notes.sizes, { train: 27, validation: 3, test: 6 });
    assert.equal(set.notes.test, "GLUE's development set");
    assert.match(set.notes.validation, /^3 of GLUE's training set, seed 2024/);
    assert.deepEqual(Object.keys(set.notes.sha256), ['train', 'dev']);
    assert.equal(set.pair, !['sst2', 'cola'].includes(name));
    assert.equal(set.kind, name === 'stsb' ? 'regress' : 'classify');
    assert.ok(set.metrics.length > 0 && set.metrics.every((metric) => metric in scores));
  });

  test(`${name}: one file is split in three, and the notes say so`, async (t) => {
    const set = await readGlue(name, folderWith(t, { [dev]: head + rowsOf(60, row) }));
    assert.equal(set.notes.sizes.train + set.notes.sizes.validation + set.notes.sizes.test, 60);
    assert.ok(Math.abs(set.test.length - 6) <= 1 && Math.abs(set.validation.length - 6) <= 1);
    assert.match(set.notes.test, /^10 % of GLUE's development set, seed 2024/);
    assert.match(set.notes.remarks.join(), /only GLUE's development set is there: split 80 \/ 10 \/ 10/);
    await assert.rejects(
      readGlue(name, tempDir(t)),
      new RegExp(`No file of GLUE's ${name}: put .*${train.split('/')[1]}`),
    );
  });
}

test('classes in the order of GLUE and the hub', () => {
  const labelsOf = (name: GlueName) => {
    const { head, row } = OFFICIAL[name];
    const names = (head.replace('\ufeff', '') || 'source\tlabel\tmark\tsentence').trim().split('\t');
    const rows = Array.from({ length: 30 }, (_, i) =>
      Object.fromEntries(
        row(i)
          .split('\t')
          .map((v, j) => [names[j], v]),
      ),
    );
    return glueFromTables(name, { train: tableOf(rows), dev: null }).labels;
  };
  assert.deepEqual(Object.fromEntries(glueNames.map((name) => [name, labelsOf(name)])), {
    sst2: ['negative', 'positive'],
    cola: ['unacceptable', 'acceptable'],
    mrpc: ['not_equivalent', 'equivalent'],
    stsb: null,
    rte: ['entailment', 'not_entailment'],
    qnli: ['entailment', 'not_entailment'],
    mnli: ['entailment', 'neutral', 'contradiction'],
    wnli: ['not_entailment', 'entailment'],
  });
  assert.deepEqual(glueMetrics.mrpc, ['accuracy', 'f1']);
  assert.deepEqual(glueMetrics.stsb, ['pearson', 'spearman']);
  assert.equal(glueMetrics.cola[0], 'matthews');
});

test('rows of the hub: numbers as they are, or by the names that the file declares for them', () => {
  const row = { sentence1: 'a', sentence2: 'b', idx: 0 };
  const rows = [
    { ...row, label: 1 },
    { ...row, label: 0 },
  ];
  const of = (names: Record<string, readonly string[]>) =>
    glueExamples('rte', tableOf(rows, names)).examples.map(({ label }) => label);
  assert.deepEqual(of({}), [1, 0]);
  assert.deepEqual(of({ label: ['entailment', 'not_entailment'] }), [1, 0]);
  assert.deepEqual(of({ label: ['not_entailment', 'entailment'] }), [0, 1]);
  const hub = { premise: 'a', hypothesis: 'b', label: 2, idx: 0 };
  assert.equal(glueExamples('mnli', tableOf([hub])).examples[0].label, 2);
});

test("the hub's Parquet files", async (t) => {
  const dir = tempDir(t);
  const folder = join(dir, 'glue', 'mrpc');
  mkdirSync(folder, { recursive: true });
  copyFileSync(fixturePath('tables', 'mrpc.parquet'), join(folder, 'train-00000-of-00001.parquet'));
  const alone = await readGlue('mrpc', dir);
  assert.deepEqual(alone.notes.sizes, { train: 16, validation: 2, test: 2 });
  copyFileSync(fixturePath('tables', 'mrpc.parquet'), join(folder, 'validation-00000-of-00001.parquet'));
  const set = await readGlue('mrpc', dir);
  assert.deepEqual(set.test.slice(0, 2), [
    { text: 'first 0', text2: 'second 0', label: 0, line: 1 },
    { text: 'first 1', text2: 'second 1', label: 1, line: 2 },
  ]);
  assert.equal(set.notes.majority, 0.65);
  copyFileSync(fixturePath('tables', 'mrpc.parquet'), join(folder, 'train-1.parquet'));
  await assert.rejects(readGlue('mrpc', dir), /has 2 files train\*\.parquet/);
});

test('pairs of one premise are in one part', () => {
  const rows = Array.from({ length: 90 }, (_, i) => ({
    sentence1: `premise ${i % 30}`,
    sentence2: `h ${i}`,
    gold_label: ['contradiction', 'entailment', 'neutral'][(i / 30) | 0],
  }));
  const set = glueFromTables('mnli', { train: null, dev: tableOf(rows) });
  const sets = [set.train, set.validation, set.test].map((part) => new Set(part.map(({ text }) => text)));
  assert.equal(sets[0].size + sets[1].size + sets[2].size, 30);
});

const REFUSED: [name: GlueName, rows: object[], message: RegExp][] = [
  ['rte', [{ text: 'a', label: 1 }], /is not a table of GLUE's rte: no column "sentence1" among "text", "label"/],
  [
    'rte',
    [{ sentence1: 'a', sentence2: 'b', label: 'neutral' }],
    /:1: the label "neutral" is not among the .*"entailment"/,
  ],
  ['rte', [{ sentence1: 'a', sentence2: 'b', label: -1 }], /:1: the label "-1" is not among/],
  ['mrpc', [{ sentence1: 'a', sentence2: 'b', label: 2 }], /:1: the label "2" is not among/],
  ['mrpc', [{ sentence1: 'a', sentence2: 'b', label: '' }], /:1: the label "label" is missing/],
  ['stsb', [{ sentence1: 'a', sentence2: 'b', label: 'x' }], /:1: the label "label" "x" is not a number/],
];
for (const [name, rows, message] of REFUSED) {
  test(`${name} refuses ${JSON.stringify(rows)}`, () => {
    assert.throws(() => glueExamples(name, tableOf(rows)), message);
  });
}

test('no table', () => {
  assert.throws(() => glueFromTables('rte', { train: null, dev: null }), /^UserError: no table of GLUE's rte/);
});

test('the real files have the published sizes and classes', async (t) => {
  const file = dataFile(t, 'glue', 'README.md');
  if (!file) return;
  const dir = dirname(dirname(file));
  const SIZES: Record<GlueName, [train: number, test: number, counts: number[] | null]> = {
    sst2: [67349, 872, [428, 444]],
    cola: [8551, -1, null],
    mrpc: [3668, 408, [129, 279]],
    stsb: [5749, 1500, null],
    rte: [2490, 277, [146, 131]],
    qnli: [-1, 5463, [2702, 2761]],
    mnli: [-1, 9815, [3479, 3123, 3213]],
    wnli: [635, 71, [40, 31]],
  };
  for (const name of glueNames) {
    const set = await readGlue(name, dir);
    const [train, dev, counts] = SIZES[name];
    const whole = train < 0 || dev < 0;
    const tested = whole ? [...all(set), ...set.test] : set.test;
    if (train >= 0) assert.equal(all(set).length + (whole ? set.test.length : 0), train, name);
    if (dev >= 0) assert.equal(tested.length, dev, name);
    const found = set.labels?.map((_, label) => tested.filter((example) => example.label === label).length);
    if (counts) assert.deepEqual(found, counts, name);
    assert.equal(set.notes.remarks.length, whole ? 1 : 0, `${name}: ${set.notes.remarks}`);
    if (!whole) assert.ok(Math.abs(set.validation.length - Math.min(500, train / 10)) <= 2, name);
  }
});
