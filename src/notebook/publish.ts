/** The way from a cell's code to its output: through the kernel where there is one, else as plain text to stdout. */
import { randomBytes } from 'node:crypto';
import type { DisplayData, MimeBundle } from './events';

type Writer = (content: DisplayData, update: boolean) => void;

/** tslab's writer of the running kernel or headless runner; null in a plain Node process, where tslab is not loaded. */
function writer(): Writer | null {
  const loaded = require.cache[require.resolve('tslab/dist/jupyter')];
  return (loaded?.exports as { lastWriteDisplayData?: Writer | null } | undefined)?.lastWriteDisplayData ?? null;
}

/** Whether code runs in a notebook, under Jupyter or headless. */
export function inNotebook(): boolean {
  return writer() !== null;
}

/** Shows one output in all its forms; the front end picks the richest it can draw. */
export function publish(data: MimeBundle, metadata: Record<string, unknown> = {}): void {
  const write = writer();
  if (write) write({ data, metadata, transient: {} }, false);
  else process.stdout.write(`${data['text/plain'] ?? ''}\n`);
}

/** An output that later calls replace in place. */
export function publishInPlace(): (data: MimeBundle) => void {
  const display_id = randomBytes(8).toString('hex');
  let shown = false;
  return (data) => {
    writer()?.({ data, metadata: {}, transient: { display_id } }, shown);
    shown = true;
  };
}
