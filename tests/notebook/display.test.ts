import * as assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import * as path from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { JSDOM } from 'jsdom';
import { chartHtml } from '../../src/notebook/chart';
import { toFrame } from '../../src/notebook/frame';
import { progressLine } from '../../src/notebook/progress';
import { resultBundle } from '../../src/notebook/results';
import { StreamBuffer } from '../../src/notebook/stream-buffer';
import { isFrame, tableHtml, tableText } from '../../src/notebook/table';
import { projectRoot } from '../../src/project';
import { exportTable } from '../../src/reports/export';

const rows = [
  { method: 'GoRA <script>', score: 0.91256, steps: 120 },
  { method: 'LoRA', score: Number.NaN, extra: { a: 1 } },
];

test('a table as text aligns numbers to the right, and missing cells show', () => {
  const lines = tableText(rows, { caption: 'Scores', digits: { score: 2 } }).split('\n');
  const rule = '─'.repeat(36);
  assert.deepEqual(lines, [
    'Scores',
    rule,
    'method         score  steps  extra',
    rule,
    'GoRA <script>   0.91    120  –',
    'LoRA             NaN      –  {"a":1}',
    rule,
  ]);
});

test('a table as HTML holds the same cells, escaped', () => {
  const { document } = new JSDOM(tableHtml(rows, { caption: 'A & B', digits: 2 })).window;
  assert.equal(document.querySelectorAll('script').length, 0);
  assert.equal(document.querySelector('caption')?.textContent, 'A & B');
  const texts = (selector: string) => [...document.querySelectorAll(selector)].map((cell) => cell.textContent);
  assert.deepEqual(texts('thead th'), ['method', 'score', 'steps', 'extra']);
  assert.deepEqual(texts('tbody tr > *'), ['GoRA <script>', '0.91', '120', '–', 'LoRA', 'NaN', '–', '{"a":1}']);
  assert.equal((document.querySelector('td') as HTMLElement).style.textAlign, 'right');
});

test('numbers: decimals by column, tiny ones keep digits, whole columns have none, columns and rows can be cut', () => {
  const cell = (value: number, digits?: number) => tableText([{ v: value }, { v: 0.5 }], { digits }).split('\n')[3];
  assert.equal(cell(1 / 3)?.trim(), '0.3333');
  assert.equal(cell(1 / 3, 1)?.trim(), '0.3');
  assert.equal(cell(-1.2e-7)?.trim(), '-1.20e-7');
  assert.equal(cell(0)?.trim(), '0.0000');
  assert.equal(cell(Number.NEGATIVE_INFINITY)?.trim(), '−∞');
  const many = Array.from({ length: 5 }, (_, i) => ({ i, j: 2 * i }));
  assert.deepEqual(tableText(many, { columns: ['j'], maxRows: 2 }).split('\n'), [
    ...['─', 'j', '─', '0', '2', '─'],
    '2 of 5 rows',
  ]);
  assert.match(tableHtml(many, { maxRows: 2 }), /<p [^>]*>2 of 5 rows<\/p>/);
  assert.doesNotMatch(tableHtml(many), /<caption/);
});

test('a table made from run records shows as it is', () => {
  const columns = [{ title: 'method', align: 'left' as const }];
  const table = { name: 't', title: 'T', columns, rows: [[{ text: 'GoRA', bold: true }]], notes: ['a note'] };
  assert.equal(tableHtml(table), exportTable(table, 'html'));
  assert.match(tableText(table), /^T\n[^a]*\*GoRA[^a]*a note$/);
});

test('a DataFrame shows as a table, and shares the one TensorFlow instance', () => {
  const frame = toFrame([{ a: 1, b: 'x' }, { a: 2.5 }]);
  assert.ok(isFrame(frame));
  assert.ok(!isFrame({ columns: [], values: [] }));
  assert.deepEqual(frame.values, [
    [1, 'x'],
    [2.5, null],
  ]);
  assert.match(String(resultBundle(frame)['text/html']), /<th scope="row"[^>]*>2\.5000<\/th><td[^>]*>–<\/td>/);
  const danfo = require('danfojs-node') as { tensorflow: unknown };
  assert.equal(require('@tensorflow/tfjs-node'), require('@tensorflow/tfjs'));
  assert.equal((danfo.tensorflow as typeof tf).engine(), tf.engine());
  const before = tf.memory().numTensors;
  const tensor = frame.loc({ columns: ['a'] }).tensor as unknown as tf.Tensor;
  assert.equal(tf.memory().numTensors, before + 1, 'its tensors are counted in ours');
  tensor.dispose();
});

test('the progress line', () => {
  const line = progressLine({ label: 'run', done: 10, total: 40, seconds: 100, note: 'loss 1', last: false });
  assert.equal(line, `run  █████${'░'.repeat(15)}  10/40  1:40, 5:00 left  loss 1`);
  const end = progressLine({ label: '', done: 0, total: 0, seconds: 3661, note: undefined, last: true });
  assert.equal(end, `${'█'.repeat(20)}  0/0  1:01:01`);
});

test("a chart's script survives any text in the chart, draws with the server's plotly and hides the picture", async () => {
  const figure = { name: 'f', caption: 'a < b', data: [{ y: [1] }], layout: { title: '</script><b>' } };
  const html = chartHtml(figure, 'node_modules/p/plotly.js');
  assert.equal(chartHtml(figure, null), '<p>a &lt; b</p>');
  const page = `<script id="jupyter-config-data" type="application/json">{"baseUrl":"/base/"}</script>
    <div class="jp-OutputArea-child" id="picture"><img></div>
    <div class="jp-OutputArea-child"><div id="output">${html}</div></div>`;
  const drawn: unknown[][] = [];
  const { window } = new JSDOM(page, {
    runScripts: 'dangerously',
    beforeParse: (w) => Object.assign(w, { Plotly: { newPlot: async (...args: unknown[]) => drawn.push(args) } }),
  });
  const loader = window.document.head.querySelector('script[src]') as HTMLScriptElement;
  assert.equal(loader.getAttribute('src'), '/base/files/node_modules/p/plotly.js');
  loader.dispatchEvent(new window.Event('load'));
  await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(drawn.length, 1);
  assert.equal(
    JSON.stringify(drawn[0]?.slice(1, 3)),
    '[[{"y":[1]}],{"title":"</script><b>","width":760,"height":460}]',
  );
  assert.equal((window.document.querySelector('#picture') as HTMLElement).style.display, 'none');
  assert.equal(window.document.querySelectorAll('b').length, 0);
});

test('off Jupyter the script does nothing', () => {
  const html = chartHtml({ name: 'f', data: [], layout: {} }, 'p.js');
  const { window } = new JSDOM(`<div>${html}</div>`, { runScripts: 'dangerously' });
  assert.equal(window.document.querySelectorAll('script[src]').length, 0);
});

test('in a plain Node process tables and charts are text', () => {
  const display = JSON.stringify(path.join(projectRoot(), 'src', 'notebook', 'display.ts'));
  const loader = pathToFileURL(require.resolve('tsx')).href;
  const code = `const d = require(${display}); d.showTable([{ a: 1 }]); d.markdown('**m**'); d.showProgress(2).update(2);`;
  const text = execFileSync(process.execPath, ['--import', loader, '--eval', code], { encoding: 'utf8' });
  assert.equal(text, '─\na\n─\n1\n─\n**m**\n');
});

test('printed text goes out as it comes, and in few pieces when there is much', () => {
  const sent: string[] = [];
  const buffer = new StreamBuffer((name, text) => sent.push(`${name}:${text}`), 2);
  for (const text of ['a', 'b', 'c', 'd']) buffer.add('stdout', text);
  buffer.add('stderr', 'e');
  buffer.flush();
  assert.deepEqual(sent, ['stdout:a', 'stdout:b', 'stdout:cd', 'stderr:e']);
  const flood: string[] = [];
  const flooded = new StreamBuffer((_, text) => flood.push(text), 50);
  for (let i = 0; i < 100_000; i++) flooded.add('stdout', 'line\n');
  flooded.flush();
  assert.equal(flood.join(''), 'line\n'.repeat(100_000));
  assert.ok(flood.length < 5000, `${flood.length} pieces`);
});
