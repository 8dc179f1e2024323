// Asks the host itself: GETs a URL that answers JSON with the names of ORCA's load report
// (https://github.com/cncf/xds/blob/main/xds/data/orca/v3/orca_load_report.proto).
// The answer is not trusted: it must be 200, small, in time and JSON, and each figure must be in range.
// Redirects are not followed, and nothing of the answer's text reaches a log.

import { request as httpRequest } from 'node:http';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { messageOf } from '../../errors.js';
import type { HostFigures } from '../../model.js';
import { readOrcaJson } from '../../learning/orca.js';
import type { Probe, ProbeOptions } from '../probe-model.js';

const ANSWER_LIMIT_BYTES = 64 * 1024;

/**
 * Opens the probe of a page with ORCA's names; see {@link figuresOfOrca}. Does not contact it yet.
 * A read opens a connection of its own, and rejects when it gets no usable answer within `timeoutMs`.
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
 * The figures in a load report that was decoded from JSON, as `OrcaReportBuilder.build` makes them. What is not a
 * number, negative or absurdly large is null, and takes no other figure with it: a page is not asked twice.
 * Throws an Error when the report is not an object.
 */
export function figuresOfOrca(report: unknown): HostFigures {
  const read = readOrcaJson(report, false);
  if (read === undefined) throw new Error('the answer is not a JSON object');
  return read.figures;
}

/** Sends a request and decodes its answer. Rejects in any case other than a 200 with a small JSON text. */
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
