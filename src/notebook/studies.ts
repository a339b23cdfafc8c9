/** Measurements beside the comparisons, shown from their files: gradients against a large sample, costs of methods. */
import { existsSync, readdirSync } from 'node:fs';
import * as path from 'node:path';
import { kindOfStudy, readGradientStudies } from '../experiments/gradient-study';
import { resultsFolder } from '../project';
import { costTable, readCostBench } from '../reports/cost';
import { gradientStudyChart, gradientStudyTable } from '../reports/gradient-study';
import type { Table } from '../reports/table';
import { showChart } from './chart';
import { publish } from './publish';
import { tableHtml, tableText } from './table';

const show = (table: Table) => publish({ 'text/html': tableHtml(table), 'text/plain': tableText(table) });

function say(text: string): void {
  publish({ 'text/markdown': text, 'text/plain': text });
}

/** A table and a chart for each task and its settings that `gora gradients` studied; how to make one where there is none. */
export async function showGradientStudies(folder = resultsFolder('records', 'gradients')): Promise<void> {
  const studies = readGradientStudies(folder);
  if (studies.length === 0) say('No gradient studies yet. `npm run gora -- gradients --task glyphs` makes one.');
  for (const kind of new Set(studies.map(kindOfStudy))) {
    const mine = studies.filter((study) => kindOfStudy(study) === kind);
    show(gradientStudyTable(mine));
    await showChart(gradientStudyChart(mine), { interactive: false });
  }
}

/** A table of costs for each task that `bench/methods.ts` measured alone on a machine. */
export function showCosts(folder = resultsFolder('bench')): void {
  const files = existsSync(folder) ? readdirSync(folder).filter((file) => /^methods-.*\.json$/.test(file)) : [];
  if (files.length === 0) say('No costs measured yet. `npx tsx bench/methods.ts glyphs` measures them, alone.');
  for (const file of files.sort()) show(costTable(readCostBench(path.join(folder, file))));
}
