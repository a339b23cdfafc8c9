/** A `gora` command in this process, so that it sees what the test registered. */
import { main } from '../../src/cli';

export interface CallResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Text written while `work` runs; bytes are the test runner's and pass through. */
export async function call(...args: string[]): Promise<CallResult> {
  const written = { stdout: '', stderr: '' };
  const restore = (['stdout', 'stderr'] as const).map((name) => {
    const stream = process[name];
    const original = stream.write;
    const pass = original.bind(stream) as (...rest: unknown[]) => boolean;
    stream.write = ((chunk: unknown, ...rest: unknown[]) => {
      if (typeof chunk !== 'string') return pass(chunk, ...rest);
      written[name] += chunk;
      return true;
    }) as typeof stream.write;
    return () => {
      stream.write = original;
    };
  });
  try {
    return { code: await main(args), ...written };
  } finally {
    for (const undo of restore) undo();
  }
}
