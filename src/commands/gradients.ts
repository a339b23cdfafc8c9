/** `gora gradients`: how many batches a mean gradient needs, on one task; resumes. */
import { join, relative } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { UserError } from '../errors';
import {
  type GradientStudy,
  type GradientStudyRequest,
  readGradientStudies,
  studyGradients,
  writeGradientStudy,
} from '../experiments/gradient-study';
import { resolveSpec } from '../experiments/spec';
import { exportTable } from '../reports';
import { saveFigure, saveTable } from '../reports/files';
import { gradientStudyChart, gradientStudyTable } from '../reports/gradient-study';
import { closeRenderer } from '../reports/render';
import { dataFolder, outFolder, parse, parseSettings, recordsFolder } from './args';

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

/** Whether a study on disk is the one asked for. */
function answers(study: GradientStudy, request: GradientStudyRequest): boolean {
  const spec = resolveSpec({ ...request, method: 'full' });
  return (
    study.model === spec.model &&
    study.batch === spec.training.batch &&
    isDeepStrictEqual(study.taskOptions, spec.taskOptions) &&
    isDeepStrictEqual(
      study.samples.map(({ batches }) => batches),
      [...request.counts],
    ) &&
    (request.reference === undefined || study.reference.batches === request.reference)
  );
}

export async function gradientsCommand(args: string[]): Promise<number> {
  const { values } = parse(args, options);
  const { task, model, reference } = values;
  if (!task) throw new UserError('gradients of what? --task NAME; `gora list tasks` shows what exists');
  const counts = (values.counts ?? '1,2,4,8,16,32,64').split(',').map((text) => positive(text, '--counts'));
  const seeds = positive(values.seeds ?? '5', '--seeds');
  const folder = outFolder('gradients', values.out);
  const records = join(recordsFolder(values.out), 'gradients');
  const onDisk = new Map(readGradientStudies(records).map((study) => [study.id, study]));
  const studies: GradientStudy[] = [];
  for (let seed = 1; seed <= seeds; seed++) {
    const request: GradientStudyRequest = {
      ...{ task, model, seed, counts, set: parseSettings(values.set) },
      reference: reference === undefined ? undefined : positive(reference, '--reference'),
    };
    const known = onDisk.get(`gradients-${task}-s${seed}`);
    const study = known && answers(known, request) ? known : await studyGradients(request, dataFolder(values.data));
    if (study !== known) process.stderr.write(`${relative(process.cwd(), writeGradientStudy(records, study))}\n`);
    studies.push(study);
  }
  const table = gradientStudyTable(studies);
  const files = saveTable(table, folder);
  try {
    files.push(...(await saveFigure(gradientStudyChart(studies), folder)));
  } finally {
    await closeRenderer();
  }
  process.stdout.write(`${exportTable(table, 'text')}\n`);
  process.stdout.write(`${files.map((file) => `  ${relative(process.cwd(), file)}`).join('\n')}\n`);
  return 0;
}
