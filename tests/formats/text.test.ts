import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../../src/errors';
import { readText } from '../../src/formats/read';
import { csvRecords, parseCsv, parseJsonl, parseTsv } from '../../src/formats/text';
import { Random } from '../../src/tensor/random';
import { dataFile } from '../support/data';

test('JSON lines', () => {
  assert.deepEqual(parseJsonl('{"a":1}\r\n\n {"a":"x\\ny"} \n', 'f'), [{ a: 1 }, { a: 'x\ny' }]);
  assert.deepEqual(parseJsonl('', 'f'), []);
  assert.throws(() => parseJsonl('{"a":1}\n\n{"a":', 'data.jsonl'), /^UserError: data\.jsonl:3: not JSON/);
  for (const line of ['1', 'null', '[]', '"x"']) {
    assert.throws(() => parseJsonl(line, 'f'), /^UserError: f:1: expected a JSON object/);
  }
});

test('tab-separated values take quotes as they are', () => {
  assert.deepEqual(parseTsv('a\t"b\r\n\n\tc"\n', 'f', 2), [
    ['a', '"b'],
    ['', 'c"'],
  ]);
  assert.throws(() => parseTsv('a\tb\na\n', 'f.tsv', 2), /^UserError: f\.tsv:2: expected 2 .* found 1/);
});

test('comma-separated values', () => {
  assert.deepEqual(parseCsv('\ufeffa,b\r\n"1,2","x ""y""\n\nz"\n\n,\n"",3', 'f'), [
    ['a', 'b'],
    ['1,2', 'x "y"\n\nz'],
    ['', ''],
    ['', '3'],
  ]);
  assert.deepEqual(parseCsv('', 'f'), []);
  assert.deepEqual(parseCsv('a\n""\nb', 'f'), [['a'], [''], ['b']]);
  assert.deepEqual(parseCsv('a,b,', 'f'), [['a', 'b', '']]);
});

const badCsv: [text: string, message: RegExp][] = [
  ['a,b\n1\n', /f:2: expected 2 .* found 1/],
  ['a,b\n"x\ny",2\n1,2,3', /f:4: expected 2 .* found 3/],
  ['a\n"b', /f:2: a quote that is not closed/],
  ['a\nb"c', /f:2: .*inside an unquoted field/],
  ['a\n"b"c', /f:2: a quote/],
];
for (const [text, message] of badCsv) {
  test(`refuses the table ${JSON.stringify(text)}`, () => {
    assert.throws(
      () => parseCsv(text, 'f'),
      (error) => error instanceof UserError && message.test(error.message),
    );
  });
}

test('random tables come back', () => {
  const cells = ['', 'a', ',', '"', '""', '\n', '\r\n', 'x"y,z\n', ' b ', '0', 'é'];
  for (let seed = 0; seed < 100; seed++) {
    const random = new Random(seed, 'csv');
    const width = 1 + random.int(4);
    const rows = Array.from({ length: random.int(6) }, () => Array.from({ length: width }, () => random.pick(cells)));
    const text = rows.map((row) => `${row.map((cell) => `"${cell.replaceAll('"', '""')}"`).join(',')}\n`).join('');
    assert.deepEqual(parseCsv(text, 'f'), rows);
  }
});

test('an unclosed quote in a large table takes time in proportion to its length', () => {
  /** Milliseconds to refuse it, the shortest of some runs: what others do on the machine only adds to it. */
  const cost = (quotes: number) => {
    const text = `"${'a""'.repeat(quotes)}`;
    const runs = Array.from({ length: 5 }, () => {
      const start = performance.now();
      assert.throws(() => parseCsv(text, 'f'), /f:1: a quote that is not closed/);
      return performance.now() - start;
    });
    return Math.min(...runs);
  };
  cost(1000); // warm
  const [short, long] = [cost(20_000), cost(320_000)];
  // sixteen times the text; a parser that looks back at every quote needs 256 times as long
  assert.ok(long < 64 * Math.max(short, 0.2), `${short} ms for 20,000 quotes, ${long} ms for 320,000`);
});

test('records by column', () => {
  const rows = parseCsv('a,b,c\n1,2,3\n', 'f');
  assert.deepEqual(csvRecords(rows, 'f', ['c', 'a']), [{ c: '3', a: '1' }]);
  assert.throws(() => csvRecords(rows, 'f', ['d']), /f:1: no column "d" among "a", "b", "c"/);
  assert.throws(() => csvRecords([], 'f', ['d']), UserError);
});

test('reads the published tables', (t) => {
  const svamp = dataFile(t, 'svamp', 'mawps-asdiv-a_svamp', 'train.csv');
  const gsm8k = dataFile(t, 'gsm8k', 'train.jsonl');
  const cola = dataFile(t, 'glue', 'CoLA', 'in_domain_train.tsv');
  const humaneval = dataFile(t, 'humaneval', 'HumanEval.jsonl.gz');
  if (!svamp || !gsm8k || !cola || !humaneval) return;
  const problems = csvRecords(parseCsv(readText(svamp, 'table'), svamp), svamp, ['Question', 'Equation']);
  assert.equal(problems.length, 3138);
  assert.ok(problems.every((row) => row.Question && /^[-+*/] /.test(row.Equation)));
  assert.equal(parseJsonl(readText(gsm8k, 'lines'), gsm8k).length, 7473);
  assert.equal(parseTsv(readText(cola, 'table'), cola, 4).length, 8551);
  assert.equal(parseJsonl(readText(humaneval, 'lines'), humaneval).length, 164);
});
