// A failed connection to a collector in a few words, for the log: Node's message, or its code where there is none.

/** The reason of a failure, in printable ASCII and at most 200 characters. */
export function describeFailure(error: NodeJS.ErrnoException): string {
  const text = error.message === '' ? (error.code ?? 'unknown') : error.message;
  return text.replace(/[^ -~]/g, '?').slice(0, 200);
}
