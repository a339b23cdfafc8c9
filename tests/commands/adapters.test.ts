/** The commands around adapters, one after the other as a person would use them. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { call } from '../support/call';
import { tempDir } from '../support/temp';
import { tinyData } from '../support/tiny-data';

const SET = ['context=16', 'trainWindows=16', 'evalWindows=2'].flatMap((pair) => ['--set', pair]);

test('run, export, diff, inspect, merge, evaluate and generate agree with each other', async (t) => {
  const [data, work] = [tinyData(t), tempDir(t)];
  const at = (name: string) => join(work, name);
  const task = ['--task', 'shakespeare', '--data-dir', data, ...SET];
  const run = ['run', ...task, '--method', 'gora', '--out', at('records'), '--save', at('saved')];
  const settings = ['steps=3', 'rank=2', 'batch=4', 'lr=0.05', 'gradientBatches=2'].flatMap((pair) => ['--set', pair]);
  assert.equal((await call(...run, ...settings)).code, 0);
  const record = at(join('records', readdirSync(at('records'))[0]));

  const exported = await call('export', '--run', record, '--to', at('exported'), '--data-dir', data);
  assert.equal(exported.code, 0, exported.stderr);
  assert.match(exported.stderr, /was not saved with its weights: training it again \(gora, 3 steps/);
  assert.match(exported.stdout, /the numbers are those of the record/);
  const [one, other] = ['saved', 'exported'].map((name) => readFileSync(join(at(name), 'adapter_model.safetensors')));
  assert.ok(one.equals(other));
  const twice = await call('export', '--run', record, '--to', at('exported'), '--data-dir', data);
  assert.equal(twice.code, 1);
  assert.match(twice.stderr, /is there and not empty/);

  const inspected = await call('inspect', at('exported'));
  assert.match(inspected.stdout, /PEFT adapter[\s\S]*layers +14[\s\S]*nothing odd/);
  assert.equal(JSON.parse((await call('inspect', at('exported'), '--json')).stdout).layers.length, 14);

  const same = await call('diff', at('exported'), at('exported'));
  assert.equal(same.code, 0);
  assert.match(same.stdout, /the two adapters are the same in all 14 things/);

  const merged = await call(
    'merge',
    '--model',
    'stories260K',
    '--adapter',
    at('exported'),
    '--to',
    at('merged'),
    '--data-dir',
    data,
  );
  assert.equal(merged.code, 0, merged.stderr);
  const config = JSON.parse(readFileSync(join(at('merged'), 'config.json'), 'utf8'));
  assert.equal(config.rope_interleaved, undefined);

  const score = async (...args: string[]) => {
    const { code, stdout, stderr } = await call('evaluate', ...task, ...args, '--json');
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout).metrics.loss as number;
  };
  const adapted = await score('--adapter', at('exported'));
  assert.equal(adapted, JSON.parse(readFileSync(record, 'utf8')).metrics.loss);
  assert.notEqual(adapted, await score());

  const generate = async (...args: string[]) => {
    const prompt = ['--prompt', 'thou art', '--max-new-tokens', '5', '--data-dir', data, '--json'];
    const { code, stdout, stderr } = await call('generate', ...args, ...prompt);
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout) as { tokens: number; text: string };
  };
  assert.equal((await generate('--model', 'stories260K', '--adapter', at('exported'))).tokens, 5);

  const models = await call('diff', at('merged'), at('merged'));
  assert.match(models.stdout, /the two models are the same/);
  const mixed = await call('diff', at('merged'), at('exported'));
  assert.equal(mixed.code, 1);
  assert.match(mixed.stderr, /is a model or file of weights and .* is a PEFT adapter: compare two of one kind/);
});

test('two records: settings first, then the largest differences', async (t) => {
  const [data, out] = [tinyData(t), tempDir(t)];
  for (const lr of ['0.05', '0.01']) {
    const args = ['run', '--task', 'shakespeare', '--data-dir', data, '--method', 'lora', '--out', out, ...SET];
    assert.equal(
      (await call(...args, '--set', 'steps=2', '--set', 'batch=4', '--set', 'rank=2', '--set', `lr=${lr}`)).code,
      0,
    );
  }
  const [a, b] = readdirSync(out).map((name) => join(out, name));
  const { code, stdout } = await call('diff', a, b, '--json');
  assert.equal(code, 2);
  const { kind, rows } = JSON.parse(stdout) as { kind: string; rows: { what: string; difference: number | null }[] };
  assert.equal(kind, 'records');
  assert.equal(rows[0].what, 'spec.training.lr');
  assert.ok(rows.some(({ what, difference }) => what === 'metrics.loss' && (difference ?? 0) > 0));
  const degrees = rows.flatMap(({ difference }) => (difference === null ? [] : [difference]));
  assert.deepEqual(
    degrees,
    [...degrees].sort((x, y) => y - x),
  );
});

test('init writes what the help says, and nothing on bad input', async (t) => {
  const [data, work] = [tinyData(t), tempDir(t)];
  const args = ['init', '--task', 'shakespeare', '--data-dir', data, ...SET, '--set', 'batch=4', '--rank', '2'];
  const made = await call(...args, '--method', 'gora', '--batches', '2', '--to', join(work, 'gora'));
  assert.equal(made.code, 0, made.stderr);
  assert.match(made.stderr, /gora on shakespeare needs \d+ MiB .*for up to 2 batches/);
  assert.match(made.stdout, /14 layers, ranks? .*\n.*PeftModel\.from_pretrained\(base, .*is_trainable=True\)/);
  const refuse = async (message: RegExp, ...more: string[]) => {
    const { code, stderr } = await call(...args, ...more);
    assert.equal(code, 1);
    assert.match(stderr, message);
    assert.doesNotMatch(stderr, /\n\s+at /);
  };
  await refuse(/needs --method NAME/, '--to', join(work, 'x'));
  await refuse(/needs --to DIR/, '--method', 'gora');
  await refuse(/unknown method "goar"/, '--method', 'goar', '--to', join(work, 'x'));
  await refuse(/is there and not empty/, '--method', 'gora', '--to', join(work, 'gora'));
  await refuse(/--transformers is 4 or 5, not "6"/, '--method', 'lora', '--transformers', '6', '--to', join(work, 'x'));
  assert.deepEqual(readdirSync(work), ['gora']);
});

test('every option of every command is described, with an example', async () => {
  for (const name of ['init', 'export', 'merge', 'inspect', 'evaluate', 'generate', 'diff']) {
    const { code, stdout } = await call(name, '--help');
    assert.equal(code, 0);
    assert.match(stdout, new RegExp(`Usage: npm run gora -- ${name} `));
    assert.match(stdout, new RegExp(`Examples?:\\n {2}npm run gora -- ${name} `));
    const lines = stdout.split('\n').filter((line) => line.startsWith('  --'));
    assert.ok(lines.length >= 2, stdout);
    for (const line of lines) assert.match(line, /^ {2}--[\w-]+( \S+)? {2,}\S.{5,}/, line);
  }
});

test('bad input of merge, generate, evaluate and export is named', async (t) => {
  const [data, work] = [tinyData(t), tempDir(t)];
  const refuse = async (message: RegExp, ...args: string[]) => {
    const { code, stderr } = await call(...args);
    assert.equal(code, 1, args.join(' '));
    assert.match(stderr, message);
  };
  const to = join(work, 'x');
  await refuse(/merge needs --model/, 'merge', '--to', to);
  await refuse(
    /--dtype is one of float32, float16, bfloat16, not "int8"/,
    'merge',
    '--model',
    'm',
    '--to',
    to,
    '--dtype',
    'int8',
  );
  await refuse(/no model "nope"/, 'merge', '--model', 'nope', '--to', to);
  await refuse(/the prompt is empty/, 'generate', '--model', 'stories260K', '--prompt', '', '--data-dir', data);
  await refuse(
    /--max-new-tokens takes an integer above 0/,
    'generate',
    '--model',
    'm',
    '--prompt',
    'a',
    '--max-new-tokens',
    '0',
  );
  await refuse(/no chat template/, 'generate', '--model', 'stories260K', '--prompt', 'a', '--chat', '--data-dir', data);
  await refuse(/writes no text \(its kind is features\)/, 'generate', '--model', 'glyphs-vit', '--prompt', 'a');
  await refuse(/--split is test or validation/, 'evaluate', '--task', 'shakespeare', '--split', 'train');
  await refuse(/no record "nope"/, 'export', '--run', 'nope', '--to', to);
  await refuse(/Unknown option '--tusk'/, 'diff', '--tusk');
  assert.ok(!existsSync(to));
});
