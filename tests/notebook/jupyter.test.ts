import * as assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { findJupyter, jupyterCommand, startJupyter } from '../../src/notebook/jupyter';
import { writeKernelspec } from '../../src/notebook/kernelspec';
import { projectRoot } from '../../src/project';
import { tempDir } from '../support/temp';

test('the kernelspec stands under the project with absolute paths, and git ignores it', (t) => {
  const root = tempDir(t);
  const folder = writeKernelspec(root);
  assert.equal(folder, path.join(root, '.jupyter'));
  assert.equal(fs.readFileSync(path.join(folder, '.gitignore'), 'utf8'), '*\n');
  const spec = JSON.parse(fs.readFileSync(path.join(folder, 'kernels', 'gora', 'kernel.json'), 'utf8'));
  assert.equal(spec.display_name, 'TypeScript (GoRA)');
  assert.equal(spec.argv[0], process.execPath);
  assert.equal(spec.argv.at(-1), '{connection_file}');
  assert.ok(path.isAbsolute(spec.argv.at(-2)) && fs.existsSync(spec.argv.at(-2)));
});

test('Jupyter opens on the notebooks, on this machine only, with the project as its root', () => {
  const lab = jupyterCommand('/x/jupyter-lab', ['--port=8890'], '/path/of/kit');
  assert.deepEqual(lab.args, [
    '--notebook-dir=/path/of/kit',
    '--LabApp.default_url=/lab/tree/notebooks',
    '--ip=127.0.0.1',
    '--port=8890',
  ]);
  assert.equal(lab.env.JUPYTER_PATH?.split(path.delimiter)[0], path.join('/path/of/kit', '.jupyter'));
  const notebook = jupyterCommand('/x/jupyter-notebook', [], '/path/of/kit').args;
  assert.ok(notebook.includes('--NotebookApp.default_url=/tree/notebooks'));
});

const exposing = [
  '--ip=0.0.0.0',
  '--ServerApp.token=',
  '--IdentityProvider.token=x',
  '--NotebookApp.password=',
  '--ip',
];
for (const argument of exposing) {
  test(`refuses ${argument}`, async () => {
    await assert.rejects(startJupyter([argument]), { name: 'UserError', message: /is not taken: .*127\.0\.0\.1/ });
  });
}

test('the project’s own Jupyter comes before one on the PATH', (t) => {
  const root = tempDir(t);
  const bin = path.join(root, '.venv', 'bin');
  fs.mkdirSync(bin, { recursive: true });
  const lab = path.join(bin, 'jupyter-lab');
  fs.writeFileSync(lab, '', { mode: 0o755 });
  assert.equal(findJupyter(root), lab);
  const before = process.env.PATH;
  t.after(() => {
    process.env.PATH = before;
  });
  process.env.PATH = bin;
  assert.equal(findJupyter(path.join(root, 'elsewhere')), lab);
  process.env.PATH = root;
  assert.equal(findJupyter(path.join(root, 'elsewhere')), null);
});

/** Runs `startJupyter` as its own process. */
function start(root: string, searchPath: string, ...argv: string[]) {
  const module = JSON.stringify(path.join(projectRoot(), 'src', 'notebook', 'jupyter.ts'));
  const call = `startJupyter(${JSON.stringify(argv)}, ${JSON.stringify(root)})`;
  const code = `require(${module}).${call}.then((code) => { process.exitCode = code; });`;
  const node = ['--import', pathToFileURL(require.resolve('tsx')).href, '--eval', code];
  return spawnSync(process.execPath, node, { encoding: 'utf8', env: { PATH: searchPath } });
}

test('without Jupyter one line says how to add it and how to go on without, and the exit code is 1', (t) => {
  const ran = start(tempDir(t), '/nowhere');
  assert.equal(ran.status, 1);
  assert.match(ran.stderr, /^No Jupyter found\. .*npm run setup.*gora notebook run.*\n$/);
});

test('the kit is built, the kernelspec written, and Jupyter run; its exit code is passed on', (t) => {
  const root = tempDir(t);
  fs.mkdirSync(path.join(root, 'src'));
  fs.writeFileSync(path.join(root, 'src', 'index.ts'), 'export const one: number = 1;\n');
  const project = { compilerOptions: { rootDir: 'src', outDir: 'dist', types: [] }, include: ['src'] };
  fs.writeFileSync(path.join(root, 'tsconfig.build.json'), JSON.stringify(project));
  const bin = path.join(root, '.venv', 'bin');
  fs.mkdirSync(bin, { recursive: true });
  const script = '#!/bin/sh\necho "$PWD $JUPYTER_PATH $*"\nls dist .jupyter/kernels/gora\nexit 7\n';
  fs.writeFileSync(path.join(bin, 'jupyter-lab'), script, { mode: 0o755 });
  const ran = start(root, '/usr/bin:/bin', '--no-browser');
  assert.equal(ran.status, 7, ran.stderr);
  assert.match(ran.stdout, /--ip=127\.0\.0\.1 --no-browser\n.*kernel\.json.*index\.js/s);
  assert.ok(ran.stdout.startsWith(`${fs.realpathSync(root)} ${path.join(root, '.jupyter')} `));

  fs.writeFileSync(path.join(root, 'src', 'index.ts'), 'export const one: string = 1;\n');
  const broken = start(root, '/usr/bin:/bin');
  assert.equal(broken.status, 1);
  assert.match(broken.stdout + broken.stderr, /TS2322.*does not compile/s);
});
