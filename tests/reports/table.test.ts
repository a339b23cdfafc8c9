import assert from 'node:assert/strict';
import { test } from 'node:test';
import { displayWidth, exportTable, methodTable, type Table } from '../../src/reports';
import { assertClose } from '../support/close';
import { record } from './records';

const cell = (table: Table, method: string, column: string) => {
  const at = table.columns.findIndex((c) => c.title === column);
  assert.ok(at >= 0, `${column} among ${table.columns.map((c) => c.title).join(' | ')}`);
  return table.rows.find((row) => row[0].text === method)![at];
};

const accuracies: Record<string, number[]> = {
  lora: [0.9, 0.91, 0.92],
  gora: [0.951, 0.96, 0.971],
  dora: [0.902, 0.909, 0.923],
};
const runs = Object.entries(accuracies).flatMap(([method, list]) =>
  list.map((accuracy, seed) => record({ method, seed, accuracy })),
);

test('mean ± sd, paired difference with interval, Holm over the whole table, bold only where it survives', () => {
  const table = methodTable(runs, { metrics: [{ metric: 'primary', scale: 100, digits: 2 }] });
  assert.equal(cell(table, 'LoRA', 'Accuracy ↑').text, '91.00 ± 1.00');
  assert.equal(cell(table, 'LoRA', 'Δ LoRA [95 % CI]').text, '–');
  // scipy.stats.ttest_rel of 95.1, 96, 97.1 and of 90.2, 90.9, 92.3 against 90, 91, 92; Holm doubles the smaller one
  assertClose(cell(table, 'GoRA', 'p (Holm)').numbers as number[], [4.32797386e-5, 8.65594772e-5], 1e-6, 'GoRA');
  assertClose(cell(table, 'DoRA', 'p (Holm)').numbers as number[], [0.3827866, 0.3827866], 1e-6, 'DoRA');
  assert.equal(cell(table, 'GoRA', 'Accuracy ↑').bold, true);
  assert.equal(cell(table, 'DoRA', 'Accuracy ↑').bold, false);
  // differences 5.1, 5.0, 5.1: mean 5.0667, sd 0.0577, t(0.975, 2) = 4.3027, half width 0.1434
  assert.match(cell(table, 'GoRA', 'Δ LoRA [95 % CI]').text, /^\+5\.07 \[\+4\.92, \+5\.21\]$/);
  assert.match(cell(table, 'DoRA', 'Δ LoRA [95 % CI]').text, /^\+0\.13 \[[-−]0\.38, \+0\.65\]$/);
  assert.match(table.notes.join(' '), /Holm-corrected over the 2 comparisons/);
});

test('a significantly worse method is not bold; for a loss, lower is better', () => {
  const swapped = methodTable(runs, { baseline: 'gora' });
  assert.equal(cell(swapped, 'LoRA', 'Accuracy ↑').bold, false);
  const loss = methodTable(runs, { metrics: [{ metric: 'loss', higherIsBetter: false }] });
  assert.equal(cell(loss, 'GoRA', 'loss ↓').bold, true);
  assert.throws(() => methodTable(runs, { metrics: ['loss'] }), /say higherIsBetter/);
  assert.throws(() => methodTable(runs, { metrics: ['bleu'] }), /no completed record has the metric bleu/);
});

test('one seed: no ±, no interval, no p; pairs are matched by seed, not by order', () => {
  const single = methodTable([record({ accuracy: 0.5 }), record({ method: 'gora', accuracy: 0.75 })]);
  assert.equal(cell(single, 'GoRA', 'Accuracy ↑').text, '0.7500');
  assert.equal(cell(single, 'GoRA', 'Δ LoRA [95 % CI]').text, '+0.2500');
  assert.equal(cell(single, 'GoRA', 'p (Holm)').text, '–');
  assert.match(single.notes.join(' '), /No test against LoRA/);
  const crossed = methodTable([
    record({ seed: 0, accuracy: 0.1 }),
    record({ seed: 5, accuracy: 0.5 }),
    record({ method: 'gora', seed: 5, accuracy: 0.75 }),
  ]);
  assert.deepEqual(cell(crossed, 'GoRA', 'Δ LoRA [95 % CI]').numbers, [0.25, null, null, 1]);
});

test('several tasks: average and average rank only for methods that ran them all; gaps are –', () => {
  const reached = { full: [0.6, 0.95], lora: [0.5, 0.9], gora: [0.7, 0.6] };
  const both = Object.entries(reached).flatMap(([method, list]) =>
    list.map((accuracy, i) => record({ method, accuracy, task: 'ab'[i] })),
  );
  const table = methodTable([...both, record({ task: 'a', method: 'dora', accuracy: 0.99 })]);
  assert.deepEqual(
    table.columns.map((c) => c.title),
    ['Method', 'a ↑', 'b ↑', 'Average', 'Average rank', 'Seeds', 'Trainable', 'Step (ms)'],
  );
  assert.equal(cell(table, 'DoRA', 'b ↑').text, '–');
  assert.equal(cell(table, 'DoRA', 'Average').text, '–');
  assert.equal(cell(table, 'DoRA', 'Seeds').text, '0–1');
  // DoRA, best on a, takes no place among those that ran both: GoRA, full, LoRA on a, and full, LoRA, GoRA on b
  const of = (column: string) => ['Full fine-tuning', 'LoRA', 'GoRA'].map((m) => cell(table, m, column).text);
  assert.deepEqual(of('Average rank'), ['1.50', '2.50', '2.00']);
  assert.deepEqual(of('Average'), ['0.7750', '0.7000', '0.6500']);
});

test('failed runs are named in the notes', () => {
  const table = methodTable([...runs, record({ method: 'eva', status: 'failed' })]);
  assert.match(table.notes.join(' '), /Left out: digits-eva-s0-00000000 failed/);
  assert.ok(!table.rows.some((row) => row[0].text === 'EVA'));
});

const tricky: Table = {
  name: 'tricky name',
  title: 'A & B_1 | <c>',
  columns: [
    { title: 'Method', align: 'left' },
    { title: '50% #', align: 'right', parts: ['mean', 'sd'] },
  ],
  rows: [
    [
      { text: 'a|b, "q" $x^2$ \\ <script>' },
      { text: '1.0 ± 0.1', numbers: [1 / 3, null], bold: true, records: ['r1', 'r2'] },
    ],
    [{ text: '[漢字]' }, { text: '–' }],
  ],
  notes: ['Note ~1 {x}'],
};

test('Markdown escapes pipes and markup', () => {
  const md = exportTable(tricky, 'md');
  const lines = md.split('\n').filter((line) => line.startsWith('|'));
  assert.equal(lines.length, 4);
  assert.ok(
    lines.every((line) => line.replaceAll('\\|', '').split('|').length === 4),
    'two cells in every line',
  );
  assert.ok(md.includes('**1.0 ± 0.1**') && !md.includes('<script>'));
  assert.ok(lines[1] === '| --- | ---: |');
});

test('LaTeX escapes every special character and uses booktabs', () => {
  const tex = exportTable(tricky, 'tex');
  assert.ok(tex.includes('a|b, "q" \\$x\\textasciicircum{}2\\$ \\textbackslash{} \\textless{}script\\textgreater{}'));
  assert.ok(
    tex.includes('50\\% \\#') &&
      tex.includes('\\textbf{1.0 $\\pm$ 0.1}') &&
      tex.includes('Note \\textasciitilde{}1 \\{x\\}'),
  );
  assert.ok(tex.includes('{}[漢字] & -- \\\\'));
  assert.ok(/\\toprule[\s\S]*\\midrule[\s\S]*\\bottomrule/.test(tex));
  assert.ok(tex.includes('\\label{tab:tricky-name}'));
});

test('CSV keeps full precision, one column a number, and quotes by RFC 4180', () => {
  const csv = exportTable(tricky, 'csv');
  assert.equal(csv, 'Method,50% # mean,50% # sd\r\n"a|b, ""q"" $x^2$ \\ <script>",0.3333333333333333,\r\n[漢字],,\r\n');
});

test('HTML is static and escaped', () => {
  const html = exportTable(tricky, 'html', { trace: true });
  assert.ok(!/<script|onclick|javascript:/i.test(html));
  assert.ok(html.includes('a|b, &quot;q&quot; $x^2$ \\ &lt;script&gt;'));
  assert.ok(html.includes('title="r1 r2"') && html.includes('<strong>1.0 ± 0.1</strong>'));
});

test('plain text aligns wide characters', () => {
  assert.equal(displayWidth('漢字'), 4);
  assert.equal(displayWidth('e\u0301±'), 2);
  const lines = exportTable(tricky, 'text').split('\n');
  const [bold, wide] = [lines.find((l) => l.includes('1.0'))!, lines.find((l) => l.includes('漢'))!];
  assert.equal(displayWidth(bold), displayWidth(wide));
});

test('trace tells the records of every cell in each format', () => {
  const table = methodTable(runs);
  const id = 'digits-gora-s2-00000000';
  for (const format of ['md', 'tex', 'csv', 'html', 'text'] as const) {
    assert.ok(exportTable(table, format, { trace: true }).includes(id), format);
    assert.ok(!exportTable(table, format).includes(id), `${format} without trace`);
  }
  assert.throws(() => exportTable(table, 'docx' as 'md'), /table format docx is unknown/);
});
