/** The runner's end of the process that runs the cells (worker.ts): starting it, one cell at a time, and its end. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import type { CellError, CellEvent } from './events';
import { nodeArguments } from './kernelspec';
import type { WorkerMessage } from './worker';

/** Time that a cell has to end after an interrupt. */
const patienceMs = 4000;

/** The last cell: its late outputs are still its own until the next one begins. */
interface Running {
  onEvent: (event: CellEvent) => void;
  finish: (error: CellError | null) => void;
  done: boolean;
}

export class CellProcess {
  languageInfo: object = {};
  private running: Running | null = null;
  /** Why the process has ended, or is about to. */
  private ending: CellError | null = null;
  /** The end of what the process printed past the cells' outputs: native libraries, or why node gave up. */
  private tail = '';

  private constructor(private readonly child: ChildProcess) {
    const keep = (chunk: Buffer) => {
      this.tail = (this.tail + chunk.toString()).slice(-2000);
    };
    child.stdout!.on('data', keep);
    child.stderr!.on('data', keep);
  }

  /** Whether it takes another cell. */
  get alive(): boolean {
    return this.ending === null;
  }

  /** Starts the process in `cwd`; resolves when it takes cells. */
  static async start(cwd: string, env: Record<string, string>): Promise<CellProcess> {
    const child = spawn(process.execPath, [...nodeArguments('worker'), String(process.pid)], {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'ipc'],
    });
    const self = new CellProcess(child);
    await new Promise<void>((resolve, reject) => {
      onLines(child.stdio[3] as Readable, (line) => self.receive(JSON.parse(line) as WorkerMessage, resolve));
      child.on('error', reject);
      // Its pipes are read to the end by then, so outputs come before the error that ends them.
      child.on('close', (code, signal) => {
        self.ending ??= self.endOf(code, signal);
        self.fail(self.ending);
        reject(new Error(self.ending.traceback.join('\n')));
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
      this.running = { onEvent, finish, done: false };
      if (this.ending) return this.fail(this.ending);
      this.child.send({ code });
      if (timeoutS === undefined) return;
      timer = setTimeout(
        () => this.end('TimeoutError', `the cell did not finish within ${timeoutS} s`),
        timeoutS * 1000,
      );
    });
    clearTimeout(timer);
    return error;
  }

  /** Interrupts the running cell, and ends the process when that does not end the cell. */
  interrupt(): void {
    this.child.kill('SIGINT');
    const { running } = this;
    setTimeout(() => {
      if (running && !running.done) this.end('Interrupted', 'interrupted; the cell did not listen');
    }, patienceMs).unref();
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
      this.finish(message.error);
    }
  }

  private finish(error: CellError | null): void {
    const { running } = this;
    if (!running || running.done) return;
    running.done = true;
    running.finish(error);
  }

  /** Ends the running cell and the process, which does not listen. */
  private end(ename: string, evalue: string): void {
    this.ending = { ename, evalue, traceback: [`${ename}: ${evalue}`] };
    this.fail(this.ending);
    this.child.kill('SIGKILL');
  }

  /** Ends the running cell with an error that the worker could not report itself. */
  private fail(error: CellError): void {
    if (!this.running || this.running.done) return;
    this.running.onEvent({ type: 'error', ...error });
    this.finish(error);
    this.running = null;
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

/** Calls `take` with every line; a line ends at a line feed and nowhere else, as JSON may hold the other line ends. */
function onLines(stream: Readable, take: (line: string) => void): void {
  const decoder = new StringDecoder('utf8');
  let pieces: string[] = [];
  stream.on('data', (chunk: Buffer) => {
    const [first = '', ...rest] = decoder.write(chunk).split('\n');
    pieces.push(first);
    for (const next of rest) {
      take(pieces.join(''));
      pieces = [next];
    }
  });
}
