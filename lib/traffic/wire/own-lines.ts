// Header lines that belong to one request alone, so that they are never among the lines that are composed once and used
// again: the request's id in both directions, and how long the answer took. Texts in latin1, with the line end before each.

/** Says how long the parts of an answer took so far. */
export interface AnswerTiming {
  /** The value of Server-Timing at this moment: `queue;dur=0, connect;dur=1.2, host;dur=31, meercat;dur=0.3`. */
  serverTiming(): string;
}

/** The line with the id of a request; empty while it has none. */
export function idLine(requestId: string): string {
  return requestId === '' ? '' : `\r\nX-Request-Id: ${requestId}`;
}

/** The lines of an answer. @param timing undefined: not told (--server-timing) */
export function answerLines(requestId: string, timing: AnswerTiming | undefined): string {
  const id = idLine(requestId);
  return timing === undefined ? id : `${id}\r\nServer-Timing: ${timing.serverTiming()}`;
}
