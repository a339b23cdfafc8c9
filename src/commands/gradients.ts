/** `gora gradients`: how many batches a mean gradient needs, on one task; resumes. */
import { join, relative } from 'node:path';
import { UserError } from '../errors';
import { prepareFolder } from '../experiments/folders';
import {
  answers,
  type GradientStudy,
  type GradientStudyRequest,
  readGradientStudies,
  studyGradients,
  writeGradientStudy,
} from '../experiments/gradient-study';
import { dataFolder } from '../project';
import { exportTable } from '../reports';
import { saveFigure, saveTable } from '../reports/files';
import { gradientStudyChart, gradientStudyTable } from '../reports/gradient-study';
import { closeRenderer } from '../reports/render';
import { interruptSignal, outFolder, parse, parseSettings, recordsFolder } from './args';

const options = {
  task: { type: 'string' },
  model: { type: 'string' },
  seeds: { type: 'string' },
  counts: { type: 'string' },
  reference: { type: 'string' },
  set: { type: 'string', multiple: true },
  data: { type: 'string' },
  out: { type: 'string' },
} as const;

/** @throws UserError unless the text is an integer above 0. */
function positive(text: string, option: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new UserError(`${option} takes integers above 0, not "${text}"`);
}

/** Studies of the seeds 1 … `seeds`, those on disk as they are; `onWrite` is told of every new file. */
export async function collectStudies(
  request: Omit<GradientStudyRequest, 'seed'>,
  seeds: number,
  records: string,
  dataDir: string,
  onWrite: (path: string) => void,
): Promise<GradientStudy[]> {
  const onDisk = new Map(readGradientStudies(records).map((study) => [study.id, study]));
  const studies: GradientStudy[] = [];
  for (let seed = 1; seed <= seeds; seed++) {
    const one = { ...request, seed };
    const known = onDisk.get(`gradients-${request.task}-s${seed}`);
    if (known && answers(known, one)) {
      studies.push(known);
      continue;
    }
    const study = await studyGradients(one, dataDir);
    onWrite(writeGradientStudy(records, study));
    studies.push(study);
  }
  return studies;
}

export async function gradientsCommand(args: string[]): Promise<number> {
  const { values } = parse(args, options);
  const { task, model, reference } = values;
  if (!task) throw new UserError('gradients of what? --task NAME; `gora list tasks` shows what exists');
  const request = {
    task,
    model,
    counts: values.counts?.split(',').map((text) => positive(text, '--counts')),
    reference: reference === undefined ? undefined : positive(reference, '--reference'),
    set: parseSettings(values.set),
  };
  const seeds = positive(values.seeds ?? '5', '--seeds');
  const folder = outFolder('gradients', values.out);
  const records = join(recordsFolder(values.out), 'gradients');
  const undo = prepareFolder(records);
  const { release } = interruptSignal('stopping after this batch; studies that are whole are kept');
  const local = (path: string) => relative(process.cwd(), path);
  try {
    const studies = await collectStudies(request, seeds, records, dataFolder(values.data), (path) =>
      process.stderr.write(`${local(path)}\n`),
    );
    const table = gradientStudyTable(studies);
    process.stdout.write(`${exportTable(table, 'text')}\n`); // before anything that can fail
    const files = saveTable(table, folder);
    files.push(...(await saveFigure(gradientStudyChart(studies), folder)));
    process.stdout.write(`${files.map((file) => `  ${local(file)}`).join('\n')}\n`);
    return 0;
  } finally {
    release();
    undo();
    await closeRenderer();
  }
}
