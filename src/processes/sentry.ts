/**
 * A thread that watches while the main thread computes.
 *
 * - Interrupts (SIGINT): a handler of the event loop runs only when the loop turns. The thread waits inside `vm` with
 *   `breakOnSigint`, which ends its own script on SIGINT, counts the signal where loops look (interrupt.ts), and tells
 *   the main thread. Code that never looks can be ended through the inspector.
 * - The parent: a process whose parent was killed is ended, though its own loop may be blocked for ever.
 *
 * The thread's program is text, so that it is the same from sources and from a build.
 */
import { Worker } from 'node:worker_threads';
import { alarm, attendInterrupts, countInterrupt, isUnseen } from './interrupt';

export interface SentryOptions {
  /** Pid of the process to end with: the parent. */
  readonly parent?: number;
  /** Watch for SIGINT: every one, or the first alone, after which the next one ends the process. Default: none. */
  readonly interrupts?: 'every' | 'first';
  /**
   * End the running JavaScript when it has not looked after an interrupt for `patienceMs`. Promises it was to settle
   * stay pending; `onBroken` is called then.
   */
  readonly breakLoops?: boolean;
  readonly onBroken?: () => void;
}

/** Time that code has to hear of an interrupt before it is broken off. */
const patienceMs = 1000;

/** Time that a process has to end by itself when its parent is gone. */
const farewellMs = 1500;

type Message = 'ready' | 'interrupt' | 'broken' | 'orphan';

const program = `
const { parentPort, workerData } = require('node:worker_threads');
const vm = require('node:vm');
const { alarm, control, parent, interrupts, breakLoops } = workerData;
let orphanAt = 0, askedAt = 0, session = null;

function parentIsGone() {
  if (process.platform !== 'win32') return process.ppid !== parent;
  try { process.kill(parent, 0); return false; } catch (error) { return error.code === 'ESRCH'; }
}
function lookAfterParent() {
  if (parent === undefined) return;
  if (orphanAt > 0) {
    if (Date.now() - orphanAt > ${farewellMs}) process.kill(process.pid, 'SIGKILL');
  } else if (parentIsGone()) {
    orphanAt = Date.now();
    parentPort.postMessage('orphan');
  }
}
function lookAfterLoop() {
  if (askedAt === 0) return;
  if (!(${isUnseen})) askedAt = 0;
  else if (breakLoops && Date.now() - askedAt > ${patienceMs}) {
    askedAt = Date.now();
    const { Session } = require('node:inspector');
    if (session === null) { session = new Session(); session.connectToMainThread(); }
    parentPort.postMessage('broken');
    session.post('Runtime.terminateExecution');
  }
}
globalThis.watch = () => {
  parentPort.postMessage('ready');
  while (Atomics.load(control, 0) === 0) {
    Atomics.wait(control, 0, 0, askedAt > 0 || orphanAt > 0 ? 100 : 500);
    lookAfterParent();
    lookAfterLoop();
  }
};
function asked() {
  ${countInterrupt}
  if (askedAt === 0) askedAt = Date.now();
  parentPort.postMessage('interrupt');
}
/** Runs a function of the global scope. Returns whether it came to its end: false when SIGINT ended it. */
function run(name) {
  try {
    vm.runInThisContext(name + '()', { breakOnSigint: interrupts !== undefined });
    return true;
  } catch (error) {
    if (error.code !== 'ERR_SCRIPT_EXECUTION_INTERRUPTED') throw error;
    asked();
    return false;
  }
}
// The outer run keeps SIGINT from its default effect between two inner ones.
globalThis.watchOn = () => { while (!run('watch')); };
if (interrupts === 'first') run('watch');
else while (!run('watchOn'));
`;

/** A running sentry. */
export interface Sentry {
  stop(): void;
}

/**
 * Starts the thread; resolves when it watches. It does not keep the process alive.
 * While it watches for SIGINT no `process.on('SIGINT')` may be set: the two would take the signal from each other.
 */
export function startSentry(options: SentryOptions): Promise<Sentry> {
  const { parent, interrupts, breakLoops = false, onBroken } = options;
  const control = new Int32Array(new SharedArrayBuffer(4));
  const workerData = { alarm, control, parent, interrupts, breakLoops };
  // the options that this process was started with (a loader of sources) are not for the thread
  const thread = new Worker(program, { eval: true, execArgv: [], workerData });
  const sentry = {
    stop() {
      Atomics.store(control, 0, 1);
      Atomics.notify(control, 0);
    },
  };
  return new Promise((resolve, reject) => {
    thread.on('message', (message: Message) => {
      if (message === 'ready') {
        thread.unref();
        resolve(sentry);
      }
      if (message === 'interrupt') attendInterrupts();
      if (message === 'broken') onBroken?.();
      if (message === 'orphan') process.exit(0);
    });
    thread.on('error', reject);
  });
}
