/** What a run does to files: nothing before it is sure, nothing half, and what was finished is kept. */
import * as assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { complaintsOf } from '../../src/notebook/command';
import { foreignKernel } from '../../src/notebook/kernelspec';
import { type Notebook, readNotebook } from '../../src/notebook/nbformat';
import { runNotebook } from '../../src/notebook/run';
import { projectRoot } from '../../src/project';
import { codeCells, notebookOf, printed, projectTempDir, resultText, writeFixture } from './support';

/** `gora notebook …` as a process of its own. */
function gora(...args: string[]): { child: ChildProcess; ended: Promise<{ code: number | null; output: string }> } {
  const command = JSON.stringify(path.join(projectRoot(), 'src', 'notebook', 'command.ts'));
  const code = `require(${command}).runNotebookCommand(process.argv.slice(1)).then((code) => { process.exitCode = code; });`;
  const node = ['--import', pathToFileURL(require.resolve('tsx')).href, '--eval', code, '--', ...args];
  const child = spawn(process.execPath, node, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output += chunk;
    });
  }
  return { child, ended: once(child, 'close').then(([status]) => ({ code: status, output })) };
}

async function exists(file: string): Promise<void> {
  while (!fs.existsSync(file)) await new Promise((done) => setTimeout(done, 50));
}

/** A notebook whose second cell makes a file and then runs on, with outputs of an earlier run in all cells. */
function longNotebook(folder: string, second = 'await new Promise(() => {});'): { file: string; begun: string } {
  const begun = path.join(folder, 'begun');
  const notebook = notebookOf(
    'console.log("first")',
    `console.log("half"); require("node:fs").writeFileSync(${JSON.stringify(begun)}, ""); ${second}`,
    '3',
  );
  for (const cell of codeCells(notebook)) {
    cell.execution_count = 7;
    cell.outputs = [{ output_type: 'stream', name: 'stdout', text: 'an hour of work\n' }];
  }
  return { file: writeFixture(folder, notebook), begun };
}

const foreign: [what: string, metadata: Notebook['metadata'], said: RegExp | null][] = [
  ['a Python kernel', { kernelspec: { name: 'python3', language: 'python' } }, /kernelspec "python3"/],
  ['another TypeScript kernel', { kernelspec: { name: 'deno', language: 'typescript' } }, /kernelspec "deno"/],
  ['a kernelspec without a name', { kernelspec: { language: 'R' } }, /language "R"/],
  ['a language alone', { language_info: { name: 'python' } }, /language "python"/],
  ['our kernel', { kernelspec: { name: 'gora' }, language_info: { name: 'typescript' } }, null],
  ['our language', { language_info: { name: 'TypeScript' } }, null],
  ['nothing', {}, null],
];
for (const [what, metadata, said] of foreign) {
  test(`metadata that name ${what}: ${said ? 'refused before anything runs, the file untouched' : 'taken'}`, async (t) => {
    if (!said) return assert.equal(foreignKernel(metadata), null);
    const folder = projectTempDir(t);
    const { file, begun } = longNotebook(folder);
    const notebook = { ...readNotebook(file), metadata };
    fs.writeFileSync(file, JSON.stringify(notebook));
    const before = fs.readFileSync(file);
    const out = path.join(folder, 'out.ipynb');
    for (const options of [{}, { out }]) {
      await assert.rejects(runNotebook(file, { ...options, timeoutS: 3 }), { name: 'UserError', message: said });
    }
    assert.deepEqual(fs.readFileSync(file), before);
    assert.deepEqual([fs.existsSync(begun), fs.existsSync(out)], [false, false]);
  });
}

test('an output that cannot be written is refused before a cell runs', async (t) => {
  const folder = projectTempDir(t);
  const { file, begun } = longNotebook(folder);
  const plain = path.join(folder, 'plain');
  fs.writeFileSync(plain, '');
  const before = fs.readdirSync(folder);
  const places: [out: string, reason: RegExp][] = [
    [path.join(folder, 'none', 'out.ipynb'), /folder does not exist/],
    [path.join(plain, 'out.ipynb'), /part of the path is a file/],
    [folder, /it is a folder/],
    ['/dev/null', /it is a device/],
    [path.join(folder, `${'n'.repeat(300)}.ipynb`), /name is too long/],
  ];
  for (const [out, reason] of places) {
    await assert.rejects(runNotebook(file, { out, timeoutS: 3 }), { name: 'UserError', message: reason }, out);
  }
  assert.equal(fs.existsSync(begun), false);
  assert.deepEqual(fs.readdirSync(folder), before, 'and nothing is left of the trial');
});

test('a folder without permission is refused before a cell runs', async (t) => {
  if (process.getuid?.() === 0) return t.skip('root may write everywhere: run as another user');
  const folder = projectTempDir(t);
  const { file, begun } = longNotebook(folder);
  const closed = path.join(folder, 'closed');
  fs.mkdirSync(closed, { mode: 0o500 });
  const out = path.join(closed, 'out.ipynb');
  await assert.rejects(runNotebook(file, { out }), { name: 'UserError', message: /permission denied/ });
  assert.equal(fs.existsSync(begun), false);
});

test('a run in place that is killed leaves the file as it was', async (t) => {
  const folder = projectTempDir(t);
  const { file, begun } = longNotebook(folder);
  const before = fs.readFileSync(file);
  const { child, ended } = gora('run', file);
  await exists(begun);
  child.kill('SIGKILL');
  await ended;
  assert.deepEqual(fs.readFileSync(file), before);
  assert.deepEqual(fs.readdirSync(folder).sort(), ['begun', 'fixture.ipynb']);
});

for (const [name, expected] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const) {
  test(`${name} interrupts the cell, and the outputs of the finished ones are written`, async (t) => {
    const folder = projectTempDir(t);
    const { file, begun } = longNotebook(folder, 'try { await new Promise(() => {}); } finally {}');
    const { child, ended } = gora('run', file);
    await exists(begun);
    child.kill(name);
    const { code, output } = await ended;
    assert.equal(code, expected, output);
    assert.match(output, /Interrupted\. Outputs of the cells that ran are in .*fixture\.ipynb/);
    const [first, second, third] = codeCells(readNotebook(file));
    assert.deepEqual([first!.execution_count, printed(first!, 'stdout')], [1, 'first\n']);
    assert.deepEqual([second!.execution_count, printed(second!, 'stdout')], [2, 'half\n']);
    const error = second!.outputs.at(-1);
    assert.ok(error?.output_type === 'error' && error.ename === 'Interrupted');
    assert.deepEqual([third!.execution_count, printed(third!, 'stdout')], [null, 'an hour of work\n']);
    assert.notDeepEqual(complaintsOf(readNotebook(file)), [], 'it does not pass as run from top to bottom');
  });
}

test('a Ctrl-C reaches a cell that computes, and the whole terminal group may get it', async (t) => {
  if (!fs.existsSync('/proc/self/task')) return t.skip('needs /proc to find the process of the cells');
  const folder = projectTempDir(t);
  const { file, begun } = longNotebook(folder, 'await null; for (;;) {}');
  const { child, ended } = gora('run', file);
  await exists(begun);
  // a terminal sends it to the runner and to the process of the cells
  const cells = fs.readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim().split(' ').map(Number);
  for (const pid of [...cells, child.pid!]) process.kill(pid, 'SIGINT');
  assert.equal((await ended).code, 130);
  assert.equal(printed(codeCells(readNotebook(file))[0]!, 'stdout'), 'first\n');
});

test('a run that is cancelled before a cell has finished leaves the file as it was', async (t) => {
  const folder = projectTempDir(t);
  const { file } = longNotebook(folder);
  const before = fs.readFileSync(file);
  const stop = new AbortController();
  stop.abort();
  const result = await runNotebook(file, { signal: stop.signal, timeoutS: 3 });
  assert.deepEqual([result.ok, result.cancelled, result.file, result.executed], [false, true, null, 0]);
  assert.deepEqual(fs.readFileSync(file), before);
});

test('a notebook that somebody saves while its cells run is not overwritten', async (t) => {
  const folder = projectTempDir(t);
  const file = path.join(folder, 'fixture.ipynb');
  const edit = `require("node:fs").appendFileSync(${JSON.stringify(file)}, "\\n\\n")`;
  writeFixture(folder, notebookOf(`${edit}; 1`, '2'));
  const result = await runNotebook(file);
  assert.equal(result.file, path.join(folder, 'fixture.executed.ipynb'));
  assert.match(fs.readFileSync(file, 'utf8'), /\n\n$/);
  assert.equal(resultText(codeCells(readNotebook(result.file!))[1]!), '2');
});

test('a link to a notebook stays a link, and what it points to is written', async (t) => {
  const folder = projectTempDir(t);
  const file = writeFixture(folder, notebookOf('1 + 1'));
  const link = path.join(folder, 'link.ipynb');
  fs.symlinkSync(file, link);
  await runNotebook(link);
  assert.ok(fs.lstatSync(link).isSymbolicLink());
  assert.equal(resultText(codeCells(readNotebook(file))[0]!), '2');
});
