// Runs the test files whose path holds every word given; all without words. Node 20 has no globs in --test.
const { spawnSync } = require('node:child_process');
const { readdirSync } = require('node:fs');
const { join } = require('node:path');

const root = join(__dirname, '..');
const words = process.argv.slice(2);
const files = readdirSync(join(root, 'tests'), { recursive: true })
  .map((file) => join('tests', String(file)))
  .filter((file) => file.endsWith('.test.ts') && words.every((word) => file.includes(word)))
  .sort();
if (files.length === 0) {
  console.error(`no test file holds ${words.join(' and ')}`);
  process.exit(1);
}
const args = ['--import', 'tsx', '--test', '--test-concurrency=2', '--test-reporter=spec', ...files];
process.exit(spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' }).status ?? 1);
