// The answers that a balancer makes itself: a small JSON body with a stable code, and no inner detail.

import type { ServerResponse } from 'node:http';

/** Why a balancer answered instead of a host. */
export type AnswerCode =
  | 'MEERCAT_NO_HOST'
  | 'MEERCAT_HOST_UNREACHABLE'
  | 'MEERCAT_HOST_TIMEOUT'
  | 'MEERCAT_BAD_REQUEST'
  | 'MEERCAT_BAD_RESPONSE'
  | 'MEERCAT_INTERNAL';

const ANSWERS: Readonly<Record<AnswerCode, { readonly status: number; readonly reason: string; readonly message: string }>> = {
  MEERCAT_NO_HOST: { status: 503, reason: 'Service Unavailable', message: 'no host can take this request' },
  MEERCAT_HOST_UNREACHABLE: { status: 502, reason: 'Bad Gateway', message: 'the host could not be reached' },
  MEERCAT_HOST_TIMEOUT: { status: 504, reason: 'Gateway Timeout', message: 'the host did not answer in time' },
  MEERCAT_BAD_REQUEST: { status: 400, reason: 'Bad Request', message: 'a request to upgrade has no body' },
  MEERCAT_BAD_RESPONSE: { status: 502, reason: 'Bad Gateway', message: "the host's answer could not be read" },
  MEERCAT_INTERNAL: { status: 500, reason: 'Internal Server Error', message: 'the balancer failed on this request' },
};

interface Prepared {
  readonly status: number;
  readonly reason: string;
  readonly body: string;
  readonly headers: string[];
}

const PREPARED = new Map(
  Object.entries(ANSWERS).map(([code, { status, reason, message }]): [string, Prepared] => {
    const body = `${JSON.stringify({ error: code, message })}\n`;
    const headers = ['Content-Type', 'application/json', 'Content-Length', String(body.length), 'Cache-Control', 'no-store'];
    if (status === 503) headers.push('Retry-After', '1');
    return [code, { status, reason, body, headers }];
  }),
);

/** Sends one of our answers; nothing of another one may have been sent. */
export function answer(response: ServerResponse, code: AnswerCode): void {
  const { status, reason, body, headers } = PREPARED.get(code) as Prepared;
  response.writeHead(status, reason, headers);
  response.end(body);
}

/** One of our answers as bytes, for a socket that is no HTTP response any more; it ends with the connection. */
export function answerBytes(code: AnswerCode): string {
  const { status, reason, body, headers } = PREPARED.get(code) as Prepared;
  const lines = [`HTTP/1.1 ${status} ${reason}`, 'Connection: close'];
  for (let i = 0; i < headers.length; i += 2) lines.push(`${headers[i]}: ${headers[i + 1]}`);
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}
