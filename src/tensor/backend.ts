/**
 * Starts the best tfjs backend that runs here: native TensorFlow → WebAssembly → plain JavaScript.
 * WebGPU is started on request only. Every fallback leaves one line that says what was tried, why it
 * did not run, and what would mend it.
 *
 * tfjs falls back silently when a backend's factory throws, so each start is checked with `tf.getBackend()`.
 */

import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { messageOf, UserError } from '../errors';
import { projectRoot } from '../project';
import { loadNative } from './native';

/** Names that a person may ask for. */
export const BACKEND_NAMES = ['native', 'wasm', 'cpu', 'webgpu'] as const;
export type BackendName = (typeof BACKEND_NAMES)[number];

/** What runs, on what, and why nothing better does. */
export interface BackendInfo {
  readonly name: BackendName;
  /** The name tfjs knows it by: `tensorflow`, `wasm`, `cpu` or `webgpu`. */
  readonly tfjsBackend: string;
  /** `GPU` when kernels run on a graphics device, else `CPU`. */
  readonly device: 'CPU' | 'GPU';
  /** Threads that a single operation may use. */
  readonly threads: number;
  readonly versions: { readonly tfjs: string; readonly tensorflow: string | null };
  /** One line a fallback or repair. */
  readonly notes: readonly string[];
}

const DEFAULT_ORDER: readonly BackendName[] = ['native', 'wasm', 'cpu'];
const TFJS_NAME: Record<BackendName, string> = { native: 'tensorflow', wasm: 'wasm', cpu: 'cpu', webgpu: 'webgpu' };
const REMEDY: Record<BackendName, string> = {
  native: 'run `npm run setup`',
  wasm: 'run `npm ci`',
  cpu: 'run `npm ci`',
  webgpu:
    'run `npm i --no-save webgpu @tensorflow/tfjs-backend-webgpu@4.22.0`; it needs a Vulkan, Metal or D3D12 driver',
};

let starting: Promise<BackendInfo> | null = null;
let running: BackendInfo | null = null;
/** WebGPU on a driver without hardware. */
let softwareGpu = false;

/**
 * Starts a backend once; later calls return the same answer.
 * @param prefer a backend to run instead of the best one; `GORA_BACKEND` overrides it. A backend asked for by
 *   either is run or refused, never replaced by another.
 * @throws UserError for an unknown name, a requested backend that cannot run, or a second, different request.
 */
export async function startBackend(prefer?: BackendName): Promise<BackendInfo> {
  const wanted = requested(prefer);
  starting ??= start(wanted);
  let info: BackendInfo;
  try {
    info = await starting;
  } catch (error) {
    starting = null;
    throw error;
  }
  if (wanted && wanted !== info.name) {
    throw new UserError(
      `backend ${wanted}: this process already runs on ${info.name}. Ask for ${wanted} before anything else starts`,
    );
  }
  return info;
}

/**
 * The backend that runs now.
 * @throws UserError before `startBackend()` has finished.
 */
export function backendInfo(): BackendInfo {
  if (!running) throw new UserError('no backend runs yet: await startBackend() first');
  return running;
}

function requested(prefer?: string): BackendName | undefined {
  const name = process.env.GORA_BACKEND || prefer;
  if (!name) return undefined;
  if (!(BACKEND_NAMES as readonly string[]).includes(name)) {
    const where = process.env.GORA_BACKEND ? 'GORA_BACKEND' : 'backend';
    throw new UserError(`${where}: unknown backend "${name}"; choose one of ${BACKEND_NAMES.join(', ')}`);
  }
  return name as BackendName;
}

async function start(wanted: BackendName | undefined): Promise<BackendInfo> {
  const notes: string[] = [];
  silenceBanner();
  for (const name of wanted ? [wanted] : DEFAULT_ORDER) {
    try {
      await STARTERS[name](notes);
      if (!(await tf.setBackend(TFJS_NAME[name]))) throw new Error('tfjs could not initialise it');
      if (tf.getBackend() !== TFJS_NAME[name]) throw new Error(`tfjs fell back to ${tf.getBackend()}`);
      await tf.ready();
      return (running = describe(name, notes));
    } catch (error) {
      const why = messageOf(error).split('\n')[0]!.trim();
      if (wanted) throw new UserError(`backend ${name} cannot run: ${why}. Remedy: ${REMEDY[name]}`, { cause: error });
      notes.push(`${name} does not run: ${why}. Remedy: ${REMEDY[name]}`);
    }
  }
  throw new UserError(`no backend runs here:\n  ${notes.join('\n  ')}`);
}

interface Adapter {
  readonly info: { readonly architecture: string; readonly description: string };
}

/** What is used of the npm package `webgpu`, which is not a dependency. */
interface WebGpuPackage {
  create(options: string[]): { requestAdapter(): Promise<Adapter | null> };
  globals: object;
}

const STARTERS: Record<BackendName, (notes: string[]) => Promise<void>> = {
  async native(notes) {
    if (loadNative() === 'relinked') notes.push('native: linked the TensorFlow kept in .native/ into node_modules');
  },
  async wasm() {
    const { startWasm } = await import('./wasm/index');
    await startWasm();
  },
  async cpu() {},
  async webgpu(notes) {
    const here = createRequire(join(projectRoot(), 'package.json'));
    const { create, globals } = here('webgpu') as WebGpuPackage;
    Object.assign(globalThis, globals);
    if (!('navigator' in globalThis)) Object.defineProperty(globalThis, 'navigator', { value: {}, configurable: true });
    const gpu = create([]);
    const adapter = await gpu.requestAdapter();
    if (!adapter) throw new Error('no Vulkan, Metal or D3D12 driver answers');
    softwareGpu = /swiftshader|llvmpipe/i.test(`${adapter.info.architecture} ${adapter.info.description}`);
    if (softwareGpu) notes.push('webgpu: its driver computes on the CPU, slower than any other backend');
    Object.defineProperty(navigator, 'gpu', { value: gpu, configurable: true });
    here('@tensorflow/tfjs-backend-webgpu');
  },
};

/** backend-cpu advertises tfjs-node at its first tensor; small tensors land there whatever backend runs. */
function silenceBanner(): void {
  const cpu = tf.findBackend('cpu') as unknown as { firstUse: boolean };
  cpu.firstUse = false;
}

interface NativeKernels {
  isUsingGpuDevice: boolean;
  binding: { TF_Version: string };
}

function describe(name: BackendName, notes: readonly string[]): BackendInfo {
  const native = name === 'native' ? (tf.backend() as unknown as NativeKernels) : null;
  return Object.freeze({
    name,
    tfjsBackend: TFJS_NAME[name],
    device: native?.isUsingGpuDevice || (name === 'webgpu' && !softwareGpu) ? 'GPU' : 'CPU',
    threads: threadsOf(name),
    versions: { tfjs: tf.version.tfjs, tensorflow: native ? native.binding.TF_Version : null },
    notes: Object.freeze([...notes]),
  });
}

function threadsOf(name: BackendName): number {
  if (name === 'native') return Number(process.env.TF_NUM_INTRAOP_THREADS) || availableParallelism();
  if (name === 'wasm') {
    const wasm = require('@tensorflow/tfjs-backend-wasm') as typeof import('@tensorflow/tfjs-backend-wasm');
    return tf.env().getBool('WASM_HAS_MULTITHREAD_SUPPORT') ? wasm.getThreadsCount() : 1;
  }
  return 1;
}
