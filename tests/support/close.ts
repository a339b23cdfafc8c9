/** Comparing arrays of numbers. NaN is never close to anything. */
import assert from 'node:assert/strict';

type Numbers = ArrayLike<number>;

/** Largest |a − b| over the largest |b|; Infinity where either is not finite. */
export function relativeError(actual: Numbers, expected: Numbers): number {
  assert.equal(actual.length, expected.length, 'arrays of different length');
  let difference = 0;
  let size = 0;
  for (let i = 0; i < expected.length; i++) {
    if (!Number.isFinite(actual[i]) || !Number.isFinite(expected[i])) return Number.POSITIVE_INFINITY;
    difference = Math.max(difference, Math.abs(actual[i] - expected[i]));
    size = Math.max(size, Math.abs(expected[i]));
  }
  return difference === 0 ? 0 : difference / size;
}

/** @throws AssertionError when the relative error is above `tolerance`. */
export function assertClose(actual: Numbers, expected: Numbers, tolerance: number, what: string): void {
  const error = relativeError(actual, expected);
  assert.ok(error <= tolerance, `${what}: relative error ${error.toExponential(2)} is above ${tolerance}`);
}
