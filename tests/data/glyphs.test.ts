import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { before, describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { baseAlphabet, drawGlyphs, FEATURES, firstGlyphs, newAlphabet, TOKENS } from '../../src/data/glyphs';
import type { Glyph } from '../../src/data/glyphs/alphabet';
import { fromPatches, rasterise, SIDE, toPatches } from '../../src/data/glyphs/raster';
import { between, drawGlyph, FOREIGN, PLAIN } from '../../src/data/glyphs/style';
import { baseNet, disposeModel } from '../../src/models/params';
import type { LoadedTask } from '../../src/tasks/task';
import { startBackend } from '../../src/tensor/backend';
import { Random } from '../../src/tensor/random';
import { openWith } from '../support/open';

/** Eight-bit grey values, so that the last bit of a cosine does not matter. */
function fingerprint(features: Float32Array): string {
  const grey = Uint8Array.from(features, (v) => Math.max(0, Math.min(255, Math.round((v + 1) * 127.5))));
  return createHash('sha256').update(grey).digest('hex').slice(0, 16);
}

const mean = (values: ArrayLike<number>) => Array.from(values).reduce((a, b) => a + b, 0) / values.length;

describe('drawn letters', () => {
  it('give the same bytes for the same seed, and others for another', () => {
    const draw = (seed: number) => firstGlyphs(newAlphabet(), FOREIGN, new Random(seed), 48);
    assert.deepEqual(draw(3), draw(3));
    assert.notDeepEqual(draw(3).features, draw(4).features);
  });

  it('are those that the committed checkpoint was trained on', () => {
    const base = firstGlyphs(baseAlphabet(), PLAIN, new Random(1), 120);
    const foreign = firstGlyphs(newAlphabet(), FOREIGN, new Random(1), 120);
    assert.equal(fingerprint(base.features), '9ce09f8824d74f77');
    assert.equal(fingerprint(foreign.features), 'eba5b8ace2907aef');
  });

  it('depend on their number alone, not on what was drawn before', () => {
    const many = firstGlyphs(newAlphabet(), FOREIGN, new Random(5), 40);
    const one = drawGlyphs(newAlphabet(), FOREIGN, new Random(5), [37]);
    const size = TOKENS * FEATURES;
    assert.deepEqual(one.features, many.features.slice(37 * size, 38 * size));
    assert.equal(one.labels[0], many.labels[37]);
  });

  it('come from two alphabets without a common stroke, whose letters differ by two strokes at least', () => {
    const strokes = (alphabet: Glyph[]) => new Set(alphabet.flat().map((stroke) => stroke.join()));
    const [base, fresh] = [baseAlphabet(), newAlphabet()];
    for (const stroke of strokes(fresh)) assert.ok(!strokes(base).has(stroke));
    for (const alphabet of [base, fresh]) {
      alphabet.forEach((letter, i) => {
        for (const other of alphabet.slice(0, i)) {
          const shared = letter.filter((stroke) => other.some((s) => s.join() === stroke.join()));
          assert.ok(shared.length <= letter.length - 2);
        }
      });
    }
  });

  it('are bright on dark at home and dark on bright abroad', () => {
    const corner = (pixels: Float64Array) => mean(pixels.slice(0, 3)); // ink never reaches it
    const plain = drawGlyph(baseAlphabet()[0], { ...PLAIN, noise: 0 }, new Random(1));
    const foreign = drawGlyph(baseAlphabet()[0], { ...FOREIGN, noise: 0, gradient: 0, clutter: 0 }, new Random(1));
    assert.ok(mean(plain) > corner(plain) + 0.05);
    assert.ok(mean(foreign) < corner(foreign) - 0.05);
  });

  it('take a style between two', () => {
    assert.deepEqual(between(PLAIN, FOREIGN, 0), PLAIN);
    assert.deepEqual(between(PLAIN, FOREIGN, 1), FOREIGN);
    assert.equal(between(PLAIN, FOREIGN, 0.5).inverted, 0.5);
  });
});

describe('raster', () => {
  it('covers length × thickness pixels plus round ends', () => {
    const ink = rasterise([Float64Array.of(-0.5, 0.03, 0.5, 0.03)], 2);
    const total = ink.reduce((a, b) => a + b, 0);
    assert.ok(Math.abs(total - (8 * 2 + Math.PI)) < 0.5, `${total}`);
    assert.equal(Math.max(...ink), 1);
    assert.equal(Math.min(...ink), 0);
  });

  it('cuts patches and joins them again', () => {
    const pixels = Float32Array.from({ length: SIDE * SIDE }, (_, i) => i);
    const patches = new Float32Array(2 * SIDE * SIDE);
    toPatches(pixels, patches, SIDE * SIDE);
    assert.deepEqual(fromPatches(patches, SIDE * SIDE), pixels);
    assert.deepEqual([...patches.slice(256, 262)], [0, 1, 2, 3, 16, 17]); // the first patch, row by row
  });
});

describe('glyph task', () => {
  before(() => startBackend());
  const load = (seed: number, options: Record<string, unknown>) =>
    openWith('glyphs', options, new Random(seed).fork('task'));
  const values = async (task: LoadedTask, split: 'train' | 'test') => {
    const batch = task[split].batch([0, 1, 2]);
    const data = await batch.features.data();
    tf.dispose(Object.values(batch));
    return data;
  };

  it('starts from a probe far above chance, and far below its end', async () => {
    const task = await load(1, { shots: 10 });
    const { accuracy } = await task.evaluate(baseNet(task.model), task.validation);
    assert.equal(task.train.size, 240);
    assert.ok(accuracy > 300 / 24 && accuracy < 60, `${accuracy}`);
    disposeModel(task.model);
  });

  it('has a head of zeros without the probe', async () => {
    const task = await load(1, { shots: 1, probe: false });
    const { loss } = await task.evaluate(baseNet(task.model), task.validation);
    assert.ok(Math.abs(loss - Math.log(24)) < 1e-5);
    disposeModel(task.model);
  });

  it("draws training images from the run's seed, and the test set from none", async () => {
    const [first, again, other] = [
      await load(1, { shots: 1, probe: false }),
      await load(1, { shots: 1, probe: false }),
      await load(2, { shots: 1, probe: false }),
    ];
    assert.deepEqual(await values(first, 'train'), await values(again, 'train'));
    assert.notDeepEqual(await values(first, 'train'), await values(other, 'train'));
    assert.deepEqual(await values(first, 'test'), await values(other, 'test'));
    for (const task of [first, again, other]) disposeModel(task.model);
  });
});
