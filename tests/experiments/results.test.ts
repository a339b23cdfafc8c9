/** The committed tables are what the committed records say: every complete comparison is made again and compared. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { readPlan } from '../../src/experiments/plan-runs';
import { allPlans } from '../../src/experiments/plans';
import { exportTable } from '../../src/reports';
import { planTables } from '../../src/reports/views';

const results = resolve(__dirname, '..', '..', 'results');

let complete = 0;
for (const plan of allPlans()) {
  test(`the tables of ${plan.name} come from its records, byte for byte`, async (t) => {
    const result = await readPlan(plan, join(results, 'records'));
    if (result.done < result.total) return t.skip(`${result.done} of ${result.total} runs are committed`);
    complete += 1;
    const remedy = `npm run gora -- reproduce ${plan.name}`;
    for (const table of planTables(plan, result)) {
      const bare = table.rows.flat().filter((cell) => cell.numbers && !cell.records?.length);
      if (table.name !== 'published') assert.deepEqual(bare, [], `${table.name}: numbers without records`);
      for (const format of ['md', 'csv'] as const) {
        const path = join(results, plan.name, `${table.name}.${format}`);
        assert.ok(existsSync(path), `${path} is missing: ${remedy}`);
        assert.equal(readFileSync(path, 'utf8'), exportTable(table, format), `${path} is old: ${remedy}`);
      }
    }
  });
}

test('some comparisons are complete, and the index names each of them', async () => {
  assert.ok(complete >= 6, `${complete} complete comparisons`);
  const index = readFileSync(join(results, 'README.md'), 'utf8');
  for (const { name } of allPlans()) {
    if (!existsSync(join(results, name))) continue;
    assert.ok(index.includes(`(${name}/)`), `results/README.md lacks ${name}: npm run gora -- results`);
  }
});
