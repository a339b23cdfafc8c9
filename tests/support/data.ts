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

/** A path inside the folder that a variable names, or inside a default; null, and the test skipped, when it is missing. */
function outsideFile(t: TestContext, variable: string, otherwise: string, parts: readonly string[]): string | null {
  const file = path.join(process.env[variable] || otherwise, ...parts);
  if (fs.existsSync(file)) return file;
  t.skip(`${parts.join('/')} not found: set ${variable}`);
  return null;
}

/** A path inside the folder of shared material, `GORA_SHARED` or `../shared` beside the project; else a skipped test. */
export const sharedFile = (t: TestContext, ...parts: string[]): string | null =>
  outsideFile(t, 'GORA_SHARED', path.join(projectRoot, '..', 'shared'), parts);

/** A path inside the folder of unpacked model wheels, `GORA_WHEELS` or `../tools`; null and a skipped test without it. */
export const wheelFile = (t: TestContext, ...parts: string[]): string | null =>
  outsideFile(t, 'GORA_WHEELS', path.join(projectRoot, '..', 'tools'), parts);

/** The path of something in the kit's own data folder. */
export const bundledFile = (...parts: string[]): string => path.join(projectRoot, 'data', ...parts);

/** The path of a committed fixture. */
export const fixturePath = (...parts: string[]): string => path.join(projectRoot, 'tests', 'fixtures', ...parts);

/** A committed JSON fixture of tests/fixtures. */
export function fixture<T>(name: string): T {
  return JSON.parse(fs.readFileSync(fixturePath(name), 'utf8'));
}
