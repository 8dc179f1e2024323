// Queries the host itself: GETs a URL that returns JSON with the field names of ORCA's load report
// (https://github.com/cncf/xds/blob/main/xds/data/orca/v3/orca_load_report.proto).
// The response is untrusted: it must be a 200, small, in time and JSON, and each figure must be in range.
// Redirects are not followed, and none of the response's text reaches a log.

import { request as httpRequest } from 'node:http';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { messageOf } from '../../errors.js';
import type { HostFigures } from '../../model.js';
import { readOrcaJson } from '../../learning/orca.js';
import type { Probe, ProbeOptions } from '../probe-model.js';

const ANSWER_LIMIT_BYTES = 64 * 1024;

/**
 * Opens a probe for a URL with ORCA's field names; see {@link figuresOfOrca}. Does not connect yet.
 * Each read opens a new connection, and rejects without a usable response within `timeoutMs`.
 */
export async function openUrlProbe(url: URL, options: ProbeOptions): Promise<Probe> {
  const name = `${url.origin}${url.pathname}`; // without user, password and query: these may be secret
  const underWay = new Set<ClientRequest>();
  let isClosed = false;

  const read = async (): Promise<HostFigures> => {
    if (isClosed) throw new Error(`the probe of ${name} is closed`);
    const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const request = send(url, { agent: false, headers: { accept: 'application/json', 'accept-encoding': 'identity' } });
    underWay.add(request);
    let isLate = false;
    const deadline = setTimeout(() => {
      isLate = true;
      request.destroy();
    }, options.timeoutMs);
    try {
      const figures = figuresOfOrca(await answerOf(request));
      return { ...figures, cores: options.coresLimit ?? figures.cores };
    } catch (error) {
      const reason = isLate ? `no answer within ${options.timeoutMs} ms` : isClosed ? 'closed' : messageOf(error);
      throw new Error(`GET ${name}: ${reason}`, { cause: error });
    } finally {
      clearTimeout(deadline);
      underWay.delete(request);
      request.destroy();
    }
  };

  const close = () => {
    isClosed = true;
    for (const request of underWay) request.destroy();
  };
  return { kind: 'url', read, close };
}

/**
 * Extracts the figures from a decoded JSON load report, as built by `OrcaReportBuilder.build`. A value that is not a
 * number, negative or absurdly large is null and does not affect the others: the URL is not queried again.
 * Throws an Error if the report is not an object.
 */
export function figuresOfOrca(report: unknown): HostFigures {
  const read = readOrcaJson(report, false);
  if (read === undefined) throw new Error('the answer is not a JSON object');
  return read.figures;
}

/** Sends a request and decodes its response. Rejects anything other than a 200 with a small JSON body. */
async function answerOf(request: ClientRequest): Promise<unknown> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request.on('response', resolve);
    request.on('error', reject);
    request.on('close', () => reject(new Error('the connection closed without an answer')));
    request.end();
  });
  if (response.statusCode !== 200) throw new Error(`the answer is ${response.statusCode}, not 200`);
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > ANSWER_LIMIT_BYTES) throw new Error(`the answer is larger than ${ANSWER_LIMIT_BYTES} bytes`);
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    throw new Error('the answer is not JSON');
  }
}
