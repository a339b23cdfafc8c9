/** Files written for one test. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import type { TestContext } from 'node:test';
import { tempDir } from './temp';

/** Writes one file in a fresh folder and gives its path. */
export function tempFile(t: TestContext, name: string, content: string | Uint8Array): string {
  const file = path.join(tempDir(t), name);
  fs.writeFileSync(file, content);
  return file;
}

/** A committed file of tests/fixtures. */
export function fixturePath(...parts: string[]): string {
  return path.join(path.resolve(__dirname, '..', '..').replace(/[\\/]build$/, ''), 'tests', 'fixtures', ...parts);
}
