/** Runs other programs for setup and doctor: never through a shell, always with a limit, never longer than we live. */
import { spawn, spawnSync } from 'node:child_process';
import { findProgram, guarded } from '../processes/guard';

/** How a program ended. */
export interface Outcome {
  readonly ok: boolean;
  /** Exit status; null when it could not start or was ended by its limit. */
  readonly code: number | null;
  /** stdout and stderr together, in the order they came. */
  readonly output: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Ended after this many milliseconds. */
  readonly limitMs?: number;
  /** Asked every second with the seconds spent; true ends the program (a download that never begins, say). */
  readonly giveUp?: (seconds: number) => boolean;
  /** Called every 15 s with the seconds spent, so that a long step is seen to be alive. */
  readonly onWait?: (seconds: number) => void;
}

/** Runs a program to its end and collects what it printed. Never throws. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const env = options.env ?? process.env;
  const path = findProgram(command, env.PATH);
  if (path === null) return Promise.resolve({ ok: false, code: null, output: `spawn ${command} ENOENT` });
  return new Promise((done) => {
    const child = spawn(...guarded(path, args, { group: true }), {
      cwd: options.cwd,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    let ended = false;
    const started = Date.now();
    const end = () => {
      ended = true;
      child.kill('SIGTERM'); // with all it started
    };
    const watch = setInterval(() => {
      const seconds = Math.round((Date.now() - started) / 1000);
      if (seconds * 1000 >= (options.limitMs ?? Infinity) || options.giveUp?.(seconds)) end();
      else if (seconds % 15 === 0) options.onWait?.(seconds);
    }, 1000);
    const interrupted = (signal: NodeJS.Signals) => {
      end();
      process.exit(signal === 'SIGINT' ? 130 : 143);
    };
    process.once('SIGINT', interrupted);
    process.once('SIGTERM', interrupted);
    const finish = (code: number | null, extra = '') => {
      clearInterval(watch);
      process.off('SIGINT', interrupted);
      process.off('SIGTERM', interrupted);
      const note = ended ? `\nended after ${Math.round((Date.now() - started) / 1000)} s without an answer` : '';
      done({ ok: code === 0 && !ended, code: ended ? null : code, output: output + extra + note });
    };
    child.stdout.on('data', (chunk) => (output += chunk));
    child.stderr.on('data', (chunk) => (output += chunk));
    child.once('error', (error) => finish(null, error.message));
    child.once('close', (code) => finish(code));
  });
}

/** The first line a program prints, or null when it is not there: for `--version` and the like. */
export function probe(command: string, args: readonly string[]): string | null {
  const path = findProgram(command);
  if (path === null) return null;
  const { status, stdout, stderr } = spawnSync(...guarded(path, args), { encoding: 'utf8', timeout: 10_000 });
  if (status !== 0) return null;
  return (stdout || stderr).trim().split('\n')[0] ?? '';
}

/** The last line of an output that says what went wrong. */
export function lastComplaint(output: string): string {
  const lines = output
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const complaint = lines.filter((line) =>
    /error|ERR!|fail|ENOTFOUND|ECONN|ETIMEDOUT|not found|ended after/i.test(line),
  );
  return (complaint.at(-1) ?? lines.at(-1) ?? 'no output').slice(0, 200);
}
