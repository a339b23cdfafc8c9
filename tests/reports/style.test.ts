import assert from 'node:assert/strict';
import { test } from 'node:test';
import { methodStyle, sortMethods, styledMethods, withAlpha } from '../../src/reports/style';

type Triple = [number, number, number];

/** Dichromacy in linear RGB, Machado, Oliveira & Fernandes 2009, severity 1. */
const visions: Record<string, Triple[]> = {
  normal: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
};

const apply = (m: Triple[], v: Triple): Triple =>
  m.map((row) => row[0] * v[0] + row[1] * v[1] + row[2] * v[2]) as Triple;

/** CIE L*a*b* (D65) of a colour as seen with a kind of vision. */
function lab(color: string, vision: string): Triple {
  const linear = [1, 3, 5].map((at) => {
    const c = Number.parseInt(color.slice(at, at + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  }) as Triple;
  const seen = apply(visions[vision], linear).map((c) => Math.min(1, Math.max(0, c))) as Triple;
  const xyz = apply(
    [
      [0.4124, 0.3576, 0.1805],
      [0.2126, 0.7152, 0.0722],
      [0.0193, 0.1192, 0.9505],
    ],
    seen,
  );
  const f = xyz
    .map((v, i) => v / [0.9505, 1, 1.089][i])
    .map((t) => (t > 0.008856 ? Math.cbrt(t) : 7.787 * t + 16 / 116));
  return [116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])];
}

const distance = (a: Triple, b: Triple) => Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);

test('any two methods are told apart by colour for everyone, or by dash and marker', () => {
  for (const [i, a] of styledMethods.entries()) {
    for (const b of styledMethods.slice(i + 1)) {
      const [x, y] = [methodStyle(a), methodStyle(b)];
      const nearest = Math.min(...Object.keys(visions).map((v) => distance(lab(x.color, v), lab(y.color, v))));
      const shapes = x.dash !== y.dash && x.symbol !== y.symbol;
      assert.ok(nearest >= 20 || shapes, `${a} and ${b}: colours ${nearest.toFixed(1)} apart and alike in shape`);
    }
  }
});

test('a method keeps its style whatever the spelling, and an unknown one too', () => {
  assert.deepEqual(methodStyle('LoRA-Plus'), methodStyle('lora+'));
  assert.deepEqual(methodStyle('lora-ga²'), methodStyle('lora-ga2'));
  assert.equal(methodStyle('gora').title, 'GoRA');
  assert.deepEqual(methodStyle('my-own'), methodStyle('my-own'));
  assert.equal(methodStyle('my-own').title, 'my-own');
  assert.match(methodStyle('__proto__').color, /^#[0-9A-F]{6}$/);
  assert.match(methodStyle('constructor').color, /^#[0-9A-F]{6}$/);
});

test('methods come in the house order, unknown ones last, each once', () => {
  assert.deepEqual(sortMethods(['zeta', 'gora', 'lora', 'alpha', 'full', 'lora']), [
    'full',
    'lora',
    'gora',
    'zeta',
    'alpha',
  ]);
});

test('bands take the colour with an opacity', () => {
  assert.equal(withAlpha('#D55E00', 0.5), 'rgba(213,94,0,0.5)');
});
