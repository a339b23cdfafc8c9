import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { before, describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { drawPictures, FEATURES, firstPictures, TOKENS, transferSets } from '../../src/data/pictures';
import { expose, Picture, SIDE } from '../../src/data/pictures/canvas';
import { fractal, noise } from '../../src/data/pictures/fields';
import { primitives } from '../../src/data/pictures/sets/primitives';
import { bar, box, disc, minus, polygon, posed, regular, rim, standing, union } from '../../src/data/pictures/shapes';
import { baseNet, disposeModel } from '../../src/models/params';
import { findTask } from '../../src/tasks';
import { pictureTasks } from '../../src/tasks/pictures';
import type { LoadedTask } from '../../src/tasks/task';
import { startBackend } from '../../src/tensor/backend';
import { Random } from '../../src/tensor/random';
import { openWith } from '../support/open';

/** Of 48 pictures of every set. Whoever changes a set pretrains and measures anew. */
const FINGERPRINTS = {
  primitives: '1f8d8cac8c6d',
  vehicles: 'f37339d06f08',
  textures: '2bd60e39a263',
  land: '908ff34d6e7e',
  signs: 'b2c8899f7b10',
  aerial: 'f666130692e1',
  scenes: '00d4d97057af',
  'house-numbers': '9fe0a3cb47c9',
};

/** Eight-bit grey values, so that the last bit of a cosine does not matter. */
function fingerprint(features: Float32Array): string {
  const grey = Uint8Array.from(features, (v) => Math.max(0, Math.min(255, Math.round((v + 1) * 127.5))));
  return createHash('sha256').update(grey).digest('hex').slice(0, 12);
}

const total = (values: ArrayLike<number>) => Array.from(values).reduce((a, b) => a + b, 0);
const close = (a: number, b: number, tolerance = 1e-9) => assert.ok(Math.abs(a - b) < tolerance, `${a} is not ${b}`);

describe('shapes', () => {
  it('are signed distances', () => {
    close(disc(0.1, 0, 0.5)(0.1, 0.7), 0.2);
    close(box(0, 0, 0.5, 0.25)(0, 0), -0.25);
    close(bar([-1, 0], [1, 0], 0.1)(0.3, 0.4), 0.3);
    close(rim(disc(0, 0, 0.5), 0.1)(0.5, 0), -0.1);
    close(union(disc(-1, 0, 0.5), disc(1, 0, 0.5))(0, 0), 0.5);
    close(minus(disc(0, 0, 1), disc(0, 0, 0.5))(0, 0), 0.5);
  });

  it('polygons know inside from outside, either way round', () => {
    const square = [
      [-0.5, -0.5],
      [0.5, -0.5],
      [0.5, 0.5],
      [-0.5, 0.5],
    ] as const;
    for (const points of [square, [...square].reverse()]) {
      close(polygon(points)(0.1, 0), -0.4);
      close(polygon(points)(0.8, 0.9), 0.5);
    }
    close(regular(4, 1)(0, -1), 0); // a corner is up
  });

  it('stand in a pose where its map puts their points', () => {
    const pose = { x: 0.2, y: -0.1, angle: 0.7, scale: 0.5, mirrored: true };
    const shape = disc(0.6, 0.3, 0.2);
    const [x, y] = posed(pose)(0.6, 0.3);
    close(standing(shape, pose)(x, y), -0.1); // the centre, at half size
  });
});

describe('a picture', () => {
  it('covers the area of its shapes', () => {
    const unit = (SIDE / 2) ** 2;
    close(total(new Picture(0).fill(disc(0, 0, 0.5), 1).pixels) / unit, Math.PI / 4, 0.01);
    close(total(new Picture(0).fill(box(0, 0, 0.5, 0.25), 1).pixels) / unit, 0.5, 0.01);
    close(total(new Picture(0).lines([Float64Array.of(-0.5, 0, 0.5, 0)], 2, 1).pixels), (28 / 2) * 2 + Math.PI, 0.6);
  });

  it('is inverted and loses contrast by the camera', () => {
    const picture = new Picture(0.25).fill(disc(0, 0, 0.5), 0.75);
    const camera = { contrast: [0.5, 0.5], inverted: 1, gradient: 0, noise: 0 } as const;
    const pixels = expose(picture, camera, new Random(1));
    close(pixels[0], 0.25);
    close(pixels[(SIDE / 2) * SIDE + SIDE / 2], -0.25);
  });

  it('has noise that is smooth, bounded and fine in proportion to its cells', () => {
    const steps = (field: (x: number, y: number) => number) => {
      let sum = 0;
      for (let k = 0; k < 400; k++) {
        const x = -1 + k / 200;
        assert.ok(Math.abs(field(x, 0.3)) <= 1);
        sum += Math.abs(field(x + 0.005, 0.3) - field(x, 0.3));
      }
      return sum;
    };
    assert.ok(steps(noise(new Random(3), 10)) > 2 * steps(noise(new Random(3), 2)));
    assert.ok(steps(fractal(new Random(3), 2, 3)) > steps(noise(new Random(3), 2)));
  });
});

describe('sets of pictures', () => {
  it('are those that the committed checkpoint and its tasks were measured on', () => {
    const prints = Object.fromEntries(
      [primitives, ...transferSets].map((set) => [
        set.name,
        fingerprint(firstPictures(set, new Random(1), 48).features),
      ]),
    );
    assert.deepEqual(prints, FINGERPRINTS);
  });

  it('are a function of seed and number alone', () => {
    for (const set of transferSets) {
      const many = firstPictures(set, new Random(5), 12);
      const one = drawPictures(set, new Random(5), [7]);
      const size = TOKENS * FEATURES;
      assert.deepEqual(one.features, many.features.slice(7 * size, 8 * size));
      assert.equal(one.labels[0], 7 % Object.keys(set.classes).length);
      assert.notDeepEqual(drawPictures(set, new Random(6), [7]).features, one.features);
    }
  });

  it('have 8 to 24 classes with names of their own, none of them a class of the base', () => {
    for (const set of transferSets) {
      const names = Object.keys(set.classes);
      assert.ok(names.length >= 8 && names.length <= 24, set.name);
      for (const name of names) assert.ok(!(name in primitives.classes), `${set.name}: ${name}`);
    }
  });

  it("leave no class blank, and no value out of the camera's range", () => {
    for (const set of transferSets) {
      const classes = Object.keys(set.classes).length;
      const shots = 6;
      const { features } = firstPictures(set, new Random(9), shots * classes);
      const size = TOKENS * FEATURES;
      const image = (i: number) => features.subarray(i * size, (i + 1) * size);
      assert.ok(
        features.every((v) => Number.isFinite(v) && Math.abs(v) < 4),
        set.name,
      );
      const spread = (label: number) => {
        const values = Array.from({ length: shots }, (_, k) => [...image(k * classes + label)]).flat();
        const mean = total(values) / values.length;
        return total(values.map((v) => (v - mean) ** 2)) / values.length;
      };
      for (let label = 0; label < classes; label++) assert.ok(spread(label) > 0.03, `${set.name} ${label} is blank`);
    }
  });
});

describe('picture tasks', () => {
  before(() => startBackend());
  const load = (name: string, seed: number, options: Record<string, unknown>) =>
    openWith(name, options, new Random(seed).fork('task'));
  const values = async (task: LoadedTask, split: 'train' | 'test') => {
    const batch = task[split].batch([0, 1, 2]);
    const data = await batch.features.data();
    tf.dispose(Object.values(batch));
    return data;
  };

  it('are registered under the names of the seven sets', () => {
    assert.deepEqual(
      pictureTasks.map((task) => findTask(task.name).name),
      ['vehicles', 'textures', 'land', 'signs', 'aerial', 'scenes', 'house-numbers'],
    );
  });

  for (const { name } of pictureTasks) {
    it(`${name}: starts from a probe above chance, with room above`, async () => {
      const task = await load(name, 1, { shots: 15 });
      const classes = task.notes.classes as number;
      assert.equal(task.train.size, 15 * classes);
      assert.equal(task.test.size % classes, 0);
      const { accuracy } = await task.evaluate(baseNet(task.model), task.validation);
      assert.ok(accuracy > 150 / classes && accuracy < 80, `${accuracy}`);
      disposeModel(task.model);
    });
  }

  it('have a head of zeros without the probe', async () => {
    const task = await load('signs', 1, { shots: 1, probe: false });
    const { loss } = await task.evaluate(baseNet(task.model), task.validation);
    close(loss, Math.log(24), 1e-5);
    disposeModel(task.model);
  });

  it("draw training pictures from the run's seed, and the test set from none", async () => {
    const [first, again, other] = [
      await load('land', 1, { shots: 1, probe: false }),
      await load('land', 1, { shots: 1, probe: false }),
      await load('land', 2, { shots: 1, probe: false }),
    ];
    assert.deepEqual(await values(first, 'train'), await values(again, 'train'));
    assert.notDeepEqual(await values(first, 'train'), await values(other, 'train'));
    assert.deepEqual(await values(first, 'test'), await values(other, 'test'));
    assert.notDeepEqual(await values(first, 'train'), await values(first, 'test'));
    for (const task of [first, again, other]) disposeModel(task.model);
  });
});
