/** Data sets from the hub: which files are which split, by the hub's conventions for names. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { UserError } from '../../src/errors';
import { fetchDataset, fetchModel, parseHubName, type TransferPlan } from '../../src/hub';
import { datasetSplits } from '../../src/hub/dataset-files';
import { hubFor, noise } from './server';

/** The splits of paths, as paths. */
function sorted(paths: readonly string[], text = 'hf:datasets/a/b') {
  const files = paths.map((path) => ({ path, size: 1, blobId: '0'.repeat(40) }));
  const { files: parts, splits } = datasetSplits(parseHubName(text), { commit: '', files, complete: true });
  const names = (list: readonly { path: string }[] = []) => list.map(({ path }) => path);
  return {
    train: names(parts.train),
    validation: names(parts.validation),
    test: names(parts.test),
    splits: [...splits.keys()],
  };
}

test('files are sorted into splits as the hub does, from the repositories’ usual layouts', () => {
  const layouts: [string[], string, { train?: string[]; validation?: string[]; test?: string[] }][] = [
    [
      [
        'README.md',
        'data/train-00001-of-00002.parquet',
        'data/train-00000-of-00002.parquet',
        'data/test-00000-of-00001.parquet',
      ],
      'hf:datasets/a/b',
      {
        train: ['data/train-00000-of-00002.parquet', 'data/train-00001-of-00002.parquet'],
        test: ['data/test-00000-of-00001.parquet'],
      },
    ],
    [
      [
        'mrpc/train-00000-of-00001.parquet',
        'mrpc/validation-00000-of-00001.parquet',
        'sst2/train-00000-of-00001.parquet',
      ],
      'hf:datasets/a/b:mrpc',
      { train: ['mrpc/train-00000-of-00001.parquet'], validation: ['mrpc/validation-00000-of-00001.parquet'] },
    ],
    [
      ['mrpc/train/0000.parquet', 'mrpc/train/0001.parquet', 'mrpc/validation/0000.parquet', 'sst2/train/0000.parquet'],
      'hf:datasets/a/b:mrpc@refs/convert/parquet',
      { train: ['mrpc/train/0000.parquet', 'mrpc/train/0001.parquet'], validation: ['mrpc/validation/0000.parquet'] },
    ],
    [
      ['plain_text/train-00000-of-00001.parquet'],
      'hf:datasets/a/b',
      { train: ['plain_text/train-00000-of-00001.parquet'] },
    ],
    [
      ['default/train/0000.parquet', 'x/train/0000.parquet'],
      'hf:datasets/a/b',
      { train: ['default/train/0000.parquet'] },
    ],
    [
      ['train.jsonl', 'dev.jsonl', 'test.jsonl'],
      'hf:datasets/a/b',
      { train: ['train.jsonl'], validation: ['dev.jsonl'], test: ['test.jsonl'] },
    ],
    [
      ['my_train_1.csv', 'my_train_2.csv', 'my-eval.csv'],
      'hf:datasets/a/b',
      { train: ['my_train_1.csv', 'my_train_2.csv'], test: ['my-eval.csv'] },
    ],
    [
      ['train/a.csv', 'train/b.csv', 'validation/a.csv'],
      'hf:datasets/a/b',
      { train: ['train/a.csv', 'train/b.csv'], validation: ['validation/a.csv'] },
    ],
    [['train/data-00000-of-00001.parquet'], 'hf:datasets/a/b', { train: ['train/data-00000-of-00001.parquet'] }],
    [['data/en/train.csv', 'data/de/train.csv'], 'hf:datasets/a/b:de', { train: ['data/de/train.csv'] }],
    [
      ['main-train.csv', 'main-test.csv', 'socratic-train.csv'],
      'hf:datasets/a/b:main',
      { train: ['main-train.csv'], test: ['main-test.csv'] },
    ],
    [['data.csv'], 'hf:datasets/a/b', { train: ['data.csv'] }],
    [['en-00000-of-00001.parquet'], 'hf:datasets/a/b', { train: ['en-00000-of-00001.parquet'] }],
    // a word inside another is none
    [['contest.csv'], 'hf:datasets/a/b', { train: ['contest.csv'] }],
    // one kind only, the best; descriptions and hidden files are no examples
    [
      ['train.csv', 'train.parquet', 'test.json', 'dataset_infos.json', '.cache/train.parquet', 'train.jsonl.gz'],
      'hf:datasets/a/b',
      { train: ['train.parquet'] },
    ],
    [['train.jsonl.gz'], 'hf:datasets/a/b', { train: ['train.jsonl.gz'] }],
  ];
  for (const [paths, text, expected] of layouts) {
    const { splits, ...parts } = sorted(paths, text);
    assert.deepEqual(parts, { train: [], validation: [], test: [], ...expected }, paths.join(' '));
    assert.ok(splits.length > 0);
  }
});

test('of several splits that could be one part the first is taken, and all are named', () => {
  const shard = (split: string) => `mnli/${split}-00000-of-00001.parquet`;
  const names = ['train', 'validation_mismatched', 'validation_matched', 'test_matched', 'unsupervised'];
  const { validation, test: tested, splits } = sorted(names.map(shard), 'hf:datasets/a/b:mnli');
  assert.deepEqual(validation, [shard('validation_matched')]);
  assert.deepEqual(tested, [shard('test_matched')]);
  assert.deepEqual(splits.sort(), names.sort());
  assert.deepEqual(sorted(['validation', 'validation_matched'].map(shard)).validation, [shard('validation')]);
});

test('what cannot be told is refused with the names there are', () => {
  const refused = (paths: string[], text: string, message: RegExp) =>
    assert.throws(
      () => sorted(paths, text),
      (error: Error) => error instanceof UserError && message.test(error.message),
      text,
    );
  const two = ['mrpc/train.csv', 'sst2/train.csv'];
  refused(two, 'hf:datasets/a/b', /several configurations: name one, like hf:datasets\/a\/b:mrpc \(mrpc, sst2\)/);
  refused(two, 'hf:datasets/a/b:cola', /no configuration "cola"; it has mrpc, sst2/);
  refused(['train.csv'], 'hf:datasets/a/b:cola', /none \(leave the colon away\)/);
  refused(
    ['en-00000-of-00001.parquet', 'de-00000-of-00001.parquet'],
    'hf:datasets/a/b',
    /no split that is called.*but de, en/,
  );
  refused(
    ['glue.py', 'README.md'],
    'hf:datasets/a/b',
    /with a program \(glue\.py\).*hf:datasets\/a\/b@refs\/convert\/parquet/,
  );
  refused(['a.zip'], 'hf:datasets/a/b', /no parquet, jsonl, csv.*it has a\.zip/);
});

test('a data set comes once, only the parts asked for, checked and offline afterwards', async (t) => {
  const { hub, cache } = await hubFor(t);
  const [train, valid] = [noise(50_000, 2), noise(20_000, 3)];
  hub.put('datasets/nyu/glue', {
    'README.md': '# card',
    'mrpc/train-00000-of-00001.parquet': train,
    'mrpc/validation-00000-of-00001.parquet': valid,
    'mrpc/test-00000-of-00001.parquet': noise(10_000, 4),
    'sst2/train-00000-of-00001.parquet': noise(10_000, 5),
  });
  const name = parseHubName('hf:datasets/nyu/glue:mrpc');
  const plans: TransferPlan[] = [];
  const first = await fetchDataset(name, { parts: ['validation'], onPlan: (plan) => plans.push(plan) });
  assert.equal(plans[0].bytes, 20_000);
  assert.deepEqual(first.files, {
    train: [],
    validation: [join(first.folder, 'mrpc', 'validation-00000-of-00001.parquet')],
    test: [],
  });
  await assert.rejects(
    fetchDataset(name, { offline: true }),
    /mrpc\/train-00000-of-00001\.parquet, mrpc\/test.*missing/,
  );
  const all = await fetchDataset(name);
  assert.ok(all.folder.startsWith(join(cache, 'datasets--nyu--glue', 'snapshots')));
  assert.deepEqual(readFileSync(all.files.train[0]), train);
  assert.deepEqual(readFileSync(all.files.validation[0]), valid);
  assert.deepEqual(Object.keys(all.splits).sort(), ['test', 'train', 'validation']);
  assert.ok(!existsSync(join(all.folder, 'sst2')) && !existsSync(join(all.folder, 'README.md')));
  assert.ok(hub.filesAsked().every((path) => path.startsWith('mrpc/')));
  await hub.stop();
  assert.deepEqual(await fetchDataset(name), all);
  await assert.rejects(fetchDataset(parseHubName('hf:nyu/glue')), /a data set is named hf:datasets\/nyu\/glue/);
  await assert.rejects(fetchModel(name), /is a data set, not a model/);
});
