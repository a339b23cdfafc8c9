/**
 * Every architecture, rotary form and head against what transformers and PyTorch compute from the same small weights;
 * scripts/goldens/tiny_models.py writes the folders. Needs neither Python nor other data.
 */
import assert from 'node:assert/strict';
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it, type TestContext } from 'node:test';
import { modelTypes } from '../../src/models/auto';
import { GOLDEN_FILE, type Golden, TOLERANCE, type Verification, verifyFolder } from '../../src/models/verify';
import { startBackend } from '../../src/tensor/backend';
import { fixturePath } from '../support/data';
import { tempDir } from '../support/temp';

const ROOT = fixturePath('models');
const names = readdirSync(ROOT).sort();
const json = (...parts: string[]) => JSON.parse(readFileSync(join(...parts), 'utf8'));

/** Outputs that a golden of these inputs must have and that must have been compared. */
function outputsOf({ inputs, outputs }: Golden): string[] {
  const named = ['logits', 'loss', 'last_hidden_state', 'encoder_last_hidden_state', 'image_embeds'];
  const there = named.filter((name) => name in outputs);
  assert.ok(there.includes('loss'), 'a golden has a loss');
  assert.ok(inputs.labels === undefined || there.includes('logits'), 'a golden with labels has logits');
  assert.ok(inputs.features !== undefined || there.length > (inputs.labels === undefined ? 1 : 2), 'and hidden states');
  return there;
}

function assertEqual(golden: Golden, found: Verification): void {
  assert.deepEqual(Object.keys(found.outputs).sort(), outputsOf(golden).sort(), 'compared outputs');
  for (const [name, difference] of Object.entries(found.outputs)) {
    assert.ok(difference <= TOLERANCE, `${name} differs by ${difference} of its largest value`);
  }
  assert.ok(Object.keys(golden.grad_norms ?? {}).length >= 20, 'a golden has gradients');
  assert.ok(found.gradients !== null && found.gradients <= TOLERANCE, `gradients differ by ${found.gradients}`);
  const writes = 'greedy' in golden.outputs;
  assert.equal(writes, 'greedy_prompt' in golden.inputs || found.type === 't5', 'language models write');
  if (writes) assert.deepEqual(found.greedy, { equal: found.greedy?.of, of: found.greedy?.of }, 'greedy tokens');
}

describe('small checkpoints give what the reference gives, within 1e-4', () => {
  before(() => startBackend());
  for (const name of names) {
    it(name, async (t) => {
      const found = await verifyFolder(join(ROOT, name));
      const worst = Math.max(found.gradients ?? 0, ...Object.values(found.outputs));
      t.diagnostic(`${name}: ${found.class}, largest difference ${worst.toExponential(1)}`);
      assertEqual(json(ROOT, name, GOLDEN_FILE), found);
    });
  }
});

describe('the comparison itself', () => {
  before(() => startBackend());

  /** Compares a copy of a small checkpoint whose golden is changed. */
  async function against(t: TestContext, name: string, change: (golden: Mutable) => void): Promise<Verification> {
    const folder = join(tempDir(t), name);
    cpSync(join(ROOT, name), folder, { recursive: true });
    const golden = json(folder, GOLDEN_FILE);
    change(golden);
    writeFileSync(join(folder, GOLDEN_FILE), JSON.stringify(golden));
    return verifyFolder(folder);
  }
  type Mutable = { inputs: Record<string, number[][]>; outputs: Record<string, number[][]>; grad_norms: Norms };
  type Norms = Record<string, number>;

  it('sees one number off by a hundredth of the largest', async (t) => {
    const found = await against(t, 'vit-cls', ({ outputs }) => {
      outputs.logits[1][2] += 0.01 * Math.max(...outputs.logits.flat().map(Math.abs));
    });
    assert.ok(Math.abs(found.outputs.logits - 0.01) < 1e-4, `${found.outputs.logits}`);
    assert.ok(found.outputs.loss < TOLERANCE);
  });

  it('sees an output of another length', async (t) => {
    const short = await against(t, 'vit-cls', ({ outputs }) => outputs.logits.pop());
    assert.equal(short.outputs.logits, Number.POSITIVE_INFINITY);
  });

  it('sees a gradient that is off, and one of a weight that is not there', async (t) => {
    const weight = 'bert.encoder.layer.1.output.dense.bias';
    const found = await against(t, 'bert-cls', ({ grad_norms }) => {
      grad_norms[weight] += 0.1;
    });
    assert.ok((found.gradients ?? 0) > 0.01, `${found.gradients}`);
    const strange = against(t, 'bert-cls', ({ grad_norms }) => {
      grad_norms['bert.encoder.layer.2.output.dense.bias'] = 1;
    });
    await assert.rejects(strange, /golden\.json: the model has no weight bert\.encoder\.layer\.2\.output\.dense\.bias/);
  });

  it('counts greedy tokens that differ', async (t) => {
    const found = await against(t, 'gpt2', ({ outputs }) => {
      outputs.greedy[1][9] += 1;
    });
    assert.deepEqual(found.greedy, { equal: 31, of: 32 });
  });

  it('passes over padding, and over nothing else', async (t) => {
    const found = await against(t, 'bert-cls', ({ outputs }) => {
      const states = outputs.encoder_last_hidden_state as unknown as number[][][];
      states[1][7][3] = 100;
    });
    assert.ok(found.outputs.encoder_last_hidden_state < TOLERANCE);
    const seen = await against(t, 'bert-cls', ({ outputs }) => {
      const states = outputs.encoder_last_hidden_state as unknown as number[][][];
      states[1][5][3] = 100;
    });
    assert.ok(seen.outputs.encoder_last_hidden_state > 0.9);
  });

  it('says what a folder lacks', async (t) => {
    const folder = tempDir(t);
    await assert.rejects(verifyFolder(folder), (error: Error) =>
      error.message.includes(`${folder} has no golden.json`),
    );
  });
});

it('every architecture has a small checkpoint', () => {
  const tried = new Set(names.map((name) => json(ROOT, name, 'config.json').model_type));
  assert.deepEqual(
    modelTypes.filter((type) => !tried.has(type)),
    [],
  );
});

describe('a configuration spelled otherwise is the same model', () => {
  before(() => startBackend());

  async function respelled(t: TestContext, name: string, change: (config: Record<string, unknown>) => object) {
    const folder = join(tempDir(t), name);
    cpSync(join(ROOT, name), folder, { recursive: true });
    const config = change(json(folder, 'config.json'));
    writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
    assertEqual(json(folder, GOLDEN_FILE), await verifyFolder(folder));
  }

  it('rope_parameters of transformers 5 in place of rope_theta', (t) =>
    respelled(t, 'llama', ({ rope_theta, ...config }) => ({
      ...config,
      rope_parameters: { rope_type: 'default', rope_theta },
    })));

  it('rope_scaling in place of rope_parameters', (t) =>
    respelled(t, 'llama-rope-llama3', ({ rope_parameters, ...config }) => {
      const { rope_theta, ...rope_scaling } = rope_parameters as Record<string, unknown>;
      return { ...config, rope_theta, rope_scaling };
    }));

  it('rope_parameters beside a rope_theta that transformers passes over', (t) =>
    respelled(t, 'llama-rope-llama3', (config) => ({ ...config, rope_theta: 10000 })));

  it('rope_scaling beside rope_parameters that transformers passes over', (t) =>
    respelled(t, 'llama-rope-linear', (config) => ({
      ...config,
      rope_parameters: { rope_type: 'default', rope_theta: 10000 },
    })));

  for (const scaled of [true, false]) {
    it(`scale_decoder_outputs ${scaled} of transformers 5 in place of tie_word_embeddings`, (t) =>
      respelled(t, scaled ? 't5' : 't5-v11', (config) => ({
        ...config,
        tie_word_embeddings: true,
        scale_decoder_outputs: scaled,
      })));
  }
});
