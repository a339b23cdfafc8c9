/** Training on the WebAssembly backend: small transformers against the cpu backend, memory over many steps, and the heap's limit. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { UserError } from '../../src/errors';
import { Random } from '../../src/tensor/random';
import { startWasm } from '../../src/tensor/wasm';

const batch = 2;
const time = 6;
const width = 16;
const heads = 2;
const vocabulary = 11;
const perHead = width / heads;
const rows = batch * time;

type Values = Record<string, tf.Tensor>;
type Shapes = Record<string, number[]>;

const linear = (x: tf.Tensor, w: tf.Tensor) => tf.matMul(x, w, false, true); // [n, in] · [out, in]ᵀ
const toHeads = (x: tf.Tensor) => tf.transpose(tf.reshape(x, [batch, time, heads, perHead]), [0, 2, 1, 3]);
const fromHeads = (x: tf.Tensor) => tf.reshape(tf.transpose(x, [0, 2, 1, 3]), [rows, width]);
const tokens = () => tf.tensor1d([1, 4, 4, 2, 0, 9, 3, 3, 10, 1, 7, 5], 'int32');
const block = { q: [width, width], k: [width, width], v: [width, width], o: [width, width] };

function crossEntropy(logits: tf.Tensor): tf.Scalar {
  const labels = tf.cast(tf.oneHot(tokens(), vocabulary), 'float32');
  return tf.mul(tf.sum(tf.mul(tf.logSoftmax(logits), labels)), -1 / rows);
}

function attention(p: Values, x: tf.Tensor, bias: tf.Tensor, turn = (h: tf.Tensor) => h): tf.Tensor {
  const [q, k, v] = [p.q, p.k, p.v].map((w) => toHeads(linear(x, w)));
  const scores = tf.mul(tf.matMul(turn(q), turn(k), false, true), 1 / Math.sqrt(perHead));
  return linear(fromHeads(tf.matMul(tf.softmax(tf.add(scores, bias)), v)), p.o);
}

/** Interleaved rotary position embedding of [batch, heads, time, perHead]. */
function rope(x: tf.Tensor): tf.Tensor {
  const half = perHead / 2;
  const angles = Float32Array.from(
    { length: time * half },
    (_, i) => Math.floor(i / half) / 100 ** ((i % half) / half),
  );
  const [cos, sin] = [Math.cos, Math.sin].map((f) => tf.tensor(angles.map(f), [1, 1, time, half]));
  const pairs = tf.reshape(x, [batch, heads, time, half, 2]);
  const part = (i: number) => tf.squeeze(tf.slice(pairs, [0, 0, 0, 0, i], [-1, -1, -1, -1, 1]), [4]);
  const [a, b] = [part(0), part(1)];
  const turned = tf.stack([tf.sub(tf.mul(a, cos), tf.mul(b, sin)), tf.add(tf.mul(a, sin), tf.mul(b, cos))], -1);
  return tf.reshape(turned, [batch, heads, time, perHead]);
}

const rmsNorm = (x: tf.Tensor, g: tf.Tensor) =>
  tf.mul(tf.mul(x, tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), 1e-5))), g);

function layerNorm(x: tf.Tensor, g: tf.Tensor, b: tf.Tensor): tf.Tensor {
  const centred = tf.sub(x, tf.mean(x, -1, true));
  return tf.add(tf.mul(tf.mul(centred, tf.rsqrt(tf.add(tf.mean(tf.square(centred), -1, true), 1e-5))), g), b);
}

const gelu = (x: tf.Tensor) =>
  tf.mul(tf.mul(x, 0.5), tf.add(1, tf.tanh(tf.mul(Math.sqrt(2 / Math.PI), tf.add(x, tf.mul(0.044715, tf.pow(x, 3)))))));

interface Architecture {
  shapes: Shapes;
  loss: (p: Values) => tf.Scalar;
}

const architectures: Record<string, Architecture> = {
  'Llama decoder': {
    shapes: {
      ...block,
      embed: [vocabulary, width],
      n1: [width],
      n2: [width],
      gate: [24, width],
      up: [24, width],
      down: [width, 24],
    },
    loss: (p) => {
      const causal = tf.where(
        tf.linalg.bandPart(tf.ones([time, time]), -1, 0).greater(0),
        tf.zeros([time, time]),
        tf.fill([time, time], -1e9),
      );
      let x = tf.gather(p.embed, tokens());
      x = tf.add(x, attention(p, rmsNorm(x, p.n1), causal, rope));
      const h = rmsNorm(x, p.n2);
      const gate = linear(h, p.gate);
      x = tf.add(x, linear(tf.mul(tf.mul(gate, tf.sigmoid(gate)), linear(h, p.up)), p.down));
      return crossEntropy(linear(x, p.embed));
    },
  },
  'BERT or ViT encoder': {
    shapes: {
      ...block,
      patch: [width, 5],
      position: [time, width],
      g: [width],
      b: [width],
      up: [24, width],
      upBias: [24],
      down: [width, 24],
      head: [vocabulary, width],
    },
    loss: (p) => {
      const patches = tf.tensor(new Random(2).normals(rows * 5), [rows, 5]);
      const visible = tf.tensor([0, 0, 0, 0, 0, -1e9, 0, 0, 0, 0, -1e9, -1e9], [batch, 1, 1, time]);
      let x: tf.Tensor = tf.add(tf.reshape(linear(patches, p.patch), [batch, time, width]), p.position);
      x = tf.reshape(x, [rows, width]);
      x = tf.add(x, attention(p, layerNorm(x, p.g, p.b), visible));
      x = tf.add(x, linear(gelu(tf.add(linear(layerNorm(x, p.g, p.b), p.up), p.upBias)), p.down));
      const first = tf.reshape(tf.slice(tf.reshape(x, [batch, time, width]), [0, 0, 0], [batch, 1, width]), [
        batch,
        width,
      ]);
      const logits = linear(tf.concat([first, tf.mean(tf.reshape(x, [batch, time, width]), 1)], 0), p.head);
      return tf.neg(tf.mean<tf.Scalar>(tf.slice(tf.logSoftmax(logits), [0, 1], [2 * batch, 1])));
    },
  },
  'T5 with relative position bias': {
    shapes: {
      ...block,
      embed: [vocabulary, width],
      n: [width],
      distance: [4, heads],
      wi: [24, width],
      wo: [width, 24],
    },
    loss: (p) => {
      const buckets = Int32Array.from({ length: time * time }, (_, i) =>
        Math.min(3, Math.abs((i % time) - Math.floor(i / time))),
      );
      const bias = tf.expandDims(
        tf.transpose(tf.gather(p.distance, tf.tensor(buckets, [time, time], 'int32')), [2, 0, 1]),
        0,
      );
      let x = tf.gather(p.embed, tokens());
      x = tf.add(x, attention(p, rmsNorm(x, p.n), bias));
      x = tf.add(x, linear(tf.relu(linear(rmsNorm(x, p.n), p.wi)), p.wo));
      return crossEntropy(tf.mul(linear(x, p.embed), width ** -0.5));
    },
  },
};

/** One AdamW step with global norm clipping, written with tensors only. */
function adamW(
  value: Values,
  grad: Values,
  first: Values,
  second: Values,
  step: number,
): { value: Values; first: Values; second: Values } {
  const names = Object.keys(value);
  const norm = tf.sqrt(tf.addN(names.map((name) => tf.sum(tf.square(grad[name])))));
  const scale = tf.minimum(1, tf.div(1, tf.add(norm, 1e-6)));
  const next: { value: Values; first: Values; second: Values } = { value: {}, first: {}, second: {} };
  for (const name of names) {
    const g = tf.mul(grad[name], scale);
    next.first[name] = tf.add(tf.mul(first[name], 0.9), tf.mul(g, 0.1));
    next.second[name] = tf.add(tf.mul(second[name], 0.999), tf.mul(tf.square(g), 0.001));
    const [m, v] = [tf.div(next.first[name], 1 - 0.9 ** step), tf.div(next.second[name], 1 - 0.999 ** step)];
    next.value[name] = tf.sub(tf.mul(value[name], 1 - 1e-3), tf.mul(1e-2, tf.div(m, tf.add(tf.sqrt(v), 1e-3))));
  }
  return next;
}

function initial(shapes: Shapes): Values {
  const random = new Random(1);
  const draw = (shape: number[]) =>
    random.normals(
      shape.reduce((a, b) => a * b, 1),
      shape.length === 1 ? 1 : 0,
      0.3,
    );
  return Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, tf.tensor(draw(shape), shape)]));
}

/** Loss, gradients and the parameters after two AdamW steps on the current backend. */
function train({ shapes, loss }: Architecture): Record<string, Float64Array> {
  const names = Object.keys(shapes);
  const results = tf.tidy(() => {
    const out: Values = {};
    let value = initial(shapes);
    let first: Values = Object.fromEntries(names.map((name) => [name, tf.zeros(shapes[name])]));
    let second = first;
    const valueAndGrads = tf.valueAndGrads((...x: tf.Tensor[]) =>
      loss(Object.fromEntries(names.map((n, i) => [n, x[i]]))),
    );
    for (let step = 1; step <= 2; step++) {
      const run = valueAndGrads(names.map((name) => value[name]));
      const grads = Object.fromEntries(names.map((name, i) => [name, run.grads[i]]));
      ({ value, first, second } = adamW(value, grads, first, second, step));
      out[`loss ${step}`] = run.value;
      if (step === 1) for (const name of names) out[`gradient of ${name}`] = grads[name];
    }
    for (const name of names) out[`trained ${name}`] = value[name];
    return out;
  });
  const plain = Object.fromEntries(Object.entries(results).map(([name, t]) => [name, Float64Array.from(t.dataSync())]));
  tf.dispose(results);
  return plain;
}

for (const [name, architecture] of Object.entries(architectures)) {
  test(`${name}: losses, gradients and AdamW as on the cpu backend`, async () => {
    await startWasm();
    await tf.setBackend('cpu');
    const expected = train(architecture);
    await startWasm();
    const actual = train(architecture);
    for (const [what, values] of Object.entries(expected)) {
      const size = Math.hypot(...values);
      const error = Math.hypot(...values.map((x, i) => x - actual[what][i])) / size;
      assert.ok(size > 0 && error < 1e-5, `${what}: relative error ${error}, norm ${size}`);
    }
  });
}

/** What is held now: tensors, data buffers, bytes of heap (the heap never shrinks). */
function held(): { tensors: number; data: number; heap: number } {
  const { HEAPU8 } = (tf.backend() as unknown as { wasm: { HEAPU8: Uint8Array } }).wasm;
  const { numTensors, numDataBuffers } = tf.memory();
  return { tensors: numTensors, data: numDataBuffers, heap: HEAPU8.length };
}

test('fifty training steps leave no tensor and no heap behind', async () => {
  await startWasm();
  const { shapes, loss } = architectures['Llama decoder'];
  const start = initial(shapes);
  const variables = Object.keys(shapes).map((name) => tf.variable(start[name], true));
  tf.dispose(start);
  const names = Object.keys(shapes);
  const step = () =>
    tf.tidy(() => {
      const { grads } = tf.variableGrads(
        () => loss(Object.fromEntries(names.map((n, i) => [n, variables[i]]))),
        variables,
      );
      for (const variable of variables) variable.assign(tf.sub(variable, tf.mul(grads[variable.name], 0.01)));
    });
  for (let i = 0; i < 5; i++) step();
  const before = held();
  for (let i = 0; i < 50; i++) step();
  assert.deepEqual(held(), before);
  tf.dispose(variables);
});

test('packed copies of right-hand matrices die with their product', async () => {
  await startWasm();
  const [x, w] = [tf.ones([256, 256]), tf.ones([256, 256])];
  const grads = tf.grads((a, b) => tf.sum(tf.matMul(tf.matMul(a, b, false, true), tf.mul(a, b), true)));
  const round = () => tf.tidy(() => void grads([x, w]));
  for (let i = 0; i < 5; i++) round();
  const before = held();
  for (let i = 0; i < 50; i++) round(); // 256 KiB a matrix: one left behind each round is 12 MiB
  assert.deepEqual(held(), before);
  tf.dispose([x, w]);
});

test('a product sees the new values of a variable, also after many uses', async () => {
  await startWasm();
  const w = tf.variable(tf.ones([8, 6]));
  const x = tf.ones([4, 8]);
  const y = tf.ones([4, 6]);
  const expect = async (value: number) => {
    for (let i = 0; i < 10; i++) {
      const [plain, turned] = tf.tidy(() => [tf.matMul(x, w), tf.matMul(y, w, false, true)]);
      assert.ok((await plain.data()).every((v: number) => v === 8 * value));
      assert.ok((await turned.data()).every((v: number) => v === 6 * value));
      tf.dispose([plain, turned, tf.zeros([64])]); // the zeros go where freed numbers lay
    }
  };
  await expect(1);
  w.assign(tf.fill([8, 6], 2));
  await expect(2);
  tf.dispose([w, x, y]);
});

test('a reshaped weight is multiplied in its own shape, also after many uses', async () => {
  await startWasm();
  const w = tf.tensor2d([1, 2, 3, 4, 5, 6], [2, 3]);
  const [x, y] = [tf.tensor2d([[1, 10]]), tf.tensor2d([[1, 10, 100]])];
  for (let i = 0; i < 10; i++) {
    const [a, b, c] = tf.tidy(() => [
      tf.matMul(x, w),
      tf.matMul(y, tf.reshape(w, [3, 2])),
      tf.matMul(x, tf.reshape(w, [3, 2]), false, true),
    ]);
    assert.deepEqual([...(await a.data())], [41, 52, 63]);
    assert.deepEqual([...(await b.data())], [531, 642]);
    assert.deepEqual([...(await c.data())], [21, 43, 65]);
    tf.dispose([a, b, c]);
  }
  tf.dispose([w, x, y]);
});

test('kept packed copies die with their weight', async () => {
  await startWasm();
  const x = tf.ones([2, 256]);
  const round = () =>
    tf.tidy(() => {
      const w = tf.ones([256, 256]);
      for (let i = 0; i < 8; i++) tf.add(tf.matMul(x, w), tf.matMul(x, w, false, true));
    });
  for (let i = 0; i < 5; i++) round();
  const before = held();
  for (let i = 0; i < 50; i++) round();
  assert.deepEqual(held(), before);
  x.dispose();
});

test('sums keep their digits', async () => {
  await startWasm();
  const x = tf.fill([1e6], 0.1);
  const [sum, mean] = [await tf.sum(x).data(), await tf.mean(tf.reshape(x, [1000, 1000]), 0).data()];
  assert.ok(Math.abs(sum[0] - 1e5) < 0.05, `sum ${sum[0]}`);
  assert.ok(mean.every((m) => Math.abs(m - 0.1) < 1e-7));
  x.dispose();
});

test('an allocation that cannot be is an error that says what to do, and work goes on', async () => {
  await startWasm();
  const { tensors } = held();
  assert.throws(
    () => tf.fill([2 ** 30], 0),
    (error: unknown) =>
      error instanceof UserError && /out of memory asking for 4096 MiB.*smaller batch/.test(error.message),
  );
  assert.equal(held().tensors, tensors);
  assert.equal((await tf.add(1, 2).data())[0], 3);
});

test('starting leaves no handler of unhandled errors on the process', async () => {
  await startWasm();
  const sources = ['uncaughtException', 'unhandledRejection'].flatMap((event) =>
    process.listeners(event as 'exit').map(String),
  );
  assert.ok(
    sources.every((source) => !/ExitStatus|throw reason/.test(source)),
    sources.join('\n'),
  );
});
