/** A folded layer gives what the branch gives: values and all gradients, by thin products and by one dense product. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { foldedLinear, lowRank } from '../../src/methods/forms/adapted-linear';
import { startBackend } from '../../src/tensor/backend';
import { Random } from '../../src/tensor/random';

before(() => startBackend());

const shapes: [name: string, fanIn: number, fanOut: number, rank: number][] = [
  ['one dense product', 24, 16, 4],
  ['thin products', 96, 64, 2],
];

for (const [name, fanIn, fanOut, rank] of shapes) {
  test(`folded and as a branch, ${name}`, () => {
    tf.tidy(() => {
      const random = new Random(4);
      const made = (rows: number, columns: number) =>
        tf.tensor2d(random.normals(rows * columns, 0, 0.5), [rows, columns]);
      const [x, weight, A, B] = [made(7, fanIn), made(fanOut, fanIn), made(rank, fanIn), made(fanOut, rank)];
      const towards = made(7, fanOut);
      const scale = 1.5;
      const folded = tf.valueAndGrads((x: tf.Tensor, A: tf.Tensor, B: tf.Tensor) => {
        const factors = { A: A as tf.Tensor2D, B: B as tf.Tensor2D, scale };
        return tf.sum(tf.mul(foldedLinear(x as tf.Tensor2D, weight, factors), towards));
      })([x, A, B]);
      const branch = tf.valueAndGrads((x: tf.Tensor, A: tf.Tensor, B: tf.Tensor) => {
        const factors = { A: A as tf.Tensor2D, B: B as tf.Tensor2D, scale };
        const y = tf.add(tf.matMul(x as tf.Tensor2D, weight, false, true), lowRank(x as tf.Tensor2D, factors));
        return tf.sum(tf.mul(y, towards));
      })([x, A, B]);
      const pairs = [[folded.value, branch.value], ...folded.grads.map((g, i) => [g, branch.grads[i]])];
      for (const [found, expected] of pairs) {
        assert.deepEqual(found.shape, expected.shape);
        const distance = tf.max(tf.abs(tf.sub(found, expected))).dataSync()[0];
        const size = tf.max(tf.abs(expected)).dataSync()[0];
        assert.ok(distance < 1e-5 * Math.max(1, size), `${distance} of ${size}`);
      }
    });
  });
}
