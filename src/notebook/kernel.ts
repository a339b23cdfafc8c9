/**
 * The Jupyter kernel: tslab 1.0.22's server with its four faults mended in-process.
 * 1. Output past some 512 sends a tick was lost, with the idle status: the publisher's queue is unbounded here.
 * 2. `{ a, b }` of earlier cells' names broke (shorthand.ts).
 * 3. A failed cell sent no `error` message: it is published, and its parts stand in the reply.
 * 4. No `execute_input` and no execution count were sent.
 */
import { JupyterHandlerImpl, ZmqServer } from 'tslab/dist/jupyter';
import type { Publisher } from 'zeromq';
import type { CellEvent } from './events';
import { languageInfo } from './language';
import { Session } from './session';

type Message = Parameters<ZmqServer['handleExecute']>[1];
type Socket = Parameters<ZmqServer['handleExecute']>[0];

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

  override handleExecute(socket: Socket, message: Message): Promise<void> {
    const sequence = ++this.received;
    const turn = this.queue.then(() => this.executeNow(socket, message, sequence));
    this.queue = turn.catch(() => {});
    return turn;
  }

  private async executeNow(socket: Socket, message: Message, sequence: number): Promise<void> {
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

  override handleCommInfoRequest(socket: Socket, message: Message): void {
    this.reply(socket, message, 'comm_info_reply', { status: 'ok', comms: {} });
  }

  /** Called after a shutdown request was answered; timers left by cells must not keep the process. */
  override close(): void {
    super.close();
    setTimeout(() => process.exit(0), 200);
  }

  private reply(socket: Socket, parent: Message, type: string, content: object): void {
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
  process.on('SIGINT', () => session.executor.interrupt());
  process.on('uncaughtException', (error) => session.fault(error));
  process.on('unhandledRejection', (reason) => session.fault(reason));
  const parent = process.ppid;
  setInterval(() => process.ppid === parent || process.exit(0), 2000).unref();
  await new Server(session, connectionFile).init();
}

if (require.main === module) void startKernel(process.argv[2]!);
