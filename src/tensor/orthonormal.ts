/**
 * Orthonormal bases of tall matrices: Cholesky QR, twice (Yamamoto et al. 2015). X = Q·R with R from the Cholesky
 * factor of XᵀX; the second pass repairs what rounding left. Householder QR, which is tens of times slower here, takes
 * over where columns are too close to dependent for that.
 */
import { type HostMatrix, matMul, qr } from './linalg';

/** Largest |QᵀQ − I| that passes. */
const TOLERANCE = 1e-12;

/** xᵀ·x of a tall matrix, [cols, cols]. */
function columnGram({ rows, cols, data }: HostMatrix): Float64Array {
  const product = new Float64Array(cols * cols);
  for (let row = 0; row < rows; row++) {
    const at = row * cols;
    for (let i = 0; i < cols; i++) {
      const scale = data[at + i];
      for (let j = 0; j <= i; j++) product[i * cols + j] += scale * data[at + j];
    }
  }
  for (let i = 0; i < cols; i++) for (let j = 0; j < i; j++) product[j * cols + i] = product[i * cols + j];
  return product;
}

/** Lower factor L of m = L·Lᵀ, or null when m is not positive definite. */
function cholesky(m: Float64Array, n: number): Float64Array | null {
  const l = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = m[i * n + j];
      for (let p = 0; p < j; p++) sum -= l[i * n + p] * l[j * n + p];
      if (i === j && !(sum > 0)) return null;
      l[i * n + j] = i === j ? Math.sqrt(sum) : sum / l[j * n + j];
    }
  }
  return l;
}

/** x·L⁻ᵀ. */
function divideRight({ rows, cols, data }: HostMatrix, l: Float64Array): HostMatrix {
  const result = Float64Array.from(data);
  for (let row = 0; row < rows; row++) {
    const at = row * cols;
    for (let i = 0; i < cols; i++) {
      let sum = result[at + i];
      for (let p = 0; p < i; p++) sum -= l[i * cols + p] * result[at + p];
      result[at + i] = sum / l[i * cols + i];
    }
  }
  return { rows, cols, data: result };
}

/** Columns that keep less than this share of their squared length beside the others are too dependent for float32. */
const STEADY = 1e-4;
/** Squared lengths below this lose digits in float32. */
const SMALLEST = 1e-30;

/**
 * L⁻ᵀ of the float32 product XᵀX = L·Lᵀ, so that X·L⁻ᵀ has columns close to orthonormal; null when float32 is too
 * coarse for these columns. gram [n, n].
 */
export function spanningFactor(gram: Float32Array, n: number): Float32Array | null {
  const l = cholesky(Float64Array.from(gram), n);
  if (!l) return null;
  for (let i = 0; i < n; i++) {
    const square = gram[i * n + i];
    if (!(square > SMALLEST && l[i * n + i] ** 2 > STEADY * square)) return null;
  }
  const eye = { rows: n, cols: n, data: Float64Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 1 : 0)) };
  return Float32Array.from(divideRight(eye, l).data);
}

/** Columns of the same span, close to orthonormal: one pass, good enough between power iterations. */
export function spanningBasis(x: HostMatrix): HostMatrix {
  const factor = cholesky(columnGram(x), x.cols);
  return factor ? divideRight(x, factor) : qr(x.data, x.rows, x.cols).q;
}

function isOrthonormal(q: HostMatrix): boolean {
  const { cols } = q;
  const gram = columnGram(q);
  return gram.every((value, i) => Math.abs(value - (i % (cols + 1) === 0 ? 1 : 0)) <= TOLERANCE);
}

/** Orthonormal columns of the same span as x's, which are close to orthonormal already: one pass where that suffices. */
export function orthonormal(x: HostMatrix): HostMatrix {
  const q = spanningBasis(x);
  return isOrthonormal(q) ? q : thinQr(x).q;
}

/**
 * Thin QR of a matrix with no more columns than rows.
 * @returns q [rows, cols] with orthonormal columns, r [cols, cols] upper triangular, x = q·r.
 */
export function thinQr(x: HostMatrix): { q: HostMatrix; r: HostMatrix } {
  const { cols } = x;
  const first = cholesky(columnGram(x), cols);
  const near = first && divideRight(x, first);
  const second = near && cholesky(columnGram(near), cols);
  if (!first || !near || !second) return qr(x.data, x.rows, cols);
  const q = divideRight(near, second);
  if (!isOrthonormal(q)) return qr(x.data, x.rows, cols);
  const upper = (l: Float64Array) => l.map((_, i) => l[(i % cols) * cols + Math.floor(i / cols)]);
  return { q, r: { rows: cols, cols, data: matMul(upper(second), upper(first), cols, cols, cols) } };
}
