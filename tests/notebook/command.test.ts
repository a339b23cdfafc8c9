import * as assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { complaintsOf, runNotebookCommand } from '../../src/notebook/command';
import { kernelspecMetadata } from '../../src/notebook/kernelspec';
import { readNotebook } from '../../src/notebook/nbformat';
import { projectRoot } from '../../src/project';
import { codeCells, notebookOf, projectTempDir, writeFixture } from './support';

/** Runs `gora notebook …` as its own process. */
function gora(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const command = JSON.stringify(path.join(projectRoot(), 'src', 'notebook', 'command.ts'));
  const code = `require(${command}).runNotebookCommand(process.argv.slice(1)).then((code) => { process.exitCode = code; });`;
  const node = ['--import', pathToFileURL(require.resolve('tsx')).href, '--eval', code, '--', ...args];
  return new Promise((resolve) => {
    const child = execFile(process.execPath, node, { encoding: 'utf8' }, (_, stdout, stderr) => {
      resolve({ code: child.exitCode ?? -1, stdout, stderr });
    });
  });
}

test('run writes the outputs and says so; check then agrees', async (t) => {
  const folder = projectTempDir(t);
  const file = writeFixture(folder, notebookOf('const a = 1;', 'a + 1'));
  const out = path.join(folder, 'out.ipynb');
  const ran = await gora('run', file, '--out', out, '--timeout', '60');
  assert.equal(ran.stderr, '');
  assert.equal(ran.code, 0);
  assert.match(ran.stdout, /\[2\/2\] ok .* a \+ 1\n.*out\.ipynb: 2 cells in/s);
  assert.equal(codeCells(readNotebook(out))[1]!.execution_count, 2);
  assert.deepEqual(complaintsOf(readNotebook(out)), []);
});

test('a failing cell is named with its message, and the exit code is 1', async (t) => {
  const file = writeFixture(projectTempDir(t), notebookOf('const a = 1;', '// second\nconst b: string = a;', '3'));
  const ran = await gora('run', file);
  assert.equal(ran.code, 1);
  assert.match(ran.stdout, /\[2\/3\] failed .* \/\/ second/);
  assert.match(ran.stderr, /Cell 2 \(id cell-2\) of .*fixture\.ipynb failed: \/\/ second\n2:7 - TS2322: Type 'number'/);
  assert.equal(fs.existsSync(file), true);
});

test('check complains of a notebook that was not run as it stands', () => {
  const notebook = notebookOf('1', '2', '  ', ['throw 1', ['raises-exception']], 'throw 2');
  notebook.metadata.kernelspec = { ...kernelspecMetadata, name: 'python3' };
  const error = { output_type: 'error' as const, ename: 'E', evalue: 'broken', traceback: [] };
  for (const [index, count] of [1, 3, null, 3, 4].entries()) {
    Object.assign(notebook.cells[index]!, { execution_count: count, outputs: index >= 3 ? [error] : [] });
  }
  assert.deepEqual(complaintsOf(notebook), [
    'metadata.kernelspec.name is "python3", not "gora"',
    'cells[1] (id cell-2) has execution count 3, not 2',
    'cells[4] (id cell-5) failed: broken',
  ]);
});

const misuse: [argv: string[], message: RegExp][] = [
  [['walk'], /unknown action "walk" of gora notebook: expected run or check/],
  [['run'], /takes one notebook, got 0/],
  [['run', 'a.ipynb', 'b.ipynb'], /takes one notebook, got 2/],
  [['run', 'a.ipynb', '--fast'], /gora notebook run: Unknown option '--fast'/],
  [['run', 'a.ipynb', '--timeout', 'soon'], /--timeout soon: expected seconds greater than 0/],
  [['run', 'a.ipynb', '--timeout', '-1'], /--timeout/],
  [['run', 'no/such.ipynb'], /cannot read notebook no\/such\.ipynb/],
  [['run', __filename], /command\.test\.ts is not a notebook: invalid JSON/],
  [['check'], /takes one or more notebooks/],
];
for (const [argv, message] of misuse) {
  test(`misuse: notebook ${argv.map((one) => path.basename(one)).join(' ')}`, async () => {
    await assert.rejects(runNotebookCommand(argv), { name: 'UserError', message });
  });
}
