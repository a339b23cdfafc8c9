/**
 * Whether kernels really ran on the graphics device. A backend that says "GPU" is not believed:
 * the driver is asked whether this process, or at least memory taken since, is on the device.
 */
import { run } from './run';

/** MiB in use on the first device, null without a driver that answers. */
export async function gpuMemoryMiB(): Promise<number | null> {
  const { ok, output } = await run('nvidia-smi', ['--query-gpu=memory.used', '--format=csv,noheader,nounits'], {
    limitMs: 10_000,
  });
  const used = Number.parseInt(output, 10);
  return ok && Number.isFinite(used) ? used : null;
}

/**
 * One line of proof, asked for while the backend still holds its tensors.
 * @param before `gpuMemoryMiB()` from before the backend was started
 */
export async function proveGpu(device: 'CPU' | 'GPU', before: number | null): Promise<string> {
  if (before === null) return 'not run: no NVIDIA GPU here';
  if (device === 'CPU') return 'not run: this backend computes on the CPU';
  const apps = await run('nvidia-smi', ['--query-compute-apps=pid,used_memory', '--format=csv,noheader'], {
    limitMs: 10_000,
  });
  const own = apps.output.split('\n').find((line) => Number.parseInt(line, 10) === process.pid);
  if (own) return `the driver lists this process on the device (pid, memory: ${own.trim()})`;
  const grown = ((await gpuMemoryMiB()) ?? 0) - before;
  if (grown >= 64) return `the device holds ${grown} MiB more than before the backend started`;
  return 'not proven: the backend says GPU, but the driver shows neither this process nor new memory';
}
