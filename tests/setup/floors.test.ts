/** The house of floors: a folder of src/ imports only from those before it (README, "How it is built"). */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { test } from 'node:test';

const src = resolve(__dirname, '..', '..', 'src');
const FLOORS = [
  ...[
    'errors',
    'project',
    'processes',
    'tensor',
    'formats',
    'tokenizers',
    'hub',
    'models',
    'methods',
    'data',
    'tasks',
    'training',
    'experiments',
    'reports',
    'setup',
  ],
  ...['notebook', 'commands', 'cli', 'index'],
];
const floorOf = (path: string) => path.split(/[\\/]/)[0].replace(/\.ts$/, '');

test('imports go one way', () => {
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  assert.ok(files.length > 200);
  const wrong = files.flatMap((file) => {
    const own = FLOORS.indexOf(floorOf(file));
    assert.ok(own >= 0, `${file} is on no known floor`);
    const text = readFileSync(join(src, file), 'utf8');
    const imports = [...text.matchAll(/(?:from |import\()'(\.[^']*)'/g)].map(([, path]) => path);
    return imports
      .map((path) => relative(src, resolve(src, file, '..', path)))
      .filter((path) => FLOORS.indexOf(floorOf(path)) > own)
      .map((path) => `${file} imports ${path}`);
  });
  assert.deepEqual(wrong, []);
});
