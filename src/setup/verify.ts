/**
 * Proves a native binding in a fresh process: a wrong one can end the process that loads it, so it never
 * runs in ours first. The product of two integer matrices is exact in float32, so equality is asked for.
 */
import { NATIVE_PACKAGE } from '../tensor/native';
import { lastComplaint, run } from './run';

/** What the fresh process found. */
export type Verdict =
  | { readonly ok: true; readonly tensorflow: string; readonly gpu: boolean }
  | { readonly ok: false; readonly why: string };

const SIZE = 96;

/** Plain JavaScript, so that it runs the same from `src/` and from `dist/`. */
const PROGRAM = `
const util = require('node:util');
util.isNullOrUndefined ??= (v) => v === null || v === undefined;
const tf = require('${NATIVE_PACKAGE}');
const n = ${SIZE};
const a = Float32Array.from({ length: n * n }, (_, i) => ((i * 7) % 23) - 11);
const b = Float32Array.from({ length: n * n }, (_, i) => ((i * 5) % 19) - 9);
const c = tf.matMul(tf.tensor2d(a, [n, n]), tf.tensor2d(b, [n, n])).dataSync();
let equal = tf.getBackend() === 'tensorflow';
for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) {
  let sum = 0;
  for (let k = 0; k < n; k++) sum += a[i * n + k] * b[k * n + j];
  equal &&= sum === c[i * n + j];
}
console.log('VERDICT ' + JSON.stringify({ equal, tensorflow: tf.backend().binding.TF_Version, gpu: tf.backend().isUsingGpuDevice }));
`;

/** Multiplies two ${SIZE}×${SIZE} matrices natively in a fresh process and compares every entry. */
export async function verifyNative(root: string): Promise<Verdict> {
  const env = { ...process.env, TF_CPP_MIN_LOG_LEVEL: '2', TF_FORCE_GPU_ALLOW_GROWTH: 'true' };
  const outcome = await run(process.execPath, ['-e', PROGRAM], { cwd: root, env, limitMs: 120_000 });
  const line = outcome.output.split('\n').find((text) => text.startsWith('VERDICT '));
  if (!line) return { ok: false, why: lastComplaint(outcome.output) };
  const { equal, tensorflow, gpu } = JSON.parse(line.slice('VERDICT '.length));
  return equal ? { ok: true, tensorflow, gpu } : { ok: false, why: 'it multiplied two matrices wrongly' };
}
