/** `gora doctor`: what runs here, how fast, what is missing, what it would add, and the one command for it. */
import { cpus, totalmem } from 'node:os';
import { messageOf, UserError } from '../errors';
import { projectRoot } from '../project';
import { type BackendInfo, startBackend } from '../tensor/backend';
import { gpuMemoryMiB, proveGpu } from './gpu';
import { browser, compiler, gpuName, jupyter, pythonCommand } from './machine';
import { probe } from './run';
import { measureSpeed, type Speed } from './speed';

/** Something the kit can use besides npm packages. */
export interface Part {
  readonly name: string;
  /** Version or path; null when it is not here. */
  readonly found: string | null;
  /** What having it adds. */
  readonly adds: string;
  /** The one command that brings it; null when no command can. */
  readonly remedy: string | null;
}

export interface DoctorReport {
  /** Whether anything runs that can train. */
  readonly ok: boolean;
  /** The backend in use; null when none runs, and then `problem` says why. */
  readonly backend: BackendInfo | null;
  readonly problem: string | null;
  readonly speed: Speed | null;
  /** Proof that kernels ran on a GPU, or why that was not asked. */
  readonly gpuProof: string;
  readonly machine: {
    readonly node: string;
    readonly platform: string;
    readonly cpu: string;
    readonly memoryGiB: number;
  };
  readonly parts: readonly Part[];
}

/** Starts a backend, times it, and looks for everything else. Never throws: what fails is in the report. */
export async function doctor(): Promise<DoctorReport> {
  const root = projectRoot();
  const memoryBefore = await gpuMemoryMiB();
  let backend: BackendInfo | null = null;
  let problem: string | null = null;
  let speed: Speed | null = null;
  try {
    backend = await startBackend();
    speed = await measureSpeed();
  } catch (error) {
    problem = messageOf(error);
  }
  return {
    ok: speed !== null,
    backend,
    problem,
    speed,
    gpuProof: await proveGpu(backend?.device ?? 'CPU', memoryBefore),
    machine: {
      node: process.versions.node,
      platform: `${process.platform}-${process.arch}`,
      cpu: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`,
      memoryGiB: Math.round(totalmem() / 2 ** 30),
    },
    parts: parts(root),
  };
}

function parts(root: string): Part[] {
  const python = pythonCommand();
  return [
    {
      name: 'python',
      found: python && probe(python, ['--version']),
      adds: 'native TensorFlow out of its Python wheel, and Jupyter',
      remedy: 'apt-get install python3 python3-pip python3-venv',
    },
    {
      name: 'compiler',
      found: compiler(),
      adds: 'native TensorFlow, several times faster than WebAssembly',
      remedy: 'apt-get install build-essential',
    },
    { name: 'chromium', found: browser(), adds: 'faster and sharper charts', remedy: 'apt-get install chromium' },
    {
      name: 'jupyter',
      found: jupyter(root),
      adds: 'notebooks in the browser',
      remedy: 'npm run setup -- --jupyter-only',
    },
    { name: 'gpu', found: gpuName(), adds: 'training on a graphics device (NVIDIA)', remedy: null },
  ];
}

/** The report as text for a terminal. */
export function renderReport(report: DoctorReport): string {
  const { backend, machine, speed } = report;
  const rows: [string, string][] = [
    ['machine', `${machine.cpu}, ${machine.memoryGiB} GiB, ${machine.platform}`],
    ['node', machine.node],
    ['backend', backend ? `${backend.name} on the ${backend.device}, threads: ${backend.threads}` : 'none runs'],
  ];
  if (backend) {
    const { tfjs, tensorflow } = backend.versions;
    rows.push(['versions', `tfjs ${tfjs}${tensorflow ? `, TensorFlow ${tensorflow}` : ''}`]);
  }
  if (speed) rows.push(['speed', `${speed.gflops.toFixed(1)} GFLOP/s (float32 matrix product, ${speed.size}²)`]);
  rows.push(['gpu proof', report.gpuProof]);
  for (const part of report.parts) if (part.found !== null) rows.push([part.name, part.found]);
  const lines = rows.map(([name, value]) => `${name.padEnd(10)} ${value}`);

  const missing = report.parts.filter((part) => part.found === null);
  if (missing.length > 0) lines.push('', 'not here:');
  for (const { name, adds, remedy } of missing) {
    lines.push(`${name.padEnd(10)} would add ${adds}${remedy ? `: ${remedy}` : ''}`);
  }
  const notes = [...(backend?.notes ?? []), ...(report.problem ? [report.problem] : [])];
  if (notes.length > 0) lines.push('', ...notes.map((note) => `note: ${note}`));
  return `${lines.join('\n')}\n`;
}

/**
 * @param argv the words after `doctor`: `--json` or nothing
 * @returns the exit status: 0 when something usable runs, else 1.
 */
export async function runDoctor(argv: readonly string[]): Promise<number> {
  const unknown = argv.find((word) => word !== '--json');
  if (unknown !== undefined) throw new UserError(`doctor: unknown option ${unknown}; known is --json`);
  const report = await doctor();
  process.stdout.write(argv.includes('--json') ? `${JSON.stringify(report, null, 2)}\n` : renderReport(report));
  return report.ok ? 0 : 1;
}
