/** Setup: what it refuses, what survives an interruption, and that asking twice changes nothing. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { projectRoot } from '../../src/project';
import { run } from '../../src/setup/run';
import { runSetup } from '../../src/setup/setup';
import { clearPartials, fetchWheel } from '../../src/setup/wheel';
import { ensureBinding, keptBuild } from '../../src/tensor/native';
import { tempDir } from '../support/temp';
import { freshProject, lendNative, runFresh } from './project';

const ROOT = projectRoot();
const SETUP = (...flags: string[]) =>
  `require('./src/setup').runSetup(${JSON.stringify(flags)}).then((code) => { process.exitCode = code; });`;

/** A stand-in for `python -m pip install --target DIR …` that unpacks a tiny wheel, stopping at `stopAt`. */
function fakePython(folder: string, stopAt: 'half' | 'refuse' | 'end'): string {
  const script = join(folder, `python-${stopAt}`);
  writeFileSync(
    script,
    `#!/bin/sh
case "$*" in *"pip --version"*) echo "pip 24"; exit 0;; esac
${stopAt === 'refuse' ? 'echo "ERROR: No matching distribution found"; exit 1' : ''}
while [ "$1" != --target ]; do shift; done
mkdir -p "$2/tensorflow/include" "$2/tensorflow/python" "$2/numpy"
echo lib > "$2/tensorflow/libtensorflow_framework.so.2"
${stopAt === 'half' ? 'sleep 60' : ''}
echo lib > "$2/tensorflow/libtensorflow_cc.so.2"
mkdir -p "$2/tensorflow_cpu-2.99.0.dist-info"
`,
  );
  chmodSync(script, 0o755);
  return script;
}

test('unknown and contradicting options are refused', async () => {
  await assert.rejects(runSetup(['--fast']), { name: 'UserError', message: /--fast.*--native-only/ });
  await assert.rejects(runSetup(['--native-only', '--jupyter-only']), {
    name: 'UserError',
    message: /exclude each other/,
  });
});

test('a wheel is kept only when it is complete, and Python itself is dropped', async (t) => {
  const home = join(tempDir(t), '.native');
  const lines: string[] = [];
  const python = fakePython(tempDir(t), 'end');
  const wheel = await fetchWheel(home, 'cpu', python, (line) => lines.push(line));
  assert.ok(typeof wheel === 'object', String(wheel));
  assert.equal(wheel.version, '2.99.0');
  assert.deepEqual(readdirSync(home), ['tensorflow-2.99.0-cpu']);
  assert.deepEqual(readdirSync(join(wheel.folder, 'site')), ['tensorflow']);
  assert.equal(readFileSync(join(wheel.folder, 'site', 'tensorflow', 'libtensorflow.so'), 'utf8'), 'lib\n');
  assert.ok(!existsSync(join(wheel.folder, 'site', 'tensorflow', 'python')));

  // A second time nothing is fetched: this Python would refuse.
  const again = await fetchWheel(home, 'cpu', fakePython(tempDir(t), 'refuse'), () => {});
  assert.deepEqual(again, wheel);
});

test('an interrupted download leaves nothing that looks finished, and the next setup clears it away', async (t) => {
  const home = join(tempDir(t), '.native');
  const folder = tempDir(t);
  const program = `require('./src/setup/wheel').fetchWheel(${JSON.stringify(home)}, 'cpu', ${JSON.stringify(fakePython(folder, 'half'))}, () => {});`;
  const cut = await run(process.execPath, ['--import', require.resolve('tsx'), '-e', program], {
    cwd: ROOT,
    limitMs: 30_000,
    giveUp: () =>
      existsSync(home) && readdirSync(home).some((name) => existsSync(join(home, name, 'site', 'tensorflow'))),
  });
  assert.equal(cut.ok, false);
  const left = readdirSync(home);
  assert.equal(left.length, 1);
  assert.match(left[0]!, /^\.partial-\d+$/);

  const lines: string[] = [];
  const wheel = await fetchWheel(home, 'cpu', fakePython(folder, 'end'), (line) => lines.push(line));
  assert.ok(typeof wheel === 'object', String(wheel));
  assert.deepEqual(readdirSync(home), ['tensorflow-2.99.0-cpu']);
  assert.match(lines[0]!, /interrupted/);
});

test('the folder of a setup that still runs is left alone', (t) => {
  const home = tempDir(t);
  mkdirSync(join(home, `.partial-${process.ppid}`));
  mkdirSync(join(home, '.partial-4194999'));
  assert.equal(clearPartials(home), 1);
  assert.deepEqual(readdirSync(home), [`.partial-${process.ppid}`]);
});

test('when pip brings nothing, the reason is one line and nothing is left', async (t) => {
  const home = join(tempDir(t), '.native');
  const why = await fetchWheel(home, 'cpu', fakePython(tempDir(t), 'refuse'), () => {});
  assert.equal(why, 'pip could not bring TensorFlow: ERROR: No matching distribution found');
  assert.deepEqual(readdirSync(home), []);
});

test('--check says what is missing, changes nothing, and exits 1', (t) => {
  const root = freshProject(t);
  const before = readdirSync(root);
  const child = runFresh(root, SETUP('--check', '--native-only'));
  assert.equal(child.status, 1, child.stderr);
  assert.match(child.stdout, /^MISS native TensorFlow is not built: npm run setup/);
  assert.match(child.stdout, /WebAssembly/);
  assert.deepEqual(readdirSync(root), before);
});

test('setup on a project that is set up checks and changes nothing, also after npm ci', (t) => {
  if (ensureBinding() === 'missing' || keptBuild() === null) {
    t.skip('native TensorFlow not built here: npm run setup');
    return;
  }
  const root = freshProject(t);
  assert.ok(lendNative(root));
  const record = join(root, '.native', 'current.json');
  const written = statSync(record).mtimeMs;
  const outputs = [SETUP('--native-only'), SETUP('--native-only'), SETUP('--check', '--native-only')].map((program) => {
    const child = runFresh(root, program);
    assert.equal(child.status, 0, child.stderr + child.stdout);
    return child.stdout;
  });
  assert.match(outputs[0]!, /^ok {3}native TensorFlow \d+\.\d+\.\d+ runs on the (CPU|GPU)\n$/);
  assert.equal(new Set(outputs).size, 1);
  assert.equal(statSync(record).mtimeMs, written);
});

test('a program past its limit is ended with everything it started', async () => {
  const started = Date.now();
  const outcome = await run('sh', ['-c', 'sleep 47 & echo begun $!; wait'], { limitMs: 1000 });
  assert.ok(Date.now() - started < 10_000);
  assert.equal(outcome.ok, false);
  assert.equal(outcome.code, null);
  assert.match(outcome.output, /begun[\s\S]*ended after \d+ s without an answer/);
  const pid = Number(/begun (\d+)/.exec(outcome.output)![1]);
  for (let i = 0; i < 50 && existsSync(`/proc/${pid}/exe`); i++) await new Promise((done) => setTimeout(done, 20));
  assert.equal(
    spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' })
      .stdout.replace(/^Z.*/, '')
      .trim(),
    '',
  );
});

test('a program that is not there is an outcome, not a crash', async () => {
  const outcome = await run('no-such-program-here', []);
  assert.equal(outcome.ok, false);
  assert.match(outcome.output, /ENOENT/);
});
