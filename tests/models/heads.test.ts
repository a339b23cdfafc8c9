/** New heads: which weights are made anew, how they begin, and when the checkpoint's own is kept. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { openSafetensors } from '../../src/formats/safetensors';
import { loadModel } from '../../src/models/load';
import type { HeadRequest, Model } from '../../src/models/model';
import { baseNet, disposeModel } from '../../src/models/params';
import { startBackend } from '../../src/tensor/backend';
import type { Batch } from '../../src/tensor/batch';
import { Random } from '../../src/tensor/random';
import { assertClose } from '../support/close';
import { fixturePath } from '../support/data';

const folder = (name: string) => fixturePath('models', name);
const POOLER = ['bert.pooler.dense.weight', 'bert.pooler.dense.bias'];
const CLASSIFIER = ['classifier.weight', 'classifier.bias'];

/** Hands a model of a small checkpoint to `use` and frees it. */
async function withModel<T>(name: string, head: HeadRequest | undefined, use: (model: Model) => T, seed?: number) {
  const random = seed === undefined ? undefined : new Random(seed, 'test');
  const { model } = await loadModel(folder(name), { head, random });
  try {
    return await use(model);
  } finally {
    disposeModel(model);
  }
}

const valuesOf = (model: Model, name: string) => {
  const found = model.params.get(name);
  assert.ok(found, `no weight ${name}`);
  return found.dataSync().slice() as Float32Array;
};
const stored = (name: string, weight: string) => {
  const file = openSafetensors(join(folder(name), 'model.safetensors'));
  try {
    return file.read(weight);
  } finally {
    file.close();
  }
};
const newHead = (name: string, head: HeadRequest) => withModel(name, head, (model) => [...model.head].sort());

/** Two texts, the second padded, or two pictures. */
function batchFor(model: Model): Batch {
  if (model.kind === 'image') {
    const side = model.imageSize as number;
    return { pixels: tf.tensor4d(new Random(3, 'pixels').normals(2 * 3 * side * side), [2, 3, side, side]) };
  }
  const mask = tf.tensor2d([
    [1, 1, 1, 1],
    [1, 1, 0, 0],
  ]);
  const rows = [
    [5, 6, 7, 8],
    [9, 10, 1, 1],
  ];
  return { tokens: tf.tensor2d(rows, [2, 4], 'int32'), tokenMask: mask };
}

describe('a head on a bare model', () => {
  before(() => startBackend());

  it('is new together with the pooler that the checkpoint lacks', async () => {
    await withModel('bert-bare', { labels: ['a', 'b'] }, (model) => {
      assert.deepEqual(new Set(model.head), new Set([...CLASSIFIER, ...POOLER]));
      assert.equal(model.head.length, 4);
      assert.deepEqual(model.params.get('classifier.weight')?.shape, [2, 16]);
      assert.deepEqual(model.params.get(POOLER[0])?.shape, [16, 16]);
    });
  });

  it('begins as N(0, 0.02²) with biases of zero', async () => {
    await withModel('bert-bare', { labels: 200 }, (model) => {
      // standard errors of a deviation from n numbers: 1/√(2n), of a mean: 1/√n
      for (const [name, slack] of [
        ['classifier.weight', 0.05],
        [POOLER[0], 0.15],
      ] as const) {
        const values = valuesOf(model, name);
        const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
        const deviation = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length);
        assert.ok(Math.abs(mean) < 0.02 * 2 * slack, `${name}: mean ${mean}`);
        assert.ok(Math.abs(deviation / 0.02 - 1) < slack, `${name}: standard deviation ${deviation}`);
        const far = values.filter((v) => Math.abs(v) > 0.04).length / values.length;
        assert.ok(far > 0.01 && far < 0.1, `${name}: ${far} beyond two deviations, 0.046 of normal numbers are`);
      }
      for (const name of ['classifier.bias', POOLER[1]])
        assert.ok(
          valuesOf(model, name).every((v) => v === 0),
          name,
        );
    });
  });

  it("begins as 1/√dim on CLIP, as transformers' does", async () => {
    await withModel('clip-vision', { labels: 200 }, (model) => {
      assert.deepEqual([...model.head].sort(), [...CLASSIFIER].sort());
      const values = valuesOf(model, 'classifier.weight');
      const deviation = Math.sqrt(values.reduce((sum, v) => sum + v * v, 0) / values.length);
      assert.ok(Math.abs(deviation * Math.sqrt(16) - 1) < 0.05, `standard deviation ${deviation}`);
    });
  });

  it('begins the same with the same seed, otherwise with another', async () => {
    const begin = (seed?: number) =>
      withModel('bert-bare', { labels: 3 }, (model) => model.head.flatMap((name) => [...valuesOf(model, name)]), seed);
    assert.deepEqual(await begin(4), await begin(4));
    assert.deepEqual(await begin(), await begin());
    const [one, other] = [await begin(4), await begin(5)];
    const same = one.filter((value, i) => value !== 0 && value === other[i]).length;
    assert.equal(same, 0);
    const [classifier, pooler] = await withModel('bert-bare', { labels: 16 }, (model) =>
      ['classifier.weight', POOLER[0]].map((name) => valuesOf(model, name)),
    );
    assert.notDeepEqual(classifier, pooler, 'weights of one shape from streams of their own');
  });

  it('leaves the rest as the checkpoint has it', async () => {
    await withModel('bert-bare', { labels: 2 }, (model) => {
      const kept = [...model.params.keys()].filter((name) => !model.head.includes(name));
      assert.equal(kept.length, 37);
      for (const name of kept) {
        assert.deepEqual(valuesOf(model, name), stored('bert-bare', name.slice('bert.'.length)), name);
      }
    });
  });

  it('without a pooler reads the mean of the real tokens', async () => {
    await withModel('bert-bare', { labels: 2, pooling: 'mean' }, async (model) => {
      assert.deepEqual(new Set(model.head), new Set(CLASSIFIER));
      assert.ok(!model.params.has(POOLER[0]));
      const batch = batchFor(model);
      const [states, features] = tf.tidy(() => {
        const net = baseNet(model);
        return [model.states?.(net, batch), model.features?.(net, batch)].map((x) => x?.dataSync() as Float32Array);
      });
      const place = (i: number, d: number) => states[i * 16 + d];
      const expected = [
        ...Array.from({ length: 16 }, (_, d) => (place(0, d) + place(1, d) + place(2, d) + place(3, d)) / 4),
        ...Array.from({ length: 16 }, (_, d) => (place(4, d) + place(5, d)) / 2),
      ];
      assertClose(features, Float32Array.from(expected), 1e-6, 'features');
      tf.dispose(batch);
    });
  });

  it('that nobody asked for is missed by name of the file', async () => {
    await withModel('bert-bare', undefined, (model) => {
      assert.deepEqual(model.head, []);
      const batch = batchFor(model);
      assert.throws(() => tf.tidy(() => model.logits(baseNet(model), batch)), /bert-bare.config\.json: .* no head/);
      tf.dispose(batch);
    });
  });
});

describe("a checkpoint's own head", () => {
  before(() => startBackend());

  it('of 3 classes is made anew for 2, over its own pooler', async () => {
    await withModel('bert-cls', { labels: 2 }, (model) => {
      assert.deepEqual(new Set(model.head), new Set(CLASSIFIER));
      assert.deepEqual(model.params.get('classifier.weight')?.shape, [2, 16]);
      assert.deepEqual(valuesOf(model, POOLER[0]), stored('bert-cls', POOLER[0]));
    });
  });

  const kept: [string, HeadRequest][] = [
    ['the same classes', { labels: ['red', 'green', 'blue'] }],
    ['the same classes in capitals', { labels: ['Red', 'GREEN', 'blue'] }],
    ['as many, unnamed', { labels: 3 }],
  ];
  for (const [what, head] of kept) {
    it(`is kept for ${what}`, async () => {
      for (const name of ['bert-cls', 'clip-cls']) {
        await withModel(name, head, (model) => {
          assert.deepEqual(model.head, []);
          for (const weight of CLASSIFIER) assert.deepEqual(valuesOf(model, weight), stored(name, weight));
        });
      }
    });
  }

  it('is kept where it names nothing', async () => {
    assert.deepEqual(await newHead('vit-cls', { labels: ['x', 'y', 'z'] }), []);
  });

  const anew: [string, HeadRequest][] = [
    ['other classes', { labels: ['red', 'green', 'yellow'] }],
    ['the classes in another order', { labels: ['green', 'red', 'blue'] }],
    ['a head that must be fresh', { labels: ['red', 'green', 'blue'], fresh: true }],
    ['one number', { labels: 'regress' }],
    ['the mean of the tokens', { labels: ['red', 'green', 'blue'], pooling: 'mean' }],
  ];
  for (const [what, head] of anew) {
    it(`is made anew for ${what}`, async () => {
      await withModel('bert-cls', head, (model) => {
        assert.deepEqual(new Set(model.head), new Set(CLASSIFIER));
        assert.notDeepEqual(valuesOf(model, 'classifier.bias'), stored('bert-cls', 'classifier.bias'));
        assert.ok(valuesOf(model, 'classifier.weight').every((v) => Math.abs(v) < 0.02 * 5));
      });
    });
  }

  it('that gives one number is kept for regression', async () => {
    assert.deepEqual(await newHead('bert-reg', { labels: 'regress' }), []);
    assert.deepEqual(await newHead('xlm-roberta-reg', { labels: 'regress' }), []);
  });

  // what each family makes anew for another number of classes; the layer before stays, as transformers leaves it
  const families: [string, string[]][] = [
    ['roberta-cls', ['classifier.out_proj.bias', 'classifier.out_proj.weight']],
    ['distilbert-cls', ['classifier.bias', 'classifier.weight']],
    ['vit-cls', ['classifier.bias', 'classifier.weight']],
    ['deit-cls', ['classifier.bias', 'classifier.weight']],
    ['dinov2-cls', ['classifier.bias', 'classifier.weight']],
    ['clip-cls', ['classifier.bias', 'classifier.weight']],
    ['vit-bare-larger', ['classifier.bias', 'classifier.weight']],
    ['dinov2-bare-smaller', ['classifier.bias', 'classifier.weight']],
    ['clip-whole-larger', ['classifier.bias', 'classifier.weight']],
    ['kwt', ['head.bias', 'head.weight']],
  ];
  for (const [name, weights] of families) {
    it(`${name}: another number of classes`, async () => {
      await withModel(name, { labels: 5 }, async (model) => {
        assert.deepEqual([...model.head].sort(), weights);
        if (model.kind === 'features') return;
        const batch = batchFor(model);
        const [logits, loss] = tf.tidy(() => {
          const labels = tf.tensor1d([1, 4], 'int32');
          const net = baseNet(model);
          return [model.logits(net, batch).shape, model.loss(net, { ...batch, labels }).dataSync()[0]] as const;
        });
        assert.deepEqual(logits, [2, 5]);
        assert.ok(loss > 0 && loss < 10, `loss ${loss}`);
        tf.dispose(batch);
      });
      if (!/bare|whole/.test(name)) {
        assert.deepEqual(await newHead(name, { labels: 3 }), [], 'the same number keeps it');
      }
    });
  }
});
