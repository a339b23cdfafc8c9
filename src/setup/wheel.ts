/**
 * libtensorflow out of the official Python wheel, for machines that cannot reach the npm package's own download.
 * pip fetches the wheel into a folder that is renamed when complete; everything but the C library is dropped.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { lastComplaint, probe, run } from './run';

export type Flavour = 'cpu' | 'cuda';
type Say = (line: string) => void;

/** An unpacked wheel: `<folder>/site/tensorflow` with headers and libraries. */
export interface Wheel {
  readonly folder: string;
  readonly version: string;
}

const PARTIAL = '.partial-';
const LIBRARIES = ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'];

/** What pip is asked for. The library is the same in every Python's wheel, so another Python's wheel will do. */
function requests(flavour: Flavour): string[][] {
  const names =
    flavour === 'cuda'
      ? [['tensorflow[and-cuda]']]
      : [
          ['--no-deps', 'tensorflow-cpu'],
          ['--no-deps', 'tensorflow'],
        ];
  const pythons = [[], ...['3.13', '3.12', '3.11'].map((v) => ['--python-version', v, '--only-binary=:all:'])];
  return names.flatMap((name) => pythons.map((python) => [...python, ...name]));
}

/** The folders of unpacked wheels of a flavour that still have their headers, newest first. */
function unpacked(home: string, flavour: Flavour): Wheel[] {
  if (!existsSync(home)) return [];
  return readdirSync(home)
    .map((name) => ({ name, match: /^tensorflow-(\d+\.\d+\.\d+[^-]*)-(cpu|cuda)$/.exec(name) }))
    .filter(
      ({ name, match }) => match?.[2] === flavour && existsSync(join(home, name, 'site', 'tensorflow', 'include')),
    )
    .map(({ name, match }) => ({ folder: join(home, name), version: match![1]! }))
    .sort((a, b) => b.version.localeCompare(a.version, 'en', { numeric: true }));
}

/** Removes what an interrupted setup left; folders of a setup that is still running stay. */
export function clearPartials(home: string): number {
  if (!existsSync(home)) return 0;
  const left = readdirSync(home).filter(
    (name) => name.startsWith(PARTIAL) && !isAlive(Number(name.slice(PARTIAL.length))),
  );
  for (const name of left) rmSync(join(home, name), { recursive: true, force: true });
  return left.length;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return pid !== process.pid;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/**
 * Fetches and unpacks the wheel, or finds the one an earlier setup unpacked.
 * @param home the project's `.native/`
 * @returns the wheel, or one line that says why there is none.
 */
export async function fetchWheel(home: string, flavour: Flavour, python: string, say: Say): Promise<Wheel | string> {
  mkdirSync(home, { recursive: true });
  if (clearPartials(home) > 0) say('removed what an interrupted setup had left');
  const before = unpacked(home, flavour)[0];
  if (before) return before;
  if (probe(python, ['-m', 'pip', '--version']) === null) {
    return `${python} has no pip (Debian: apt-get install python3-pip)`;
  }
  const partial = join(home, `${PARTIAL}${process.pid}`);
  const site = join(partial, 'site');
  let why = '';
  for (const request of requests(flavour)) {
    say(`pip: ${request.join(' ')}${flavour === 'cuda' ? ' (about 3 GB)' : ' (about 250 MB)'}; interrupting is safe`);
    rmSync(partial, { recursive: true, force: true });
    const options = ['--quiet', '--no-compile', '--retries', '1', '--timeout', '20', '--disable-pip-version-check'];
    const outcome = await run(python, ['-m', 'pip', 'install', ...options, '--target', site, ...request], {
      limitMs: 60 * 60_000,
      onWait: (seconds) => say(`pip: still at it, ${seconds} s`),
    });
    if (outcome.ok) break;
    why = lastComplaint(outcome.output);
    say(`pip: ${why}`);
  }
  const version = versionOf(site);
  if (version === null) {
    rmSync(partial, { recursive: true, force: true });
    return `pip could not bring TensorFlow: ${why || 'the wheel has no C library'}`;
  }
  prune(site);
  const folder = join(home, `tensorflow-${version}-${flavour}`);
  rmSync(folder, { recursive: true, force: true });
  renameSync(partial, folder);
  return { folder, version };
}

/** Version from the wheel's own metadata folder, null unless both libraries and the headers are there. */
function versionOf(site: string): string | null {
  const tensorflow = join(site, 'tensorflow');
  if (![...LIBRARIES, 'include'].every((name) => existsSync(join(tensorflow, name)))) return null;
  const info = readdirSync(site).map((name) => /^tensorflow(?:_cpu)?-(.+)\.dist-info$/.exec(name)?.[1]);
  return info.find((version) => version !== undefined) ?? null;
}

/** Drops Python itself (a third of the size); `nvidia/` stays beside `tensorflow/`, where its run paths look. */
function prune(site: string): void {
  const keep = new Set(['tensorflow', 'nvidia']);
  const keepInside = new Set([...LIBRARIES, 'include', 'THIRD_PARTY_NOTICES.txt']);
  for (const name of readdirSync(site)) {
    if (!keep.has(name)) rmSync(join(site, name), { recursive: true, force: true });
  }
  const tensorflow = join(site, 'tensorflow');
  for (const name of readdirSync(tensorflow)) {
    if (!keepInside.has(name)) rmSync(join(tensorflow, name), { recursive: true, force: true });
  }
  // The linker asks for these two names.
  symlinkSync('libtensorflow_cc.so.2', join(tensorflow, 'libtensorflow.so'));
  symlinkSync('libtensorflow_framework.so.2', join(tensorflow, 'libtensorflow_framework.so'));
}
