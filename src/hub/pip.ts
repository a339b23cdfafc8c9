/** Bringing one wheel with pip: whatever index or mirror pip is set up for here is used. Nothing is installed or run. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Interrupted, messageOf, UserError } from '../errors';

/** The first Python that has pip, by command name: GORA_PYTHON when set, else python3 or python; null when none has. */
export function pythonWithPip(): string | null {
  const names = process.env.GORA_PYTHON ? [process.env.GORA_PYTHON] : ['python3', 'python'];
  const works = (name: string) =>
    spawnSync(name, ['-m', 'pip', '--version'], { stdio: 'ignore', timeout: 30_000 }).status === 0;
  return names.find(works) ?? null;
}

/** Bytes of all wheels below a folder: what pip has so far. */
function wheelBytes(folder: string): number {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.whl'));
  return names.reduce((sum, name) => sum + (statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0), 0);
}

/** Ends a program and what it started when the signal is aborted or this process ends; returns how to stop that. */
function endWith(child: ChildProcess, signal?: AbortSignal): () => void {
  const end = () => {
    try {
      if (process.platform === 'win32' || child.pid === undefined) child.kill();
      else process.kill(-child.pid, 'SIGTERM');
    } catch {
      // it ended by itself
    }
  };
  // Ctrl-C reaches this process only; where nobody else listens, it must still end it
  const alone = process.listenerCount('SIGINT') === 0;
  const interrupt = () => {
    end();
    if (alone) process.exit(130);
  };
  signal?.addEventListener('abort', end, { once: true });
  process.once('SIGINT', interrupt);
  process.once('exit', end);
  return () => {
    signal?.removeEventListener('abort', end);
    process.removeListener('SIGINT', interrupt);
    process.removeListener('exit', end);
  };
}

/** The line of pip's output that says what went wrong. */
function complaint(output: string): string {
  const lines = output.split('\n').map((line) => line.trim());
  const errors = lines.filter((line) => line.startsWith('ERROR:'));
  const network = lines.find((line) => /connection|resolution|timed out|certificate/i.test(line));
  const last = (errors.at(-1) ?? lines.filter(Boolean).at(-1) ?? 'no output').replace(/^ERROR: */, '');
  return `${last}${network && network !== errors.at(-1) ? ` (${network})` : ''}`.slice(0, 400);
}

/**
 * `pip download` of one wheel, no dependencies.
 * @param folder an empty folder; the wheel comes to lie in it.
 * @param onBytes called twice a second with the bytes that are there.
 * @returns path of the wheel.
 * @throws UserError with pip's complaint, or when there is no pip; Interrupted.
 */
export async function pipDownload(
  requirement: string,
  folder: string,
  { onBytes, signal }: { onBytes?: (bytes: number) => void; signal?: AbortSignal } = {},
): Promise<string> {
  const python = pythonWithPip();
  if (python === null) {
    throw new UserError(
      'no Python with pip is found (python3 -m pip; Debian: apt-get install python3-pip; GORA_PYTHON names another)',
    );
  }
  if (signal?.aborted) throw new Interrupted('interrupted');
  const [place, temp] = [join(folder, 'wheel'), join(folder, 'temp')];
  mkdirSync(place);
  mkdirSync(temp);
  const options = ['--no-deps', '--only-binary=:all:', '--ignore-requires-python', '--no-cache-dir', '--no-input'];
  const quiet = ['--disable-pip-version-check', '--progress-bar', 'off'];
  const child = spawn(python, ['-m', 'pip', 'download', ...options, ...quiet, '--dest', place, requirement], {
    // pip writes to a temporary folder first: this one, so that its progress can be seen and nothing is left behind
    env: { ...process.env, TMPDIR: temp, TEMP: temp, TMP: temp },
    stdio: ['ignore', 'pipe', 'pipe'],
    // a group of its own: python3 may be a script that starts the true one (pyenv), and both must end
    detached: process.platform !== 'win32',
  });
  let output = '';
  const collect = (text: Buffer) => {
    output = (output + text).slice(-20_000);
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  const watch = setInterval(() => {
    try {
      onBytes?.(wheelBytes(folder));
    } catch {
      // pip removed a folder while it was read
    }
  }, 500);
  const release = endWith(child, signal);
  try {
    const code = await new Promise<number | null>((done, fail) => {
      child.once('error', (cause) =>
        fail(new UserError(`${python} cannot be started (${messageOf(cause)})`, { cause })),
      );
      child.once('close', done);
    });
    if (signal?.aborted) throw new Interrupted('interrupted');
    if (code !== 0) throw new UserError(`pip could not bring ${requirement}: ${complaint(output)}`);
  } finally {
    clearInterval(watch);
    release();
  }
  const wheels = readdirSync(place).filter((name) => name.endsWith('.whl'));
  if (wheels.length !== 1) throw new UserError(`pip brought ${wheels.join(', ') || 'nothing'} for ${requirement}`);
  return join(place, wheels[0]);
}
