import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  layerPlaces,
  lossCurves,
  mean,
  methodStyle,
  metricBars,
  rankBars,
  rankHeatmap,
  summarise,
  type Trace,
  timeBars,
} from '../../src/reports';
import { smooth, spread } from '../../src/reports/charts/curves';
import { decoderRanks, grid, record } from './records';

const named = (data: readonly Trace[], name: string) => data.find((trace) => trace.name === name)!;
const numbers = (value: unknown) => value as number[];

test('loss curves: the mean over seeds at the steps all seeds logged, in the colour of the method', () => {
  const [a, b] = [record({ seed: 0, steps: 12 }), record({ seed: 1, steps: 10 })];
  const figure = lossCurves([a, b]);
  const line = named(figure.data, 'LoRA');
  assert.deepEqual(line.x, b.curve.step);
  assert.equal(numbers(line.y)[3], mean([a.curve.loss[3], b.curve.loss[3]]));
  assert.equal((line.line as { color: string }).color, methodStyle('lora').color);
  const band = figure.data[0];
  const { high, low } = summarise([a.curve.loss[0], b.curve.loss[0]]);
  assert.equal(numbers(band.y)[0], high);
  assert.equal(numbers(band.y).at(-1), low);
  assert.match(JSON.stringify(figure.layout.title), /mean of 2 seeds.*95 % interval.*not smoothed/);
});

test('one seed has a line and no band; smoothing is told and is an unbiased moving average', () => {
  const one = record();
  const figure = lossCurves([one], { smoothing: 0.5 });
  assert.equal(figure.data.length, 1);
  const [x, y] = one.curve.loss;
  assert.ok(Math.abs(numbers(figure.data[0].y)[1] - (0.25 * x + 0.5 * y) / 0.75) < 1e-12);
  assert.match(JSON.stringify(figure.layout.title), /β = 0.5/);
  assert.ok(smooth([3, 3, 3], 0.9).every((value) => Math.abs(value - 3) < 1e-12));
  assert.throws(() => smooth([1], 1), /smoothing/);
});

test('a diverged run draws what is finite', () => {
  const bad = record({ steps: 5 });
  bad.curve.loss[2] = Number.NaN;
  assert.deepEqual(lossCurves([bad]).data[0].x, [1, 2, 4, 5]);
  bad.curve.loss.fill(Number.NaN);
  assert.throws(() => lossCurves([bad]), /no logged step in common/);
});

test('a frozen base has no line among the trained', () => {
  const frozen = record({ method: 'frozen', steps: 0 });
  frozen.spec.training.steps = 0;
  assert.deepEqual(
    lossCurves([frozen, record({ method: 'lora' })]).data.map(({ name }) => name),
    ['LoRA'],
  );
});

test('end labels keep their distance and their order, inside the chart', () => {
  const placed = spread([50, 51, 49, 300], 17, 300);
  const order = [placed[2], placed[0], placed[1], placed[3]];
  for (let i = 1; i < order.length; i++) assert.ok(order[i] - order[i - 1] >= 17 - 1e-9);
  assert.ok(placed.every((value) => value >= 0 && value <= 300));
});

test('layer names become block and matrix, in Llama, T5 and own naming', () => {
  const places = layerPlaces([
    'blocks.3.attn.q',
    'model.layers.10.self_attn.q_proj',
    'encoder.block.0.layer.0.SelfAttention.v',
    'decoder.block.1.layer.1.EncDecAttention.v',
    'lm_head',
  ]);
  assert.deepEqual(places.get('blocks.3.attn.q'), { stack: '', block: 3, matrix: 'q' });
  assert.deepEqual(places.get('model.layers.10.self_attn.q_proj'), { stack: '', block: 10, matrix: 'q_proj' });
  assert.deepEqual(places.get('encoder.block.0.layer.0.SelfAttention.v'), {
    stack: 'encoder',
    block: 0,
    matrix: 'SelfAttention.v',
  });
  assert.deepEqual(places.get('decoder.block.1.layer.1.EncDecAttention.v'), {
    stack: 'decoder',
    block: 1,
    matrix: 'EncDecAttention.v',
  });
  assert.deepEqual(places.get('lm_head'), { stack: '', block: null, matrix: 'lm_head' });
});

test('rank heatmap: every rank is in its cell, written out; a matrix a block lacks is a hole', () => {
  const ranks = { 'blocks.0.attn.q': 4, 'blocks.0.mlp.up': 9, 'blocks.1.attn.q': 32 };
  const figure = rankHeatmap(record({ method: 'gora', ranks }));
  const [heat, ...texts] = figure.data;
  assert.deepEqual(heat.x, ['q', 'up']);
  assert.deepEqual(heat.y, ['0', '1']);
  assert.deepEqual(heat.z, [
    [4, 9],
    [32, null],
  ]);
  assert.deepEqual(texts.flatMap((trace) => trace.text as string[]).sort(), ['32', '4', '9']);
});

test('rank heatmap averages seeds and refuses mixtures', () => {
  const two = [4, 7].map((rank, seed) => record({ method: 'gora', seed, ranks: { 'blocks.0.q': rank } }));
  assert.deepEqual(rankHeatmap(two).data[0].z, [[5.5]]);
  assert.throws(() => rankHeatmap([two[0], record({ method: 'adalora' })]), /one method/);
  assert.throws(() => rankHeatmap(record({ method: 'full' })), /full does not set them/);
});

test('rank bars: mean over blocks of each kind of matrix', () => {
  const ranks = { 'blocks.0.q': 4, 'blocks.1.q': 8, 'blocks.0.up': 30, 'blocks.1.up': 10 };
  const figure = rankBars([record({ method: 'gora', ranks }), record({ method: 'full' })]);
  assert.equal(figure.data.length, 1);
  assert.deepEqual(figure.data[0].x, ['q', 'up']);
  assert.deepEqual(figure.data[0].y, [6, 20]);
  assert.throws(() => rankBars([record()]), /no record has ranks/);
});

test('metric bars: mean, half width of the interval and every seed, best metric in the title', () => {
  const runs = [0.9, 0.92, 0.97].map((accuracy, seed) => record({ seed, accuracy }));
  const figure = metricBars(runs, { scale: 100, digits: 1 });
  const dot = named(figure.data, 'LoRA');
  assert.deepEqual(numbers(dot.x), [93]);
  assert.deepEqual(dot.text, ['93.0']);
  const { high } = summarise([90, 92, 97]);
  assert.ok(Math.abs((dot.error_x as { array: number[] }).array[0] - (high! - 93)) < 1e-9);
  assert.deepEqual(figure.data[1].x, [90, 92, 97]);
  assert.match(JSON.stringify(figure.layout.title), /best accuracy\?/);
  assert.equal(named(metricBars([runs[0]]).data, 'LoRA').error_x, undefined);
  assert.throws(() => metricBars(runs, { metric: 'bleu' }), /no completed record has the metric bleu/);
});

test('metric bars of several tasks: a panel each, over the methods in common order', () => {
  const figure = metricBars(grid(['a', 'b'], ['gora', 'lora'], [0, 1]));
  assert.deepEqual([...new Set(figure.data.map((trace) => trace.xaxis))], ['x', 'x2']);
  assert.deepEqual((figure.layout.yaxis as { categoryarray: string[] }).categoryarray, ['GoRA', 'LoRA']);
  assert.match(JSON.stringify(figure.layout.title), /Accuracy · 2 seeds .*higher is better/);
  assert.equal((figure.layout.xaxis2 as { title: { text: string } }).title.text, 'b');
});

test('metric bars of tasks with metrics of their own name each on its axis, with its direction', () => {
  const loss = { metric: 'loss', title: 'Loss', higherIsBetter: false };
  const figure = metricBars([record({ task: 'a' }), { ...record({ task: 'b' }), primary: loss }]);
  const title = (axis: string) => (figure.layout[axis] as { title: { text: string } }).title.text;
  assert.deepEqual([title('xaxis'), title('xaxis2')], ['a<br>Accuracy ↑', 'b<br>Loss ↓']);
  assert.doesNotMatch(JSON.stringify(figure.layout.title), /is better/);
});

test('time bars start at zero and give the ratio to the baseline', () => {
  const figure = timeBars([record({ stepMedian: 10 }), record({ method: 'gora', stepMedian: 12.5 })]);
  assert.equal((figure.layout.xaxis as { range: number[] }).range[0], 0);
  const labels = (figure.layout.annotations as { text: string }[]).map((a) => a.text);
  assert.deepEqual(labels, ['10.00 ms', '12.50 ms · 1.25 × LoRA']);
});

test('failed runs are left out; two different runs of one seed are refused; several tasks too', () => {
  const good = record();
  assert.equal(lossCurves([good, record({ seed: 1, status: 'failed' })]).data.length, 1);
  assert.throws(() => lossCurves([record({ status: 'failed' })]), /none of the 1 records/);
  assert.throws(() => metricBars([good, record({ id: 'other' })]), /different runs of lora on digits with seed 0/);
  assert.throws(() => timeBars(grid(['a', 'b'], ['lora'], [0])), /one task/);
});

test('figures are plain JSON', () => {
  const ranked = [record({ method: 'gora', ranks: decoderRanks(0) })];
  const runs = grid(['a'], ['lora', 'gora'], [0, 1]);
  for (const figure of [lossCurves(runs), metricBars(runs), timeBars(runs), rankHeatmap(ranked), rankBars(ranked)]) {
    assert.doesNotThrow(() => structuredClone(figure));
    assert.ok(figure.caption);
  }
});
