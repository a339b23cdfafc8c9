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
  assert.match(tableHtml(frame), /<th scope="row"[^>]*>2\.5000<\/th><td[^>]*>–<\/td>/);
  const danfo = require('danfojs-node') as { tensorflow: unknown };
  assert.equal(require('@tensorflow/tfjs-node'), require('@tensorflow/tfjs'));
  assert.equal((danfo.tensorflow as typeof tf).engine(), tf.engine());
  const before = tf.memory().numTensors;
  const tensor = frame.loc({ columns: ['a'] }).tensor as unknown as tf.Tensor;
  assert.equal(tf.memory().numTensors, before + 1, 'its tensors are counted in ours');
  tensor.dispose();
});

/** A value's HTML table as rows of texts, and its notes. */
function shownTable(value: unknown): { rows: (string | null)[][]; notes: (string | null)[] } {
  const { document } = new JSDOM(String(resultBundle(value)['text/html'])).window;
  const rows = [...document.querySelectorAll('tr')].map((row) => [...row.children].map((cell) => cell.textContent));
  return { rows, notes: [...document.querySelectorAll('p')].map((note) => note.textContent) };
}

// The values, names and dtype lines that pandas 3 shows for the same tables; decimals and '–' for nothing are the kit's.
test('a DataFrame as the last value of a cell shows the names of its rows, as pandas does', () => {
  const danfo = require('danfojs-node') as typeof import('danfojs-node');
  const data = [
    [1, 'x'],
    [2.5, null],
  ];
  const plain = new danfo.DataFrame(data, { columns: ['a', 'b'] });
  assert.deepEqual(shownTable(plain).rows, [
    ['', 'a', 'b'],
    ['0', '1.0000', 'x'],
    ['1', '2.5000', '–'],
  ]);
  const named = new danfo.DataFrame(data, { columns: ['a', 'b'], index: ['first', 'second'] });
  const rows = [
    ['', 'a', 'b'],
    ['first', '1.0000', 'x'],
    ['second', '2.5000', '–'],
  ];
  assert.deepEqual(shownTable(named).rows, rows);
  assert.match(String(resultBundle(named)['text/plain']), /^first +1\.0000 +x$/m);
  assert.match(tableText(named), /^second +2\.5000 +–$/m, 'showTable keeps names that say something');
  assert.doesNotMatch(tableText(plain), /^0/m, 'and leaves out those that only count');
  assert.deepEqual(
    tableText(named, { columns: ['b'] })
      .split('\n')
      .slice(1, 5),
    ['        b', '─'.repeat(9), 'first   x', 'second  –'],
  );
  const described = shownTable(plain.describe()).rows.map(([name]) => name);
  assert.deepEqual(described, ['', 'count', 'mean', 'std', 'min', 'median', 'max', 'variance']);
});

test('a Series as the last value of a cell shows its values, names and type, as pandas does', () => {
  const danfo = require('danfojs-node') as typeof import('danfojs-node');
  const series = new danfo.Series([1, 2.5, null], { index: ['a', 'b', 'c'], columns: ['score'] });
  assert.deepEqual(shownTable(series), {
    rows: [
      ['', 'score'],
      ['a', '1.0000'],
      ['b', '2.5000'],
      ['c', '–'],
    ],
    notes: ['Name: score, dtype: float32'],
  });
  assert.match(String(resultBundle(series)['text/plain']), /^b +2\.5000$/m);
  const unnamed = shownTable(new danfo.Series(['x', 'y']));
  assert.deepEqual(unnamed, {
    rows: [
      ['', ''],
      ['0', 'x'],
      ['1', 'y'],
    ],
    notes: ['dtype: string'],
  });
  const frame = new danfo.DataFrame([[1], [2]], { columns: ['n'], index: ['p', 'q'] });
  assert.deepEqual(shownTable(frame.column('n')).rows.slice(1), [
    ['p', '1'],
    ['q', '2'],
  ]);
  assert.deepEqual(shownTable(frame).notes, [], 'a DataFrame of one column is none');
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
