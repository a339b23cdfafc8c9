/** `gora chart NAME`: the charts of a comparison from its records; runs nothing. */
import { relative } from 'node:path';
import { UserError } from '../errors';
import { prepareFolder } from '../experiments/folders';
import { figureFormats } from '../reports';
import { saveFigure } from '../reports/files';
import { closeRenderer } from '../reports/render';
import { planFigures } from '../reports/views';
import { parse } from './args';
import { openComparison, showOptions } from './comparison';

const options = showOptions;

export async function chartCommand(args: string[]): Promise<number> {
  const { values, positionals } = parse(args, options, 2);
  const [, which] = positionals;
  const { name, format, comparison, result } = await openComparison(
    'chart',
    positionals[0],
    figureFormats,
    'svg',
    values,
  );
  const all = planFigures(comparison.plan, result);
  const figures = which === undefined ? all : all.filter((figure) => figure.name === which);
  if (figures.length === 0) {
    const names = all.map((figure) => figure.name).join(', ') || 'none';
    throw new UserError(`${name} has no chart${which === undefined ? '' : ` "${which}"`}. Charts: ${names}`);
  }
  const folder = values.out ?? comparison.folder;
  const undo = prepareFolder(folder);
  try {
    for (const figure of figures) {
      const files = await saveFigure(figure, folder, [format]);
      process.stdout.write(`${files.map((file) => relative(process.cwd(), file)).join('\n')}\n`);
    }
  } finally {
    undo();
    await closeRenderer();
  }
  return 0;
}
