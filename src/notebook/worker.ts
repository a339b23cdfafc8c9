/**
 * The process in which the headless runner's cells run, with the notebook's folder as its current one.
 * Cells come as messages; events go as JSON lines to descriptor 3, written synchronously, so that nothing is lost when
 * a cell ends the process. SIGINT interrupts the running cell. The argument is the runner's pid: the process ends with it.
 */
import { writeSync } from 'node:fs';
import type { CellError, CellEvent } from './events';
import { languageInfo } from './language';
import { Session } from './session';

/** What the worker tells the runner. */
export type WorkerMessage =
  | { kind: 'ready'; languageInfo: object }
  | { kind: 'event'; event: CellEvent }
  | { kind: 'done'; error: CellError | null };

function tell(message: WorkerMessage): void {
  let bytes = Buffer.from(`${JSON.stringify(message)}\n`);
  while (bytes.length > 0) bytes = bytes.subarray(writeSync(3, bytes));
}

async function main(): Promise<void> {
  const session = new Session(Number.POSITIVE_INFINITY);
  process.on('uncaughtException', (error) => session.fault(error));
  process.on('unhandledRejection', (reason) => session.fault(reason));
  process.on('disconnect', () => process.exit(0));
  process.on('message', async ({ code }: { code: string }) => {
    const error = await session.execute(code, (event) => tell({ kind: 'event', event }));
    // One turn more, in which rejections that nobody handles come to light.
    await new Promise((resolve) => setImmediate(resolve));
    tell({ kind: 'done', error: error ?? session.strayError });
  });
  await session.watch(Number(process.argv[2]));
  tell({ kind: 'ready', languageInfo });
}

void main();
