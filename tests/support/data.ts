/** Where the real checkpoints and data sets of the tests stand. They are not part of the repository. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import type { TestContext } from 'node:test';

const projectRoot = path.resolve(__dirname, '..', '..').replace(/[\\/]build$/, '');

/** The folder of real data: `GORA_DATA`, else `../shared/data` beside the project; null when there is none. */
export function dataDir(): string | null {
  const folder = process.env.GORA_DATA || path.join(projectRoot, '..', 'shared', 'data');
  return fs.existsSync(folder) ? folder : null;
}

/** A path inside the data folder; null, and the test marked as skipped, when it is not there. */
export function dataFile(t: TestContext, ...parts: string[]): string | null {
  const folder = dataDir();
  const file = folder && path.join(folder, ...parts);
  if (file && fs.existsSync(file)) return file;
  t.skip(`${parts.join('/')} not found: set GORA_DATA`);
  return null;
}

/** A committed JSON fixture of tests/fixtures. */
export function fixture<T>(name: string): T {
  return JSON.parse(fs.readFileSync(path.join(projectRoot, 'tests', 'fixtures', name), 'utf8'));
}
