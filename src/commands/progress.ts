/** Progress of training on a terminal (one line, redrawn) or in a log (a line now and then). */
import type { TrainingProgress } from '../training/train';

const WIDTH = 24;

function line({ step, steps, loss, millisecondsPerStep }: TrainingProgress): string {
  const left = ((steps - step) * millisecondsPerStep) / 1000;
  return `step ${step}/${steps}  loss ${loss.toFixed(4)}  ${millisecondsPerStep.toFixed(0)} ms/step  ${left.toFixed(0)} s left`;
}

/** A reporter for one run; `label` opens every line. Writes to standard error. */
export function progressReporter(
  label: string,
  stream: NodeJS.WriteStream = process.stderr,
): (p: TrainingProgress) => void {
  let last = Number.NEGATIVE_INFINITY;
  return (progress) => {
    const done = progress.step === progress.steps;
    const now = performance.now();
    if (stream.isTTY) {
      if (now - last < 100 && !done) return;
      const filled = Math.round((WIDTH * progress.step) / progress.steps);
      const bar = '█'.repeat(filled) + '░'.repeat(WIDTH - filled);
      stream.write(`\r\x1b[2K${label}  ${bar}  ${line(progress)}${done ? '\n' : ''}`);
    } else {
      if (now - last < 10_000 && !done) return;
      stream.write(`${label}  ${line(progress)}\n`);
    }
    last = now;
  };
}
