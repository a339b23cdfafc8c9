import * as assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { findPlan, registerPlan } from '../../src/experiments/plans';
import { recordId, resolveSpec } from '../../src/experiments/spec';
import { writeRecord } from '../../src/experiments/store';
import { plansOf, showPlan, showTrack } from '../../src/notebook/plan';
import { resultsFolder } from '../../src/project';
import { record } from '../reports/records';
import { tempDir } from '../support/temp';
import { shownBy } from './support';

/** GoRA's mean in the committed table. */
const committed =
  /^\| GoRA \| ([\d.]+)/m.exec(readFileSync(resultsFolder('glyphs', 'table.md'), 'utf8'))?.[1] ?? 'none';

test('a comparison with committed records is shown without running anything', async () => {
  const text = await shownBy(async () => {
    const shown = await showPlan('glyphs', { figures: [] });
    const { done, total, outcomes } = shown;
    assert.equal(inspect(shown), `glyphs: ${done} of ${total} runs`, 'no list of outcomes below the cell');
    assert.equal(done, total);
    assert.equal(new Set(outcomes.map((outcome) => outcome.variant)).size, 4);
  });
  assert.match(text, /\(`glyphs`\): all \d+ runs, from `results\/records`\.\n/);
  assert.match(text, new RegExp(`GoRA +${committed} ±`));
});

test('tables and charts can be chosen by name', async () => {
  const text = await shownBy(() => showPlan('glyphs', { tables: ['learning-rates'], figures: ['loss'] }));
  assert.match(text, /\nloss\n/);
  assert.doesNotMatch(text, /\nmetric\n/);
  assert.ok(!text.includes(committed));
});

test('without records a comparison says how to make them, and nothing runs', async (t) => {
  const records = tempDir(t);
  const text = await shownBy(async () => {
    assert.deepEqual((await showPlan('glyphs', { records })).outcomes, []);
  });
  assert.match(text, /no runs in .* yet\. `npm run gora -- reproduce glyphs` makes them, or set `RERUN` above\.\n$/);
});

test('with a part of the runs, what can be made of them is shown and the rest says why not', async (t) => {
  const records = tempDir(t);
  registerPlan({ ...findPlan('glyphs'), name: 'part-of-glyphs', grid: [], seeds: [1, 2] });
  const spec = resolveSpec({ task: 'glyphs', method: 'lora', seed: 1, set: { evalEvery: 0 } });
  const diverged = { ...record({ status: 'failed' }), id: recordId(spec), spec, error: 'training diverged' };
  writeRecord(join(records, 'glyphs'), diverged);
  const text = await shownBy(() => showPlan('part-of-glyphs', { records }));
  assert.match(text, /1 of 8 runs in .*, so what follows is not the whole comparison/);
  assert.match(text, /Not enough of it yet: none of the 1 records given is of a completed run/);
});

test('an unknown comparison is refused with the known names', async () => {
  await assert.rejects(showPlan('glyps'), /unknown comparison "glyps".*glyphs/);
});

test('a track lists its comparisons with the runs that are there', async () => {
  assert.ok(plansOf('gora').includes('gora-parts'));
  const text = await shownBy(() => showTrack('vision-audio'));
  assert.match(text, /^Vision and audio\n/);
  assert.match(text, /\nglyphs +New letters.* (\d+) of \1\n/);
});
