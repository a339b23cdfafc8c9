/**
 * Starts the tfjs WebAssembly backend in Node so that it trains: a local binary, the kernels that gradients need,
 * and faster ones where the stock ones are slow.
 */
import path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { UserError } from '../../errors';
import { putGather } from './gather';
import { guardHeap, type WasmBackend } from './heap';
import { putMatMul } from './matmul';
import { putMoves } from './move';
import { putReductions } from './reduce';
import { maxThreads, withThreads } from './threads';

/** How to start. */
export interface WasmOptions {
  /** Threads that share a kernel: 1 (the default) … 8. More than one helps only on cores that are otherwise idle. */
  threads?: number;
}

let started: { threads: number; ready: Promise<void> } | undefined;

/**
 * Makes `wasm` the current tfjs backend; a second call only makes it current again.
 * @throws UserError when `threads` is out of range or the backend runs with another number of threads already.
 * @throws Error when the backend does not start (tfjs alone would go on with `cpu` in silence).
 */
export async function startWasm(options: WasmOptions = {}): Promise<void> {
  const threads = options.threads ?? started?.threads ?? 1;
  if (!Number.isInteger(threads) || threads < 1 || threads > maxThreads)
    throw new UserError(`WebAssembly threads must be an integer from 1 to ${maxThreads}, not ${threads}`);
  started ??= { threads, ready: start(threads) };
  if (threads !== started.threads)
    throw new UserError(
      `the WebAssembly backend runs with ${started.threads} threads already: ask for ${threads} at its first start`,
    );
  try {
    await started.ready;
  } catch (error) {
    started = undefined;
    throw error;
  }
  if (tf.getBackend() !== 'wasm') await tf.setBackend('wasm');
}

async function start(threads: number): Promise<void> {
  const { setThreadsCount, setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm');
  setWasmPaths(`${path.dirname(require.resolve('@tensorflow/tfjs-backend-wasm'))}${path.sep}`);
  putMatMul();
  putMoves();
  putReductions();
  putGather();
  const before = processListeners();
  let ok: boolean;
  if (threads === 1) ok = await tf.setBackend('wasm');
  else {
    ok = await withThreads(threads, async () => {
      setThreadsCount(threads);
      tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', true);
      return tf.setBackend('wasm');
    });
  }
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
