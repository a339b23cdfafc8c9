import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { test } from 'node:test';
import { outputLimit } from '../../src/notebook/limit';
import { readNotebook } from '../../src/notebook/nbformat';
import { type CellReport, runNotebook } from '../../src/notebook/run';
import { projectRoot } from '../../src/project';
import { codeCells, notebookOf, printed, projectTempDir, resultText, writeFixture } from './support';

const display = JSON.stringify(path.join(projectRoot(), 'src', 'notebook', 'display.ts'));

test('a notebook runs headlessly and its outputs are those of Jupyter', async (t) => {
  const folder = projectTempDir(t);
  const original = notebookOf(
    'import * as path from "node:path";\nconst a = 1, b: number = 2;\nconst here = path.basename(process.cwd());',
    'const pair = { a, b };\npair',
    'let c = 0;\nconst { a: first } = pair;\n({ b: c } = pair);\n[first, c]',
    'for (let i = 0; i < 2000; i++) console.log("line " + i);',
    'console.log("out"); console.error("err"); console.log("more");',
    '   ',
    '[here, process.env.GORA_QUICK]',
    'await new Promise((resolve) => setTimeout(resolve, 5));\nnull',
    `const kit = require(${display});\nkit.showTable([{ method: "GoRA <1>", score: 0.91234 }], { digits: 2 });`,
    'const bar = kit.showProgress(3, "steps");\nfor (let i = 1; i <= 3; i++) bar.update(i);',
    'bar.finish("late"); kit.markdown("**m**");',
    'process.stdout.write("10%\\r"); process.stdout.write("100%\\n");',
    'kit.toFrame([{ n: 1 }])',
    ['throw new RangeError("allowed")', ['raises-exception']],
    'await kit.showChart({ name: "c", data: [{ y: [1, 2] }], layout: { width: 200, height: 100 } });',
  );
  const file = writeFixture(folder, original);
  const out = path.join(folder, 'out.ipynb');
  const reports: CellReport[] = [];
  const env = { GORA_QUICK: '1', GORA_RENDERER: 'node' };
  const result = await runNotebook(file, { out, env, timeoutS: 60, onCell: (report) => reports.push(report) });
  assert.deepEqual(result.failure, null);
  assert.equal(result.executed, 14);
  assert.deepEqual(
    reports.map((report) => report.number),
    Array.from({ length: 14 }, (_, i) => i + 1),
  );
  assert.deepEqual(JSON.parse(fs.readFileSync(file, 'utf8')), original, 'the original is left alone');

  const notebook = readNotebook(out);
  const cells = codeCells(notebook);
  assert.deepEqual(
    cells.map((cell) => cell.execution_count),
    [1, 2, 3, 4, 5, null, 6, 7, 8, 9, 10, 11, 12, 13, 14],
  );
  assert.deepEqual(notebook.metadata.kernelspec, {
    display_name: 'TypeScript (GoRA)',
    language: 'typescript',
    name: 'gora',
  });
  assert.deepEqual(cells[0]!.outputs, []);
  assert.equal(resultText(cells[1]!), '{ a: 1, b: 2 }');
  assert.equal(resultText(cells[2]!), '[ 1, 2 ]');
  assert.equal(printed(cells[3]!, 'stdout'), Array.from({ length: 2000 }, (_, i) => `line ${i}\n`).join(''));
  assert.equal(cells[3]!.outputs.length, 1);
  assert.deepEqual(
    cells[4]!.outputs.map((output) => output.output_type === 'stream' && [output.name, [output.text].flat().join('')]),
    [
      ['stdout', 'out\n'],
      ['stderr', 'err\n'],
      ['stdout', 'more\n'],
    ],
  );
  assert.equal(resultText(cells[6]!), `[ '${path.basename(folder)}', '1' ]`);
  assert.deepEqual(cells[7]!.outputs, [], 'null is no result');
  const table = JSON.stringify(cells[8]!.outputs);
  assert.match(table, /GoRA &lt;1&gt;.*>0\.91</);
  assert.equal(cells[9]!.outputs.length, 1, 'progress is one output, rewritten in place');
  assert.match(JSON.stringify(cells[9]!.outputs[0]), /steps {2}█{20} {2}3\/3.*late/, 'also from a later cell');
  assert.equal(printed(cells[11]!, 'stdout'), '100%\n');
  assert.match(JSON.stringify(cells[12]!.outputs[0]), /text\/html.*<table/);
  assert.equal(cells[13]!.outputs[0]?.output_type, 'error');
  const [picture, script] = cells[14]!.outputs;
  assert.ok(picture?.output_type === 'display_data' && script?.output_type === 'display_data');
  assert.ok(
    Buffer.from(picture.data['image/png'] as string, 'base64')
      .subarray(1, 4)
      .equals(Buffer.from('PNG')),
  );
  assert.deepEqual(picture.metadata, { 'image/png': { width: 200, height: 100 } });
  assert.equal(picture.data['text/html'], undefined, 'HTML would be preferred to the picture');
  assert.match(JSON.stringify(script.data['text/html']), /plotly\.js-cartesian-dist-min/);
});

test('a run twice gives the same file', async (t) => {
  const file = writeFixture(projectTempDir(t), notebookOf('const x = 2;', 'console.log(x); x * 21'));
  await runNotebook(file);
  const once = fs.readFileSync(file, 'utf8');
  await runNotebook(file);
  assert.equal(fs.readFileSync(file, 'utf8'), once);
});

test('a refusal of the compiler stops the run and points at the author’s characters', async (t) => {
  const source = 'const a = 1; const p = { a };\nconst q: { a: string } = { a };';
  const notebook = notebookOf('const a = 1;', source, '3');
  codeCells(notebook)[2]!.outputs = [{ output_type: 'stream', name: 'stdout', text: 'of an earlier run' }];
  const file = writeFixture(projectTempDir(t), notebook);
  const { ok, failure, executed } = await runNotebook(file);
  assert.equal(ok, false);
  assert.equal(executed, 2);
  assert.equal(failure?.number, 2);
  assert.equal(failure?.id, 'cell-2');
  assert.equal(failure?.ename, 'TypeScriptError');
  assert.match(failure.evalue, /^2:28 - TS2322: Type 'number' is not assignable to type 'string'/);
  assert.deepEqual(failure.traceback.slice(1, 3), ['    const q: { a: string } = { a };', `    ${' '.repeat(27)}^`]);
  const cells = codeCells(readNotebook(file));
  assert.deepEqual(cells[1]!.outputs, [
    { output_type: 'error', ename: failure.ename, evalue: failure.evalue, traceback: failure.traceback },
  ]);
  assert.deepEqual([cells[2]!.outputs, cells[2]!.execution_count], [[], null], 'no outputs of an earlier run stay');
});

test('what a cell throws keeps its name, message and the frames of the author', async (t) => {
  const tags = ['raises-exception'];
  const thrown: [source: string, ename: string, evalue: string][] = [
    ['function deep() { throw new RangeError("too far"); }\ndeep();', 'RangeError', 'too far'],
    ['await Promise.reject(new TypeError("later"));', 'TypeError', 'later'],
    ['void Promise.reject(new TypeError("lost")); 1', 'TypeError', 'lost'],
    ['throw "plain";', 'Error', 'plain'],
    ['throw Object.assign(new Error("mend it"), { name: "UserError" });', 'UserError', 'mend it'],
  ];
  const file = writeFixture(
    projectTempDir(t),
    notebookOf(...thrown.map(([source]): [string, string[]] => [source, tags]), '1 + 1'),
  );
  const { ok } = await runNotebook(file);
  assert.ok(ok);
  const cells = codeCells(readNotebook(file));
  for (const [index, [source, ename, evalue]] of thrown.entries()) {
    const error = cells[index]!.outputs.at(-1);
    assert.ok(error?.output_type === 'error', source);
    assert.deepEqual([error.ename, error.evalue], [ename, evalue]);
    assert.match(error.traceback.join('\n'), new RegExp(`${ename}: ${evalue}`));
    assert.doesNotMatch(error.traceback.join('\n'), /evalmachine|tslab|node:internal|session/);
  }
  assert.match(JSON.stringify(cells[0]!.outputs), /at deep \(cell\)/);
  assert.equal(JSON.stringify(cells[4]!.outputs).includes(' at '), false, 'an error to mend comes without a stack');
  assert.equal(resultText(cells.at(-1)!), '2');
});

const endings: [what: string, source: string, ename: string, evalue: RegExp][] = [
  ['process.exit', 'process.exit(3);', 'ProcessExit', /process exited with code 3$/],
  ['a kill', 'process.kill(process.pid, "SIGKILL");', 'ProcessExit', /SIGKILL$/],
  ['a cell that never ends', 'while (true) {}', 'TimeoutError', /within 2 s$/],
];
for (const [what, source, ename, evalue] of endings) {
  test(`${what} is the cell's error, and nothing printed before is lost`, async (t) => {
    const cells = notebookOf('console.log("first");', `for (let i = 0; i < 300; i++) console.log("x"); ${source}`, '3');
    const file = writeFixture(projectTempDir(t), cells);
    const { failure, executed } = await runNotebook(file, { timeoutS: 2 });
    assert.equal(failure?.ename, ename);
    assert.match(failure.evalue, evalue);
    assert.equal(executed, 2);
    const [first, second, third] = codeCells(readNotebook(file));
    assert.equal(printed(first!, 'stdout'), 'first\n');
    assert.equal(printed(second!, 'stdout'), 'x\n'.repeat(300));
    assert.equal(second!.outputs.at(-1)?.output_type, 'error');
    assert.deepEqual(third!.outputs, []);
  });
}

test('one line of 740 kB, and 60 MB in short lines, run and are written, the second one cut with a note', async (t) => {
  const file = writeFixture(
    projectTempDir(t),
    notebookOf(
      'console.log(JSON.stringify(Array.from({ length: 40_000 }, (_, i) => i / 7)))',
      'for (let i = 0; i < 600; i++) process.stdout.write("0123456789abcd\\n".repeat(6667)); console.error("end")',
      'console.log("\\u2028 and \\u2029 are no ends of lines here"); 1 + 1',
    ),
  );
  const started = process.cpuUsage();
  const { failure, executed } = await runNotebook(file);
  const seconds = process.cpuUsage(started).user / 1e6;
  assert.deepEqual([failure, executed], [null, 3]);
  assert.ok(seconds < 20, `${seconds} s`);
  const [long, loud, last] = codeCells(readNotebook(file));
  assert.deepEqual(
    JSON.parse(printed(long!, 'stdout')),
    Array.from({ length: 40_000 }, (_, i) => i / 7),
  );
  const text = printed(loud!, 'stdout');
  assert.ok(text.length > outputLimit && text.length < outputLimit + 100);
  assert.match(text, /^(?:0123456789abcd\n)+/);
  assert.match(text, /\[stdout is cut here: a cell shows 1,000,000 characters of it at most\]\n$/);
  assert.equal(printed(loud!, 'stderr'), 'end\n');
  assert.equal(printed(last!, 'stdout'), '\u2028 and \u2029 are no ends of lines here\n');
  assert.equal(resultText(last!), '2');
});

test('a line that ends in a carriage return stays, and a short rewriting leaves the end of the longer line', async (t) => {
  const file = writeFixture(
    projectTempDir(t),
    notebookOf("process.stdout.write('step 100%\\r')", "process.stdout.write('abcdef\\r'); process.stdout.write('XY')"),
  );
  await runNotebook(file);
  const [first, second] = codeCells(readNotebook(file));
  assert.equal(printed(first!, 'stdout'), 'step 100%');
  assert.equal(printed(second!, 'stdout'), 'XYcdef');
});

test('a cell after a failed one that was allowed to fail sees the names that one had given values to', async (t) => {
  const tags = ['raises-exception'];
  const cells = notebookOf(['const found = [1, 2]; throw new Error("x"); const lost = 1;', tags], 'found.length');
  const file = writeFixture(projectTempDir(t), cells);
  assert.equal((await runNotebook(file)).ok, true);
  assert.equal(resultText(codeCells(readNotebook(file))[1]!), '2');
});
