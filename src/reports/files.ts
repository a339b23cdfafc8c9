/** Tables and figures as files. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomic } from '../formats/atomic';
import { exportTable, type TableFormat } from './export';
import type { Figure } from './figure';
import { type FigureFormat, renderFigure } from './render';
import type { Table } from './table';

/** Writes `<dir>/<table.name>.<format>` for each format and returns the paths. */
export function saveTable(table: Table, dir: string, formats: readonly TableFormat[] = ['md', 'csv']): string[] {
  mkdirSync(dir, { recursive: true });
  return formats.map((format) => {
    const path = join(dir, `${table.name}.${format === 'text' ? 'txt' : format}`);
    writeFileAtomic(path, exportTable(table, format));
    return path;
  });
}

/** Writes `<dir>/<figure.name>.<format>` for each format and returns the paths. */
export async function saveFigure(
  figure: Figure,
  dir: string,
  formats: readonly FigureFormat[] = ['png', 'svg', 'html'],
): Promise<string[]> {
  mkdirSync(dir, { recursive: true });
  const paths: string[] = [];
  for (const format of formats) {
    const path = join(dir, `${figure.name}.${format}`);
    writeFileAtomic(path, await renderFigure(figure, format, { interactive: false }));
    paths.push(path);
  }
  return paths;
}
