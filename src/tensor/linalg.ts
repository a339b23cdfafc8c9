/**
 * Linear algebra in float64 on the host; tfjs has no SVD and its QR is slow.
 * Matrices are row-major typed arrays with explicit shapes.
 */
import { EigenvalueDecomposition, Matrix, QrDecomposition, SingularValueDecomposition } from 'ml-matrix';

type Numbers = Float32Array | Float64Array;

/** A matrix on the host: `data[i * cols + j]`. */
export interface HostMatrix {
  readonly rows: number;
  readonly cols: number;
  readonly data: Float64Array;
}

const toMatrix = (data: Numbers, rows: number, cols: number) =>
  new Matrix(Array.from({ length: rows }, (_, i) => Float64Array.from(data.subarray(i * cols, (i + 1) * cols))));

function fromMatrix(m: Matrix): HostMatrix {
  const data = new Float64Array(m.rows * m.columns);
  for (let i = 0; i < m.rows; i++) for (let j = 0; j < m.columns; j++) data[i * m.columns + j] = m.get(i, j);
  return { rows: m.rows, cols: m.columns, data };
}

/** Thin singular value decomposition. u [rows, k], s [k] descending, v [cols, k]; k = min(rows, cols). */
export interface Svd {
  readonly u: HostMatrix;
  readonly s: Float64Array;
  readonly v: HostMatrix;
}

/** Exact SVD (Golub–Reinsch, ml-matrix). data [rows, cols]. */
export function svd(data: Numbers, rows: number, cols: number): Svd {
  const result = new SingularValueDecomposition(toMatrix(data, rows, cols), { autoTranspose: true });
  return {
    u: fromMatrix(result.leftSingularVectors),
    s: Float64Array.from(result.diagonal),
    v: fromMatrix(result.rightSingularVectors),
  };
}

/** Thin QR: q [rows, k] with orthonormal columns, r [k, cols] upper triangular; k = min(rows, cols). */
export function qr(data: Numbers, rows: number, cols: number): { q: HostMatrix; r: HostMatrix } {
  const matrix = toMatrix(data, rows, cols);
  if (rows >= cols) {
    const result = new QrDecomposition(matrix);
    return { q: fromMatrix(result.orthogonalMatrix), r: fromMatrix(result.upperTriangularMatrix) };
  }
  // ml-matrix takes tall matrices only: the leading square block fixes Q
  const q = new QrDecomposition(matrix.subMatrix(0, rows - 1, 0, rows - 1)).orthogonalMatrix;
  return { q: fromMatrix(q), r: fromMatrix(q.transpose().mmul(matrix)) };
}

/** Eigenvalues (ascending) and eigenvectors (columns) of a symmetric matrix [n, n]. */
export function symmetricEigen(data: Numbers, n: number): { values: Float64Array; vectors: HostMatrix } {
  const result = new EigenvalueDecomposition(toMatrix(data, n, n), { assumeSymmetric: true });
  return { values: Float64Array.from(result.realEigenvalues), vectors: fromMatrix(result.eigenvectorMatrix) };
}

/** a [n, k] · b [k, m] → [n, m]. */
export function matMul(a: Numbers, b: Numbers, n: number, k: number, m: number): Float64Array {
  const product = new Float64Array(n * m);
  for (let i = 0; i < n; i++) {
    const row = i * m;
    for (let p = 0; p < k; p++) {
      const scale = a[i * k + p];
      if (scale === 0) continue;
      const other = p * m;
      for (let j = 0; j < m; j++) product[row + j] += scale * b[other + j];
    }
  }
  return product;
}

/** Σ aᵢ·bᵢ; of two matrices in the same order their inner product. */
export function dot(a: Numbers, b: Numbers): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/** Euclidean length, for matrices Frobenius' norm. */
export const norm = (a: Numbers): number => Math.sqrt(dot(a, a));

/** aᵀ. a [rows, cols] → [cols, rows]. */
export function transpose(a: Numbers, rows: number, cols: number): Float64Array {
  const turned = new Float64Array(rows * cols);
  for (let i = 0; i < rows; i++) for (let j = 0; j < cols; j++) turned[j * rows + i] = a[i * cols + j];
  return turned;
}

/** Gram matrix a·aᵀ of the rows. a [r, n] → [r, r]. */
export function gram(a: Numbers, r: number, n: number): Float64Array {
  const product = new Float64Array(r * r);
  for (let i = 0; i < r; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let p = 0; p < n; p++) sum += a[i * n + p] * a[j * n + p];
      product[i * r + j] = product[j * r + i] = sum;
    }
  }
  return product;
}

/**
 * Solves X·M = Y for symmetric positive definite M by Cholesky. y [n, r], m [r, r] → [n, r].
 * @throws Error when M is not positive definite.
 */
export function solveRight(y: Numbers, m: Numbers, n: number, r: number): Float64Array {
  const l = new Float64Array(r * r);
  for (let i = 0; i < r; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = m[i * r + j];
      for (let p = 0; p < j; p++) sum -= l[i * r + p] * l[j * r + p];
      if (i === j && !(sum > 0)) throw new Error(`matrix is not positive definite at row ${i}`);
      l[i * r + j] = i === j ? Math.sqrt(sum) : sum / l[j * r + j];
    }
  }
  const x = Float64Array.from(y);
  for (let row = 0; row < n; row++) {
    const v = x.subarray(row * r, (row + 1) * r);
    for (let i = 0; i < r; i++) {
      for (let p = 0; p < i; p++) v[i] -= l[i * r + p] * v[p];
      v[i] /= l[i * r + i];
    }
    for (let i = r - 1; i >= 0; i--) {
      for (let p = i + 1; p < r; p++) v[i] -= l[p * r + i] * v[p];
      v[i] /= l[i * r + i];
    }
  }
  return x;
}
