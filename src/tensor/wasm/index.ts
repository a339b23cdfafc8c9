/**
 * Starts the tfjs WebAssembly backend in Node so that it trains: a local binary, the kernels that gradients need,
 * and faster ones where the stock ones are slow.
 */
import path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { guardHeap, type WasmBackend } from './heap';
import { putMatMul } from './matmul';
import { putMoves } from './move';
import { putReductions } from './reduce';
import { putSegmentSum } from './segment';

let started: Promise<void> | undefined;

/**
 * Makes `wasm` the current tfjs backend; a second call only makes it current again.
 * @throws Error when the backend does not start (tfjs alone would go on with `cpu` in silence).
 */
export async function startWasm(): Promise<void> {
  started ??= start();
  await started;
  if (tf.getBackend() !== 'wasm') await tf.setBackend('wasm');
}

async function start(): Promise<void> {
  const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm');
  setWasmPaths(`${path.dirname(require.resolve('@tensorflow/tfjs-backend-wasm'))}${path.sep}`);
  putMatMul();
  putMoves();
  putReductions();
  putSegmentSum();
  const before = processListeners();
  const ok = await tf.setBackend('wasm');
  // The module's loader rethrows every unhandled error of the process, in its own frame; give the process its ways back.
  for (const [event, listeners] of processListeners()) {
    const known = new Set(before.get(event));
    for (const listener of listeners) if (!known.has(listener)) process.removeListener(event, listener);
  }
  if (!ok || tf.getBackend() !== 'wasm')
    throw new Error(`the WebAssembly backend did not start (now: ${tf.getBackend()})`);
  guardHeap(tf.backend() as unknown as WasmBackend);
}

type Listener = (...args: unknown[]) => void;

function processListeners(): Map<string, Listener[]> {
  return new Map(
    ['uncaughtException', 'unhandledRejection'].map((event) => [
      event,
      process.listeners(event as 'exit') as Listener[],
    ]),
  );
}
