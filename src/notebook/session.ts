/**
 * Runs cells one after the other with tslab's converter and executor, as the Jupyter kernel and the headless runner
 * both do. Over tslab it adds: errors as events instead of text, values of last expressions as results with rich forms,
 * output in few large pieces, and the mended shorthand (see shorthand.ts).
 */
import { format } from 'node:util';
import { type Converter, createConverter } from 'tslab/dist/converter';
import { createExecutor, type Executor } from 'tslab/dist/executor';
import { type CellDiagnostic, diagnosticsError, thrownError } from './cell-errors';
import type { CellError, CellEvent, DisplayData } from './events';
import { resultBundle } from './results';
import { expandShorthand } from './shorthand';
import { StreamBuffer } from './stream-buffer';

// Not an import: some loaders would give a copy, and its `lastWriteDisplayData` is assigned to below.
const tslabJupyter = require('tslab/dist/jupyter') as object;

type Emit = (event: CellEvent) => void;

/** One notebook's running state; the process's stdout and stderr belong to it once made. Resolves imports from `cwd`. */
export class Session {
  readonly executor: Executor;
  private readonly converter = createConverter();
  private emit: Emit = () => {};
  private readonly streams: StreamBuffer;
  private diagnostics: CellDiagnostic[] = [];
  private failure: unknown[] | null = null;
  private stray: CellError | null = null;

  /** @param burst printed pieces that may go out as they come, in 20 ms; more are joined. */
  constructor(burst: number) {
    this.streams = new StreamBuffer((name, text) => this.emit({ type: 'stream', name, text }), burst);
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

  /** Runs one cell; its events go to `emit`, as do late ones (timers) until the next cell. Resolves to its error or null. */
  async execute(source: string, emit: Emit): Promise<CellError | null> {
    this.streams.flush();
    this.emit = emit;
    this.diagnostics = [];
    this.failure = null;
    this.stray = null;
    let error: CellError | null = null;
    try {
      const ok = await this.executor.execute(source);
      // A cell that defines a module may be refused and still count as run; its complaints are text.
      if (ok && this.failure) this.streams.add('stderr', `${format(...(this.failure as unknown[]))}\n`);
      else if (!ok && this.diagnostics.length > 0) error = diagnosticsError(source, this.diagnostics);
      else if (!ok) error = thrownError((this.failure as unknown[] | null)?.[0]);
    } catch (thrown) {
      error = thrownError(thrown);
    }
    if (error) this.send({ type: 'error', ...error });
    else error = this.stray;
    this.streams.flush();
    return error;
  }

  /** Reports an error that no cell awaited (an unhandled rejection); a cell that is running then counts as failed. */
  fault(thrown: unknown): void {
    const error = thrownError(thrown);
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

  private mended(): Converter {
    const { converter } = this;
    return {
      ...converter,
      convert: (declarations, source) => {
        const expanded = expandShorthand(source);
        const result = converter.convert(declarations, expanded.text);
        this.diagnostics = result.diagnostics.map((d) => ({
          offset: expanded.originalOffset(d.start.offset),
          message: d.messageText,
          code: d.code,
          fileName: d.fileName,
        }));
        return result;
      },
    };
  }

  private capture(name: 'stdout' | 'stderr'): typeof process.stdout.write {
    const decoder = new TextDecoder();
    return (chunk: string | Uint8Array, encoding?: unknown, callback?: unknown) => {
      this.streams.add(name, typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true }));
      const done = typeof encoding === 'function' ? encoding : callback;
      if (typeof done === 'function') process.nextTick(done as () => void);
      return true;
    };
  }
}
