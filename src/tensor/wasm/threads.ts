/**
 * Lets tfjs's threaded WebAssembly module start its worker pool in Node.
 *
 * The module is written for browsers: its worker script and its own source travel as Blobs and object URLs, which
 * Node's Worker does not take; a running worker keeps the process alive; the thread count is capped at half
 * the cores. While the backend starts, four globals are replaced to mend that, and put back afterwards.
 */
import os from 'node:os';
import workerThreads from 'node:worker_threads';

/** The module makes a pool of eight workers, whatever the thread count. */
export const maxThreads = 8;

/** What the module's source refers to and finds, in its bundle, outside itself. */
const bundleScope = `Object.assign(globalThis, {
  require$$0: require('fs'), require$$1: require('path'), require$$3: require('perf_hooks'), require$$4: require('os'),
  commonjsGlobal: globalThis, _scriptDir: '', __dirname: '/', __filename: '/worker',
  __values: (items) => items[Symbol.iterator](), __read: (items) => [...items], __spreadArray: (a, b) => [...a, ...b],
});
`;

/** The worker script reads its source from a file; here the source itself arrives. */
const readSourceDirectly = ';self.importScripts = (source) => (0, eval)(source);';

/** A Blob whose text can be read at once. */
class TextBlob {
  readonly text: string;
  constructor(parts: string[]) {
    this.text = parts.join('');
  }
}

/**
 * Runs `start` with the replacements in place. Afterwards the pool does not keep the process alive.
 * @param threads threads that share a kernel, 2 … `maxThreads`.
 */
export async function withThreads<T>(threads: number, start: () => Promise<T>): Promise<T> {
  const scripts = new Map<string, string>();
  const { Worker } = workerThreads;
  class PoolWorker extends Worker {
    constructor(script: string) {
      super(bundleScope + scripts.get(script) + readSourceDirectly, { eval: true });
    }
    /** The module asks to stay alive for as long as a thread of the pool runs, which is for ever. */
    override ref(): void {}
    override postMessage(message: { cmd?: string; urlOrBlob?: TextBlob }, transfer?: readonly []): void {
      super.postMessage(
        message.cmd === 'load' ? { ...message, urlOrBlob: message.urlOrBlob?.text } : message,
        transfer,
      );
    }
  }
  const cores = os.cpus();
  const restore = [
    replace(workerThreads, 'Worker', PoolWorker),
    replace(globalThis, 'Worker', PoolWorker), // the module sets it, too
    replace(globalThis, 'Blob', TextBlob),
    replace(URL, 'createObjectURL', (blob: TextBlob) => {
      const url = `blob:pool-${scripts.size}`;
      scripts.set(url, blob.text);
      return url;
    }),
    replace(os, 'cpus', () => Array.from({ length: 2 * threads }, (_, i) => cores[i % cores.length])),
  ];
  try {
    return await start();
  } finally {
    for (const undo of restore) undo();
  }
}

/** Sets a property and returns the way back. */
function replace(owner: object, key: string, value: unknown): () => void {
  const before = Object.getOwnPropertyDescriptor(owner, key);
  Object.defineProperty(owner, key, {
    value,
    configurable: true,
    writable: true,
    enumerable: before?.enumerable ?? false,
  });
  return () => {
    if (before) Object.defineProperty(owner, key, before);
    else Reflect.deleteProperty(owner, key);
  };
}
