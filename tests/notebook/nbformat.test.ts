import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { test } from 'node:test';
import { UserError } from '../../src/errors';
import { notebookText, parseNotebook, readNotebook, writeNotebook } from '../../src/notebook/nbformat';
import { tempDir } from '../support/temp';

// As `json.dumps(notebook, sort_keys=True, indent=1, ensure_ascii=False)` of Jupyter's nbformat 5.10 writes it.
const jupyterText = `{
 "cells": [
  {
   "cell_type": "markdown",
   "id": "m0",
   "metadata": {},
   "source": [
    "# Ähm\\n",
    "text"
   ]
  },
  {
   "cell_type": "code",
   "execution_count": 1,
   "id": "c1",
   "metadata": {},
   "outputs": [
    {
     "data": {
      "image/png": "iVBORw0K",
      "text/plain": [
       "a\\n",
       "b"
      ]
     },
     "metadata": {},
     "output_type": "display_data"
    },
    {
     "name": "stdout",
     "output_type": "stream",
     "text": [
      "one\\n",
      "two\\n"
     ]
    }
   ],
   "source": []
  }
 ],
 "metadata": {
  "kernelspec": {
   "name": "gora"
  }
 },
 "nbformat": 4,
 "nbformat_minor": 5
}
`;

test('a notebook that Jupyter wrote is written back byte for byte, also when its texts were joined and keys unsorted', () => {
  assert.equal(notebookText(parseNotebook(jupyterText, 'a.ipynb')), jupyterText);
  const parsed = JSON.parse(jupyterText);
  const cells = parsed.cells.map((cell: { source: string[] }) => ({ ...cell, source: cell.source.join('') }));
  const shuffled = JSON.stringify({ nbformat_minor: 5, nbformat: 4, cells, metadata: parsed.metadata });
  assert.equal(notebookText(parseNotebook(shuffled, 'a.ipynb')), jupyterText);
});

const code = { cell_type: 'code', id: 'c', metadata: {}, source: '', outputs: [], execution_count: null };
const base = { nbformat: 4, nbformat_minor: 5, metadata: {}, cells: [code] };
const refused: [what: string, content: string, expected: RegExp][] = [
  ['no JSON', '{', /^a\.ipynb is not a notebook: invalid JSON/],
  ['null', 'null', /nbformat: expected 4, found nothing/],
  ['version 3', JSON.stringify({ ...base, nbformat: 3 }), /nbformat: expected 4, found 3/],
  ['no cells', JSON.stringify({ ...base, cells: undefined }), /a\.ipynb: cells: .*expected array/],
  ['cell type', JSON.stringify({ ...base, cells: [{ ...code, cell_type: 'heading' }] }), /cells\[0\]\.cell_type/],
  ['source', JSON.stringify({ ...base, cells: [{ ...code, source: 3 }] }), /cells\[0\]\.source: .*expected string/],
  ['no id', JSON.stringify({ ...base, cells: [{ ...code, id: undefined }] }), /cells\[0\]\.id: /],
  ['bad id', JSON.stringify({ ...base, cells: [{ ...code, id: 'a b' }] }), /cells\[0\]\.id: expected 1 to 64/],
  ['same id twice', JSON.stringify({ ...base, cells: [code, code] }), /cells\[1\]\.id: "c" is already another cell's/],
  ['count', JSON.stringify({ ...base, cells: [{ ...code, execution_count: -1 }] }), /cells\[0\]\.execution_count/],
  [
    'output',
    JSON.stringify({ ...base, cells: [{ ...code, outputs: [{ output_type: 'x' }] }] }),
    /outputs\[0\]\.output/,
  ],
  ['unknown field', JSON.stringify({ ...base, cells: [{ ...code, extra: 1 }] }), /cells\[0\]: .*extra/],
];
for (const [what, content, expected] of refused) {
  test(`refuses: ${what}`, () => {
    assert.throws(
      () => parseNotebook(content, 'a.ipynb'),
      (error) => (error instanceof UserError && expected.test(error.message) === true) || assert.fail(String(error)),
    );
  });
}

test('cells of format 4.4 receive ids that depend on the text alone', () => {
  const cells = [code, { ...code, source: 'x' }].map(({ id: _, ...rest }) => rest);
  const old = JSON.stringify({ ...base, nbformat_minor: 4, cells });
  const ids = parseNotebook(old, 'a').cells.map((cell) => cell.id);
  assert.deepEqual(
    parseNotebook(old, 'a').cells.map((cell) => cell.id),
    ids,
  );
  assert.equal(new Set(ids).size, 2);
  assert.equal(parseNotebook(old, 'a').nbformat_minor, 5);
});

test('a missing file is named', (t) => {
  const file = path.join(tempDir(t), 'none.ipynb');
  assert.throws(() => readNotebook(file), { name: 'UserError', message: /cannot read notebook .*none\.ipynb/ });
});

test('writing leaves no temporary file', (t) => {
  const folder = tempDir(t);
  writeNotebook(path.join(folder, 'a.ipynb'), parseNotebook(jupyterText, 'a'));
  assert.deepEqual(fs.readdirSync(folder), ['a.ipynb']);
  assert.equal(fs.readFileSync(path.join(folder, 'a.ipynb'), 'utf8'), jupyterText);
});
