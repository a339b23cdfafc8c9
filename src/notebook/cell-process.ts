/** The runner's end of the process that runs the cells (worker.ts): starting it, one cell at a time, and its end. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { CellError, CellEvent } from './events';
import { nodeArguments } from './kernelspec';
import type { WorkerMessage } from './worker';

interface Running {
  onEvent: (event: CellEvent) => void;
  finish: (error: CellError | null) => void;
}

export class CellProcess {
  languageInfo: object = {};
  alive = true;
  private running: Running | null = null;
  /** The end of what the process printed past the cells' outputs: native libraries, or why node gave up. */
  private tail = '';

  private constructor(private readonly child: ChildProcess) {
    const keep = (chunk: Buffer) => {
      this.tail = (this.tail + chunk.toString()).slice(-2000);
    };
    child.stdout!.on('data', keep);
    child.stderr!.on('data', keep);
  }

  /** Starts the process in `cwd`; resolves when it takes cells. */
  static async start(cwd: string, env: Record<string, string>): Promise<CellProcess> {
    const child = spawn(process.execPath, nodeArguments('worker'), {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'ipc'],
    });
    const self = new CellProcess(child);
    await new Promise<void>((resolve, reject) => {
      const lines = createInterface({ input: child.stdio[3] as Readable });
      lines.on('line', (line) => self.receive(JSON.parse(line) as WorkerMessage, resolve));
      child.on('error', reject);
      // Its pipes are read to the end by then, so outputs come before the error that ends them.
      child.on('close', (code, signal) => {
        self.alive = false;
        const error = self.endOf(code, signal);
        self.fail(error);
        reject(new Error(error.traceback.join('\n')));
      });
    });
    return self;
  }

  /** Runs one cell. Resolves to its error: what it threw, a timeout, or the end of the process. */
  async execute(
    code: string,
    onEvent: (event: CellEvent) => void,
    timeoutS: number | undefined,
  ): Promise<CellError | null> {
    let timer: NodeJS.Timeout | undefined;
    const error = await new Promise<CellError | null>((finish) => {
      this.running = { onEvent, finish };
      this.child.send({ code });
      if (timeoutS === undefined) return;
      timer = setTimeout(() => {
        const evalue = `the cell did not finish within ${timeoutS} s`;
        this.fail({ ename: 'TimeoutError', evalue, traceback: [`TimeoutError: ${evalue}`] });
        this.child.kill('SIGKILL');
        this.alive = false;
      }, timeoutS * 1000);
    });
    clearTimeout(timer);
    return error;
  }

  /** Ends the process; late outputs of the last cell are not awaited. */
  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const gone = once(this.child, 'exit');
    this.child.disconnect();
    const timer = setTimeout(() => this.child.kill('SIGKILL'), 2000);
    await gone;
    clearTimeout(timer);
  }

  private receive(message: WorkerMessage, ready: () => void): void {
    if (message.kind === 'ready') {
      this.languageInfo = message.languageInfo;
      ready();
    } else if (message.kind === 'event') {
      this.running?.onEvent(message.event);
    } else {
      this.running?.finish(message.error);
    }
  }

  /** Ends the running cell with an error that the worker could not report itself. */
  private fail(error: CellError): void {
    const { running } = this;
    this.running = null;
    running?.onEvent({ type: 'error', ...error });
    running?.finish(error);
  }

  private endOf(code: number | null, signal: NodeJS.Signals | null): CellError {
    const how = signal ? `was ended by ${signal}` : `exited with code ${code}`;
    const evalue = `the notebook's process ${how}`;
    const printed = this.tail.trim();
    return {
      ename: 'ProcessExit',
      evalue,
      traceback: [`ProcessExit: ${evalue}`, ...(printed ? printed.split('\n') : [])],
    };
  }
}
