/** A fresh folder for one test, removed when it ends. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import type { TestContext } from 'node:test';

export function tempDir(t: TestContext): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gora-test-'));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  return folder;
}
