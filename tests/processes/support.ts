/** Processes that are killed, and those that must end with them. */
import { type ChildProcess, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import type { TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';

/** Whether a process runs; one that has ended and waits for its parent does not. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
  } catch {
    return process.platform !== 'linux';
  }
}

/** Waits until something holds; fails after `seconds`. */
export async function until(what: string, holds: () => boolean, seconds = 60): Promise<void> {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; ) {
    if (holds()) return;
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error(`${what}: not after ${seconds} s`);
}

/** A process that runs TypeScript code of the kit. It ends with the test. */
export function runCode(t: TestContext, code: string, cwd: string): ChildProcess {
  const node = ['--import', pathToFileURL(require.resolve('tsx')).href, '--eval', code];
  const child = spawn(process.execPath, node, { cwd, stdio: ['ignore', 'ignore', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  return child;
}

/** The pid that somebody writes into a file. */
export async function pidIn(t: TestContext, file: string): Promise<number> {
  await until(`${file} holds a pid`, () => fs.existsSync(file) && /^\d+\n$/.test(fs.readFileSync(file, 'utf8')));
  const pid = Number(fs.readFileSync(file, 'utf8'));
  t.after(() => isRunning(pid) && process.kill(pid, 'SIGKILL'));
  return pid;
}
