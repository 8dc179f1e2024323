// A robust regression: finds the positive coefficients that explain `y = x·b` best when some of the rows are
// outliers with another cause. Pure numbers; the cost model gives them their meaning.
//
// A row's error is normal or, with a fixed probability, uniform: a mixture, fitted by expectation maximisation (Dempster,
// Laird, Rubin, 1977), which weighs each row by the probability that it is an inlier. It is a redescending M-estimator
// (Huber, "Robust Statistics", 1981, 4.8): unlike Huber's own it ignores distant rows. It starts with an error so large
// that all rows count, which shrinks as the fit improves. The inner step is least squares with bounds (after Lawson &
// Hanson, "Solving Least Squares Problems", 1974, 23) by coordinate descent on the normal equations, with a normal prior
// for each coefficient, and with the known error variance of x subtracted from the diagonal (Fuller, "Measurement Error
// Models", 1987, 2.2).

/** The rows, and the priors of the coefficients. Matrices are row-major. */
export interface RobustProblem {
  readonly rows: number;
  readonly columns: number;
  readonly x: Float64Array;
  readonly y: Float64Array;
  /** The weight of each row (0..1). */
  readonly weight: Float64Array;
  /** The variance of each row's error, up to a common factor that is estimated. */
  readonly variance: Float64Array;
  /** The group of each row; each group has its own factor, 1 on average. */
  readonly group: Uint16Array;
  readonly groups: number;
  /** The variance of the error of each x. */
  readonly error: Float64Array;
  /** The error of an outlier is uniform up to this. */
  readonly range: number;
  /** The scale of each coefficient: the standard deviation of its prior, whose mean is a common fraction of it. */
  readonly unit: Float64Array;
}

/** The result of a fit. */
export interface RobustFit {
  readonly coefficients: Float64Array;
  /** The standard error of each coefficient, assuming independent rows. */
  readonly errors: Float64Array;
}

/** Iterations of one fit, each with new row weights and coefficients: with 20 the results are the same within 1 %. */
const FIT_ITERATIONS = 12;

/** The fraction of rows expected to be outliers. */
const OUTLIERS = 0.15;

/**
 * A coefficient is between its unit divided by this and its unit times this, whatever the rows show. A cost's unit is the
 * duration: a request uses between 1/64 of a core (one that waits for 98 % of its time uses 1/50) and 64 cores.
 */
export const MOST_UNITS = 64;

/** Fits the rows; null if they show nothing, since the errors of x are as large as its differences. */
export function fitRobust(problem: RobustProblem): RobustFit | null {
  const { rows, columns, x, y, weight, variance, group, groups, error, unit } = problem;
  const b = Float64Array.from(unit);
  const factors = new Float64Array(groups).fill(1);
  const predicted = new Float64Array(rows);
  const gram = new Float64Array(columns * columns);
  const right = new Float64Array(columns);
  const errorSum = new Float64Array(columns);
  const groupTop = new Float64Array(groups);
  const groupBottom = new Float64Array(groups);
  const outlier = OUTLIERS / (2 * problem.range);
  predict(problem, b, predicted);
  let scale = startScale(problem, predicted);
  let lower: Float64Array | null = null;

  for (let iteration = 0; iteration < FIT_ITERATIONS; iteration++) {
    for (const sums of [gram, right, errorSum, groupTop, groupBottom]) sums.fill(0);
    let inliers = 0;
    let squares = 0;
    for (let row = 0; row < rows; row++) {
      const at = group[row] as number;
      const factor = factors[at] as number;
      const prediction = predicted[row] as number;
      const residual = (y[row] as number) - factor * prediction;
      const rowVariance = scale * (variance[row] as number);
      const good = ((1 - OUTLIERS) * Math.exp((-residual * residual) / (2 * rowVariance))) / Math.sqrt(2 * Math.PI * rowVariance);
      const belongs = ((weight[row] as number) * good) / (good + outlier);
      inliers += belongs;
      squares += (belongs * residual * residual) / (variance[row] as number);
      const w = belongs / rowVariance;
      (groupTop[at] as number) += w * (y[row] as number) * prediction;
      (groupBottom[at] as number) += w * prediction * prediction;
      const base = row * columns;
      for (let i = 0; i < columns; i++) {
        (errorSum[i] as number) += w * (error[base + i] as number);
        const wx = w * factor * (x[base + i] as number);
        if (wx === 0) continue;
        (right[i] as number) += wx * (y[row] as number);
        const line = i * columns;
        for (let j = 0; j <= i; j++) (gram[line + j] as number) += wx * factor * (x[base + j] as number);
      }
    }
    // Rows that agree better than numbers can: the fit is as good as it gets.
    if (!(inliers > 0)) break;
    const theta = thetaOf(gram, right, unit, columns);
    const precision = new Float64Array(columns * columns);
    const target = new Float64Array(columns);
    for (let i = 0; i < columns; i++) {
      for (let j = 0; j <= i; j++) precision[i * columns + j] = precision[j * columns + i] = gram[i * columns + j] as number;
      const certainty = 1 / (unit[i] as number) ** 2;
      const diagonal = gram[i * columns + i] as number;
      precision[i * columns + i] = diagonal - Math.min(errorSum[i] as number, diagonal) + certainty;
      target[i] = (right[i] as number) + certainty * theta * (unit[i] as number);
    }
    lower = cholesky(precision, columns);
    if (lower === null) return null;
    descend(precision, target, b, unit, columns);
    predict(problem, b, predicted);
    scale = Math.max(Number.EPSILON, squares / inliers);
    learnFactors(factors, groupTop, groupBottom);
  }
  return lower && { coefficients: b, errors: errorsOf(lower, columns) };
}

/** The variance factor at the start: that of all rows, outliers included, so that none is taken for an outlier too early. */
function startScale({ rows, y, weight, variance }: RobustProblem, predicted: Float64Array): number {
  let sum = 0;
  let squares = 0;
  for (let row = 0; row < rows; row++) {
    sum += weight[row] as number;
    squares += ((weight[row] as number) * ((y[row] as number) - (predicted[row] as number)) ** 2) / (variance[row] as number);
  }
  return Math.max(Number.EPSILON, squares / sum);
}

function predict({ rows, columns, x }: RobustProblem, b: Float64Array, out: Float64Array): void {
  for (let row = 0; row < rows; row++) {
    let sum = 0;
    for (let i = 0; i < columns; i++) sum += (b[i] as number) * (x[row * columns + i] as number);
    out[row] = sum;
  }
}

/** The best common ratio of the coefficients to their units. */
function thetaOf(gram: Float64Array, right: Float64Array, unit: Float64Array, columns: number): number {
  let top = 1;
  let bottom = 1;
  for (let i = 0; i < columns; i++) {
    top += (unit[i] as number) * (right[i] as number);
    for (let j = 0; j <= i; j++)
      bottom += (i === j ? 1 : 2) * (unit[i] as number) * (unit[j] as number) * (gram[i * columns + j] as number);
  }
  return Math.max(0, top / bottom);
}

function learnFactors(factors: Float64Array, top: Float64Array, bottom: Float64Array): void {
  let sum = 0;
  let known = 0;
  for (let group = 0; group < factors.length; group++) {
    const weight = bottom[group] as number;
    const factor = Math.max(0, ((top[group] as number) + 1) / (weight + 1));
    factors[group] = factor;
    if (weight === 0) continue;
    sum += factor;
    known++;
  }
  if (known === 0) return;
  for (let group = 0; group < factors.length; group++)
    factors[group] = bottom[group] === 0 ? 1 : ((factors[group] as number) * known) / sum;
}

/** Least squares with bounds by coordinate descent: each coefficient in turn takes its optimum with the others fixed. */
function descend(precision: Float64Array, target: Float64Array, b: Float64Array, unit: Float64Array, columns: number): void {
  for (let sweep = 0; sweep < 100; sweep++) {
    let change = 0;
    for (let i = 0; i < columns; i++) {
      let rest = target[i] as number;
      for (let j = 0; j < columns; j++) if (j !== i) rest -= (precision[i * columns + j] as number) * (b[j] as number);
      const scale = unit[i] as number;
      const value = Math.min(scale * MOST_UNITS, Math.max(scale / MOST_UNITS, rest / (precision[i * columns + i] as number)));
      change = Math.max(change, Math.abs(value - (b[i] as number)) / (value + 1e-12));
      b[i] = value;
    }
    if (change < 1e-4) return;
  }
}

/** The lower triangle L with L·Lᵀ = matrix; null when the matrix is not positive definite. */
function cholesky(matrix: Float64Array, size: number): Float64Array | null {
  const lower = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = matrix[i * size + j] as number;
      for (let k = 0; k < j; k++) sum -= (lower[i * size + k] as number) * (lower[j * size + k] as number);
      if (i !== j) lower[i * size + j] = sum / (lower[j * size + j] as number);
      else if (sum > 1e-9 * (matrix[i * size + i] as number)) lower[i * size + i] = Math.sqrt(sum);
      else return null;
    }
  }
  return lower;
}

/** The square roots of the diagonal of (L·Lᵀ)⁻¹. */
function errorsOf(lower: Float64Array, size: number): Float64Array {
  const errors = new Float64Array(size);
  const column = new Float64Array(size);
  for (let k = 0; k < size; k++) {
    // The k-th column of L⁻¹; the sum of its squares is the k-th element of the diagonal.
    column.fill(0);
    for (let i = k; i < size; i++) {
      let sum = i === k ? 1 : 0;
      for (let j = k; j < i; j++) sum -= (lower[i * size + j] as number) * (column[j] as number);
      column[i] = sum / (lower[i * size + i] as number);
    }
    let squares = 0;
    for (let i = k; i < size; i++) squares += (column[i] as number) ** 2;
    errors[k] = Math.sqrt(squares);
  }
  return errors;
}
