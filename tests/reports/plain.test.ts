import * as assert from 'node:assert/strict';
import { test } from 'node:test';
import { barChart, layerHeatmap, lineChart } from '../../src/reports';

const named = { name: 'chart', title: 'What?', x: 'step', y: 'loss' };
type Axis = { type: string; range?: number[]; dtick?: number; categoryarray?: string[] };

test('a line for each series, in its own colour, and a legend only where there are several', () => {
  const one = { name: 'a', x: [1, 2], y: [3, 4] };
  const figure = lineChart([one, { ...one, name: 'b', dash: 'dash', color: '#000000' }], named);
  assert.deepEqual(
    figure.data.map(({ name, x, y, line }) => [name, x, y, (line as { color: string }).color]),
    [
      ['a', [1, 2], [3, 4], '#0072B2'],
      ['b', [1, 2], [3, 4], '#000000'],
    ],
  );
  assert.equal(figure.layout.showlegend, true);
  assert.equal(lineChart([one], named).layout.showlegend, false);
});

test('logarithmic axes: range and marks in powers of ten, labels at whole decades where there are two', () => {
  const series = [{ name: 'a', x: [1, 2], y: [0.001, 1] }];
  const figure = lineChart(series, {
    ...named,
    logY: true,
    range: [0.01, 1],
    marks: [{ axis: 'y', at: 0.1, text: 'm' }],
  });
  const axis = figure.layout.yaxis as Axis;
  assert.deepEqual([axis.type, axis.range, axis.dtick], ['log', [-2, 0], 1]);
  assert.equal((figure.layout.annotations as { y: number }[])[0].y, -1);
  const shape = (figure.layout.shapes as Record<string, unknown>[])[0];
  assert.deepEqual([shape.y0, shape.y1, shape.xref], [0.1, 0.1, 'paper']);
});

test('what cannot be drawn is refused with its name', () => {
  assert.throws(() => lineChart([], named), /chart chart: no series/);
  assert.throws(() => lineChart([{ name: 'a', x: [1], y: [] }], named), /"a": 1 x values and 0 y values/);
  assert.throws(() => lineChart([{ name: 'a', x: [0], y: [1] }], { ...named, logX: true }), /"a" holds 0/);
  assert.throws(() => barChart([], named), /no bars/);
});

test('bars keep their order though each group is a trace', () => {
  const bars = [
    { label: 'q', value: 3, group: 'one' },
    { label: 'k', value: 2, group: 'two' },
    { label: 'v', value: 1, group: 'one' },
  ];
  const figure = barChart(bars, named);
  assert.deepEqual((figure.layout.xaxis as Axis).categoryarray, ['q', 'k', 'v']);
  assert.deepEqual(
    figure.data.map(({ name, x, y }) => [name, x, y]),
    [
      ['one', ['q', 'v'], [3, 1]],
      ['two', ['k'], [2]],
    ],
  );
});

test('a layer heatmap has blocks down, matrices across, and empty cells where a layer is missing', () => {
  const values = new Map([
    ['blocks.0.attn.q', 4],
    ['blocks.1.attn.q', 8],
    ['blocks.1.attn.v', 32],
  ]);
  const [map] = layerHeatmap(values, { name: 'ranks', title: 'Where?', subtitle: '', noun: 'rank' }).data;
  assert.deepEqual(
    [map.y, map.x, map.z],
    [
      ['0', '1'],
      ['q', 'v'],
      [
        [4, null],
        [8, 32],
      ],
    ],
  );
});
