/** Every child that the kit starts ends when its parent is killed, also one that computes for ever. Real processes. */
import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { test } from 'node:test';
import { projectRoot } from '../../src/project';
import { connection, KernelClient, kernelCommand } from '../notebook/kernel-client';
import { notebookOf, projectTempDir, writeFixture } from '../notebook/support';
import { tempDir } from '../support/temp';
import { isRunning, pidIn, runCode, until } from './support';

const source = (...parts: string[]) => JSON.stringify(path.join(projectRoot(), 'src', ...parts));
const seconds = 8;

const loops: [what: string, code: string][] = [
  ['computes', 'while (true);'],
  ['computes after an await', 'await new Promise((r) => setTimeout(r, 10)); for (;;) {}'],
  ['waits', 'await new Promise(() => setInterval(() => {}, 1000));'],
];
for (const [what, loop] of loops) {
  test(`the process of a notebook's cells ends with a killed runner while its cell ${what}`, async (t) => {
    const folder = projectTempDir(t);
    const note = 'require("node:fs").writeFileSync("pid", process.pid + "\\n");';
    const file = writeFixture(folder, notebookOf(`${note} ${loop}`));
    const runner = runCode(t, `require(${source('notebook', 'run')}).runNotebook(${JSON.stringify(file)})`, folder);
    const cells = await pidIn(t, path.join(folder, 'pid'));
    assert.notEqual(cells, runner.pid);
    runner.kill('SIGKILL');
    await until(`process ${cells} has ended`, () => !isRunning(cells), seconds);
  });
}

for (const [what, loop] of loops) {
  test(`the kernel ends with a killed client while its cell ${what}`, async (t) => {
    const folder = projectTempDir(t);
    const config = await connection();
    const file = path.join(folder, 'connection.json');
    fs.writeFileSync(file, JSON.stringify(config));
    const start = `
      const { spawn } = require('node:child_process');
      const child = spawn(...${JSON.stringify(kernelCommand(folder, file))}, { stdio: 'ignore' });
      require('node:fs').writeFileSync('pid', child.pid + '\\n');`;
    const parent = runCode(t, start, folder);
    const kernel = await pidIn(t, path.join(folder, 'pid'));
    const client = await KernelClient.connect(t, config);
    const begun = new Promise<void>(
      (done) => void client.execute(`console.log('go'); ${loop}`, (type) => type === 'stream' && done()),
    );
    await begun;
    assert.ok(isRunning(kernel));
    parent.kill('SIGKILL');
    await until(`kernel ${kernel} has ended`, () => !isRunning(kernel), seconds);
  });
}

/** A program that ignores SIGTERM and starts another one; both write their pids. */
function stubborn(folder: string): string {
  const file = path.join(folder, 'stubborn');
  const inner = `sh -c 'trap "" TERM; echo $$ > ${folder}/inner; while true; do sleep 1; done'`;
  fs.writeFileSync(file, `#!/bin/sh\ntrap "" TERM\n${inner} &\necho $$ > ${folder}/outer\nwait\nwait\n`, {
    mode: 0o755,
  });
  return file;
}

test('a program of setup or doctor, and what that started, end with a killed parent', async (t) => {
  const folder = tempDir(t);
  const program = JSON.stringify(stubborn(folder));
  const parent = runCode(t, `require(${source('setup', 'run')}).run(${program}, [])`, projectRoot());
  const pids = [await pidIn(t, path.join(folder, 'outer')), await pidIn(t, path.join(folder, 'inner'))];
  parent.kill('SIGKILL');
  await until(`${pids} have ended`, () => !pids.some(isRunning), seconds);
});

test('a probe of doctor, for which the parent waits blocked, ends with a killed parent', async (t) => {
  const folder = tempDir(t);
  const file = path.join(folder, 'probed');
  fs.writeFileSync(file, `#!/bin/sh\necho $$ > ${folder}/pid\nexec sleep 600\n`, { mode: 0o755 });
  const parent = runCode(t, `require(${source('setup', 'run')}).probe(${JSON.stringify(file)}, [])`, projectRoot());
  const pid = await pidIn(t, path.join(folder, 'pid'));
  parent.kill('SIGKILL');
  await until(`${pid} has ended`, () => !isRunning(pid), seconds);
});

test('Jupyter ends with a killed launcher, and one that was asked to end may take its time', async (t) => {
  const root = projectTempDir(t);
  fs.mkdirSync(path.join(root, 'src'));
  fs.writeFileSync(path.join(root, 'src', 'index.ts'), '');
  fs.writeFileSync(path.join(root, 'package.json'), '{}');
  const project = { compilerOptions: { rootDir: 'src', outDir: 'dist', types: [] }, include: ['src'] };
  fs.writeFileSync(path.join(root, 'tsconfig.build.json'), JSON.stringify(project));
  const bin = path.join(root, '.venv', 'bin');
  fs.mkdirSync(bin, { recursive: true });
  const script = `#!/bin/sh\ntrap 'sleep 1; echo asked >> ${root}/asked; exit 3' TERM\necho $$ > ${root}/pid\nwhile true; do sleep 0.1; done\n`;
  fs.writeFileSync(path.join(bin, 'jupyter-lab'), script, { mode: 0o755 });
  const start = `require(${source('notebook', 'jupyter')}).startJupyter([], ${JSON.stringify(root)}).then((code) => process.exit(code));`;
  const killed = runCode(t, start, projectRoot());
  const first = await pidIn(t, path.join(root, 'pid'));
  killed.kill('SIGKILL');
  await until(`${first} has ended`, () => !isRunning(first), seconds);
  assert.equal(fs.readFileSync(path.join(root, 'asked'), 'utf8'), 'asked\n', 'it was asked before');

  fs.rmSync(path.join(root, 'pid'));
  const asked = runCode(t, start, projectRoot());
  await pidIn(t, path.join(root, 'pid'));
  const code = new Promise((done) => asked.on('exit', done));
  asked.kill('SIGTERM');
  assert.equal(await code, 3, 'its exit code is passed on');
});
