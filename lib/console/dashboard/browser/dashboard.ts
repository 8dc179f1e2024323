// The dashboard's module: it keeps the page current by the stream of deltas.

/** Where the stream is. */
export const STREAM_PATH = '/.meercat/stream';
