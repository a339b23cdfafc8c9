/**
 * Stopping work in this process: Ctrl-C on the command line, the stop button of a notebook.
 *
 * Whoever starts work that a person may stop opens a scope; loops below ask `interruptible()` once a step or a batch.
 * An interrupt that comes while the main thread computes is counted in shared memory by another thread (sentry.ts), so
 * that a loop which never yields hears of it too.
 */
import { Interrupted } from '../errors';

/** Places in the shared memory. */
const ANY = 0; // what loops read: above 0 when there is something to look at
const UNSEEN = 1; // interrupts that the main thread has not heard of

/** Work that can be stopped; of those open, the one opened last is the current one. */
export interface InterruptScope {
  readonly signal: AbortSignal;
  /** As `interruptible()`, and stops the work also when it goes on while another scope is the current one. */
  check(): void;
  /** Asks the work to stop. */
  interrupt(): void;
  /** To be called when the work has ended; one that goes on in spite of an interrupt keeps its scope open. */
  end(): void;
}

interface State {
  readonly alarm: Int32Array;
  readonly open: InterruptScope[];
  /** What an interrupt does; by default it interrupts the current scope. */
  listener: (() => void) | null;
  /** Threads that watch for SIGINT. */
  watching: number;
}

// One for the process, however many copies of this module it has loaded: a notebook may import another build.
const key = Symbol.for('gora-lab.interrupts');
const shared = globalThis as { [key]?: State };
shared[key] ??= { alarm: new Int32Array(new SharedArrayBuffer(8)), open: [], listener: null, watching: 0 };
const state: State = shared[key];

/** The memory in which the sentry counts interrupts. */
export const alarm = state.alarm;

/** For the sentry's thread: adds one interrupt to `alarm`. */
export const countInterrupt = `Atomics.add(alarm, ${UNSEEN}, 1); Atomics.add(alarm, ${ANY}, 1);`;

/** For the sentry's thread: whether there are interrupts that the main thread has not heard of. */
export const isUnseen = `Atomics.load(alarm, ${UNSEEN}) > 0`;

const current = (): InterruptScope | undefined => state.open.at(-1);

/** Opens a scope inside the current one. */
export function interruptScope(): InterruptScope {
  const controller = new AbortController();
  const { signal } = controller;
  const scope: InterruptScope = {
    signal,
    check() {
      if (Atomics.load(alarm, ANY) === 0) return;
      if (interrupted() || (signal.aborted && state.open.includes(scope))) throw new Interrupted('interrupted');
    },
    interrupt() {
      if (signal.aborted || !state.open.includes(scope)) return;
      controller.abort(new Interrupted('interrupted'));
      Atomics.add(alarm, ANY, 1);
    },
    end() {
      const at = state.open.indexOf(scope);
      if (at < 0) return;
      state.open.splice(at, 1);
      if (signal.aborted) Atomics.sub(alarm, ANY, 1);
    },
  };
  state.open.push(scope);
  return scope;
}

/** The signal of the current scope: what work keeps that must stop even when another scope is opened meanwhile. */
export function currentSignal(): AbortSignal | undefined {
  return current()?.signal;
}

/** Says what an interrupt does from now on. Returns how to go back to what it did before. */
export function onInterrupt(listener: () => void): () => void {
  const before = state.listener;
  state.listener = listener;
  return () => {
    if (state.listener === listener) state.listener = before;
  };
}

/** For the sentry: that one more, or with −1 one less, watches for SIGINT. */
export function countWatching(more: 1 | -1): void {
  state.watching += more;
}

/** Whether SIGINT interrupts the current scope. Then nobody else is to listen for it: `currentSignal()` says it all. */
export function interruptsAreWatched(): boolean {
  return state.watching > 0;
}

/** Hears the interrupts that were counted. Returns whether there were any. */
export function attendInterrupts(): boolean {
  const unseen = Atomics.exchange(alarm, UNSEEN, 0);
  if (unseen === 0) return false;
  Atomics.sub(alarm, ANY, unseen);
  if (state.listener) state.listener();
  else current()?.interrupt();
  return true;
}

/** Whether the work that runs now was asked to stop. Costs a read of memory. */
export function interrupted(): boolean {
  if (Atomics.load(alarm, ANY) === 0) return false;
  const fresh = attendInterrupts();
  // without a scope the interrupt was meant for whatever holds the thread
  return current()?.signal.aborted ?? fresh;
}

/** To be called once a step of any long loop. @throws Interrupted when the work was asked to stop. */
export function interruptible(): void {
  if (interrupted()) throw new Interrupted('interrupted');
}

/** The check of the scope in which work begins, for the code of that work. */
export function currentCheck(): () => void {
  return current()?.check ?? interruptible;
}
