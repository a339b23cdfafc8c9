/** Processes that take turns: one line asked, one line of JSON answered. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { root } from './facts';

/** Command line of a script of this folder. */
export const kitCommand = (script: string, ...args: string[]): string[] => [
  process.execPath,
  ...['--import', 'tsx', join(__dirname, script), ...args],
];

/** A process that answers every line. */
export class Runner {
  private readonly child: ChildProcess;
  private readonly lines: AsyncIterator<string>;

  constructor(command: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const [program, ...args] = command;
    this.child = spawn(program, args, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.lines = createInterface({ input: this.child.stdout! })[Symbol.asyncIterator]();
  }

  /** @throws Error when the process ended instead. */
  async answer<T>(): Promise<T> {
    const { value, done } = await this.lines.next();
    if (done) throw new Error('a contender ended early; see its message above');
    return JSON.parse(value);
  }

  async ask<T>(): Promise<T> {
    this.child.stdin!.write('\n');
    return this.answer<T>();
  }

  stop(): void {
    this.child.stdin!.end();
    this.child.kill();
  }
}

/** The Python of `GORA_PYTHON`, else `python3`, where it has what the peers need; else null and a line that says so. */
export function pythonWithPeft(): string | null {
  const python = process.env.GORA_PYTHON || 'python3';
  try {
    execFileSync(python, ['-c', 'import torch, transformers, peft, safetensors'], { stdio: 'ignore' });
    return python;
  } catch {
    console.error(`${python} has no torch, transformers, peft and safetensors: set GORA_PYTHON. PyTorch is left out`);
    return null;
  }
}
