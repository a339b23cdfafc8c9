/** scripts/gora.cjs: compiles when it must, is silent when it need not, and survives being started twice at once. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { projectRoot } from '../../src/project';
import { run } from '../../src/setup/run';
import { tempDir } from '../support/temp';

const ROOT = projectRoot();

function smallProject(t: TestContext): string {
  const root = join(tempDir(t), 'with a space');
  mkdirSync(join(root, 'src'), { recursive: true });
  mkdirSync(join(root, 'scripts'));
  for (const file of ['scripts/gora.cjs', 'scripts/sweep-dist.cjs', 'tsconfig.json', 'tsconfig.build.json']) {
    cpSync(join(ROOT, file), join(root, file));
  }
  symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'));
  write(root, 'hello');
  return root;
}

/** Writes a command that prints `word` and its arguments and exits 7, newer than anything built. */
function write(root: string, word: string): void {
  const file = join(root, 'src', 'cli.ts');
  writeFileSync(
    file,
    `export async function main(argv: string[]): Promise<number> { console.log('${word}', ...argv); return 7; }\n`,
  );
  const later = new Date(Date.now() + 50);
  utimesSync(file, later, later);
}

function launch(root: string): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [join(root, 'scripts', 'gora.cjs'), 'a b'], { encoding: 'utf8' });
}

test('compiles once, passes arguments and the exit status, and compiles again after a change', (t) => {
  const root = smallProject(t);
  const first = launch(root);
  assert.deepEqual([first.status, first.stdout], [7, 'hello a b\n'], first.stderr);
  assert.match(first.stderr, /compiling/);

  // The stamp carries the moment compiling began; a source saved just before that must not count as newer for ever.
  const stamp = join(root, 'dist', '.tsbuildinfo');
  const later = new Date(Date.now() + 1000);
  utimesSync(stamp, later, later);
  const second = launch(root);
  assert.deepEqual([second.status, second.stdout, second.stderr], [7, 'hello a b\n', '']);

  utimesSync(stamp, new Date(0), new Date(0));
  write(root, 'changed');
  assert.equal(launch(root).stdout, 'changed a b\n');

  rmSync(join(root, 'dist', 'cli.js'));
  assert.equal(launch(root).stdout, 'changed a b\n');
});

test('what was made from a source that is gone does not stay', (t) => {
  const root = smallProject(t);
  writeFileSync(join(root, 'src', 'plans.ts'), 'export const plans = 1;\n');
  launch(root);
  assert.ok(existsSync(join(root, 'dist', 'plans.js')));
  rmSync(join(root, 'src', 'plans.ts'));
  write(root, 'hello');
  utimesSync(join(root, 'dist', '.tsbuildinfo'), new Date(0), new Date(0));
  assert.equal(launch(root).status, 7);
  assert.deepEqual(
    readdirSync(join(root, 'dist')).filter((file) => file.startsWith('plans')),
    [],
  );
});

test('a source that does not compile stops it, now and the next time', (t) => {
  const root = smallProject(t);
  writeFileSync(join(root, 'src', 'cli.ts'), 'export const main: number = "text";\n');
  for (let i = 0; i < 2; i++) {
    const child = launch(root);
    assert.equal(child.status, 1);
    assert.match(child.stderr, /does not compile/);
  }
});

test('two launches at once compile one after the other, and a dead one leaves no lock', async (t) => {
  const root = smallProject(t);
  mkdirSync(join(root, 'dist'));
  writeFileSync(join(root, 'dist', '.building'), '4194999');
  const script = join(root, 'scripts', 'gora.cjs');
  const both = await Promise.all([run(process.execPath, [script]), run(process.execPath, [script])]);
  for (const { code, output } of both) {
    assert.equal(code, 7, output);
    assert.match(output, /hello\n$/);
  }
  assert.ok(!readdirSync(join(root, 'dist')).includes('.building'));
});
