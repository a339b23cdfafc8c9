import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { after, test } from 'node:test';
import {
  closeRenderer,
  type Figure,
  lossCurves,
  metricBars,
  type RendererName,
  rankHeatmap,
  renderFigure,
  timeBars,
} from '../../src/reports';
import { findBrowser } from '../../src/reports/renderers/chromium';
import { bundleOf } from '../../src/reports/renderers/plotly';
import { assertGolden, difference } from './compare-svg';
import { grid, record } from './records';

after(closeRenderer);

const runs = grid(['digits'], ['lora', 'gora'], [0, 1, 2], { steps: 6 });
const figures: Record<string, Figure> = {
  loss: lossCurves(runs),
  metric: metricBars(runs),
  time: timeBars(runs),
  ranks: rankHeatmap(
    record({ method: 'gora', ranks: { 'blocks.0.attn.q': 4, 'blocks.0.mlp.up': 9, 'blocks.1.attn.q': 32 } }),
  ),
};

/** Width and height in a PNG's header. */
const pngSize = (png: Buffer) => [png.readUInt32BE(16), png.readUInt32BE(20)];

const browser = findBrowser();
const ways: [RendererName, string | false][] = [
  ['node', false],
  ['chromium', browser ? false : 'NOT TESTED: no Chromium, Chrome or Edge found; set CHROME_PATH'],
];

for (const [renderer, skip] of ways) {
  test(`${renderer}: every format`, { skip }, async () => {
    const figure = figures.loss;
    const svg = await renderFigure(figure, 'svg', { renderer });
    assert.match(svg, /^<svg[^>]* width="760" height="460"/);
    for (const text of ['Which method brings the loss down fastest?', 'GoRA', 'training step'])
      assert.ok(svg.includes(text), text);
    const png = await renderFigure(figure, 'png', { renderer });
    assert.deepEqual(pngSize(png), [1520, 920]);
    assert.deepEqual(
      pngSize(await renderFigure(figure, 'png', { renderer, width: 300, height: 200, scale: 1 })),
      [300, 200],
    );
    const pdf = await renderFigure(figure, 'pdf', { renderer });
    assert.equal(pdf.subarray(0, 5).toString(), '%PDF-');
    assert.match(pdf.toString('latin1'), /DejaVuSans/, 'the font is in the file');
    assert.equal(await renderFigure(figure, 'svg', { renderer }), svg, 'the same figure gives the same text');
  });

  test(`${renderer}: calls at once do not disturb each other`, { skip }, async () => {
    const [a, b] = await Promise.all([figures.metric, figures.time].map((f) => renderFigure(f, 'svg', { renderer })));
    assert.ok(a.includes('best accuracy') && b.includes('training step cost'));
  });

  test(`${renderer}: text that looks like markup stays text`, { skip }, async () => {
    const layout = { ...figures.time.layout, title: { text: 'a <script>alert(1)</script> & "b"' } };
    const svg = await renderFigure({ ...figures.time, layout }, 'svg', { renderer });
    assert.ok(!svg.includes('<script'));
  });
}

test('both ways put every text of the chart in nearly the same place', { skip: ways[1][1] }, async () => {
  const places = async (renderer: RendererName) => {
    const svg = await renderFigure(figures.metric, 'svg', { renderer });
    return [...svg.matchAll(/<text[^>]*>/g)].map(([tag]) => {
      const of = (pattern: RegExp) => (pattern.exec(tag)?.slice(1) ?? []).map((text) => Number(text) || 0);
      const [[x], [y], [dx = 0, dy = 0]] = [of(/ x="([^"]*)"/), of(/ y="([^"]*)"/), of(/translate\(([^,]*),([^)]*)\)/)];
      return [x + dx, y + dy];
    });
  };
  const [a, b] = [await places('node'), await places('chromium')];
  assert.equal(a.length, b.length);
  assert.ok(a.length >= 10);
  for (const [i, [x, y]] of a.entries()) assert.ok(Math.hypot(x - b[i][0], y - b[i][1]) < 4, `${x},${y} and ${b[i]}`);
});

for (const [name, figure] of Object.entries(figures)) {
  test(`golden: ${name}`, async () => assertGolden(await renderFigure(figure, 'svg', { renderer: 'node' }), name));
}

test('the comparison of drawings sees a moved point and another word, and forgives rounding and ids', () => {
  const svg = '<svg><defs id="defs-a1b2c3"/><g clip-path="url(#clipa1b2c3x)"><text x="10.5">rank</text></g></svg>';
  assert.equal(difference(svg.replaceAll('a1b2c3', '0f0f0f').replace('10.5', '10.9'), svg, 0.6), null);
  assert.match(difference(svg.replace('10.5', '12'), svg, 0.6)!, /line 4/);
  assert.match(difference(svg.replace('rank', 'loss'), svg, 0.6)!, /loss/);
  assert.match(difference(svg.replace('</svg>', '<g/></svg>'), svg, 0.6)!, /should be/);
});

test('HTML stands alone: no address to fetch, the SVG inside, plotly only when interactive', async () => {
  const figure = { ...figures.time, caption: 'a </script><b>caption</b>' };
  const still = await renderFigure(figure, 'html', { renderer: 'node', interactive: false });
  const live = await renderFigure(figure, 'html', { renderer: 'node' });
  assert.ok(still.length < 100_000, `${still.length}`);
  assert.ok(live.length < 1_200_000, `${live.length}`);
  for (const html of [still, live]) {
    assert.ok(!/(?:src|href)="(?:https?:)?\/\//.test(html));
    assert.ok(html.includes('<svg') && html.includes('a &lt;/script&gt;&lt;b&gt;caption'));
  }
  const json = /id="figure">(.*?)<\/script>/s.exec(still)![1];
  assert.deepEqual(JSON.parse(json), JSON.parse(JSON.stringify(figure)));
});

test('interactive HTML draws in a browser without a network', { skip: ways[1][1] }, async () => {
  const { chromium } = await import('playwright-core');
  const own = await chromium.launch({ executablePath: browser!, headless: true });
  try {
    const page = await (await own.newContext({ offline: true })).newPage();
    const errors: Error[] = [];
    page.on('pageerror', (error) => errors.push(error));
    await page.setContent(await renderFigure(figures.loss, 'html', { renderer: 'node' }));
    await page.waitForSelector('.js-plotly-plot .main-svg', { timeout: 20_000 });
    assert.deepEqual(errors, []);
  } finally {
    await own.close();
  }
});

test('JSON gives the figure back', async () => {
  assert.deepEqual(JSON.parse(await renderFigure(figures.loss, 'json')), JSON.parse(JSON.stringify(figures.loss)));
});

test('the small bundle is used where it can draw the figure', () => {
  assert.equal(bundleOf(figures.ranks), 'cartesian');
  assert.equal(bundleOf({ name: 's', data: [{ type: 'scatter3d' }], layout: {} }), 'full');
});

test('wrong formats and renderers are named', async () => {
  await assert.rejects(renderFigure(figures.loss, 'gif' as 'png'), /figure format gif is unknown: use png/);
  await assert.rejects(renderFigure(figures.loss, 'svg', { renderer: 'cairo' as 'node' }), /must be chromium or node/);
  assert.throws(() => findBrowser({ CHROME_PATH: '/nowhere/chrome' }), /CHROME_PATH is \/nowhere\/chrome/);
  assert.equal(findBrowser({ PATH: '' }) === null || process.platform !== 'linux', true);
});

test('a script ends by itself after drawing, without closeRenderer', () => {
  const code = `
    const { renderFigure } = require(${JSON.stringify(join(__dirname, '../../src/reports/render'))});
    renderFigure({ name: 'x', data: [{ y: [1, 2] }], layout: {} }, 'png').then((png) => console.log(png.length > 1000));`;
  const out = execFileSync(process.execPath, ['--import', 'tsx', '-e', code], { timeout: 60_000, encoding: 'utf8' });
  assert.equal(out.trim(), 'true');
});
