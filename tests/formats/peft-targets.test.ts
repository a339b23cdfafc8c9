/** Which modules an adapter config chooses, against PEFT's own functions (scripts/goldens/patterns.py). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LayerPatterns, targetsOf } from '../../src/formats/peft-targets';
import { fixture } from '../support/data';

interface Golden {
  readonly modules: readonly string[];
  readonly keys: Readonly<Record<string, readonly boolean[]>>;
  readonly targets: readonly (readonly [Record<string, unknown>, readonly boolean[]])[];
}
const { modules, keys, targets } = fixture<Golden>('patterns.json');

test('keys of rank_pattern and alpha_pattern fit the modules that PEFT says', () => {
  for (const [key, expected] of Object.entries(keys)) {
    const patterns = new LayerPatterns(new Map([[key, 7]]), 'f: rank_pattern');
    assert.deepEqual(
      modules.map((module) => patterns.valueOf(module, 3) === 7),
      expected,
      key,
    );
    const check = () => patterns.checkUsed(modules);
    if (expected.includes(true)) check();
    else assert.throws(check, /f: rank_pattern: .* matches none of the 12 adapted layers/, key);
  }
});

test('target_modules, exclude_modules, layers_to_transform and modules_to_save choose the modules that PEFT chooses', () => {
  for (const [config, expected] of targets) {
    const chosen = targetsOf(config, 'f');
    assert.ok(chosen);
    assert.deepEqual(modules.map(chosen), expected, JSON.stringify(config));
  }
});

test('a config that names no modules chooses none and refuses none', () => {
  for (const config of [{}, { target_modules: null }, { target_modules: 'all-linear' }]) {
    assert.equal(targetsOf(config, 'f'), null);
  }
});
