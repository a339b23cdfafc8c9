/**
 * Long work written as a generator that yields where it may rest, and the two ways to do it: at once, or so that the
 * event loop turns in between. Signals other than Ctrl-C (SIGTERM), timers and progress come through only there.
 */

/** Work that rests now and then, and comes to a result. */
export type Turns<T> = Generator<void, T, void>;

/** Does the work without a rest. */
export function atOnce<T>(work: Turns<T>): T {
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
  }
}

/** Does the work with one turn of the event loop at every rest. */
export async function inTurns<T>(work: Turns<T>): Promise<T> {
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
    await new Promise((resolve) => setImmediate(resolve));
  }
}
