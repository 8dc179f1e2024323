// From when on a share of errors or of slow requests says something. The verdict and the order of hosts go by the same.

/**
 * The least number of events that a share is computed of. The relative standard error of a count n is 1/√n (Poisson): with
 * fewer than ten it is above a third, and the share says little.
 */
export const MIN_EVENTS = 10;

/**
 * The share of errors from which clients suffer: what an availability of 99 % allows. Retries hide a fault of one host, so
 * errors that are left are those that clients saw.
 */
const ERROR_SHARE = 0.01;

/** Whether these rates, kept up for a minute, are more errors than clients should see. */
export function isFailing(rps: number, errorRps: number): boolean {
  return errorRps * 60 >= MIN_EVENTS && errorRps > ERROR_SHARE * rps;
}
