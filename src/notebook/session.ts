/**
 * Runs cells one after the other with tslab's converter and executor, as the Jupyter kernel and the headless runner
 * both do. Over tslab it adds: errors as events instead of text, values of last expressions as results with rich forms,
 * output in few large pieces and not without end, interrupts that stop what runs, names of a failed cell that stay, and
 * the mended shorthand (see shorthand.ts).
 */
import { format } from 'node:util';
import { type Converter, createConverter } from 'tslab/dist/converter';
import { createExecutor, type Executor } from 'tslab/dist/executor';
import { isInterrupted } from '../errors';
import { attendInterrupts, type InterruptScope, interruptScope, onInterrupt } from '../processes/interrupt';
import { type Sentry, startSentry } from '../processes/sentry';
import { type CellDiagnostic, diagnosticsError, thrownError } from './cell-errors';
import type { CellError, CellEvent, DisplayData } from './events';
import { clippedError, OutputLimit } from './limit';
import { declaredNames, keptDeclarations } from './names';
import { resultBundle } from './results';
import { expandShorthand } from './shorthand';
import { installChecks, stoppableCell, stoppableModule } from './stoppable';
import { StreamBuffer } from './stream-buffer';

// Not an import: some loaders would give a copy, and its `lastWriteDisplayData` is assigned to below.
const tslabJupyter = require('tslab/dist/jupyter') as object;

type Emit = (event: CellEvent) => void;

/** Time that an interrupted cell has to end by itself. */
const graceMs = 1000;

/** A cell that runs. */
interface Running {
  readonly scope: InterruptScope;
  timer: NodeJS.Timeout | null;
  /** It was given up: what it awaits does not listen. */
  left: boolean;
}

/** One notebook's running state; the process's stdout and stderr belong to it once made. Resolves imports from `cwd`. */
export class Session {
  readonly executor: Executor;
  private readonly converter = createConverter();
  private emit: Emit = () => {};
  private readonly streams: StreamBuffer;
  private diagnostics: CellDiagnostic[] = [];
  private failure: unknown[] | null = null;
  private stray: CellError | null = null;
  private readonly limit = new OutputLimit();
  private readonly log = process.stderr.write.bind(process.stderr);
  private running: Running | null = null;
  /** What earlier cells declared, as the compiler is told. */
  private declarations = '';
  /** What it is told after this cell, null when the compiler refused it, and the names that the cell declares. */
  private converted: { declarations: string; names: ReadonlySet<string> } | null = null;

  /** @param burst printed pieces that may go out as they come, in 20 ms; more are joined. */
  constructor(burst: number) {
    this.streams = new StreamBuffer((name, text) => this.emit({ type: 'stream', name, text }), burst);
    installChecks();
    onInterrupt(() => this.interrupt());
    const node = this.mended();
    // Cells marked for a browser are not run; their converter only answers the editor.
    const convs = { node, browser: node, close: () => this.converter.close() };
    this.executor = createExecutor(process.cwd(), convs, {
      log: (value: unknown) => this.send({ type: 'result', data: resultBundle(value) }),
      error: (...args: unknown[]) => {
        this.failure ??= args;
      },
    });
    process.stdout.write = this.capture('stdout');
    process.stderr.write = this.capture('stderr');
    // Read by tslab's `display` and by ours (publish.ts).
    Object.assign(tslabJupyter, {
      lastWriteDisplayData: (content: DisplayData, update?: boolean) =>
        this.send({ type: 'display', content, update: update === true }),
    });
  }

  /** Watches for interrupts (SIGINT) and for the end of the parent, also while a cell computes. */
  watch(parent: number): Promise<Sentry> {
    return startSentry({ parent, interrupts: 'every', breakLoops: true, onBroken: () => this.leave() });
  }

  /** Runs one cell; its events go to `emit`, as do late ones (timers) until the next cell. Resolves to its error or null. */
  async execute(source: string, emit: Emit): Promise<CellError | null> {
    this.streams.flush();
    this.limit.reset();
    this.emit = emit;
    this.diagnostics = [];
    this.failure = null;
    this.stray = null;
    this.converted = null;
    // Out of the callback that brought the cell: what breaks off a cell must not break off the socket's own code.
    await new Promise((resolve) => setImmediate(resolve));
    const before = { ...this.executor.locals };
    const running: Running = { scope: interruptScope(), timer: null, left: false };
    this.running = running;
    let error: CellError | null = null;
    try {
      const ok = await this.executor.execute(source);
      // A cell that defines a module may be refused and still count as run; its complaints are text.
      if (ok && this.failure) this.print('stderr', `${format(...(this.failure as unknown[]))}\n`);
      else if (!ok && this.diagnostics.length > 0) error = diagnosticsError(source, this.diagnostics);
      else if (!ok) error = this.errorOf((this.failure as unknown[] | null)?.[0], running);
    } catch (thrown) {
      error = this.errorOf(thrown, running);
    }
    this.keepNames(before, error !== null);
    this.endRun(running);
    if (error) this.send({ type: 'error', ...error });
    else error = this.stray;
    this.streams.flush();
    return error;
  }

  /** Asks the running cell to stop; one that has not a second later is given up. */
  interrupt(): void {
    const { running } = this;
    if (!running || running.scope.signal.aborted) return;
    running.scope.interrupt();
    running.timer = setTimeout(() => this.leave(), graceMs);
  }

  /** Gives up the running cell when it was interrupted: it counts as ended, and its code stops where it asks next. */
  private leave(): void {
    if (!this.running?.scope.signal.aborted) return;
    this.running.left = true;
    this.executor.interrupt();
  }

  private endRun(running: Running): void {
    if (running.timer) clearTimeout(running.timer);
    attendInterrupts(); // one that comes so late is not for the next cell
    if (running.timer) clearTimeout(running.timer);
    this.running = null;
    // the scope of a cell that was given up stays open: its code is still to be stopped
    if (!running.left) running.scope.end();
  }

  private errorOf(thrown: unknown, { left }: Running): CellError {
    if (!left) return clippedError(thrownError(thrown));
    const evalue = 'interrupted; what the cell awaited did not listen and was left';
    return { ename: 'Interrupted', evalue, traceback: [`Interrupted: ${evalue}`] };
  }

  /**
   * Notes what the compiler is to know after this cell. Of a failed one the names that received a value stay; the others
   * are again what they were.
   */
  private keepNames(before: Readonly<Record<string, unknown>>, failed: boolean): void {
    if (!this.converted) return;
    const { declarations, names } = this.converted;
    const { locals } = this.executor;
    const unreached = new Set([...names].filter((name) => failed && name in locals && locals[name] === undefined));
    const restored = new Set([...unreached].filter((name) => before[name] !== undefined));
    for (const name of restored) locals[name] = before[name];
    this.declarations =
      unreached.size === 0
        ? declarations
        : keptDeclarations(declarations, (name) => !unreached.has(name)) +
          keptDeclarations(this.declarations, (name) => restored.has(name));
  }

  /** Reports an error that no cell awaited (an unhandled rejection); a cell that is running then counts as failed. */
  fault(thrown: unknown): void {
    if (isInterrupted(thrown) && this.running?.scope.signal.aborted) return; // the cell says so itself
    const error = clippedError(thrownError(thrown));
    this.stray ??= error;
    this.send({ type: 'error', ...error });
  }

  /** What `fault` reported since the last cell began, if anything. */
  get strayError(): CellError | null {
    return this.stray;
  }

  private send(event: CellEvent): void {
    this.streams.flush();
    this.emit(event);
  }

  /** Says something to whoever started the process; in no cell. */
  complain(text: string): void {
    this.log(`${text}\n`);
  }

  private print(name: 'stdout' | 'stderr', text: string): void {
    this.streams.add(name, this.limit.pass(name, text));
  }

  private mended(): Converter {
    const { converter } = this;
    return {
      ...converter,
      convert: (_, source) => {
        const expanded = expandShorthand(source);
        const result = converter.convert(this.declarations, expanded.text);
        this.diagnostics = result.diagnostics.map((d) => ({
          offset: expanded.originalOffset(d.start.offset),
          message: d.messageText,
          code: d.code,
          fileName: d.fileName,
        }));
        if (result.diagnostics.length > 0) return result;
        this.converted = { declarations: result.declOutput ?? '', names: declaredNames(source) };
        const sideOutputs = result.sideOutputs?.map(({ path, data }) => ({ path, data: stoppableModule(data) }));
        if (!result.output) return { ...result, sideOutputs };
        return { ...result, sideOutputs, output: stoppableCell(result.output), hasToplevelAwait: true };
      },
      inspect: (_, source, position) => converter.inspect(this.declarations, source, position),
      complete: (_, source, position) => converter.complete(this.declarations, source, position),
    };
  }

  private capture(name: 'stdout' | 'stderr'): typeof process.stdout.write {
    const decoder = new TextDecoder();
    return (chunk: string | Uint8Array, encoding?: unknown, callback?: unknown) => {
      this.print(name, typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true }));
      const done = typeof encoding === 'function' ? encoding : callback;
      if (typeof done === 'function') process.nextTick(done as () => void);
      return true;
    };
  }
}
