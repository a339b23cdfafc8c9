/**
 * The Jupyter kernel: tslab 1.0.22's server with its faults mended in-process.
 * 1. Output past some 512 sends a tick was lost, with the idle status: the publisher's queue is unbounded here.
 * 2. `{ a, b }` of earlier cells' names broke (shorthand.ts).
 * 3. A failed cell sent no `error` message: it is published, and its parts stand in the reply.
 * 4. No `execute_input` and no execution count were sent.
 * 5. An interrupt abandoned what the cell awaited, and could not reach a loop after an `await` (session.ts).
 * 6. Positions were taken for UTF-16 units; the protocol counts characters.
 * 7. A request of an unknown kind, and one that failed, was reported in the cell that happened to run last.
 */
import { JupyterHandlerImpl, ZmqServer } from 'tslab/dist/jupyter';
import type { Publisher, Router } from 'zeromq';
import { messageOf } from '../errors';
import { completenessOf } from './completeness';
import type { CellEvent } from './events';
import { languageInfo } from './language';
import { toCharacters, toUnits } from './positions';
import { Session } from './session';
import { Message } from './wire';

interface ExecuteRequest {
  code: string;
  silent?: boolean;
  store_history?: boolean;
  stop_on_error?: boolean;
}

/** Time in which requests that wait in the socket are read. */
const drainMs = 20;

class Handler extends JupyterHandlerImpl {
  override handleKernel() {
    const reply = {
      status: 'ok',
      protocol_version: '5.3',
      implementation: 'gora',
      implementation_version: '1.0.0',
      language_info: languageInfo,
      banner: 'TypeScript with the low-rank adaptation kit',
    };
    return reply as unknown as ReturnType<JupyterHandlerImpl['handleKernel']>;
  }

  override handleIsComplete({ code }: { code: string }) {
    return completenessOf(code);
  }

  override handleInspect(request: { code: string; cursor_pos: number; detail_level: 0 | 1 }) {
    return super.handleInspect({ ...request, cursor_pos: toUnits(request.code, request.cursor_pos) });
  }

  override handleComplete(request: { code: string; cursor_pos: number }) {
    const { code } = request;
    const found = super.handleComplete({ code, cursor_pos: toUnits(code, request.cursor_pos) });
    const [cursor_start, cursor_end] = [toCharacters(code, found.cursor_start), toCharacters(code, found.cursor_end)];
    return { ...found, cursor_start, cursor_end };
  }

  override handleShutdown(request: { restart: boolean }) {
    return { status: 'ok', restart: request.restart };
  }
}

class Server extends ZmqServer {
  private count = 0;
  private received = 0;
  private abortUpTo = 0;
  private queue: Promise<void> = Promise.resolve();

  constructor(
    private readonly session: Session,
    configPath: string,
  ) {
    super(new Handler(session.executor, false), configPath);
    let publisher: Publisher;
    Object.defineProperty(this, 'iopub', {
      get: () => publisher,
      set: (socket: Publisher) => {
        // Never wait and never drop: with a limit, sends beyond it fail while the event loop is held by a cell.
        socket.sendTimeout = 0;
        socket.sendHighWaterMark = 0;
        publisher = socket;
      },
    });
  }

  override async handleShellMessage(socket: Router, ...frames: Buffer[]): Promise<void> {
    let message: Message;
    try {
      message = Message.parse(this.connInfo.key, frames);
    } catch (error) {
      return this.session.complain(`a message that cannot be read was ignored: ${messageOf(error)}`);
    }
    const { msg_type: type } = message.header;
    this.publishStatus('busy', message);
    try {
      await this.answer(socket, message, type);
    } catch (error) {
      this.session.complain(`${type} failed: ${error instanceof Error ? error.stack : String(error)}`);
      const failed = { status: 'error', ename: 'Error', evalue: messageOf(error), traceback: [] };
      if (type.endsWith('_request')) this.reply(socket, message, type.replace(/request$/, 'reply'), failed);
    } finally {
      this.publishStatus('idle', message);
    }
    if (type === 'shutdown_request') this.close();
  }

  private answer(socket: Router, message: Message, type: string): void | Promise<void> {
    switch (type) {
      case 'kernel_info_request':
        return this.handleKernelInfo(socket, message);
      case 'execute_request':
        return this.handleExecute(socket, message);
      case 'is_complete_request':
        return this.handleIsComplete(socket, message);
      case 'inspect_request':
        return this.handleInspect(socket, message);
      case 'complete_request':
        return this.handleComplete(socket, message);
      case 'comm_info_request':
        return this.handleCommInfoRequest(socket, message);
      case 'shutdown_request':
        return this.handleShutdown(socket, message);
      case 'history_request': // none is kept: front ends show their own
        return this.reply(socket, message, 'history_reply', { status: 'ok', history: [] });
      case 'interrupt_request':
        this.session.interrupt();
        return this.reply(socket, message, 'interrupt_reply', { status: 'ok' });
      default: // the protocol asks to ignore it
        return this.session.complain(`a message of the unknown kind ${type} was ignored`);
    }
  }

  override handleExecute(socket: Router, message: Message): Promise<void> {
    const sequence = ++this.received;
    const turn = this.queue.then(() => this.executeNow(socket, message, sequence));
    this.queue = turn.catch(() => {});
    return turn;
  }

  private async executeNow(socket: Router, message: Message, sequence: number): Promise<void> {
    const request = message.content as ExecuteRequest;
    const silent = request.silent === true;
    if (sequence <= this.abortUpTo) {
      this.reply(socket, message, 'execute_reply', { status: 'aborted', execution_count: this.count });
      return;
    }
    if (!silent && request.store_history !== false) this.count++;
    const execution_count = this.count;
    const publish = (type: string, content: object) => this.reply(this.iopub, message, type, content);
    if (!silent) publish('execute_input', { code: request.code, execution_count });
    const error = await this.session.execute(request.code, (event) => {
      if (!silent) publish(...asMessage(event, execution_count));
    });
    if (error && request.stop_on_error !== false) {
      // What was sent before the failure is known may still wait in the socket.
      await new Promise((resolve) => setTimeout(resolve, drainMs));
      this.abortUpTo = this.received;
    }
    const outcome = error
      ? { status: 'error', execution_count, ...error }
      : { status: 'ok', execution_count, user_expressions: {}, payload: [] };
    this.reply(socket, message, 'execute_reply', outcome);
  }

  override handleCommInfoRequest(socket: Router, message: Message): void {
    this.reply(socket, message, 'comm_info_reply', { status: 'ok', comms: {} });
  }

  /** Called after a shutdown request was answered; timers left by cells must not keep the process. */
  override close(): void {
    super.close();
    setTimeout(() => process.exit(0), 200);
  }

  private reply(socket: Router | Publisher, parent: Message, type: string, content: object): void {
    const reply = parent.createReply();
    reply.header.msg_type = type;
    reply.content = content;
    reply.signAndSend(this.connInfo.key, socket);
  }
}

function asMessage(event: CellEvent, execution_count: number): [type: string, content: object] {
  switch (event.type) {
    case 'stream':
      return ['stream', { name: event.name, text: event.text }];
    case 'display':
      return [event.update ? 'update_display_data' : 'display_data', event.content];
    case 'result':
      return ['execute_result', { data: event.data, metadata: {}, execution_count }];
    case 'error':
      return ['error', { ename: event.ename, evalue: event.evalue, traceback: event.traceback }];
  }
}

/** Serves the front end that the connection file describes, in the current folder, until it asks to stop or goes away. */
export async function startKernel(connectionFile: string): Promise<void> {
  const session = new Session(50);
  process.on('uncaughtException', (error) => session.fault(error));
  process.on('unhandledRejection', (reason) => session.fault(reason));
  const parent = process.ppid;
  // Jupyter names the process it starts kernels from; one whose parent is gone already belongs to nobody.
  if (parent === 1 && Number(process.env.JPY_PARENT_PID ?? 1) !== 1) process.exit(0);
  await session.watch(parent);
  await new Server(session, connectionFile).init();
}

if (require.main === module) void startKernel(process.argv[2]!);
