/**
 * A Jupyter client in Node, so that the kernel's tests need no Python: it starts the kernel as its kernelspec says, and
 * speaks the wire protocol over the same ZeroMQ binding.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { createServer } from 'node:net';
import * as path from 'node:path';
import type { TestContext } from 'node:test';
import { Dealer, Subscriber } from 'zeromq';
import { writeKernelspec } from '../../src/notebook/kernelspec';

// biome-ignore lint/suspicious/noExplicitAny: JSON of the wire, looked into by the tests
export type Content = Record<string, any>;

/** What came of one request. */
export interface Answer {
  /** Null when none came before the kernel was idle again. */
  reply: Content | null;
  replyType: string | null;
  /** On the broadcast channel, in order: type and content. */
  messages: [type: string, content: Content][];
  milliseconds: number;
}

interface Waiting {
  answer: Answer;
  started: number;
  onMessage: ((type: string, content: Content) => void) | undefined;
  settle: (answer: Answer) => void;
  idle: boolean;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

const key = randomUUID();
const names = ['shell', 'iopub', 'stdin', 'control', 'hb'] as const;

/** What a connection file holds. */
export async function connection(): Promise<Content> {
  const ports: Content = {};
  for (const name of names) ports[`${name}_port`] = await freePort();
  return { ...ports, ip: '127.0.0.1', transport: 'tcp', key, signature_scheme: 'hmac-sha256', kernel_name: 'gora' };
}

/** Program and arguments of the kernel for a connection file. */
export function kernelCommand(folder: string, connectionFile: string): [string, string[]] {
  const spec = path.join(writeKernelspec(folder), 'kernels', 'gora', 'kernel.json');
  const [program, ...args] = JSON.parse(fs.readFileSync(spec, 'utf8')).argv as string[];
  return [program!, args.map((arg) => arg.replace('{connection_file}', connectionFile))];
}

export class KernelClient {
  /** What the kernel's process itself wrote, to stdout and stderr. */
  printed = '';
  private readonly shell = new Dealer();
  private readonly control = new Dealer();
  private readonly iopub = new Subscriber();
  private readonly waiting = new Map<string, Waiting>();

  private constructor(
    readonly process: ChildProcess | null,
    config: Content,
  ) {
    const address = (port: string) => `tcp://127.0.0.1:${config[port]}`;
    this.iopub.connect(address('iopub_port'));
    this.iopub.subscribe();
    this.shell.connect(address('shell_port'));
    this.control.connect(address('control_port'));
    for (const socket of [this.shell, this.control]) void this.read(socket, true);
    void this.read(this.iopub, false);
    for (const stream of [process?.stdout, process?.stderr]) {
      stream?.on('data', (chunk) => {
        this.printed += chunk;
      });
    }
  }

  /** Starts a kernel in `folder`, and waits until it answers. It ends with the test. */
  static async start(t: TestContext, folder: string): Promise<KernelClient> {
    const config = await connection();
    const file = path.join(folder, 'connection.json');
    fs.writeFileSync(file, JSON.stringify(config));
    const child = spawn(...kernelCommand(folder, file), { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    const client = new KernelClient(child, config);
    t.after(async () => {
      client.close();
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    });
    await client.ready();
    return client;
  }

  /** Connects to a kernel that somebody else started. */
  static async connect(t: TestContext, config: Content): Promise<KernelClient> {
    const client = new KernelClient(null, config);
    t.after(() => client.close());
    await client.ready();
    return client;
  }

  private async ready(): Promise<void> {
    // The broadcast channel has no handshake: ask until an answer's status comes through it.
    for (let tries = 0; tries < 300; tries++) {
      const asked = this.request('kernel_info_request', {});
      const answer = await Promise.race([asked, new Promise<null>((done) => setTimeout(done, 200, null))]);
      if (answer?.reply) return;
    }
    throw new Error(`the kernel does not answer: ${this.printed}`);
  }

  /** Sends a request; resolves when the kernel is idle again and has answered, or is idle and does not answer. */
  request(
    type: string,
    content: Content,
    channel: 'shell' | 'control' = 'shell',
    onMessage?: (type: string, content: Content) => void,
  ): Promise<Answer> {
    const msg_id = randomBytes(8).toString('hex');
    const date = new Date().toISOString();
    const header = { msg_id, msg_type: type, session: 'test', username: 'test', version: '5.3', date };
    const answer: Answer = { reply: null, replyType: null, messages: [], milliseconds: 0 };
    const settled = new Promise<Answer>((settle) => {
      this.waiting.set(msg_id, { answer, started: Date.now(), onMessage, settle, idle: false });
    });
    void this.send(
      [header, {}, {}, content].map((part) => JSON.stringify(part)),
      channel,
    );
    return settled;
  }

  /** Sends four parts, signed with the key or with `signature`. */
  send(parts: string[], channel: 'shell' | 'control' = 'shell', signature?: string): Promise<void> {
    const hash = createHmac('sha256', key);
    for (const part of parts) hash.update(part);
    return this[channel].send(['<IDS|MSG>', signature ?? hash.digest('hex'), ...parts]);
  }

  execute(code: string, onMessage?: (type: string, content: Content) => void): Promise<Answer> {
    const content = { code, silent: false, store_history: true, stop_on_error: true };
    return this.request('execute_request', content, 'shell', onMessage);
  }

  /** Runs a cell and interrupts it when it prints `go`, as Jupyter does: by a signal. `delay` is the time to the reply. */
  async interrupted(code: string): Promise<Answer & { delay: number }> {
    let asked = 0;
    const started = Date.now();
    const answer = await this.execute(code, (type, content) => {
      if (asked > 0 || type !== 'stream' || !content.text.includes('go')) return;
      asked = Date.now();
      this.process!.kill('SIGINT');
    });
    return { ...answer, delay: answer.milliseconds - (asked - started) };
  }

  close(): void {
    for (const socket of [this.shell, this.control, this.iopub]) if (!socket.closed) socket.close();
  }

  private async read(socket: Dealer | Subscriber, replies: boolean): Promise<void> {
    try {
      for await (const frames of socket) this.receive(frames as Buffer[], replies);
    } catch {
      // closed
    }
  }

  private receive(frames: readonly Buffer[], isReply: boolean): void {
    const at = frames.findIndex((frame) => frame.toString() === '<IDS|MSG>');
    const [header, parent, , content] = frames.slice(at + 2).map((part) => JSON.parse(part.toString()));
    const waiting = this.waiting.get(parent.msg_id);
    if (!waiting) return;
    if (isReply) {
      waiting.answer.reply = content;
      waiting.answer.replyType = header.msg_type;
      waiting.answer.milliseconds = Date.now() - waiting.started;
    } else {
      waiting.answer.messages.push([header.msg_type, content]);
      waiting.onMessage?.(header.msg_type, content);
      waiting.idle ||= header.msg_type === 'status' && content.execution_state === 'idle';
    }
    // a reply that follows the idle status may still be on its way
    if (waiting.idle) setTimeout(() => waiting.settle(waiting.answer), waiting.answer.reply ? 0 : 300);
  }
}

/** All text that a cell printed. */
export function textOf({ messages }: Answer, name: 'stdout' | 'stderr' = 'stdout'): string {
  return messages
    .filter(([type, content]) => type === 'stream' && content.name === name)
    .map(([, content]) => content.text)
    .join('');
}

/** The plain text of a cell's value. */
export function shown({ messages }: Answer): string | null {
  return messages.find(([type]) => type === 'execute_result')?.[1].data['text/plain'] ?? null;
}
